import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  HARD_DISTANCE,
  type LabelledReuse,
  UNIFORM_PRIOR,
  alphaAt,
  budgetVerdict,
  coldStartPrior,
  empiricalPrior,
  evidenceOf,
  posterior,
} from "../../../../src/policy/cache/error-budget.ts";
import { type Evidence } from "../../../../src/policy/cache/candidate.ts";
import { cosineFromDistance } from "../../../../src/policy/observation.ts";
import { Random } from "../../../../src/policy/random.ts";
import { property } from "../../worker/property.ts";

const limits = { coldStartDistance: 0.35, deltaHit: 0.02, deltaRequest: 0.01 };
const flat = (alpha: number, labels = 5) => ({ labels, alpha: Array<number>(32).fill(alpha) });

test("a row without labels is served up to the cold-start distance", () => {
  expect(budgetVerdict({ distance: 0.35 }, limits)).toMatchObject({ pass: true, alpha: null });
  expect(budgetVerdict({ distance: 0.36 }, limits).pass).toBe(false);
  expect(budgetVerdict({ distance: NaN }, limits).pass).toBe(false);
  expect(budgetVerdict({ distance: 0.3, evidence: flat(1, 0) }, limits).pass).toBe(true);
});

test("a labelled row is served where its alpha reaches 1 - deltaHit, near or far", () => {
  expect(budgetVerdict({ distance: 0.8, evidence: flat(0.98) }, limits).pass).toBe(true);
  expect(budgetVerdict({ distance: 0.1, evidence: flat(0.979) }, limits).pass).toBe(false);
});

test("no label serves a row beyond the hard distance", () => {
  expect(budgetVerdict({ distance: HARD_DISTANCE + 0.01, evidence: flat(1) }, limits).pass).toBe(
    false,
  );
});

test("a damaged record serves nothing", () => {
  for (const alpha of [[], Array<number>(32).fill(NaN), Array<number>(32).fill(7)])
    expect(budgetVerdict({ distance: 0.1, evidence: { labels: 3, alpha } }, limits).pass).toBe(
      false,
    );
});

test("alpha is read between the bin centres", () => {
  // Centres 0.025 and 0.075: half way lies 0.05.
  const alpha = [1, 0.9, ...Array<number>(30).fill(0)];
  expect(
    budgetVerdict({ distance: 0.05, evidence: { labels: 1, alpha } }, limits).alpha,
  ).toBeCloseTo(0.95, 12);
});

test("as many passing requests explore as the bound per request needs", () => {
  // (1 - explore) 0.02 = 0.01.
  expect(budgetVerdict({ distance: 0.1, evidence: flat(0.98) }, limits).explore).toBeCloseTo(
    0.5,
    12,
  );
  expect(budgetVerdict({ distance: 0.1, evidence: flat(0.99) }, limits).explore).toBeCloseTo(0, 12);
  expect(budgetVerdict({ distance: 0.1, evidence: flat(1) }, limits).explore).toBe(0);
});

const scored = { ...limits, coldStartMatch: 0.25, scorer: "s1" };
const record = (alpha: number, more: Partial<Evidence>) => ({ ...flat(alpha), ...more });

test("where a scorer speaks its distance decides, and the raw one keeps the hard floor", () => {
  const row = (distance: number, matchDistance: number) => ({ distance, matchDistance });
  expect(budgetVerdict(row(0.9, 0.25), scored).pass).toBe(true);
  expect(budgetVerdict(row(0.1, 0.26), scored).pass).toBe(false);
  expect(budgetVerdict(row(0.96, 0.01), scored).pass).toBe(false);
  expect(budgetVerdict(row(0.1, NaN), scored).pass).toBe(false);
  const evidence = record(0.99, { scorer: "s1", wrong: 0 });
  expect(budgetVerdict({ ...row(0.9, 0.7), evidence }, scored).pass).toBe(true);
});

