// The gate between a bucket that somebody may have written to and the policy that serves. Checks stand in the order in
// which they are cheap and trustworthy: nothing of a file is used before the signature, no runtime sees a file before its
// hash and its skeleton are right. TUF's attacks each have their refusal: endless data, rollback, fast-forward, freeze,
// mix-and-match, wrong software.
import { decodeFloats } from "../half.ts";
import { type Bytes, equalBytes, fromHex, toHex } from "./bytes.ts";
import { Forward } from "./forward.ts";
import { type NetworkConfig, type Weights, parameterShapes } from "./layout.ts";
import {
  type GoldenVector,
  MAX_MANIFEST_BYTES,
  MAX_VERSION_STEP,
  type Manifest,
  type Signature,
  canonicalBytes,
  parseAscii,
  parseEnvelope,
} from "./manifest.ts";
import { type OnnxContent, readOnnx } from "./onnx-file.ts";
import { actorModel } from "./onnx-graph.ts";

/** Why a published file was not taken. Each check has its own. */
export type Refusal =
  | "manifest-too-large"
  | "manifest-malformed"
  | "manifest-not-canonical"
  | "signature-duplicated"
  | "signature-unknown-key"
  | "signature-wrong"
  | "not-a-release"
  | "version-not-newer"
  | "version-too-far"
  | "expired"
  | "blob-size"
  | "blob-hash"
  | "blob-malformed"
  | "skeleton"
  | "weights-not-finite"
  | "weights-too-large"
  | "golden-vectors";

export type Verdict<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: Refusal };

/** A key that may sign; several, so that keys can be rotated. */
export interface PublicKey {
  readonly id: string;
  /** 32 bytes of Ed25519, hex. */
  readonly publicKey: string;
}

/** What is used of WebCrypto's SubtleCrypto. */
export interface Subtle {
  digest(algorithm: string, data: Bytes): Promise<ArrayBuffer>;
  importKey(
    format: "raw",
    data: Bytes,
    algorithm: string,
    extractable: boolean,
    usages: "verify"[],
  ): Promise<object>;
  verify(algorithm: string, key: object, signature: Bytes, data: Bytes): Promise<boolean>;
}

