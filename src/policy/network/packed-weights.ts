// A policy as one file beside the code: a line of JSON, then every weight as fp16 in the order of layout.ts. The rounded
// weights are the policy: whoever unpacks them computes with exactly these numbers.
import { packHalf, unpackHalf } from "../half.ts";
import { type Bytes, fromAscii, toAscii } from "./bytes.ts";
import { type NetworkConfig, type Weights, elements, parameterShapes } from "./layout.ts";
import { canonicalJson, parseAscii } from "./manifest.ts";
import { type PolicyInput } from "./policy.ts";

export interface PackedPolicy {
  /** For headers and receipts, e.g. "dlrs-l10". */
  readonly name: string;
  /** Embedder it was trained with, or "*". */
  readonly embedder: string;
  readonly input: PolicyInput;
  readonly network: NetworkConfig;
  readonly weights: Weights;
}

const FORMAT = "velo-policy-1";
const NEW_LINE = 10;

/** Throws RangeError when a weight is missing, has another size, or does not fit into fp16. */
export function packPolicy({ name, embedder, input, network, weights }: PackedPolicy): Bytes {
  const head = fromAscii(`${canonicalJson({ format: FORMAT, name, embedder, input, network })}\n`);
  const parts = [head];
  for (const [parameter, dims] of parameterShapes(network)) {
    const values = weights.get(parameter);
    if (values?.length !== elements(dims))
      throw new RangeError(`${parameter} has ${values?.length} values, not ${dims.join(" x ")}`);
    if (!values.every((value) => Math.abs(value) < 65_504))
      throw new RangeError(`${parameter} has a value that is no fp16 number`);
    parts.push(packHalf(values));
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Throws RangeError when the bytes are no packed policy, or are cut short. */
export function unpackPolicy(bytes: Uint8Array): PackedPolicy {
  const end = bytes.indexOf(NEW_LINE);
  const head = end > 0 && toAscii(bytes.subarray(0, end)) !== null;
  const fields = head ? parseAscii(bytes.subarray(0, end)) : null;
  if (!isHead(fields)) throw new RangeError("these bytes are no packed policy");
  const { name, embedder, input, network } = fields;
  const shapes = parameterShapes(network);
  let at = end + 1;
  const size = [...shapes.values()].reduce((sum, dims) => sum + 2 * elements(dims), 0);
  if (bytes.length !== at + size)
    throw new RangeError(`${bytes.length - at} bytes of weights instead of ${size}`);
  const weights = new Map<string, Float32Array>();
  for (const [parameter, dims] of shapes) {
    const length = 2 * elements(dims);
    weights.set(parameter, unpackHalf(new DataView(bytes.buffer, bytes.byteOffset + at, length)));
    at += length;
  }
  return { name, embedder, input, network, weights };
}

/** Our own file: its format line is checked, its fields are trusted. */
const isHead = (
  value: unknown,
): value is Omit<PackedPolicy, "weights"> & { readonly format: string } =>
  typeof value === "object" && value !== null && "format" in value && value.format === FORMAT;
