import { createHash } from "node:crypto";

/** Uniform in [0, 1), the same for the same seed and names: chance that does not depend on the order of requests. */
export function chance(seed: number, ...names: readonly string[]): number {
  const digest = createHash("sha256")
    .update([seed, ...names].join("\u0000"))
    .digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}
