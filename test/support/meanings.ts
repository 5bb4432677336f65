// Vectors of texts: strangers to each other, unless a test says how alike two of them are.
import { createHash } from "node:crypto";
import { Random } from "../../src/policy/random.ts";

export class Meanings {
  readonly #dimensions: number;
  readonly #vectors = new Map<string, Float32Array>();

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
  }

  /** A unit vector drawn from the text's hash, or what `alike` said. */
  vectorOf(text: string): Float32Array {
    const known = this.#vectors.get(text);
    if (known !== undefined) return known;
    const random = new Random(createHash("sha256").update(text).digest().readUInt32LE());
    const drawn = Float32Array.from({ length: this.#dimensions }, () => random.normal());
    const norm = Math.sqrt(dot(drawn, drawn));
    const unit = drawn.map((value) => value / norm);
    this.#vectors.set(text, unit);
    return unit;
  }

  /** Gives `text` a vector at this cosine to that of `other`. */
  alike(text: string, other: string, cosine: number): void {
    const a = this.vectorOf(other);
    const b = this.vectorOf(`orthogonal to ${text}`);
    const along = dot(a, b);
    const rest = b.map((value, i) => value - along * a[i]!);
    const norm = Math.sqrt(dot(rest, rest));
    const sine = Math.sqrt(1 - cosine ** 2);
    this.#vectors.set(
      text,
      a.map((value, i) => cosine * value + (sine * rest[i]!) / norm),
    );
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