test("without a cold start of its own a scorer is believed where it claims 1 - deltaHit", () => {
  // p = 0.98: sqrt(2 - 2 x 0.98) = 0.2.
  expect(budgetVerdict({ distance: 0.5, matchDistance: 0.1999 }, limits).pass).toBe(true);
  expect(budgetVerdict({ distance: 0.5, matchDistance: 0.2001 }, limits).pass).toBe(false);
});

test.each([
  {
    of: "another scorer, never wrong",
    evidence: record(1, { scorer: "s0", wrong: 0 }),
    pass: true,
  },
  {
    of: "another scorer, once wrong",
    evidence: record(1, { scorer: "s0", wrong: 1 }),
    pass: false,
  },
  { of: "raw distances, never wrong", evidence: record(1, { wrong: 0 }), pass: true },
  { of: "raw distances, once wrong", evidence: record(1, { wrong: 1 }), pass: false },
  { of: "an old release, good at this raw distance", evidence: flat(0.99), pass: true },
  { of: "an old release, bad at this raw distance", evidence: flat(0.9), pass: false },
])("a record by $of lets the cold start decide or stops the row", ({ evidence, pass }) => {
  const row = { distance: 0.3, evidence };
  expect(budgetVerdict({ ...row, matchDistance: 0.2 }, scored).pass).toBe(pass);
  expect(budgetVerdict({ ...row, matchDistance: 0.3 }, scored).pass).toBe(false);
});

test("a record on a scorer's axis is not read without the scorer", () => {
  const evidence = record(0.99, { scorer: "s1", wrong: 0 });
  expect(budgetVerdict({ distance: 0.8, evidence }, limits).pass).toBe(false);
  expect(budgetVerdict({ distance: 0.3, evidence }, limits).pass).toBe(true);
  expect(budgetVerdict({ distance: 0.3, evidence: { ...evidence, wrong: 1 } }, limits).pass).toBe(
    false,
  );
});

test("a row that was only ever right is served like one that nothing is known of", () => {
  const evidence = record(0.9, { wrong: 0 });
  expect(budgetVerdict({ distance: 0.35, evidence }, limits)).toMatchObject({
    pass: true,
    explore: 0,
  });
  expect(budgetVerdict({ distance: 0.36, evidence }, limits).pass).toBe(false);
  expect(budgetVerdict({ distance: 0.3, evidence: { ...evidence, wrong: 1 } }, limits).pass).toBe(
    false,
  );
});

const label = fc.record({
  distance: fc.double({ min: 0, max: 1.6, noNaN: true }),
  correct: fc.constantFrom<0 | 1>(0, 1),
  weight: fc.double({ min: 0.1, max: 1, noNaN: true }),
});

test("a good label never lowers alpha at its distance and a bad one never raises it", () => {
  void property(
    "monotone in labels",
    150,
    fc.property(fc.array(label, { maxLength: 8 }), label, (labels, last) => {
      const before = alphaAt(posterior(labels), last.distance);
      const after = alphaAt(posterior([...labels, last]), last.distance);
      const rise = last.correct === 1 ? after - before : before - after;
      expect(rise).toBeGreaterThanOrEqual(-1e-12);
    }),
  );
});

test("the posterior is a distribution and alpha never rises with the distance", () => {
  void property(
    "posterior",
    100,
    fc.property(fc.array(label, { maxLength: 12 }), (labels) => {
      const mass = posterior(labels).reduce((a, b) => a + b, 0);
      expect(mass).toBeCloseTo(1, 9);
      const { alpha } = evidenceOf(labels);
      expect(alpha).toHaveLength(32);
      for (let bin = 1; bin < 32; bin++)
        expect(alpha[bin]!).toBeLessThanOrEqual(alpha[bin - 1]! + 1e-12);
    }),
  );
});

