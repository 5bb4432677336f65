// The gateway's labels and the region object's books together: what is learnt, what it costs, and whether it is true.
import { expect, test } from "vitest";
import { type Report } from "../../../../src/durable/report.ts";
import { Random } from "../../../../src/policy/random.ts";
import { type PairScorer } from "../../../../src/policy/verifier/pair-scorer.ts";
import { naiveShare } from "../../../../src/trainer-node/judge-bias.ts";
import { type ExaminedWorld, examinedWorld } from "../../../support/examined-world.ts";
import { newRig } from "../../../support/node-rig.ts";

const SEED = Number(process.env["VELO_SEED"] ?? 20261121);
const MONTHS = "How many months has a year?";
/** The i-th of 1,024 other texts of the same words: no guard can have anything against them. */
const wording = (i: number): string =>
  MONTHS.split(" ")
    .map((word, place) => word + " ".repeat(1 + (Math.floor((i + 1) / 4 ** place) % 4)))
    .join("")
    .trim();

/** A gateway that reports to a real region object and does what that says; its stored answer is "12". */
async function closedLoop(prices = { inputUsdPerMillionTokens: 1, outputUsdPerMillionTokens: 1 }) {
  const rig = newRig();
  const settle = (rig_: ExaminedWorld, report: Report): void => {
    const { slicesOff, slices, labelsPaused, tombstones } = rig.core.report(report);
    const region = rig_.world.region();
    region.orders = {
      ...(slicesOff && { slicesOff }),
      ...(slices && { slices }),
      ...(labelsPaused && { labelsPaused }),
    };
    for (const id of tombstones) region.remove(id);
  };
  let examined: ExaminedWorld | null = null;
  const early: Report[] = [];
  examined = await examinedWorld({
    dimensions: 768,
    onReport: (report) => {
      rig.now = Math.max(rig.now, report.receipts[0]?.at ?? rig.now);
      if (examined === null) early.push(report);
      else settle(examined, report);
    },
    config: {
      upstreams: [{ name: "demo", kind: "workers-ai", models: [{ id: "velo-demo", ...prices }] }],
    },
  });
  for (const report of early) settle(examined, report);
  const { world, key } = examined;
  examined.model = () => ({ text: "12" });
  await world.ask(MONTHS, { key: key() });
  await world.settleAll();
  await world.clock.advance(6_000);
  const ask = async (i: number) => {
    world.alike(wording(i), MONTHS, 0.97);
    const reply = await world.ask(wording(i), { key: key() });
    await world.settleAll();
    await rig.core.work(true);
    return reply;
  };
  return { ...examined, rig, ask, answer: (text: string) => (examined.model = () => ({ text })) };
}

test("a hit that the comparison finds wrong stops its row: the next wording gets the model's answer", async () => {
  const { ask, answer, rig, world } = await closedLoop();
  answer("13");
  expect((await ask(1)).text).toBe("12");
  expect(world.reported.labels).toMatchObject([{ correct: 0, reuse: "served" }]);
  // The region's word comes with the reply to the next report.
  await ask(2);
  const next = await ask(3);
  expect(next.text).toBe("13");
  expect(rig.core.live().slices).toMatchObject([{ tenant: "acme", lang: "en" }]);
  expect(rig.errors).toEqual([]);
});

test("what examinations cost stays within the starting credit and a tenth of what hits save", async () => {
  // A call of 12 tokens costs 1.2 cents.
  const price = 1_000;
  const loop = await closedLoop({
    inputUsdPerMillionTokens: price,
    outputUsdPerMillionTokens: price,
  });
  const random = new Random(SEED);
  console.log(`label budget: seed ${SEED}`);
  loop.world.draws = () => 0.02 + 0.98 * random.uniform();
  let paused = 0;
  for (let i = 0; i < 100; i++) {
    const reply = await loop.ask(i);
    expect(reply.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    const { labelBudgets } = loop.rig.core.live();
    if (labelBudgets[0]!.paused) paused++;
  }
  const { savedUsd, spentUsd } = loop.rig.core.live().labelBudgets[0]!;
  const spent = loop.world.reported.labels.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0);
  expect(savedUsd).toBeCloseTo(100 * 12e-6 * price, 6);
  // 25 cents to begin with; of two calls under way when it ran out none is taken back.
  expect(spent).toBeLessThanOrEqual(0.25 + 0.1 * savedUsd + 0.024);
  expect(spent).toBeGreaterThan(0.25);
  expect(spentUsd).toBeLessThanOrEqual(0.1 * savedUsd + 0.024);
  expect(paused).toBeGreaterThan(20);
});

test("weighed by their probabilities, the labels of a busy gateway give the share of wrong hits; as they are they do not", async () => {
  const random = new Random(SEED);
  console.log(`sampled labels: seed ${SEED}`);
  const { world, key, ...rig } = await examinedWorld();
  // Every second wording the scorer finds less certain; there eight in ten are wrong, elsewhere one in a hundred.
  const isDoubtful = (text: string): boolean => text.endsWith("!");
  const scorer: PairScorer = {
    id: "doubts",
    score: ({ text }) => {
      const probability = isDoubtful(text) ? 0.9 : 0.99;
      return { probability, matchDistance: Math.sqrt(2 - 2 * probability), reasons: [] };
    },
    coldStartMatch: () => 0.5,
    knowsCosine: () => true,
  };
  let fresh = "12";
  world.model.script = () => ({ text: fresh });
  expect(rig.callsOf("demo")).toHaveLength(1);
  await world.ask(MONTHS, { key: key() });
  await world.settleAll();
  await world.clock.advance(6_000);
  world.scorer = scorer;
  world.draws = () => 0.02 + 0.98 * random.uniform();
  let wrong = 0;
  const hits = 400;
  for (let i = 0; i < hits; i++) {
    const question = i % 2 === 0 ? wording(i) : `${wording(i)}!`;
    world.alike(question, MONTHS, 0.97);
    fresh = random.uniform() < (isDoubtful(question) ? 0.8 : 0.01) ? "13" : "12";
    const reply = await world.ask(question, { key: key() });
    expect(reply.headers.get("x-velo-cache")).toBe("HIT-SEMANTIC");
    await world.settleAll();
    // What a wrong hit left in the store may have been served since.
    if (reply.text !== fresh) wrong++;
  }
  const labels = world.reported.labels.map(({ correct, samplingProbability }) => ({
    judged: 1 - correct,
    p: samplingProbability!,
  }));
  // 4 * 0.5 sqrt(0.99 * 0.01) = 0.199; 4 * 0.5 sqrt(0.9 * 0.1) = 0.6, at most 0.5.
  expect(new Set(labels.map(({ p }) => p.toFixed(3)))).toEqual(new Set(["0.199", "0.500"]));
  const weighed = naiveShare(labels.map(({ judged, p }) => ({ judged, weight: 1 / p })));
  const plain = naiveShare(labels);
  const truth = wrong / hits;
  const standardErrors = ({ value, upper }: typeof plain): number =>
    Math.abs(value - truth) / ((upper - value) / 1.96);
  expect(standardErrors(weighed)).toBeLessThan(3);
  expect(standardErrors(plain)).toBeGreaterThan(3);
});
