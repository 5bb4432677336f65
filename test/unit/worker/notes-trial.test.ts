// Gateway and region together: notes stay on where the model needs them and end where it does not. The model's benefit, its
// price and its judge's errors are written down here. VELO_NOTES_SEEDS=20 runs as many seeds, and the model that takes longest.
import { describe, expect, test } from "vitest";
import { TRIAL_REQUESTS } from "../../../src/durable/notes-trial.ts";
import { Random } from "../../../src/policy/random.ts";
import { type ModelCall } from "../../../src/worker/ports.ts";
import { examinedWorld } from "../../support/examined-world.ts";
import { newRig } from "../../support/node-rig.ts";
import { type Script } from "../../support/scripted-model.ts";

const SEED = Number(process.env["VELO_SEED"] ?? 20261121);
const SEEDS = Array.from(
  { length: Number(process.env["VELO_NOTES_SEEDS"] ?? 1) },
  (_, i) => SEED + i,
);
const CAPITAL = "What is the capital of France?";
/** The judge takes one answer in twenty for the opposite of what it is. */
const JUDGE_ERRS = 0.05;

interface Side {
  readonly right: number;
  readonly seconds: number;
  readonly tokensOut: number;
}
const PLAIN: Side = { right: 0.8, seconds: 2, tokensOut: 200 };
const MODELS: Readonly<Record<string, { readonly plain: Side; readonly noted: Side }>> = {
  "profits: wrong without, right with": {
    plain: { ...PLAIN, right: 0.05 },
    noted: { ...PLAIN, right: 0.95 },
  },
  "does not profit": { plain: PLAIN, noted: PLAIN },
  "gets worse": { plain: PLAIN, noted: { ...PLAIN, right: 0.5 } },
  "answers at length without benefit": {
    plain: PLAIN,
    noted: { ...PLAIN, tokensOut: 600, seconds: 5 },
  },
};

const contentsOf = ({ json }: ModelCall): readonly string[] =>
  (json["messages"] as readonly { readonly content: string }[]).map(({ content }) => content);

/** What the judge is shown as the candidate. */
function candidateOf(call: ModelCall): string {
  const [system = "", user = ""] = contentsOf(call);
  const place = /CANDIDATE: ANSWER (\d)/.exec(system)![1]!;
  return new RegExp(` ANSWER ${place}\n((?:> .*\n)+)`).exec(user)![1]!;
}

async function trial(model: (typeof MODELS)[string], seed: number) {
  const random = new Random(seed);
  const rig = newRig();
  const examined = await examinedWorld({ withJudge: true });
  const { world, key } = examined;
  world.draws = () => 0.02 + 0.98 * random.uniform();
  const script = (call: ModelCall): Script => {
    const text = contentsOf(call).at(-1)!;
    const { right, seconds, tokensOut } = text.includes("Reference notes")
      ? model.noted
      : model.plain;
    // The same request is easy or hard for both.
    const luck = new Random(seed + Number(/part (\d+)/.exec(text)![1])).uniform();
    return {
      text: luck < right ? "A right answer" : "A mistaken answer",
      firstByteMs: 1000 * seconds * Math.exp(0.3 * random.normal()),
      usage: { prompt_tokens: Math.ceil(text.length / 4), completion_tokens: tokensOut },
    };
  };
  examined.model = script;
  examined.judge = (call) => {
    const isRight = candidateOf(call).includes("right") !== random.uniform() < JUDGE_ERRS;
    return { text: JSON.stringify({ verdict: isRight ? "accept" : "reject" }) };
  };
  let told = world.reported.receipts.length > 0 ? world.region().received.length : 0;
  for (let i = 1; i <= TRIAL_REQUESTS + 20; i++) {
    const text = `Tell me the capital of France, part ${i}`;
    world.alike(text, CAPITAL, 0.9);
    const reply = await world.ask(text, { key: key({ augment: true }) });
    expect(reply.status).toBe(200);
    if (i % 4 > 0) continue;
    await world.settleAll();
    rig.now = Math.max(rig.now, world.clock.now());
    for (const report of world.region().received.slice(told)) rig.core.report(report);
    told = world.region().received.length;
    await rig.core.work();
    const { notesOff, notesShare, labelsPaused } = rig.core.sync(0);
    world.region().orders = {
      ...(notesOff && { notesOff }),
      ...(notesShare && { notesShare }),
      ...(labelsPaused && { labelsPaused }),
    };
    const [view] = rig.core.live().notes;
    if (view !== undefined && view.phase !== "trial") return { after: i, view, world, rig };
  }
  throw new Error(
    `no end within ${TRIAL_REQUESTS} requests: ${JSON.stringify(rig.core.live().notes)}`,
  );
}

describe(`seeds from ${SEED} on: notes for a model that`, () => {
  // Without VELO_NOTES_SEEDS the model that takes longest is left to durable/notes-trial.test.ts.
  const models = Object.entries(MODELS).filter(
    ([name]) => process.env["VELO_NOTES_SEEDS"] !== undefined || name !== "does not profit",
  );
  test.each(models)("%s", async (name, model) => {
    const wanted = name.startsWith("profits") ? "on" : "off";
    const ended = [];
    for (const seed of SEEDS) ended.push(await trial(model, seed));
    console.log(`${name}: ${wanted} after ${ended.map(({ after }) => after).join(", ")} requests`);
    for (const { view, rig } of ended) {
      expect(view.phase).toBe(wanted);
      expect(rig.errors).toEqual([]);
    }
  });
});