export interface GateOptions {
  readonly subtle: Subtle;
  readonly keys: readonly PublicKey[];
  /** `version`: the one that serves; `newest`: the highest that this deployment has accepted anywhere. */
  readonly known: { readonly version: number; readonly newest?: number };
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** No trained weight comes near; a larger one overflows float32 within the chain. */
const MAX_WEIGHT = 1000;
/** Allowed difference of a golden logit, relative to max(1, |logit|). */
const GOLDEN_TOLERANCE = 1e-4;

const refuse = (reason: Refusal) => ({ ok: false, reason }) as const;
const accept = <T>(value: T) => ({ ok: true, value }) as const;

/** @param bytes the file m/<version>.json */
export async function verifyManifest(
  bytes: Uint8Array,
  { subtle, keys, known, now }: GateOptions,
): Promise<Verdict<Manifest>> {
  if (bytes.length > MAX_MANIFEST_BYTES) return refuse("manifest-too-large");
  const envelope = parseEnvelope(parseAscii(bytes));
  if (envelope === null) return refuse("manifest-malformed");
  const { manifest, signatures } = envelope;
  if (!equalBytes(canonicalBytes(envelope), bytes)) return refuse("manifest-not-canonical");
  const unsigned = await signatureProblem(manifest, signatures, { subtle, keys });
  if (unsigned !== null) return refuse(unsigned);
  if (manifest.role !== "release") return refuse("not-a-release");
  if (manifest.version <= known.version) return refuse("version-not-newer");
  if (manifest.version > Math.max(known.version, known.newest ?? 0) + MAX_VERSION_STEP)
    return refuse("version-too-far");
  if (manifest.expires <= now) return refuse("expired");
  return accept(manifest);
}

/** One good signature by a known key; two by one key are a forgery of a second signer. */
async function signatureProblem(
  manifest: Manifest,
  signatures: readonly Signature[],
  { subtle, keys }: Pick<GateOptions, "subtle" | "keys">,
): Promise<Refusal | null> {
  if (new Set(signatures.map(({ keyId }) => keyId)).size < signatures.length)
    return "signature-duplicated";
  const signed = canonicalBytes(manifest);
  let problem: Refusal = "signature-unknown-key";
  for (const { keyId, signature } of signatures) {
    const raw = fromHex(keys.find(({ id }) => id === keyId)?.publicKey ?? "");
    const signatureBytes = fromHex(signature);
    if (raw === null || raw.length === 0 || signatureBytes === null) continue;
    const key = await subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
    if (await subtle.verify("Ed25519", key, signatureBytes, signed)) return null;
    problem = "signature-wrong";
  }
  return problem;
}

/** The weights of a blob that is exactly what the manifest announced, on our own graph, with the promised outputs. */
export async function verifyBlob(
  blob: Bytes,
  manifest: Manifest,
  subtle: Subtle,
): Promise<Verdict<Forward>> {
  if (blob.length !== manifest.blob.size) return refuse("blob-size");
  if ((await sha256(blob, subtle)) !== manifest.blob.sha256) return refuse("blob-hash");
  let content: OnnxContent;
  try {
    content = readOnnx(blob);
  } catch {
    return refuse("blob-malformed");
  }
  // Compared with the graph that this build writes: a signed manifest cannot bring another one.
  const skeleton = await sha256(content.skeleton, subtle);
  if (skeleton !== manifest.skeleton) return refuse("skeleton");
  if (skeleton !== (await skeletonHash(manifest.network, subtle))) return refuse("skeleton");
  let largest = 0;
  for (const values of content.floats.values())
    for (const value of values) {
      if (!Number.isFinite(value)) return refuse("weights-not-finite");
      largest = Math.max(largest, Math.abs(value));
    }
  if (largest > MAX_WEIGHT) return refuse("weights-too-large");
  const forward = new Forward(manifest.network, actorWeights(content, manifest.network));
  const right = manifest.golden.every((vector) => {
    const { f, c, omega, noise, logits } = goldenNumbers(vector);
    return agrees(forward.run(f, c, omega, noise).logits, logits);
  });
  return right ? accept(forward) : refuse("golden-vectors");
}

/** SHA-256 of the skeleton of our own graph for this configuration. */
export async function skeletonHash(config: NetworkConfig, subtle: Subtle): Promise<string> {
  return sha256(readOnnx(actorModel(config, null)).skeleton, subtle);
}

function actorWeights({ floats }: OnnxContent, config: NetworkConfig): Weights {
  const weights = new Map<string, Float32Array>();
  // The skeleton is ours, so every parameter is there in its size.
  for (const name of parameterShapes(config).keys()) weights.set(name, floats.get(name)!);
  return weights;
}

export async function sha256(bytes: Bytes, subtle: Subtle): Promise<string> {
  return toHex(new Uint8Array(await subtle.digest("SHA-256", bytes)));
}

/** A golden vector as numbers: [768], [30], one, [T+1, A], [A]. */
export interface GoldenNumbers {
  readonly f: Float32Array;
  readonly c: Float32Array;
  readonly omega: number;
  readonly noise: Float32Array;
  readonly logits: Float32Array;
}

/** Whether logits are those of a golden vector. */
export function agrees(logits: Float32Array, golden: Float32Array): boolean {
  return golden.every(
    (want, a) => Math.abs(logits[a]! - want) <= GOLDEN_TOLERANCE * Math.max(1, Math.abs(want)),
  );
}

export function goldenNumbers(vector: GoldenVector): GoldenNumbers {
  return {
    f: decodeFloats(vector.f),
    c: decodeFloats(vector.c),
    omega: vector.omega,
    noise: decodeFloats(vector.noise),
    logits: decodeFloats(vector.logits),
  };
}

/** "id:hex,id:hex" as in the deployment's setting; entries that are no key are refused by throwing. */
export function parsePublicKeys(setting: string): readonly PublicKey[] {
  return setting
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [id, publicKey, ...rest] = entry.split(":");
      if (!id || publicKey === undefined || rest.length > 0 || fromHex(publicKey)?.length !== 32)
        throw new Error(`signing keys: "${entry.slice(0, 40)}" is not <id>:<64 hex digits>`);
      return { id, publicKey };
    });
}
