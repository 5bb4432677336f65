// The same last message after another history is another question. The cache is as generous here as it can be: a verifier that
// is sure of everything, a policy that always proposes the cache, the very same text. Every answer tells what it was made for.
// CASES=20000 for more pairs, SEED=n to repeat a run.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { greedyPolicy } from "../../../src/policy/network/greedy.ts";
import { Random } from "../../../src/policy/random.ts";
import { type PairScorer } from "../../../src/policy/verifier/pair-scorer.ts";
import { canonicalJson } from "../../../src/worker/lookup/fingerprint.ts";
import { World, keyOf } from "../../support/world.ts";

const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const PAIRS = Number(process.env["CASES"] ?? 2_000);
const LAST = "Which of the two is larger?";
/** The same in other words: may be served from the other, where all else is equal. */
const REPHRASED = "Of the two, which one is larger?";
const KEY = keyOf("acme", { exactForTools: true });

const SURE: PairScorer = {
  id: "sure",
  score: () => ({ probability: 0.9999, matchDistance: 0.01, reasons: [] }),
  coldStartMatch: () => 2,
  knowsCosine: () => true,
};

interface Turn {
  readonly role: string;
  readonly content: string;
}
interface Conversation {
  readonly earlier: readonly Turn[];
  readonly fields: Readonly<Record<string, unknown>>;
}

const ROLES = ["user", "assistant", "system", "developer"];
const CONTENTS = [
  "A cat and a dog.",
  "A cat and a dog",
  "A dog and a cat.",
  "Hello",
  "hello",
  "",
  "Be brief.",
  "1 and 2",
];
const TOOL = (name: string) => [{ type: "function", function: { name, parameters: {} } }];
const CHANGES: readonly Readonly<Record<string, unknown>>[] = [
  { temperature: 0 },
  { temperature: 0.1 },
  { top_p: 0.5 },
  { stop: "." },
  { stop: ["."] },
  { presence_penalty: 1 },
  { reasoning_effort: "low" },
  { response_format: { type: "json_object" } },
  { tools: TOOL("add") },
  { tools: TOOL("subtract") },
  { tools: TOOL("add"), tool_choice: "auto" },
];

/** What an answer is an answer to: everything but the last message's text. */
const meantBy = ({ earlier, fields }: Conversation): string =>
  createHash("sha256").update(canonicalJson({ earlier, fields })).digest("hex");

function historyOf(random: Random): Conversation {
  const pick = <T>(items: readonly T[]): T => items[random.next() % items.length]!;
  const turn = (): Turn => ({ role: pick(ROLES), content: pick(CONTENTS) });
  return {
    earlier: Array.from({ length: random.next() % 4 }, turn),
    fields: random.uniform() < 0.3 ? pick(CHANGES) : {},
  };
}

/** The same but for one thing. */
function changed(from: Conversation, random: Random): Conversation {
  const pick = <T>(items: readonly T[]): T => items[random.next() % items.length]!;
  const { earlier, fields } = from;
  const at = random.next() % Math.max(1, earlier.length);
  const turn = earlier[at] ?? { role: "user", content: "Hello" };
  const next = pick<Conversation>([
    { fields, earlier: earlier.toSpliced(at, 1, { ...turn, content: pick(CONTENTS) }) },
    { fields, earlier: earlier.toSpliced(at, 1, { ...turn, role: pick(ROLES) }) },
    { fields, earlier: earlier.toSpliced(at, 1) },
    { fields, earlier: earlier.toSpliced(at, 0, { role: pick(ROLES), content: pick(CONTENTS) }) },
    { fields, earlier: earlier.toReversed() },
    { fields: pick(CHANGES), earlier },
    { fields: {}, earlier },
  ]);
  return meantBy(next) === meantBy(from) ? changed(from, random) : next;
}

function generousWorld(): World {
  const world = new World();
  world.scorer = SURE;
  world.policy = greedyPolicy(2);
  world.draws = () => 0.9;
  world.alike(REPHRASED, LAST, 0.999);
  world.model.script = ({ json }) => {
    const { model: _, messages, ...fields } = json;
    const earlier = (messages as readonly Turn[]).slice(0, -1);
    // JSON mode wants JSON.
    return { text: JSON.stringify(meantBy({ earlier, fields })), firstByteMs: 0 };
  };
  return world;
}

test(`${PAIRS} pairs of histories before the same last message: nobody gets an answer to another history`, async () => {
  console.log(`histories: seed ${SEED}, ${PAIRS} pairs`);
  const random = new Random(SEED);
  const results = new Map<string, number>();
  let pairs = 0;
  for (let world = generousWorld(); pairs < PAIRS; world = generousWorld()) {
    for (let batch = 0; batch < 5 && pairs < PAIRS; batch++) {
      const firsts = Array.from({ length: Math.min(50, PAIRS - pairs) }, () => historyOf(random));
      const seconds = firsts.map((first) => changed(first, random));
      pairs += firsts.length;
      for (const [question, conversations] of [
        [LAST, firsts],
        [LAST, seconds],
        [REPHRASED, seconds],
      ] as const) {
        const replies = await world.clock.run(
          Promise.all(
            conversations.map(({ earlier, fields }) =>
              world.begin("", {
                key: KEY,
                body: { ...fields, messages: [...earlier, { role: "user", content: question }] },
              }),
            ),
          ),
        );
        await world.settleAll();
        for (const [i, { text, result }] of replies.entries()) {
          expect([conversations[i], text]).toEqual([
            conversations[i],
            JSON.stringify(meantBy(conversations[i]!)),
          ]);
          results.set(result, (results.get(result) ?? 0) + 1);
        }
      }
    }
  }
  console.log([...results].map(([result, n]) => `${n} ${result}`).join(", "));
  // The cache did take part: repeats of the same history are hits, and other wordings where no assistant spoke.
  expect(results.get("HIT-EXACT")).toBeGreaterThan(PAIRS / 20);
  expect(results.get("HIT-SEMANTIC")).toBeGreaterThan(PAIRS / 20);
});
