// From trained weights to a published policy: what serves now is read back, the gate compares the two on the log, and what
// passes is signed and written as the next version. Several trainers may do so: the pointer moves by compare-and-swap.
import { RESOLVER_VERSION } from "../policy/cache/resolver.ts";
import { equalBytes } from "../policy/network/bytes.ts";
import { Forward } from "../policy/network/forward.ts";
import { FIXED_RULE } from "../policy/network/greedy.ts";
import { type Weights } from "../policy/network/layout.ts";
import {
  type Manifest,
  POINTER_KEY,
  blobKey,
  manifestKey,
  parseAscii,
  parseEnvelope,
  pointerVersion,
} from "../policy/network/manifest.ts";
import { verifyBlob } from "../policy/network/manifest-gate.ts";
import { type PackedPolicy } from "../policy/network/packed-weights.ts";
import { type Observation, type Policy } from "../policy/network/policy.ts";
import { Random } from "../policy/random.ts";
import { type EdgeClient, EdgeError } from "./edge-client.ts";
import { gate, GATE_SETTINGS, type GateVerdict, loggedDecision } from "./gate.ts";
import { httpBucket } from "./http-bucket.ts";
import { type Lesson } from "./lessons.ts";
import { type Purpose } from "./live-state.ts";
import { type Bucket, makeRelease, publish, type Release, type Signer } from "./publish.ts";

const { subtle } = globalThis.crypto;
const DAY_MS = 86_400_000;
/** A policy that nobody replaces or confirms for so long is not served any more. */
const VALID_MS = 90 * DAY_MS;
/** Of so many newest decisions, most are by the policy that serves: a canary decides few, one taken out none. */
const NEWEST = 200;
/** A trainer that died before it moved the pointer leaves a number taken, which is passed over. */
const MAX_SKIPPED = 3;

/** Something about the bucket that keeps a policy from being judged or published. */
class BucketError extends Error {
  override readonly name = "BucketError";
}

type Infer = Pick<Policy, "infer">["infer"];

const inferWith =
  (forward: Forward): Infer =>
  ({ f, c, omega }) =>
    Promise.resolve(forward.run(f, c, omega, null));

/** What the log says of the candidate beside the policy that serves. */
export async function judge(
  candidate: Forward,
  current: Infer,
  log: readonly Lesson[],
  seed: number,
): Promise<GateVerdict> {
  const decisions = log.map(loggedDecision);
  const serving = new Map<Observation, Float32Array>();
  for (const decision of decisions) serving.set(decision, (await current(decision)).probs);
  return gate(
    ({ f, c, omega }) => candidate.run(f, c, omega, null).probs,
    (observation) => serving.get(observation) ?? Float32Array.of(1, 0),
    decisions,
    { ...GATE_SETTINGS, seed },
  );
}

export interface Offer {
  /** The version that was published, or null. */
  readonly published: number | null;
  /** The newest version in the bucket; null: it could not be read. */
  readonly newest: number | null;
  /** Which policy the candidate was compared with. */
  readonly against: string | null;
  /** Why it was not published; "" when it was. */
  readonly why: string;
  readonly verdict: GateVerdict | null;
}

interface PublisherOptions {
  readonly bucket: Bucket;
  readonly signer: Signer;
  readonly purpose: Purpose;
  /** What the gateway brings along, for as long as nothing is published. */
  readonly builtIn: readonly PackedPolicy[];
  readonly seed: number;
  readonly now?: () => number;
}

export class Publisher {
  readonly #options: Required<PublisherOptions>;

  constructor(options: PublisherOptions) {
    this.#options = { now: Date.now, ...options };
  }

  /** The newest published version, 0 before the first; throws EdgeError when no gateway can say. */
  async newest(): Promise<number> {
    const pointer = await this.#options.bucket.get(POINTER_KEY);
    if (pointer === null) return 0;
    const version = pointerVersion(new Uint8Array(await pointer.arrayBuffer()));
    if (version === null) throw new BucketError(`${POINTER_KEY} in the bucket is no pointer`);
    return version;
  }

