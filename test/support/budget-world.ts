// A made-up cache whose rows are right according to curves that only the world knows, in front of a real region object:
// requests come, the production budget decides, some decisions are examined, and the region learns from the labels.
import { candidateOf } from "../../src/durable/candidates.ts";
import { type EntryUse, type Label, type ReportReply } from "../../src/durable/report.ts";
import { budgetVerdict } from "../../src/policy/cache/error-budget.ts";
import { limitsInSlice, sliceOf, YOUNG_SLICE } from "../../src/policy/cache/slice.ts";
import { type Outcome } from "../../src/policy/experience.ts";
import { cosineFromDistance, distanceFromCosine } from "../../src/policy/observation.ts";
import { Random } from "../../src/policy/random.ts";
import { type NodeStore, newRig } from "./node-rig.ts";
import { insertOf, outcomeOf, reportOf, type Rig, useOf } from "./region-rig.ts";

export const DELTA_HIT = 0.02;
export const DELTA_REQUEST = 0.01;
const SCORER = "test/scorer";

export interface BudgetWorldOptions {
  readonly seed: number;
  readonly requests: number;
  readonly rows: number;
  /** tau_0: how far the scorer believes that rows without labels may be served. */
  readonly coldStart: number;
  /** From the middle on other rows are popular and questions lie farther out. */
  readonly shift: boolean;
  /** How much later, in cosine, every row is right from the middle on. */
  readonly drift?: number;
  /** Share of refused rows that are compared with the model's answer. */
  readonly compared?: number;
}

export interface BudgetRun {
  readonly requests: number;
  readonly hits: number;
  readonly wrong: number;
  readonly labels: number;
  readonly examined: number;
  /** Hits of who knows every curve, and of the best fixed threshold, chosen afterwards, within the same two bounds. */
  readonly oracleHits: number;
  readonly staticHits: number;
  readonly reply: ReportReply;
  readonly rig: Rig<NodeStore>;
  /** Hits and wrong ones in each tenth of the run. */
  readonly tenths: readonly (readonly [hits: number, wrong: number])[];
  /** Requests while the slice was closed, passing ones that went to the model for a label, those whose row was stopped. */
  readonly closed: number;
  readonly withheld: number;
  readonly stopped: number;
  /** Milliseconds of CPU in the region object. */
  readonly regionMs: number;
}

interface Curve {
  readonly t: number;
  readonly gamma: number;
}

const rowId = (row: number): string => `row-${row}`;

export async function runBudgetWorld(options: BudgetWorldOptions): Promise<BudgetRun> {
  const { seed, requests, rows, coldStart, shift, drift = 0, compared = 0.2 } = options;
  const random = new Random(seed);
  const curves = Array.from({ length: rows }, (): Curve => ({
    t: 0.6 + 0.3 * random.uniform(),
    gamma: 20 + 40 * random.uniform(),
  }));
  const rig = newRig();
  rig.core.change(() => ({ coldStart: { distance: 0.35, deltaHit: DELTA_HIT } }));
  let reply = rig.core.report(
    reportOf({
      inserts: curves.map((_, row) => insertOf(rowId(row))),
      scorer: { id: SCORER, coldStart },
    }),
  );
  await rig.settle(1);
  const slice = sliceOf("t1", "en");
  const limits = {
    coldStartDistance: 0.35,
    coldStartMatch: coldStart,
    scorer: SCORER,
    deltaHit: DELTA_HIT,
    deltaRequest: DELTA_REQUEST,
  };
  const asked: { readonly right: number; readonly distance: number }[] = [];
  const tenths = Array.from({ length: 10 }, (): [number, number] => [0, 0]);
  const seen = {
    hits: 0,
    wrong: 0,
    labels: 0,
    examined: 0,
    closed: 0,
    withheld: 0,
    stopped: 0,
    regionMs: 0,
  };
  let outcomes: Outcome[] = [];
  let uses: EntryUse[] = [];
  let labels: Label[] = [];
  for (let i = 0; i < requests; i++) {
    const isLate = i >= requests / 2;
    // Zipf: a tenth of the rows gets about half of the requests.
    const rank = Math.floor(rows ** random.uniform()) - 1;
    const row = isLate && shift ? rows - 1 - rank : rank;
    const spread = isLate && shift ? 0.25 : 0.18;
    const cosine = Math.max(0.3, 1 - spread * -Math.log(1 - random.uniform()));
    const { t, gamma } = curves[row]!;
    const right = 1 / (1 + Math.exp(-gamma * (cosine - t - (isLate ? drift : 0))));
    const correct = random.uniform() < right ? 1 : 0;
    const distance = distanceFromCosine(cosine);
    asked.push({ right, distance });
    const metadata = rig.index.vectors.get(rowId(row))!.metadata!;
    const candidate = candidateOf(rowId(row), cosineFromDistance(0.4), metadata)!;
    const orders = reply.slices?.[slice] ?? YOUNG_SLICE;
    const verdict = budgetVerdict(
      { ...candidate, matchDistance: distance },
      limitsInSlice(limits, orders),
    );
    const isOff = reply.slicesOff?.includes(slice) ?? false;
    const isTombstoned = reply.tombstones.includes(rowId(row));
    const passes = verdict.pass && !isTombstoned;
    const isServed = passes && !isOff && random.uniform() >= verdict.explore;
    const reuse = isServed ? "served" : passes ? "withheld" : "refused";
    const share = { served: orders.examine, withheld: 1, refused: compared }[reuse];
    const expId = `d${i}`;
    const isExamined = random.uniform() < share;
    if (isOff) seen.closed++;
    else if (reuse === "withheld") seen.withheld++;
    if (isTombstoned) seen.stopped++;
    const tenth = tenths[Math.floor((10 * i) / requests)]!;
    if (isServed) {
      seen.hits++;
      seen.wrong += 1 - correct;
      tenth[0]++;
      tenth[1] += 1 - correct;
    }
    if (isExamined) seen.labels++;
    if (isExamined && isServed) seen.examined++;
    if (isExamined)
      labels.push({
        labelId: `l${i}`,
        expId,
        tenant: "t1",
        source: "shadow",
        correct,
        weight: 1,
        rowId: rowId(row),
        distance: 0.4,
        match: distance,
        scorer: SCORER,
        reuse,
        samplingProbability: share,
      });
    outcomes.push(outcomeOf(expId, { kind: isServed ? "HIT-SEMANTIC" : "MISS", lang: "en" }));
    if (isServed) uses.push(useOf(rowId(row), expId));
    rig.now += 200;
    if (outcomes.length < 10) continue;
    const began = performance.now();
    reply = rig.core.report(reportOf({ outcomes, uses, labels }));
    [outcomes, uses, labels] = [[], [], []];
    if (i % 50 === 49) await rig.core.work(i % 1000 === 999);
    seen.regionMs += performance.now() - began;
  }
  await rig.core.work();
  return {
    ...seen,
    requests,
    oracleHits: mostHits(asked, (a, b) => b.right - a.right),
    staticHits: mostHits(asked, (a, b) => a.distance - b.distance),
    reply: rig.core.sync(0),
    rig,
    tenths,
  };
}

/** Serving in this order, how many may be served within both bounds. */
function mostHits<T extends { readonly right: number }>(
  asked: readonly T[],
  order: (a: T, b: T) => number,
): number {
  let wrong = 0;
  let most = 0;
  for (const [served, { right }] of asked.toSorted(order).entries()) {
    wrong += 1 - right;
    if (wrong <= DELTA_HIT * (served + 1) && wrong <= DELTA_REQUEST * asked.length)
      most = served + 1;
  }
  return most;
}
