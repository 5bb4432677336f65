// How well cosines tell pairs with one answer from others, and whether a question finds its translation.
import { Random } from "../../policy/random.ts";
import { type ParaphraseGroup } from "../paraphrases.ts";
import { quantile } from "../intervals.ts";

export interface ScoredPair {
  readonly same: boolean;
  readonly score: number;
  /** Pairs that share a question, over any number of steps, have one component. */
  readonly component: string;
}

/** Of two unit vectors, or 0 where one is all zeros. */
export function cosineOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/**
 * Probability that a pair with one answer scores above one without, ties counting half: the area under the ROC curve as the
 * rank sum of Mann and Whitney (1947). `times` says how often each pair counts (once).
 */
export function orderedShare(
  pairs: readonly Pick<ScoredPair, "same" | "score">[],
  times: (index: number) => number = () => 1,
): number {
  const order = pairs.map((_, i) => i).toSorted((a, b) => pairs[a]!.score - pairs[b]!.score);
  let [below, same, won] = [0, 0, 0];
  for (let from = 0; from < order.length;) {
    const { score } = pairs[order[from]!]!;
    let [equal, sameHere] = [0, 0];
    for (; from < order.length && pairs[order[from]!]!.score === score; from++) {
      const count = times(order[from]!);
      if (pairs[order[from]!]!.same) sameHere += count;
      else equal += count;
    }
    won += sameHere * (below + equal / 2);
    below += equal;
    same += sameHere;
  }
  return won / (same * below);
}

export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** With a 95 % interval from resampled components (Efron and Tibshirani 1993): pairs of one component err together. */
export function orderedShareInterval(
  pairs: readonly ScoredPair[],
  { rounds, seed }: { readonly rounds: number; readonly seed: number },
): Interval {
  const components = new Map<string, number>();
  for (const { component } of pairs)
    if (!components.has(component)) components.set(component, components.size);
  const own = pairs.map(({ component }) => components.get(component)!);
  const ordered = pairs
    .map((pair, i) => ({ ...pair, at: own[i]! }))
    .toSorted((a, b) => a.score - b.score);
  const random = new Random(seed);
  const counts = new Uint16Array(components.size);
  const values = Array.from({ length: rounds }, () => {
    counts.fill(0);
    for (let i = 0; i < counts.length; i++)
      counts[Math.floor(random.uniform() * counts.length)]! += 1;
    return orderedShare(ordered, (i) => counts[ordered[i]!.at]!);
  });
  return {
    value: orderedShare(pairs),
    low: quantile(values, 0.025),
    high: quantile(values, 0.975),
  };
}

/** Every two wordings of a group, and every wording with every near miss. */
export function pairsOfGroups(groups: readonly ParaphraseGroup[]) {
  return groups.flatMap(({ id, lang, same, different }) => {
    const pair = (a: string, b: string, isSame: boolean) => ({
      a,
      b,
      same: isSame,
      component: id,
      lang,
    });
    return same.flatMap((a, i) => [
      ...same.slice(i + 1).map((b) => pair(a, b, true)),
      ...different.map((b) => pair(a, b, false)),
    ]);
  });
}

export interface Matching {
  readonly questions: number;
  /** Mean cosine of a question with its translation, and with the other questions of that language. */
  readonly translation: number;
  readonly unrelated: number;
  /** Share of questions whose translation is nearer than every other question of that language. */
  readonly found: number;
}

/** @param pairs vectors of a question in two languages */
export function matchingOf(pairs: readonly (readonly [Float32Array, Float32Array])[]): Matching {
  let [translation, unrelated, found] = [0, 0, 0];
  for (const [i, [from]] of pairs.entries()) {
    const scores = pairs.map(([, to]) => cosineOf(from, to));
    const own = scores[i]!;
    translation += own;
    unrelated += scores.reduce((sum, score) => sum + score, -own);
    if (scores.every((score, j) => j === i || score < own)) found++;
  }
  const count = pairs.length;
  return {
    questions: count,
    translation: translation / count,
    unrelated: unrelated / (count * (count - 1)),
    found: found / count,
  };
}
