// How good each model's answer to a question will be, learnt from questions whose answers are known.

/** Questions as vectors, and the score of every model on each of them. */
export interface Lessons {
  readonly vectors: readonly Float32Array[];
  readonly scores: readonly (readonly number[])[];
}

/** Scores of all models, for one question after the other. */
type Predict = (vectors: readonly Float32Array[]) => readonly (readonly number[])[];

export interface PredictorFamily {
  readonly name: string;
  /** What is tried; the one with the least squared error on questions that it has not seen is taken. */
  readonly settings: readonly number[];
  readonly settingName: string;
  /** One predictor for each setting. */
  readonly train: (lessons: Lessons, settings: readonly number[]) => readonly Predict[];
}

/** What the model came to on average, whatever is asked: what everything learnt has to beat. */
export const MEANS: PredictorFamily = {
  name: "each model's mean",
  settings: [0],
  settingName: "",
  train: ({ scores }, settings) => {
    const means = meanScores(scores, Uint32Array.from(scores.keys()));
    return settings.map(() => (questions) => questions.map(() => means));
  },
};

/** Mean score of the k nearest questions. Ties: those that were learnt first. */
export const NEAREST_QUESTIONS: PredictorFamily = {
  name: "nearest questions",
  settings: [5, 10, 20, 40, 80],
  settingName: "k",
  train: ({ vectors, scores }, settings) => {
    const most = Math.min(vectors.length, Math.max(...settings));
    // Predictors of several sizes are asked the same questions one after the other.
    let asked: readonly Float32Array[] | null = null;
    let orders: readonly Uint32Array[] = [];
    return settings.map((k) => (questions) => {
      if (questions !== asked) orders = nearestOf(vectors, questions, most);
      asked = questions;
      return orders.map((order) => meanScores(scores, order.subarray(0, k)));
    });
  },
};

function meanScores(scores: readonly (readonly number[])[], some: Uint32Array): readonly number[] {
  const means = scores[0]!.map(() => 0);
  for (const place of some)
    for (const [m, score] of scores[place]!.entries()) means[m]! += score / some.length;
  return means;
}

/** For each question the places of the `count` nearest vectors, nearest first. */
function nearestOf(
  vectors: readonly Float32Array[],
  questions: readonly Float32Array[],
  count: number,
): readonly Uint32Array[] {
  const cosines = Array.from({ length: 4 }, () => new Float64Array(vectors.length));
  const orders: Uint32Array[] = [];
  for (let start = 0; start < questions.length; start += 4) {
    const left = Math.min(4, questions.length - start);
    fourProducts(vectors, cosines, (q) => questions[start + Math.min(q, left - 1)]!);
    for (const values of cosines.slice(0, left)) orders.push(greatest(values, count));
  }
  return orders;
}

/** Inner products with four questions at a time: twice as fast as one after the other. */
function fourProducts(
  vectors: readonly Float32Array[],
  products: readonly Float64Array[],
  question: (q: number) => Float32Array,
): void {
  const [p, q, r, s] = [question(0), question(1), question(2), question(3)];
  for (const [v, vector] of vectors.entries()) {
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let i = 0; i < vector.length; i++) {
      const value = vector[i]!;
      a += value * p[i]!;
      b += value * q[i]!;
      c += value * r[i]!;
      d += value * s[i]!;
    }
    products[0]![v] = a;
    products[1]![v] = b;
    products[2]![v] = c;
    products[3]![v] = d;
  }
}

/** Places of the `count` greatest values, greatest first. */
function greatest(values: Float64Array, count: number): Uint32Array {
  const bar = values.toSorted()[values.length - count]!;
  const high: number[] = [];
  for (let i = 0; i < values.length; i++) if (values[i]! >= bar) high.push(i);
  const ordered = high.toSorted((a, b) => values[b]! - values[a]! || a - b);
  return Uint32Array.from(ordered.slice(0, count));
}

/** Ridge regression of every model's score on the vector: w = (X'X + lambda I)^-1 X'y around the means of X and y. */
export const RIDGE: PredictorFamily = {
  name: "ridge regression",
  settings: [1, 3, 10, 30, 100],
  settingName: "lambda",
  train: (lessons, settings) => {
    const { centre, means, rows, targets } = centred(lessons);
    const size = centre.length;
    // As many unknowns as there are rows or dimensions, whichever is less: X'(XX' + lambda I)^-1 y is the same.
    const isDual = rows.length < size;
    const left = isDual ? gramOfRows(rows) : gramOfColumns(rows, size);
    const right = isDual ? targets : momentsOf(rows, targets, size);
    return settings.map((lambda) => {
      const lower = cholesky(left, isDual ? rows.length : size, lambda);
      const weights = right.map((one) => {
        const solved = solve(lower, one);
        return isDual ? combine(rows, solved, size) : solved;
      });
      return (questions) =>
        questions.map((vector) =>
          weights.map((weight, m) => {
            let sum = means[m]!;
            for (let i = 0; i < size; i++) sum += weight[i]! * (vector[i]! - centre[i]!);
            return sum;
          }),
        );
    });
  },
};