  /** Judges the weights and publishes them when they pass. A gateway that cannot be asked is a reason, not an error. */
  async offer(weights: Weights, log: readonly Lesson[], update: number): Promise<Offer> {
    const { purpose, seed } = this.#options;
    let newest: number | null = null;
    try {
      newest = await this.newest();
      const serving = await this.#serving(log);
      const verdict = await judge(new Forward(purpose.network, weights), serving.infer, log, seed);
      const { name: against } = serving;
      const found = { newest, against, verdict, published: null };
      if (!verdict.accepted)
        return { ...found, why: `the gate refuses it: ${verdict.reasons.join("; ")}` };
      return { ...found, ...(await this.#publish(weights, newest, verdict, update)) };
    } catch (error) {
      if (!(error instanceof EdgeError || error instanceof BucketError)) throw error;
      return { published: null, newest, against: null, why: error.message, verdict: null };
    }
  }

  async #publish(
    weights: Weights,
    newest: number,
    verdict: GateVerdict,
    update: number,
  ): Promise<Pick<Offer, "published" | "newest" | "why">> {
    const { bucket, signer, purpose, seed, now } = this.#options;
    const previous = newest === 0 ? null : await this.#manifest(newest);
    const created = now();
    for (let version = newest + 1; version <= newest + MAX_SKIPPED; version++) {
      const release = await makeRelease({
        config: purpose.network,
        weights,
        version,
        previous,
        name: `dlrs-${update}`,
        embedder: purpose.embedder,
        input: purpose.input,
        resolverVersion: RESOLVER_VERSION,
        trainingEpoch: update,
        created,
        expires: created + VALID_MS,
        gate: verdict.report,
        random: new Random(seed + update),
        signer,
        subtle,
      });
      const outcome = await publish(release, bucket);
      if (outcome === "published" || (await this.#isCurrent(release)))
        return { published: version, newest: version, why: "" };
      if (outcome === "version-taken") continue;
      const why =
        outcome === "pointer-unreadable"
          ? `${POINTER_KEY} in the bucket is no pointer`
          : "another trainer published meanwhile";
      return { published: null, newest: await this.newest(), why };
    }
    return { published: null, newest, why: `versions after ${newest} are taken` };
  }

  /** The reply to our own write may have been lost. */
  async #isCurrent({ files, manifest: { version } }: Release): Promise<boolean> {
    if ((await this.newest()) !== version) return false;
    const stored = await this.#options.bucket.get(manifestKey(version));
    const bytes = stored && new Uint8Array(await stored.arrayBuffer());
    return bytes !== null && equalBytes(bytes, files.get(manifestKey(version))!);
  }

  /** The policy that decides in the regions now, as their log tells. */
  async #serving(
    log: readonly Lesson[],
  ): Promise<{ readonly name: string; readonly infer: Infer }> {
    const version = servingVersion(log);
    if (version === 0) return await this.#baseline(log);
    const manifest = await this.#manifest(version);
    const blob = await this.#options.bucket.get(blobKey(manifest.blob.sha256));
    if (blob === null)
      throw new BucketError(`the weights of version ${version}, which serves, are gone`);
    const checked = await verifyBlob(new Uint8Array(await blob.arrayBuffer()), manifest, subtle);
    if (!checked.ok)
      throw new BucketError(`version ${version}, which serves, is ${checked.reason}`);
    return { name: `${manifest.name}@${version}`, infer: inferWith(checked.value) };
  }

  async #manifest(version: number): Promise<Manifest> {
    const object = await this.#options.bucket.get(manifestKey(version));
    if (object === null) throw new BucketError(`the manifest of version ${version} is gone`);
    const envelope = parseEnvelope(parseAscii(new Uint8Array(await object.arrayBuffer())));
    if (envelope === null)
      throw new BucketError(`the manifest of version ${version} cannot be read`);
    return envelope.manifest;
  }

  /** Version 0 is a network that the gateway brings along, or the fixed rule: the one whose probabilities were logged. */
  async #baseline(
    log: readonly Lesson[],
  ): Promise<{ readonly name: string; readonly infer: Infer }> {
    const { builtIn, purpose } = this.#options;
    const decided = log.filter(({ policyVersion }) => policyVersion === 0).slice(-NEWEST);
    const candidates = [
      ...builtIn
        .filter(({ embedder }) => embedder === purpose.embedder)
        .map(({ name, network, weights }) => ({
          name,
          infer: inferWith(new Forward(network, weights)),
        })),
      { name: FIXED_RULE.name, infer: (observation: Observation) => FIXED_RULE.infer(observation) },
    ];
    let best = { ...candidates[0]!, distance: Infinity };
    for (const candidate of candidates) {
      let distance = 0;
      for (const decision of decided)
        distance += Math.abs((await candidate.infer(decision)).probs[0]! - decision.probs[0]!);
      if (distance < best.distance) best = { ...candidate, distance };
    }
    return { name: `${best.name}@0`, infer: best.infer };
  }
}

export function servingVersion(log: readonly Lesson[]): number {
  const newest = log.toSorted((a, b) => b.at - a.at).slice(0, NEWEST);
  const counts = Map.groupBy(newest, ({ policyVersion }) => policyVersion);
  const [most] = [...counts].toSorted(([, a], [, b]) => b.length - a.length);
  return most?.[0] ?? 0;
}

/** The one bucket behind all gateways, through the first of them that answers. */
export function bucketOf(edges: readonly EdgeClient[]): Bucket {
  const buckets = edges.map(httpBucket);
  const first = async <T>(use: (bucket: Bucket) => Promise<T>): Promise<T> => {
    let failure: unknown = new BucketError("there is no gateway to ask");
    for (const bucket of buckets)
      try {
        return await use(bucket);
      } catch (error) {
        if (!(error instanceof EdgeError)) throw error;
        failure = error;
      }
    throw failure;
  };
  return {
    get: (key) => first((bucket) => bucket.get(key)),
    put: (key, value, options) => first((bucket) => bucket.put(key, value, options)),
  };
}
