// Gradient boosting of regression trees for the logistic loss (Friedman 2001), with second-order gains and histograms
// (Chen and Guestrin 2016) and monotone constraints: a tree may not learn that more shared words make two questions less
// alike, whatever a small training set says.
import { type Trees, NAN_RIGHT } from "../../policy/verifier/trees.ts";
import { Random } from "../../policy/random.ts";

export interface BoostingOptions {
  readonly trees: number;
  readonly depth: number;
  readonly learningRate: number;
  /** Least sum of second derivatives in a child. */
  readonly minChild: number;
  /** L2 penalty on leaf values. */
  readonly lambda: number;
  /** Share of rows, and of features, that a tree sees. */
  readonly rowShare: number;
  readonly featureShare: number;
  readonly seed: number;
  /** By feature: 1 = the output may only rise with it, -1 = only fall, 0 = free. */
  readonly directions: readonly number[];
  /** Features that no tree may ask. */
  readonly unused?: readonly number[];
}

export interface Rows {
  /** [rows x features], row after row; NaN where a value is unknown. */
  readonly features: Float32Array;
  readonly width: number;
  readonly labels: Uint8Array;
  readonly weights: Float64Array;
}

const BINS = 64;
/** Bin of what is not a number. */
const NAN_BIN = BINS;
const SLOTS = BINS + 1;

export function boost(rows: Rows, options: BoostingOptions): Trees {
  const { width, labels, weights } = rows;
  const count = labels.length;
  const { edges, bins } = binned(rows);
  const random = new Random(options.seed);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const positive = labels.reduce((sum, label, row) => sum + label * weights[row]!, 0);
  if (positive === 0 || positive === total)
    throw new RangeError("a scorer needs pairs of both kinds");
  const bias = Math.log(positive / (total - positive));
  const margins = new Float64Array(count).fill(bias);
  const gradients = new Float64Array(count);
  const curvatures = new Float64Array(count);
  const grower = new Grower(bins, edges, width, options);
  for (let tree = 0; tree < options.trees; tree++) {
    for (let row = 0; row < count; row++) {
      const p = 1 / (1 + Math.exp(-margins[row]!));
      gradients[row] = weights[row]! * (p - labels[row]!);
      curvatures[row] = weights[row]! * Math.max(1e-6, p * (1 - p));
    }
    const picked = Int32Array.from({ length: count }, (_, row) => row).filter(
      () => random.uniform() < options.rowShare,
    );
    const asked = Array.from({ length: width }, (_, feature) => feature).filter(
      (feature) => random.uniform() < options.featureShare && !options.unused?.includes(feature),
    );
    const root = grower.grow(picked, asked.length === 0 ? [0] : asked, gradients, curvatures);
    for (let row = 0; row < count; row++) margins[row]! += grower.valueFor(root, row);
  }
  return grower.trees(bias);
}

interface Split {
  readonly gain: number;
  readonly feature: number;
  readonly bin: number;
  readonly nanRight: boolean;
  readonly leftValue: number;
  readonly rightValue: number;
}

class Grower {
  readonly #bins: Uint8Array;
  readonly #edges: readonly Float64Array[];
  readonly #width: number;
  readonly #options: BoostingOptions;
  readonly #roots: number[] = [];
  readonly #feature: number[] = [];
  readonly #bin: number[] = [];
  readonly #nanRight: boolean[] = [];
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #value: number[] = [];
  readonly #sumG: Float64Array;
  readonly #sumH: Float64Array;

  constructor(
    bins: Uint8Array,
    edges: readonly Float64Array[],
    width: number,
    options: BoostingOptions,
  ) {
    this.#bins = bins;
    this.#edges = edges;
    this.#width = width;
    this.#options = options;
    this.#sumG = new Float64Array(width * SLOTS);
    this.#sumH = new Float64Array(width * SLOTS);
  }

