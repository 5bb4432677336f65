// Methods on labelled pairs: thresholds from one half, figures from the other, differences with intervals.
import { InputError } from "./json-lines.ts";
import { type EvaluatedPair, type GroupedPairs } from "./labelled-pairs.ts";
import {
  ComponentBootstrap,
  type CurvePoints,
  curveOf,
  type Interval,
  percentileInterval,
  sortScores,
  thresholdFor,
  upperBound,
  wilsonInterval,
} from "./operating-curve.ts";
import { type PairMethod } from "./pair-methods.ts";

/** A share with its 95 % interval: bootstrap over components, or Wilson's where all or none counted. */
interface IntervalShare {
  readonly count: number;
  readonly of: number;
  readonly share: number | null;
  readonly interval: Interval;
}

export interface OperatingPoint {
  readonly threshold: number;
  readonly hits: IntervalShare;
  /** `upper95`: by `upperBound`. */
  readonly traps: IntervalShare & { readonly upper95: number | null };
  /** Pairs without a target that are served. */
  readonly untargeted: IntervalShare;
}

export interface MethodReport {
  readonly name: string;
  /** Null for a fixed threshold. */
  readonly auc: { readonly value: number; readonly interval: Interval } | null;
  /** At each level: the threshold that the calibration half gives, on the measured half. */
  readonly calibrated: readonly OperatingPoint[];
  /** Should-hits served where exactly that share of the measured half's own traps is: no threshold was chosen before. */
  readonly atLevel: readonly { readonly share: number; readonly interval: Interval }[];
  /** Without any calibration. */
  readonly shipped: OperatingPoint | null;
  readonly categories: readonly CategoryReport[];
}

/** Of the pairs of one category, or of one language. */
export interface CategoryReport {
  readonly category: string;
  /** Served at each level's calibrated threshold, and at last as shipped (null where there is no such threshold). */
  readonly hits: readonly (Counted | null)[];
  readonly traps: readonly (Counted | null)[];
  readonly untargeted: readonly (Counted | null)[];
}

interface Counted {
  readonly count: number;
  readonly of: number;
}

/** Of the first method against another: value of the first minus value of the other. */
interface Difference {
  readonly against: string;
  readonly auc: Estimate;
  readonly calibrated: readonly Estimate[];
  readonly atLevel: readonly Estimate[];
}

interface Estimate {
  readonly value: number;
  readonly interval: Interval;
}

export interface PairsReport {
  readonly levels: readonly number[];
  readonly calibration: HalfCounts;
  readonly measured: HalfCounts;
  readonly methods: readonly MethodReport[];
  readonly differences: readonly Difference[];
}

interface HalfCounts {
  readonly pairs: number;
  readonly hits: number;
  readonly traps: number;
  readonly untargeted: number;
  readonly components: number;
}

