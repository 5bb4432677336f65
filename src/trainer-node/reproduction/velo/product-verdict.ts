// The rule that says which policy the product ships, and the table it is read from.
//
// Fixed on 2026-11-21, before the first figure:
// 1. Candidates are all but the oracle. Those with more than 1 % wrong answers per request on the workload, all seeds
//    together, are out: correctness is a bound, never a term to trade.
// 2. Best is the one with the highest mean utility over the seeds on the workload.
// 3. It replaces what is shipped only if it is surely better: the 95 % interval of the paired difference lies above 0 both by
//    bootstrap over families of questions and by Student over seeds. One seed decides nothing.
// 4. What is shipped goes when it breaks the bound and a candidate keeps it. In any other case it stays; heads that do not
//    differ surely from it tie with it, and the quickest of them is named.
import { meanEstimate, pairedDifference } from "../report/statistics.ts";
import { meanOf, quantile, wilsonUpper } from "../../intervals.ts";
import { familySumsInterval } from "../../simulator/scoreboard.ts";
import {
  type Head,
  PRODUCT_ALGORITHMS,
  type ProductAlgorithm,
  SHIPPED,
  isHead,
} from "./product-algorithms.ts";
import { type ProductRow } from "./product.ts";
import { type ProductWorldName } from "./product-worlds.ts";

/** delta per request of the product's guarantee. */
export const WRONG_BOUND = 0.01;

type Interval = readonly [low: number, high: number];

/** Utility per request more than another's on the same requests, 95 % intervals. */
export interface Difference {
  readonly mean: number;
  /** Bootstrap over families of questions, all seeds together. */
  readonly overFamilies: Interval;
  /** Student over seeds, each of which has a stream and a training of its own; null after one seed. */
  readonly overSeeds: Interval | null;
}

/** One algorithm in one world, all seeds together. */
export interface ProductSummary {
  readonly world: ProductWorldName;
  readonly algorithm: ProductAlgorithm;
  readonly seeds: readonly number[];
  readonly utility: number;
  readonly utilityInterval: Interval | null;
  readonly wrongPerRequest: number;
  readonly wrongUpper95: number;
  readonly wrongPerHit: number | null;
  readonly servedShare: number | null;
  readonly allowedShare: number | null;
  readonly directShare: number;
  readonly p95DelaySeconds: number;
  /** What the feasible oracle earns more per request when it meets the same requests from the start; null without it. */
  readonly regret: number | null;
  readonly regretInState: number;
  readonly againstRule: Difference | null;
  readonly againstShipped: Difference | null;
  readonly parameters: number | null;
  readonly decisionMs: number | null;
  readonly trainingSeconds: number | null;
}

export interface ShippingVerdict {
  readonly ships: ProductAlgorithm;
  readonly best: ProductAlgorithm;
  /** The best one's over what is shipped; null where they are the same. */
  readonly difference: Difference | null;
  readonly outOfBound: readonly ProductAlgorithm[];
  /** Heads that do not surely differ from what is shipped, itself included, the quickest first. */
  readonly tied: readonly Head[];
  /** One sentence on why. */
  readonly reason: string;
}

/** By world and in the order of the algorithms. Throws RangeError where paired rows had different requests. */
export function productTable(rows: readonly ProductRow[]): readonly ProductSummary[] {
  const worlds = [...new Set(rows.map(({ world }) => world))];
  return worlds.flatMap((world) =>
    PRODUCT_ALGORITHMS.flatMap((algorithm) => {
      const own = rowsOf(rows, world, algorithm);
      return own.length === 0 ? [] : summaryOf(own, rows);
    }),
  );
}

export function shippingVerdict(rows: readonly ProductRow[]): ShippingVerdict {
  const summaries = productTable(rows).filter(({ world }) => world === "workload");
  const candidates = summaries.filter(({ algorithm }) => algorithm !== "feasible-oracle");
  const shipped = candidates.find(({ algorithm }) => algorithm === SHIPPED);
  if (shipped === undefined) throw new RangeError(`no rows of ${SHIPPED} on the workload`);
  const keeps = ({ wrongPerRequest }: ProductSummary) => wrongPerRequest <= WRONG_BOUND;
  const within = candidates.filter(keeps);
  // Of equals what is shipped; else the first in the table.
  const best = within.reduce(
    (most, one) => (one.utility > most.utility ? one : most),
    keeps(shipped) ? shipped : (within[0] ?? shipped),
  );
  const difference = best === shipped ? null : best.againstShipped;
  const mustGo = !keeps(shipped) && best !== shipped;
  const isBetter = difference !== null && isAbove(difference);
  const tied = candidates
    .flatMap((one) => (isHead(one.algorithm) && isTied(one) ? { ...one, head: one.algorithm } : []))
    .toSorted((a, b) => (a.decisionMs ?? 0) - (b.decisionMs ?? 0))
    .map(({ head }) => head);
  return {
    ships: mustGo || isBetter ? best.algorithm : SHIPPED,
    best: best.algorithm,
    difference,
    outOfBound: candidates.filter((one) => !keeps(one)).map(({ algorithm }) => algorithm),
    tied,
    reason: mustGo
      ? `${SHIPPED} gives more than ${100 * WRONG_BOUND} % wrong answers, ${best.algorithm} does not`
      : isBetter
        ? `${best.algorithm} is surely worth more than ${SHIPPED}`
        : best === shipped
          ? `nothing within the bound is worth more than ${SHIPPED}`
          : `${best.algorithm} is worth most, but not surely more than ${SHIPPED}`,
  };
}