test("separable labels do no harm", () => {
  const labels = Array.from({ length: 64 }, (_, i): LabelledReuse => ({
    distance: i < 32 ? 0.2 : 1.2,
    correct: i < 32 ? 1 : 0,
  }));
  expect(alphaAt(posterior(labels), 0.2)).toBeGreaterThan(0.97);
  expect(alphaAt(posterior(labels), 1.2)).toBeLessThan(0.03);
});

test("only the newest 64 labels count", () => {
  const good = Array.from({ length: 64 }, (): LabelledReuse => ({ distance: 0.3, correct: 1 }));
  const bad = good.map((l): LabelledReuse => ({ ...l, correct: 0 }));
  expect(posterior([...bad, ...good])).toEqual(posterior(good));
});

test("the cold-start prior serves at its distance, goes on after a good label and stops after a bad one", () => {
  const prior = coldStartPrior(0.35, 0.02);
  const served = (labels: readonly LabelledReuse[]) =>
    budgetVerdict({ distance: 0.3, evidence: evidenceOf(labels, prior) }, limits).pass;
  expect(alphaAt(prior, 0.35)).toBeCloseTo(0.98, 6);
  expect(served([{ distance: 0.3, correct: 1 }])).toBe(true);
  expect(served([{ distance: 0.3, correct: 0 }])).toBe(false);
});

test("the pooled prior is nine tenths of what rows have shown", () => {
  const shown = posterior([{ distance: 0.3, correct: 1 }]);
  const pooled = empiricalPrior([shown, UNIFORM_PRIOR]);
  // 0.9 * (shown + 1/555) / 2 + 0.1 / 555 in the first cell.
  expect(pooled[0]).toBeCloseTo((0.9 * (shown[0]! + 1 / 555)) / 2 + 0.1 / 555, 12);
  expect(empiricalPrior([])).toEqual(UNIFORM_PRIOR);
});

/** Rows with hidden thresholds; each request asks one of them at a random cosine and is served or labelled. */
function simulate(seed: number): { wrong: number; served: number; requests: number } {
  const random = new Random(seed);
  const rows = Array.from({ length: 10 }, () => ({
    t: 0.7 + 0.25 * random.uniform(),
    gamma: 20 + 40 * random.uniform(),
    labels: [] as LabelledReuse[],
    evidence: flat(0, 0) as Evidence,
  }));
  const total = { wrong: 0, served: 0, requests: 1000 };
  for (let i = 0; i < total.requests; i++) {
    const row = rows[Math.floor(random.uniform() * rows.length)]!;
    const distance = 0.9 * random.uniform();
    const p = 1 / (1 + Math.exp(-row.gamma * (cosineFromDistance(distance) - row.t)));
    const correct = random.uniform() < p ? 1 : 0;
    const verdict = budgetVerdict(
      { distance, evidence: row.evidence },
      { ...limits, coldStartDistance: 0 },
    );
    if (verdict.pass && random.uniform() >= verdict.explore) {
      total.served++;
      total.wrong += 1 - correct;
    } else {
      row.labels.push({ distance, correct });
      row.evidence = evidenceOf(row.labels);
    }
  }
  return total;
}

test("wrong answers stay inside the budget in simulated regions, seeds 1 to 3", () => {
  const runs = [1, 2, 3].map(simulate);
  const sum = (of: (run: ReturnType<typeof simulate>) => number) =>
    runs.reduce((total, run) => total + of(run), 0);
  const [wrong, served, requests] = [
    sum((r) => r.wrong),
    sum((r) => r.served),
    sum((r) => r.requests),
  ];
  console.log(`seeds 1 to 3: ${served} of ${requests} served, ${wrong} wrong`);
  const bound = (delta: number, n: number) => delta + 3 * Math.sqrt((delta * (1 - delta)) / n);
  expect(wrong / requests).toBeLessThanOrEqual(bound(limits.deltaRequest, requests));
  expect(wrong / served).toBeLessThanOrEqual(bound(limits.deltaHit, served));
  // An empty cache would keep the budget as well.
  expect(served / requests).toBeGreaterThan(0.05);
});