export interface CompareOptions {
  /** Thresholds come from here; methods that learn on the way meet these pairs first. */
  readonly calibration: GroupedPairs;
  /** Figures come from here. */
  readonly measured: GroupedPairs;
  /** The first is the one that the others are compared with. */
  readonly methods: readonly PairMethod[];
  /** Accepted shares of traps, ascending. */
  readonly levels: readonly number[];
  readonly resamples?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Throws InputError when a half lacks should-hits or traps. */
export function comparePairs({
  calibration,
  measured,
  methods,
  levels,
  resamples = 1000,
  onProgress,
}: CompareOptions): PairsReport {
  for (const [name, half] of Object.entries({ calibration, measured })) {
    const { hits, traps } = countsOf(half);
    if (hits === 0 || traps === 0)
      throw new InputError(
        `the ${name} half has ${hits} should-hits and ${traps} traps: both are needed`,
      );
  }
  const total = calibration.pairs.length + measured.pairs.length;
  const before = scoresOf(calibration, methods, (done) => onProgress?.(done, total));
  const after = scoresOf(measured, methods, (done) =>
    onProgress?.(calibration.pairs.length + done, total),
  );
  const judged = methods.map((method, m) =>
    judge(method, { calibration, measured, before: before[m]!, after: after[m]!, levels }),
  );
  const draws = drawAll(judged, measured, levels, resamples);
  return {
    levels,
    calibration: countsOf(calibration),
    measured: countsOf(measured),
    methods: judged.map((one, m) => reportOf(one, draws[m]!, measured, levels)),
    differences: judged.flatMap((one, m) =>
      m === 0 || one.method.isFixed === true
        ? []
        : differenceOf([judged[0]!, draws[0]!], [one, draws[m]!], levels),
    ),
  };
}

function scoresOf(
  { pairs }: GroupedPairs,
  methods: readonly PairMethod[],
  onProgress: (done: number) => void,
): Float64Array[] {
  const scores = methods.map(() => new Float64Array(pairs.length));
  for (const [i, { a, b, same }] of pairs.entries()) {
    for (const [m, method] of methods.entries()) {
      const score = method.score(a, b);
      scores[m]![i] = Number.isNaN(score) ? -Infinity : score;
    }
    if (same !== null) for (const method of methods) method.learn?.(a, b, same);
    onProgress(i + 1);
  }
  return scores;
}

/** One method's decisions on the measured half: the calibrated ones of each level, at last the shipped one. */
interface Judged {
  readonly method: PairMethod;
  readonly scores: Float64Array;
  readonly thresholds: readonly (number | null)[];
  readonly curve: CurvePoints;
  /** Places of should-hits and traps in the measured half, and the curve's input. */
  readonly labelled: Uint32Array;
  readonly sorted: ReturnType<typeof sortScores>;
}

function judge(
  method: PairMethod,
  {
    calibration,
    measured,
    before,
    after,
    levels,
  }: {
    readonly calibration: GroupedPairs;
    readonly measured: GroupedPairs;
    readonly before: Float64Array;
    readonly after: Float64Array;
    readonly levels: readonly number[];
  },
): Judged {
  const traps = before.filter((_, i) => calibration.pairs[i]!.same === false);
  const calibrated = levels.map((level) =>
    method.isFixed === true ? null : thresholdFor(traps, level),
  );
  const labelled = Uint32Array.from(
    measured.pairs.flatMap(({ same }, i) => (same === null ? [] : [i])),
  );
  const sorted = sortScores(
    Float64Array.from(labelled, (i) => after[i]!),
    Uint8Array.from(labelled, (i) => Number(measured.pairs[i]!.same === true)),
  );
  return {
    method,
    scores: after,
    thresholds: [...calibrated, method.fixedThreshold ?? null],
    curve: curveOf(sorted, levels),
    labelled,
    sorted,
  };
}

/** Bootstrap values of one method, draw by draw; all methods see the same draws, so that differences are paired. */
interface Draws {
  readonly auc: number[];
  readonly atLevel: number[][];
  /** Shares of should-hits, traps and untargeted pairs served, by threshold. */
  readonly hits: number[][];
  readonly traps: number[][];
  readonly untargeted: number[][];
}

function drawAll(
  judged: readonly Judged[],
  measured: GroupedPairs,
  levels: readonly number[],
  resamples: number,
): Draws[] {
  const bootstrap = new ComponentBootstrap(measured.components);
  const kinds = measured.pairs.map(({ same }) => (same === null ? 2 : same ? 0 : 1));
  const draws = judged.map(({ thresholds }): Draws => {
    const empty = () => thresholds.map((): number[] => []);
    return {
      auc: [],
      atLevel: levels.map(() => []),
      hits: empty(),
      traps: empty(),
      untargeted: empty(),
    };
  });
  const served = judged.map(({ scores, thresholds }) =>
    thresholds.map((threshold) =>
      threshold === null ? null : Uint8Array.from(scores, (score) => Number(score > threshold)),
    ),
  );
  const labelledWeights = new Float64Array(judged[0]?.labelled.length ?? 0);
  for (const weights of bootstrap.weights(resamples)) {
    for (const [m, { labelled, sorted, method }] of judged.entries()) {
      const draw = draws[m]!;
      if (method.isFixed !== true) {
        for (let i = 0; i < labelled.length; i++) labelledWeights[i] = weights[labelled[i]!]!;
        const { auc, served: atLevel } = curveOf(sorted, levels, labelledWeights);
        draw.auc.push(auc);
        for (const [l, share] of atLevel.entries()) draw.atLevel[l]!.push(share);
      }
      for (const [t, isServed] of served[m]!.entries()) {
        if (isServed === null) continue;
        const counted = [0, 0, 0];
        const all = [0, 0, 0];
        for (let i = 0; i < weights.length; i++) {
          const kind = kinds[i]!;
          all[kind]! += weights[i]!;
          counted[kind]! += weights[i]! * isServed[i]!;
        }
        draw.hits[t]!.push(counted[0]! / all[0]!);
        draw.traps[t]!.push(counted[1]! / all[1]!);
        draw.untargeted[t]!.push(counted[2]! / all[2]!);
      }
    }
  }
  return draws;
}

function reportOf(
  { method, scores, thresholds, curve }: Judged,
  draws: Draws,
  { pairs }: GroupedPairs,
  levels: readonly number[],
): MethodReport {
  const points = thresholds.map((threshold, t): OperatingPoint | null => {
    if (threshold === null) return null;
    const shareOf = (same: boolean | null, values: readonly number[]) =>
      intervalShare(countServed(pairs, scores, threshold, same), values);
    const traps = shareOf(false, draws.traps[t]!);
    return {
      threshold,
      hits: shareOf(true, draws.hits[t]!),
      traps: {
        ...traps,
        upper95: traps.of === 0 ? null : upperBound(traps.count, traps.of, draws.traps[t]!),
      },
      untargeted: shareOf(null, draws.untargeted[t]!),
    };
  });
  const categories = [...new Set(pairs.flatMap(slicesOf))].toSorted();
  return {
    name: method.name,
    auc:
      method.isFixed === true
        ? null
        : { value: curve.auc, interval: percentileInterval(draws.auc) },
    calibrated: points.slice(0, levels.length).filter((point) => point !== null),
    atLevel:
      method.isFixed === true
        ? []
        : curve.served.map((share, l) => ({
            share,
            interval: percentileInterval(draws.atLevel[l]!),
          })),
    shipped: points.at(-1) ?? null,
    categories: categories.map((category) => {
      const some = pairs.map((pair) => slicesOf(pair).includes(category));
      const counts = (same: boolean | null) =>
        thresholds.map((threshold) =>
          threshold === null ? null : countServed(pairs, scores, threshold, same, some),
        );
      return { category, hits: counts(true), traps: counts(false), untargeted: counts(null) };
    }),
  };
}

const slicesOf = ({ category, lang }: EvaluatedPair): string[] => [
  ...(category === undefined ? [] : [category]),
  ...(lang === undefined ? [] : [`language ${lang}`]),
];

function countServed(
  pairs: GroupedPairs["pairs"],
  scores: Float64Array,
  threshold: number,
  same: boolean | null,
  only: readonly boolean[] | null = null,
): Counted {
  let [count, of] = [0, 0];
  for (const [i, pair] of pairs.entries()) {
    if (pair.same !== same || only?.[i] === false) continue;
    of++;
    count += Number(scores[i]! > threshold);
  }
  return { count, of };
}

function intervalShare({ count, of }: Counted, values: readonly number[]): IntervalShare {
  return {
    count,
    of,
    share: of === 0 ? null : count / of,
    // A bootstrap of equal observations has no width.
    interval: count === 0 || count === of ? wilsonInterval(count, of) : percentileInterval(values),
  };
}

function differenceOf(
  [first, firstDraws]: readonly [Judged, Draws],
  [other, draws]: readonly [Judged, Draws],
  levels: readonly number[],
): Difference {
  const estimate = (value: number, a: readonly number[], b: readonly number[]): Estimate => ({
    value,
    interval: percentileInterval(a.map((each, i) => each - b[i]!)),
  });
  const hitsServed = ({ scores, thresholds, labelled, sorted }: Judged, level: number) => {
    let [count, of] = [0, 0];
    for (const [at, i] of labelled.entries()) {
      if (sorted.isHit[at] === 0) continue;
      of++;
      count += Number(scores[i]! > thresholds[level]!);
    }
    return count / of;
  };
  return {
    against: other.method.name,
    auc: estimate(first.curve.auc - other.curve.auc, firstDraws.auc, draws.auc),
    calibrated: levels.map((_, l) =>
      estimate(hitsServed(first, l) - hitsServed(other, l), firstDraws.hits[l]!, draws.hits[l]!),
    ),
    atLevel: levels.map((_, l) =>
      estimate(
        first.curve.served[l]! - other.curve.served[l]!,
        firstDraws.atLevel[l]!,
        draws.atLevel[l]!,
      ),
    ),
  };
}

function countsOf({ pairs, components }: GroupedPairs): HalfCounts {
  const count = (same: boolean | null) => pairs.filter((pair) => pair.same === same).length;
  return {
    pairs: pairs.length,
    hits: count(true),
    traps: count(false),
    untargeted: count(null),
    components: new Set(components).size,
  };
}
