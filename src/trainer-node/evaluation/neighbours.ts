// Which texts of a stream lie near which: computed once, so that many rules can be tried on the same cache contents.

export interface Neighbour {
  /** Place of the text. */
  readonly text: number;
  readonly cosine: number;
}

/** For each text the others of at least this cosine, nearest first. Unit vectors; n^2 / 2 inner products. */
export function neighboursOf(
  vectors: readonly Float32Array[],
  least: number,
  onProgress?: (done: number, total: number) => void,
): readonly (readonly Neighbour[])[] {
  const lists: Neighbour[][] = vectors.map(() => []);
  for (let i = 0; i < vectors.length; i++) {
    for (let j = 0; j < i; j++) {
      const cosine = inner(vectors[i]!, vectors[j]!);
      if (cosine < least) continue;
      lists[i]!.push({ text: j, cosine });
      lists[j]!.push({ text: i, cosine });
    }
    onProgress?.(i + 1, vectors.length);
  }
  for (const list of lists) list.sort((a, b) => b.cosine - a.cosine);
  return lists;
}

/** Inner product. Four sums side by side: the processor need not wait for one addition before the next. */
export function inner(left: Float32Array, right: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const { length } = left;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    a += left[i]! * right[i]!;
    b += left[i + 1]! * right[i + 1]!;
    c += left[i + 2]! * right[i + 2]!;
    d += left[i + 3]! * right[i + 3]!;
  }
  for (; i < length; i++) a += left[i]! * right[i]!;
  return a + b + (c + d);
}
