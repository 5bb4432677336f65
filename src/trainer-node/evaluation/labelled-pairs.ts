// Pairs of questions with the answer to one question: would what is stored for `b` be right for `a`?
import { createHash } from "node:crypto";
import { normaliseQuestion } from "../../policy/cache/question.ts";
import { type Half, halfOf } from "../simulator/groups.ts";

export interface EvaluatedPair {
  readonly id: string;
  /** What is asked. */
  readonly a: string;
  /** What was asked before and has an answer. */
  readonly b: string;
  /** true: a should-hit. false: a trap. null: reported apart, without a target. */
  readonly same: boolean | null;
  readonly category?: string;
  readonly lang?: string;
  /** Pairs of one group lie in one half and count as one observation; without it, pairs that share a text do. */
  readonly group?: string;
}

/** Pairs and what they hang together with, pair by pair. */
export interface GroupedPairs {
  readonly pairs: readonly EvaluatedPair[];
  /** Name of each pair's component. */
  readonly components: readonly string[];
}

/**
 * A pair's component: its group where it names one, else everything that is connected with it over equal texts. Its name is
 * a hash of the component's first text in code-unit order, so that the order of the pairs does not matter.
 */
export function groupPairs(pairs: readonly EvaluatedPair[]): GroupedPairs {
  const parents = new Map<string, string>();
  const rootOf = (text: string): string => {
    let root = text;
    for (let up = parents.get(root); up !== undefined && up !== root; up = parents.get(root))
      root = up;
    // Path compression keeps long chains cheap.
    for (let at = text; at !== root;) {
      const up = parents.get(at)!;
      parents.set(at, root);
      at = up;
    }
    parents.set(root, root);
    return root;
  };
  for (const { a, b, group } of pairs) {
    if (group !== undefined) continue;
    const [left, right] = [rootOf(normaliseQuestion(a)), rootOf(normaliseQuestion(b))];
    // The smaller text stays the root: the name follows from the component alone.
    if (left < right) parents.set(right, left);
    else parents.set(left, right);
  }
  const names = new Map<string, string>();
  const nameOf = (root: string): string => {
    let name = names.get(root);
    if (name === undefined) {
      name = createHash("sha256").update(root).digest("base64url").slice(0, 22);
      names.set(root, name);
    }
    return name;
  };
  return {
    pairs,
    components: pairs.map(({ a, group }) => group ?? nameOf(rootOf(normaliseQuestion(a)))),
  };
}

/** The pairs whose component lies in a half. */
export const halfOfPairs = (pairs: GroupedPairs, half: Half): GroupedPairs =>
  pairsWhere(pairs, (component) => halfOf(component) === half);

/**
 * The calibration half once more in two: four fifths to train a scorer on, one fifth to find thresholds with that its
 * training has not seen.
 */
export const trainingPart = (calibration: GroupedPairs): GroupedPairs =>
  pairsWhere(calibration, isTrainedOn);
export const thresholdPart = (calibration: GroupedPairs): GroupedPairs =>
  pairsWhere(calibration, (component) => !isTrainedOn(component));

const isTrainedOn = (component: string): boolean =>
  createHash("sha256").update(component).digest()[1]! >= 51;

function pairsWhere(
  { pairs, components }: GroupedPairs,
  test: (component: string) => boolean,
): GroupedPairs {
  const known = new Map<string, boolean>();
  const isInside = components.map((name) => {
    let found = known.get(name);
    if (found === undefined) {
      found = test(name);
      known.set(name, found);
    }
    return found;
  });
  return {
    pairs: pairs.filter((_, i) => isInside[i]),
    components: components.filter((_, i) => isInside[i]),
  };
}
