// Inner loops and hashes of the local index and embedder.

/** Four sums instead of one: each addition need not wait for the one before it. */
export function dot(query: Float32Array, block: Float32Array, start: number): number {
  const size = query.length;
  const even = size - (size % 4);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i < even; i += 4) {
    a += query[i]! * block[start + i]!;
    b += query[i + 1]! * block[start + i + 1]!;
    c += query[i + 2]! * block[start + i + 2]!;
    d += query[i + 3]! * block[start + i + 3]!;
  }
  for (; i < size; i++) a += query[i]! * block[start + i]!;
  return a + b + c + d;
}

/** Length of a vector; 1 for the zero vector, whose score is then 0. */
export function norm(values: Float32Array, start: number, size: number): number {
  let sum = 0;
  for (let i = start; i < start + size; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum) || 1;
}

export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

export function hashFloats(values: Float32Array): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let hash = 0x811c9dc5;
  for (const word of bits) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}

/** Finaliser of MurmurHash3: FNV alone leaves the low bits of similar texts alike. */
export function mix(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
