// The embedding call. A vector that is not a finite, non-zero vector of the right size is an error, never stored: one
// degenerate vector would be everybody's neighbour.
import { type AiBinding } from "../env.ts";

/** @returns one unit vector of `dimensions` values per text, in order */
export async function embed(
  ai: AiBinding,
  model: string,
  dimensions: number,
  texts: readonly string[],
): Promise<readonly Float32Array[]> {
  const reply = (await ai.run(model, { text: texts })) as { readonly data?: readonly unknown[] };
  if (reply.data?.length !== texts.length)
    throw new Error(
      `the embedder returned ${reply.data?.length} vectors for ${texts.length} texts`,
    );
  return reply.data.map((values) => unitVector(values, dimensions));
}

function unitVector(values: unknown, dimensions: number): Float32Array {
  if (!Array.isArray(values) && !(values instanceof Float32Array))
    throw new Error("the embedder returned no vector");
  const vector = Float32Array.from(values as ArrayLike<number>);
  if (vector.length !== dimensions)
    throw new Error(`the embedder returned ${vector.length} values, expected ${dimensions}`);
  let square = 0;
  for (const value of vector) square += value * value;
  if (!Number.isFinite(square) || square < 1e-12)
    throw new Error("the embedder returned a degenerate vector");
  const norm = Math.sqrt(square);
  for (let i = 0; i < vector.length; i++) vector[i]! /= norm;
  return vector;
}