  grow(
    rows: Int32Array,
    asked: readonly number[],
    gradients: Float64Array,
    curvatures: Float64Array,
  ): number {
    const { learningRate, depth } = this.#options;
    let [g, h] = [0, 0];
    for (const row of rows) {
      g += gradients[row]!;
      h += curvatures[row]!;
    }
    const root = this.#node(learningRate * this.#best(g, h));
    this.#roots.push(root);
    const open = [{ node: root, rows, level: 0, low: -Infinity, high: Infinity }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next.level === depth) continue;
      const { node, rows: here, low, high } = next;
      const split = this.#split(here, asked, gradients, curvatures, low, high);
      if (split === null) continue;
      const { feature, bin, nanRight, leftValue, rightValue } = split;
      const goesRight = (row: number): boolean => {
        const at = this.#bins[row * this.#width + feature]!;
        return at === NAN_BIN ? nanRight : at > bin;
      };
      this.#feature[node] = feature;
      this.#bin[node] = bin;
      this.#nanRight[node] = nanRight;
      const left = this.#node(learningRate * leftValue);
      const right = this.#node(learningRate * rightValue);
      this.#left[node] = left;
      this.#right[node] = right;
      const direction = this.#options.directions[feature]!;
      const middle = (leftValue + rightValue) / 2;
      const level = next.level + 1;
      open.push(
        {
          node: left,
          rows: here.filter((row) => !goesRight(row)),
          level,
          low: direction < 0 ? Math.max(low, middle) : low,
          high: direction > 0 ? Math.min(high, middle) : high,
        },
        {
          node: right,
          rows: here.filter(goesRight),
          level,
          low: direction > 0 ? Math.max(low, middle) : low,
          high: direction < 0 ? Math.min(high, middle) : high,
        },
      );
    }
    return root;
  }

  valueFor(root: number, row: number): number {
    let node = root;
    for (let feature = this.#feature[node]!; feature >= 0; feature = this.#feature[node]!) {
      const at = this.#bins[row * this.#width + feature]!;
      const right = at === NAN_BIN ? this.#nanRight[node]! : at > this.#bin[node]!;
      node = right ? this.#right[node]! : this.#left[node]!;
    }
    return this.#value[node]!;
  }

  trees(bias: number): Trees {
    return {
      bias,
      roots: Int32Array.from(this.#roots),
      feature: Int16Array.from(this.#feature, (feature, node) =>
        feature >= 0 && this.#nanRight[node]! ? feature | NAN_RIGHT : feature,
      ),
      threshold: Float32Array.from(this.#feature, (feature, node) =>
        feature < 0 ? 0 : this.#edges[feature]![this.#bin[node]!]!,
      ),
      left: Int32Array.from(this.#left),
      right: Int32Array.from(this.#right),
      value: Float32Array.from(this.#value),
    };
  }

  #node(value: number): number {
    this.#feature.push(-1);
    this.#bin.push(0);
    this.#nanRight.push(false);
    this.#left.push(0);
    this.#right.push(0);
    return this.#value.push(value) - 1;
  }

  #best(g: number, h: number): number {
    return -g / (h + this.#options.lambda);
  }

  #split(
    rows: Int32Array,
    asked: readonly number[],
    gradients: Float64Array,
    curvatures: Float64Array,
    low: number,
    high: number,
  ): Split | null {
    const { minChild } = this.#options;
    const [sumG, sumH] = [this.#sumG, this.#sumH];
    sumG.fill(0);
    sumH.fill(0);
    let [allG, allH] = [0, 0];
    for (const row of rows) {
      const [g, h] = [gradients[row]!, curvatures[row]!];
      allG += g;
      allH += h;
      const at = row * this.#width;
      for (const feature of asked) {
        const slot = feature * SLOTS + this.#bins[at + feature]!;
        sumG[slot]! += g;
        sumH[slot]! += h;
      }
    }
    if (allH < 2 * minChild) return null;
    let best: Split | null = null;
    for (const feature of asked) {
      const first = feature * SLOTS;
      const [nanG, nanH] = [sumG[first + NAN_BIN]!, sumH[first + NAN_BIN]!];
      for (const nanRight of nanH > 0 ? [false, true] : [false]) {
        let g = nanRight ? 0 : nanG;
        let h = nanRight ? 0 : nanH;
        for (let bin = 0; bin < this.#edges[feature]!.length; bin++) {
          g += sumG[first + bin]!;
          h += sumH[first + bin]!;
          if (h < minChild || allH - h < minChild) continue;
          const leftValue = clamp(this.#best(g, h), low, high);
          const rightValue = clamp(this.#best(allG - g, allH - h), low, high);
          const direction = this.#options.directions[feature]!;
          if (direction * (rightValue - leftValue) < 0) continue;
          const gain =
            this.#gain(g, h, leftValue) +
            this.#gain(allG - g, allH - h, rightValue) -
            this.#gain(allG, allH, clamp(this.#best(allG, allH), low, high));
          if (gain > (best?.gain ?? 1e-6))
            best = { gain, feature, bin, nanRight, leftValue, rightValue };
        }
      }
    }
    return best;
  }

  /** What a leaf of this value takes off the loss. */
  #gain(g: number, h: number, value: number): number {
    return -(g * value + 0.5 * (h + this.#options.lambda) * value * value);
  }
}

const clamp = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, value));

/** Upper edges of at most 64 bins per feature, by quantiles, and each value's bin. */
function binned({ features, width, labels }: Rows): {
  readonly edges: readonly Float64Array[];
  readonly bins: Uint8Array;
} {
  const count = labels.length;
  const bins = new Uint8Array(count * width);
  const edges = Array.from({ length: width }, (_, feature) => {
    const values = Float64Array.from(
      { length: count },
      (_unused, row) => features[row * width + feature]!,
    )
      .filter((value) => !Number.isNaN(value))
      .toSorted();
    const distinct = values.filter((value, at) => at === 0 || value !== values[at - 1]);
    const from = distinct.length <= BINS ? distinct : values;
    const edge = Array.from({ length: Math.min(BINS, from.length) }, (_unused, bin) => {
      const parts = Math.min(BINS, from.length);
      return from[Math.min(from.length - 1, Math.ceil(((bin + 1) * from.length) / parts) - 1)]!;
    });
    return Float64Array.from(new Set(edge)).slice(0, -1);
  });
  for (let row = 0; row < count; row++)
    for (let feature = 0; feature < width; feature++) {
      const value = features[row * width + feature]!;
      bins[row * width + feature] = Number.isNaN(value) ? NAN_BIN : binOf(edges[feature]!, value);
    }
  return { edges, bins };
}

/** The first edge that is not below the value. */
function binOf(edges: Float64Array, value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= edges[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