function centred({ vectors, scores }: Lessons) {
  const size = vectors[0]!.length;
  const centre = new Float64Array(size);
  for (const vector of vectors)
    for (let i = 0; i < size; i++) centre[i]! += vector[i]! / vectors.length;
  const means = scores[0]!.map(
    (_, m) => scores.reduce((sum, one) => sum + one[m]!, 0) / scores.length,
  );
  return {
    centre,
    means,
    rows: vectors.map((vector) => Float64Array.from(vector, (value, i) => value - centre[i]!)),
    /** By model. */
    targets: means.map((mean, m) => Float64Array.from(scores, (one) => one[m]! - mean)),
  };
}

/** Lower triangle of X'X. */
function gramOfColumns(rows: readonly Float64Array[], size: number): Float64Array {
  const gram = new Float64Array(size * size);
  for (const row of rows)
    for (let i = 0; i < size; i++) {
      const value = row[i]!;
      const at = i * size;
      for (let j = 0; j <= i; j++) gram[at + j]! += value * row[j]!;
    }
  return gram;
}

/** Lower triangle of XX'. */
function gramOfRows(rows: readonly Float64Array[]): Float64Array {
  const gram = new Float64Array(rows.length ** 2);
  for (const [i, row] of rows.entries())
    for (let j = 0; j <= i; j++) {
      const other = rows[j]!;
      let sum = 0;
      for (let k = 0; k < row.length; k++) sum += row[k]! * other[k]!;
      gram[i * rows.length + j] = sum;
    }
  return gram;
}

const momentsOf = (
  rows: readonly Float64Array[],
  targets: readonly Float64Array[],
  size: number,
): readonly Float64Array[] => targets.map((target) => combine(rows, target, size));

/** Sum of the rows, each times its weight. */
function combine(rows: readonly Float64Array[], weights: Float64Array, size: number): Float64Array {
  const sum = new Float64Array(size);
  for (const [i, row] of rows.entries())
    for (let k = 0; k < size; k++) sum[k]! += weights[i]! * row[k]!;
  return sum;
}

/** L with L L' = A + lambda I, from the lower triangle of A; row by row in a full square. */
function cholesky(lowerA: Float64Array, size: number, lambda: number): Float64Array {
  const lower = lowerA.slice();
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = lower[i * size + j]! + (i === j ? lambda : 0);
      for (let k = 0; k < j; k++) sum -= lower[i * size + k]! * lower[j * size + k]!;
      lower[i * size + j] = i === j ? Math.sqrt(sum) : sum / lower[j * size + j]!;
    }
  return lower;
}

function solve(lower: Float64Array, target: Float64Array): Float64Array {
  const size = target.length;
  const x = target.slice();
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i]! -= lower[i * size + k]! * x[k]!;
    x[i]! /= lower[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i]! -= lower[k * size + i]! * x[k]!;
    x[i]! /= lower[i * size + i]!;
  }
  return x;
}

export interface FittedPredictor {
  /** Trained on everything. */
  readonly predict: Predict;
  /** For every lesson, by a predictor of the same setting that has seen none of its group. */
  readonly crossFitted: readonly (readonly number[])[];
  readonly setting: number;
  /** Mean squared error of `crossFitted`, summed over the models. */
  readonly error: number;
}

/** `folds`: the fold of each lesson, 0 to `count` - 1. */
export function fitPredictor(
  family: PredictorFamily,
  lessons: Lessons,
  folds: readonly number[],
  count: number,
): FittedPredictor {
  const { settings } = family;
  const predicted = settings.map(() => lessons.scores.map((): readonly number[] => []));
  for (let fold = 0; fold < count; fold++) {
    const inside = places(folds, (each) => each !== fold);
    if (inside.length === 0) throw new RangeError("a fold holds everything");
    const predictors = family.train(subset(lessons, inside), settings);
    const outside = places(folds, (each) => each === fold);
    const { vectors } = subset(lessons, outside);
    for (const [s, predict] of predictors.entries())
      for (const [i, scores] of predict(vectors).entries()) predicted[s]![outside[i]!] = scores;
  }
  const errors = predicted.map((all) => squaredError(all, lessons.scores));
  const best = errors.indexOf(Math.min(...errors));
  const setting = settings[best]!;
  return {
    predict: family.train(lessons, [setting])[0]!,
    crossFitted: predicted[best]!,
    setting,
    error: errors[best]!,
  };
}

function places(folds: readonly number[], test: (fold: number) => boolean): readonly number[] {
  return folds.flatMap((fold, place) => (test(fold) ? [place] : []));
}

const subset = ({ vectors, scores }: Lessons, some: readonly number[]): Lessons => ({
  vectors: some.map((place) => vectors[place]!),
  scores: some.map((place) => scores[place]!),
});

function squaredError(
  predicted: readonly (readonly number[])[],
  actual: readonly (readonly number[])[],
): number {
  let sum = 0;
  for (const [i, scores] of actual.entries())
    for (const [m, score] of scores.entries()) sum += (predicted[i]![m]! - score) ** 2;
  return sum / actual.length;
}
