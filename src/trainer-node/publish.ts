// Publishing a policy: make the signed files, then write them so that a reader finds a complete version at every moment:
// blob, manifest, pointer, in this order; the first two are never overwritten, the last moves by compare-and-swap.
import { type Bytes, equalBytes, toHex } from "../policy/network/bytes.ts";
import { Forward } from "../policy/network/forward.ts";
import { type NetworkConfig, type Weights, graphShapes } from "../policy/network/layout.ts";
import {
  type Envelope,
  type GoldenVector,
  type Manifest,
  POINTER_KEY,
  blobKey,
  canonicalBytes,
  followsVersion,
  manifestKey,
  pointerVersion,
} from "../policy/network/manifest.ts";
import { type Subtle, sha256, skeletonHash } from "../policy/network/manifest-gate.ts";
import { actorModel } from "../policy/network/onnx-graph.ts";
import {
  CORRELATION_SIZE,
  EMBEDDING_SIZE,
  NEIGHBOURS,
  type PolicyInput,
} from "../policy/network/policy.ts";
import { encodeFloats, roundToHalf } from "../policy/half.ts";
import { type Random } from "../policy/random.ts";

export interface Signer {
  readonly keyId: string;
  /** Ed25519, 64 bytes. */
  sign(bytes: Bytes): Promise<Bytes>;
}

export interface ReleaseOptions extends Pick<
  Manifest,
  "version" | "name" | "embedder" | "resolverVersion" | "trainingEpoch" | "created" | "expires"
> {
  readonly config: NetworkConfig;
  readonly weights: Weights;
  /** The manifest published before, or null. */
  readonly previous: Manifest | null;
  readonly role?: Manifest["role"];
  /** "quantiles" goes with `embedder` "*": such a policy serves with any. */
  readonly input?: PolicyInput;
  readonly gate?: Manifest["gate"];
  /** Draws the inputs of the golden vectors. */
  readonly random: Random;
  readonly signer: Signer;
  readonly subtle: Subtle;
}

export interface Release {
  readonly manifest: Manifest;
  readonly model: Bytes;
  /** Object key -> bytes, in the order in which they must be written. */
  readonly files: ReadonlyMap<string, Bytes>;
}

const GOLDEN_VECTORS = 4;

/** Constants of correlationMatrix in product mode: what stands for a missing row, k - 1.5, ln(1 + n) / 3. */
const PRODUCT_NORMALISER = { missingDistance: 2, rowTypeOffset: 1.5, useCountDivisor: 3 };

export async function makeRelease(options: ReleaseOptions): Promise<Release> {
  const { config, weights, previous, random, signer, subtle } = options;
  const model = actorModel(config, weights);
  const forward = new Forward(config, weights);
  const manifest: Manifest = {
    format: 1,
    version: options.version,
    previous: previous && (await sha256(canonicalBytes(previous), subtle)),
    name: options.name,
    role: options.role ?? "release",
    blob: { sha256: await sha256(model, subtle), size: model.length },
    skeleton: await skeletonHash(config, subtle),
    shapes: graphShapes(config),
    network: config,
    normaliser:
      options.input === "quantiles"
        ? { ...PRODUCT_NORMALISER, distanceQuantiles: 1 }
        : PRODUCT_NORMALISER,
    embedder: options.embedder,
    resolverVersion: options.resolverVersion,
    golden: Array.from({ length: GOLDEN_VECTORS }, () => goldenVector(forward, random)),
    trainingEpoch: options.trainingEpoch,
    created: options.created,
    expires: options.expires,
    gate: options.gate ?? {},
  };
  const envelope: Envelope = {
    manifest,
    signatures: [
      {
        keyId: signer.keyId,
        signature: toHex(await signer.sign(canonicalBytes(manifest))),
      },
    ],
  };
  const files = new Map([
    [blobKey(manifest.blob.sha256), model],
    [manifestKey(manifest.version), canonicalBytes(envelope)],
    [POINTER_KEY, canonicalBytes({ version: manifest.version })],
  ]);
  return { manifest, model, files };
}

/** Inputs like those of a request: a unit embedding, ten rows by distance, noise. */
export function exampleInput(random: Random, { actions, steps }: NetworkConfig) {
  const normal = () => random.normal();
  const direction = Float32Array.from({ length: EMBEDDING_SIZE }, normal);
  const length = Math.hypot(...direction);
  const c = new Float32Array(CORRELATION_SIZE);
  const distances = Array.from({ length: NEIGHBOURS }, () => 1.6 * random.uniform()).toSorted(
    (a, b) => a - b,
  );
  for (let p = 0; p < NEIGHBOURS; p++) {
    c[p] = distances[p]!;
    c[NEIGHBOURS + p] = -0.5;
    c[2 * NEIGHBOURS + p] = Math.log1p(1 + Math.floor(5 * random.uniform())) / 3;
  }
  return {
    f: roundToHalf(direction.map((value) => value / length)),
    c,
    omega: Math.fround(random.uniform() - 1.5),
    noise: Float32Array.from({ length: (steps + 1) * actions }, normal),
  };
}

function goldenVector(forward: Forward, random: Random): GoldenVector {
  const { f, c, omega, noise } = exampleInput(random, forward.config);
  return {
    f: encodeFloats(f),
    c: encodeFloats(c),
    omega,
    noise: encodeFloats(noise),
    logits: encodeFloats(forward.run(f, c, omega, noise).logits),
  };
}

/** What is used of an R2 bucket. A put whose condition fails resolves to null. */
export interface Bucket {
  get(key: string): Promise<{ readonly etag: string; arrayBuffer(): Promise<ArrayBuffer> } | null>;
  put(
    key: string,
    value: Bytes,
    options: { onlyIf: { etagMatches: string } | { etagDoesNotMatch: string } },
  ): Promise<object | null>;
}

export type PublishOutcome =
  | "published"
  | "pointer-unreadable"
  | "version-taken"
  | "version-does-not-follow"
  | "pointer-moved";

/** Can be repeated after a crash at any point. A reader sees the old version or the new one, never a part. */
export async function publish(release: Release, bucket: Bucket): Promise<PublishOutcome> {
  const pointer = await bucket.get(POINTER_KEY);
  const last = pointer ? pointerVersion(new Uint8Array(await pointer.arrayBuffer())) : 0;
  // A pointer that somebody broke is not overwritten: that would hide it.
  if (last === null) return "pointer-unreadable";
  if (!followsVersion(release.manifest.version, last)) return "version-does-not-follow";
  for (const [key, bytes] of release.files) {
    if (key === POINTER_KEY) {
      const onlyIf = pointer ? { etagMatches: pointer.etag } : { etagDoesNotMatch: "*" };
      return (await bucket.put(key, bytes, { onlyIf })) ? "published" : "pointer-moved";
    }
    const written = await bucket.put(key, bytes, { onlyIf: { etagDoesNotMatch: "*" } });
    if (written === null && !(await holds(bucket, key, bytes))) return "version-taken";
  }
  throw new Error("a release has a pointer");
}

async function holds(bucket: Bucket, key: string, bytes: Bytes): Promise<boolean> {
  const object = await bucket.get(key);
  return object !== null && equalBytes(new Uint8Array(await object.arrayBuffer()), bytes);
}
