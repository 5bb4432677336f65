// The simulated world against the gateway itself: the same requests, one after the other, give the same results.
import { expect, test } from "vitest";
import { hashEmbed } from "../../../../src/dev/embedding.ts";
import { embedderProfile } from "../../../../src/policy/embedders.ts";
import { greedy } from "../../../../src/trainer-node/simulator/baselines.ts";
import { Environment } from "../../../../src/trainer-node/simulator/environment.ts";
import { type Executed } from "../../../../src/trainer-node/simulator/executed.ts";
import { loadBundled } from "../../../../src/trainer-node/simulator/groups.ts";
import { play } from "../../../../src/trainer-node/simulator/scoreboard.ts";
import { workloadSource } from "../../../../src/trainer-node/simulator/source.ts";
import { generateWorkload } from "../../../../src/trainer-node/simulator/workload.ts";
import { shippedScorer } from "../../../../src/trainer-node/verifier/shipped.ts";
import { World } from "../../../support/world.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`gateway agreement seed ${seed}`);

const groups = loadBundled();
/** Wide enough that semantic hits, wrong ones among them, occur. The same in both worlds. */
const COLD_START = 0.95;
const COLD_START_MATCH = 0.447;

/**
 * Whether a row was chosen over a nearer one for its use count: the gateway's index in these tests has no region object
 * behind it that would tell it the counts.
 */
function isByCount({ kind, decision }: Executed): boolean {
  if (kind !== "HIT-SEMANTIC" || decision === null) return false;
  const nearest = decision.verdicts.find(
    ({ guards, budget }) => guards.every(({ pass }) => pass) && budget?.pass === true,
  );
  return nearest?.id !== decision.selected?.id;
}

test("greedy serves the same requests from the cache as in the gateway, with answers of the same groups", async () => {
  const drawn = generateWorkload({
    groups,
    requests: 240,
    seed,
    mix: { new: 0.25, repeat: 0.2, rephrase: 0.3, changed: 0.2, translation: 0.05, "follow-up": 0 },
  });
  // A request ends before the next one comes, in both worlds.
  const requests = drawn.requests.map((request, i) => Object.assign({}, request, { t: 20 * i }));
  const source = workloadSource({
    requests,
    groups,
    embedder: embedderProfile("velo/hash-ngram-768"),
    embed: hashEmbed,
  });
  const simulated: Executed[] = [];
  // As far as enough other wordings are served to compare the two.
  const scorer = { ...shippedScorer(), coldStartMatch: () => COLD_START_MATCH };
  const environment = new Environment({
    source,
    seed,
    scorer,
    limits: { coldStartDistance: COLD_START },
    shadowRate: 0,
  });
  environment.subscribe((one) => simulated.push(one));
  await play(environment, greedy(0.95));
  simulated.sort((a, b) => a.request.index - b.request.index);

  const world = new World({ dimensions: 768 });
  world.vectorOf = hashEmbed;
  world.scorer = scorer;
  const ports = world.ports.bind(world);
  world.ports = (...args) => {
    const made = ports(...args);
    return { ...made, embedder: { ...made.embedder, coldStartDistance: COLD_START } };
  };
  const groupOf = new Map(requests.map(({ question, group }) => [`Answer to: ${question}`, group]));
  const start = world.clock.now();
  const real: string[] = [];
  for (const [i, { question, region, t, group }] of requests.entries()) {
    await world.clock.advance(Math.max(0, start + 1000 * t - world.clock.now()));
    const { result, text } = await world.ask(question, { region });
    await world.settleAll();
    const right = groupOf.get(text) === group ? "right" : "wrong";
    real.push(`${question}: ${result}${isByCount(simulated[i]!) ? "" : ` ${right}`}`);
  }
  expect(
    simulated.map((one) => {
      const right = one.correct ? "right" : "wrong";
      return `${one.request.question}: ${one.kind}${isByCount(one) ? "" : ` ${right}`}`;
    }),
  ).toEqual(real);
  const counts = Map.groupBy(simulated, ({ kind, correct }) => `${kind} ${correct}`);
  console.log([...counts].map(([kind, some]) => `${kind}: ${some.length}`).join(", "));
  expect(counts.get("HIT-SEMANTIC true")?.length).toBeGreaterThan(5);
  expect(counts.get("HIT-EXACT true")?.length).toBeGreaterThan(20);
}, 60_000);