const isAbove = ({ overFamilies, overSeeds }: Difference): boolean =>
  overFamilies[0] > 0 && overSeeds !== null && overSeeds[0] > 0;

const isBelow = ({ overFamilies, overSeeds }: Difference): boolean =>
  overFamilies[1] < 0 && overSeeds !== null && overSeeds[1] < 0;

const isTied = ({ againstShipped }: ProductSummary): boolean =>
  againstShipped === null || !(isAbove(againstShipped) || isBelow(againstShipped));

/** Same seeds and same requests, else RangeError. */
export function differenceOf(
  ours: readonly ProductRow[],
  theirs: readonly ProductRow[],
): Difference {
  const bySeed = (rows: readonly ProductRow[]) =>
    new Map(rows.map(({ seed, utility }) => [seed, utility]));
  const { mean, interval } = pairedDifference(bySeed(ours), bySeed(theirs));
  const sums = new Map<string, { total: number; count: number }>();
  for (const row of ours) {
    const other = theirs.find(({ seed }) => seed === row.seed)!;
    if (Object.keys(row.families).length !== Object.keys(other.families).length)
      throw new RangeError(`seed ${row.seed}: not the same requests`);
    for (const [name, [count, total]] of Object.entries(row.families)) {
      const [othersCount, othersTotal] = other.families[name] ?? [0, 0];
      if (count !== othersCount) throw new RangeError(`seed ${row.seed}: not the same requests`);
      // Topics of two synthetic worlds have nothing but their number in common.
      const key = row.world === "workload" ? name : `${row.seed} ${name}`;
      const sum = sums.get(key) ?? { total: 0, count: 0 };
      sums.set(key, { total: sum.total + total - othersTotal, count: sum.count + count });
    }
  }
  const { low, high } = familySumsInterval([...sums.values()]);
  return { mean, overFamilies: [low, high], overSeeds: interval };
}

const rowsOf = (
  rows: readonly ProductRow[],
  world: ProductWorldName,
  algorithm: ProductAlgorithm,
): readonly ProductRow[] =>
  rows.filter((row) => row.world === world && row.algorithm === algorithm);

function summaryOf(own: readonly ProductRow[], rows: readonly ProductRow[]): ProductSummary {
  const { world, algorithm } = own[0]!;
  const sum = (of: (row: ProductRow) => number) => own.reduce((total, row) => total + of(row), 0);
  const meanWhere = (of: (row: ProductRow) => number | null) => {
    const known = own.flatMap((row) => of(row) ?? []);
    return known.length === 0 ? null : meanOf(known);
  };
  const against = (other: ProductAlgorithm) => {
    const theirs = rowsOf(rows, world, other);
    return theirs.length === 0 || other === algorithm ? null : differenceOf(own, theirs);
  };
  const [wrong, requests, hits] = [
    sum((row) => row.wrong),
    sum((row) => row.requests),
    sum((row) => row.hits),
  ];
  const { mean, interval } = meanEstimate(own.map(({ utility }) => utility));
  const oracle = rowsOf(rows, world, "feasible-oracle");
  const decisionMs = own.flatMap(({ cost }) => cost?.decisionMs ?? []);
  return {
    world,
    algorithm,
    seeds: own.map(({ seed }) => seed),
    utility: mean,
    utilityInterval: interval,
    wrongPerRequest: wrong / requests,
    wrongUpper95: wilsonUpper(wrong, requests),
    wrongPerHit: hits === 0 ? null : wrong / hits,
    servedShare: meanWhere((row) => row.servedShare),
    allowedShare: meanWhere((row) => row.allowedShare),
    directShare: meanOf(own.map(({ directShare }) => directShare)),
    p95DelaySeconds: meanOf(own.map(({ p95DelaySeconds }) => p95DelaySeconds)),
    regret: oracle.length === 0 ? null : differenceOf(oracle, own).mean,
    regretInState: meanOf(own.map(({ regretInState }) => regretInState)),
    againstRule: against("fixed-rule"),
    againstShipped: against(SHIPPED),
    parameters: own[0]!.cost?.parameters ?? null,
    decisionMs: decisionMs.length === 0 ? null : quantile(decisionMs, 0.5),
    trainingSeconds: meanWhere((row) => row.training?.seconds ?? null),
  };
}
