// From trained weights to a published policy: what serves now is read back, the gate compares the two on the log, and what
// passes is signed and written as the next version. Several trainers may do so: the pointer moves by compare-and-swap.
import { RESOLVER_VERSION } from "../policy/cache/resolver.ts";
import { equalBytes } from "../policy/network/bytes.ts";
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
import { readOnnx } from "../policy/network/onnx-file.ts";
import { type PackedPolicy } from "../policy/network/packed-weights.ts";
import { Random } from "../policy/random.ts";
import { type EdgeClient, EdgeError } from "./edge-client.ts";
import { type GateVerdict } from "./gate.ts";
import { httpBucket } from "./http-bucket.ts";
import { type Answers, answersOf, answersOfRule, judge } from "./judge.ts";
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

  /** Judges the weights and publishes them when they pass. A gateway that cannot be asked is a reason, not an error. */
  async offer(weights: Weights, log: readonly Lesson[], update: number): Promise<Offer> {
    const { bucket, purpose, seed } = this.#options;
    const { network } = purpose;
    let newest: number | null = null;
    try {
      const pointer = await bucket.get(POINTER_KEY);
      newest = await versionIn(pointer);
      const serving = await this.#serving(log);
      const verdict = await judge({ network, weights }, serving.answers, log, seed);
      const found = { newest, against: serving.name, verdict, published: null };
      if (!verdict.accepted)
        return { ...found, why: `the gate refuses it: ${verdict.reasons.join("; ")}` };
      const published = await this.#publish(weights, { pointer, newest, verdict, update });
      return { ...found, ...published };
    } catch (error) {
      if (!(error instanceof EdgeError || error instanceof BucketError)) throw error;
      return { published: null, newest, against: null, why: error.message, verdict: null };
    }
  }

  async #publish(
    weights: Weights,
    { pointer, newest, verdict, update }: Judged,
  ): Promise<Pick<Offer, "published" | "newest" | "why">> {
    const { bucket, signer, purpose, seed, now } = this.#options;
    const previous = newest === 0 ? null : await this.#manifest(newest);
    const created = now();
    // The pointer may only be moved from where it stood when the candidate was judged.
    const unmoved: Bucket = {
      get: (key) => (key === POINTER_KEY ? Promise.resolve(pointer) : bucket.get(key)),
      put: (key, value, options) => bucket.put(key, value, options),
    };
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
      const outcome = await publish(release, unmoved);
      if (outcome === "published" || (await this.#isCurrent(release)))
        return { published: version, newest: version, why: "" };
      if (outcome === "version-taken") continue;
      return { ...(await this.#overtaken()), published: null };
    }
    return { published: null, newest, why: `the versions after ${newest} are taken` };
  }

  async #overtaken(): Promise<Pick<Offer, "newest" | "why">> {
    const newest = await versionIn(await this.#options.bucket.get(POINTER_KEY));
    return { newest, why: `another trainer published version ${newest} meanwhile` };
  }

  /** The reply to our own write may have been lost. */
  async #isCurrent({ files, manifest: { version } }: Release): Promise<boolean> {
    if ((await versionIn(await this.#options.bucket.get(POINTER_KEY))) !== version) return false;
    const stored = await this.#options.bucket.get(manifestKey(version));
    const bytes = stored && new Uint8Array(await stored.arrayBuffer());
    return bytes !== null && equalBytes(bytes, files.get(manifestKey(version))!);
  }

  /** The policy that decides in the regions now, as their log tells. */
  async #serving(log: readonly Lesson[]): Promise<NamedAnswers> {
    const version = servingVersion(log);
    if (version === 0) return await this.#baseline(log);
    const manifest = await this.#manifest(version);
    const blob = await this.#options.bucket.get(blobKey(manifest.blob.sha256));
    if (blob === null)
      throw new BucketError(`the weights of version ${version}, which serves, are gone`);
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const checked = await verifyBlob(bytes, manifest, subtle);
    if (!checked.ok)
      throw new BucketError(`version ${version}, which serves, fails a check: ${checked.reason}`);
    const { floats } = readOnnx(bytes);
    return { name: `${manifest.name}@${version}`, answers: answersOf(manifest.network, floats) };
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
  async #baseline(log: readonly Lesson[]): Promise<NamedAnswers> {
    const { builtIn, purpose } = this.#options;
    const decided = log.filter(({ policyVersion }) => policyVersion === 0).slice(-NEWEST);
    let best: NamedAnswers & { readonly distance: number } = {
      name: `${FIXED_RULE.name}@0`,
      answers: answersOfRule,
      distance: distanceOf(await answersOfRule(decided), decided),
    };
    for (const { name, embedder, network, weights } of builtIn) {
      if (embedder !== purpose.embedder) continue;
      const answers = answersOf(network, weights);
      const distance = distanceOf(await answers(decided), decided);
      if (distance <= best.distance) best = { name: `${name}@0`, answers, distance };
    }
    return best;
  }
}

interface NamedAnswers {
  readonly name: string;
  readonly answers: Answers;
}

interface Judged {
  readonly pointer: Stored;
  readonly newest: number;
  readonly verdict: GateVerdict;
  readonly update: number;
}

type Stored = Awaited<ReturnType<Bucket["get"]>>;

/** The version that a pointer names, 0 without one. */
async function versionIn(pointer: Stored): Promise<number> {
  if (pointer === null) return 0;
  const version = pointerVersion(new Uint8Array(await pointer.arrayBuffer()));
  if (version === null) throw new BucketError(`${POINTER_KEY} in the bucket is no pointer`);
  return version;
}

const distanceOf = (answers: readonly Float32Array[], decided: readonly Lesson[]): number =>
  decided.reduce((sum, { probs }, i) => sum + Math.abs(answers[i]![0]! - probs[0]!), 0);

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
