/** Least squares that take one sample at a time: keeps X'X and X'y. */
export class NormalEquations {
  readonly #size: number;
  /** Lower triangle of X'X, row by row in a full square. */
  readonly #gram: Float64Array;
  readonly #moment: Float64Array;

  constructor(size: number) {
    this.#size = size;
    this.#gram = new Float64Array(size * size);
    this.#moment = new Float64Array(size);
  }

  add(x: Float64Array, y: number): void {
    const n = this.#size;
    for (let i = 0; i < n; i++) {
      const value = x[i]!;
      this.#moment[i]! += value * y;
      if (value === 0) continue;
      for (let j = 0; j <= i; j++) this.#gram[i * n + j]! += value * x[j]!;
    }
  }

  /** (X'X + ridge I)^-1 X'y by Cholesky's decomposition; all zeros before the first sample. `ridge` > 0. */
  solve(ridge: number): Float64Array {
    const n = this.#size;
    const lower = this.#gram.slice();
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) {
        let sum = lower[i * n + j]! + (i === j ? ridge : 0);
        for (let k = 0; k < j; k++) sum -= lower[i * n + k]! * lower[j * n + k]!;
        if (i !== j) lower[i * n + j] = sum / lower[j * n + j]!;
        else if (sum > 0) lower[i * n + i] = Math.sqrt(sum);
        else throw new RangeError(`no positive definite matrix with a ridge of ${ridge}`);
      }
    const solution = this.#moment.slice();
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) solution[i]! -= lower[i * n + k]! * solution[k]!;
      solution[i]! /= lower[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) solution[i]! -= lower[k * n + i]! * solution[k]!;
      solution[i]! /= lower[i * n + i]!;
    }
    return solution;
  }
}
