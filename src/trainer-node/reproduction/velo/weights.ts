// Trained weights between jobs: what the paper's settings taught is where the settings of the grid begin.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type NetworkConfig,
  type Weights,
  elements,
  parameterShapes,
} from "../../../policy/network/layout.ts";

/** float32, little endian, in the order of `parameterShapes`. */
export function writeWeights(
  folder: string,
  name: string,
  network: NetworkConfig,
  weights: Weights,
): void {
  mkdirSync(folder, { recursive: true });
  const parts = [...parameterShapes(network).keys()].map((key) => {
    const { buffer, byteOffset, byteLength } = weights.get(key)!;
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  const file = join(folder, `${name}.bin`);
  // Another run in the same folder writes beside another name.
  const draft = `${file}.${process.pid}.part`;
  writeFileSync(draft, Buffer.concat(parts));
  renameSync(draft, file);
}

export const hasWeights = (folder: string, name: string): boolean =>
  existsSync(join(folder, `${name}.bin`));

/** Throws when the file is not there or belongs to another network. */
export function readWeights(folder: string, name: string, network: NetworkConfig): Weights {
  const file = join(folder, `${name}.bin`);
  if (!existsSync(file))
    throw new Error(
      `${file} is missing: delete the result of the job that keeps it and run it first`,
    );
  const bytes = readFileSync(file);
  const weights = new Map<string, Float32Array>();
  let at = 0;
  for (const [key, dims] of parameterShapes(network)) {
    const size = 4 * elements(dims);
    weights.set(
      key,
      new Float32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + size)),
    );
    at += size;
  }
  if (at !== bytes.length)
    throw new Error(
      `${name}.bin has ${bytes.length} bytes instead of ${at}: weights of another network`,
    );
  return weights;
}
