// Gradient-boosted regression trees, as they are evaluated: margin = bias + sum over trees of the leaf's value.

/** All nodes of all trees in flat arrays; a tree is entered at its root. Children lie behind their parent. */
export interface Trees {
  readonly bias: number;
  readonly roots: Int32Array;
  /** Feature that a node compares, or -1 for a leaf; with `NAN_RIGHT` where an unknown value goes right. */
  readonly feature: Int16Array;
  /** A value <= threshold goes left. */
  readonly threshold: Float32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** Mean value of what reached the node: the output at leaves. */
  readonly value: Float32Array;
}

export const NAN_RIGHT = 0x100;

/**
 * The margin, and what each feature added to it: the change of a node's mean where the feature was asked (Saabas 2014).
 * `features` are compared as float32, as the thresholds are. `contributions` [features] are added to.
 */
export function explain(
  { bias, roots, feature, threshold, left, right, value }: Trees,
  features: Float32Array,
  contributions: Float64Array,
): number {
  let margin = bias;
  for (const root of roots) {
    let node = root;
    let mean = value[node]!;
    for (let asked = feature[node]!; asked >= 0; asked = feature[node]!) {
      const which = asked & ~NAN_RIGHT;
      const given = features[which]!;
      const isRight = Number.isNaN(given) ? asked !== which : given > threshold[node]!;
      node = isRight ? right[node]! : left[node]!;
      contributions[which]! += value[node]! - mean;
      mean = value[node]!;
    }
    margin += mean;
  }
  return margin;
}
