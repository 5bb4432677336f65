// Keeps an isolate on the published policies: the stable one, the candidate beside it, and what another shard's region
// object still asks for. Runs beside requests, never on their path: whatever goes wrong here, the policy that serves goes
// on serving, the reason is kept, and the next try waits longer.
import { type Bytes } from "../policy/network/bytes.ts";
import { type Manifest, blobKey, inputOf, manifestKey } from "../policy/network/manifest.ts";
import {
  type GoldenNumbers,
  type PublicKey,
  type Refusal,
  type Subtle,
  agrees,
  goldenNumbers,
  verifyBlob,
  verifyManifest,
} from "../policy/network/manifest-gate.ts";
import { NetworkPolicy, type Session } from "../policy/network/network-policy.ts";
import { type Policy } from "../policy/network/policy.ts";

/** A model file, and inputs with the logits that a runtime must reproduce before it serves. */
export interface RuntimeModel {
  readonly bytes: Bytes;
  readonly golden: readonly GoldenNumbers[];
}

/** A runtime that computes faster than the TypeScript pass once it has booted. */
export interface Accelerator {
  /** Whether it has booted; a session can then be made without keeping anyone waiting. */
  readonly up: boolean;
  createSession(model: Uint8Array): Promise<Session>;
}

export interface PolicySource {
  /** The bytes of an object in the bucket, or null. */
  read(key: string): Promise<Bytes | null>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Uniform in [0, 1). */
  random(): number;
  readonly subtle: Subtle;
  readonly keys: readonly PublicKey[];
  /** Serves until a policy has been published, and when none can be loaded. */
  readonly baseline: Policy;
  /** The baseline's own model for the accelerator, when it is a network. */
  readonly baselineModel?: () => RuntimeModel;
  /** Embedder in use: a policy made for another one is not taken. */
  readonly embedder: string;
  readonly accelerator: Accelerator | null;
}

export type LoadProblem =
  | Refusal
  | "read-failed"
  | "manifest-missing"
  | "manifest-of-other-version"
  | "blob-missing"
  | "other-embedder"
  | "accelerator-failed"
  | "accelerator-disagrees";

export interface PolicyStatus {
  readonly version: number;
  readonly name: string;
  /** Whether the accelerator computes; false for a fixed rule, which needs none. */
  readonly accelerated: boolean;
  readonly swaps: number;
  /** Every network that is ready to serve. */
  readonly loaded: readonly {
    readonly version: number;
    readonly name: string;
    readonly accelerated: boolean;
  }[];
  /** Refusals and failures since the isolate began, by reason. */
  readonly problems: Readonly<Partial<Record<LoadProblem, number>>>;
  readonly lastProblem: LoadProblem | null;
}

/** A load whose request has died is taken over after this time. */
const ABANDONED_AFTER_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
/** A policy that no region object has asked for during this time is released. */
const UNWANTED_AFTER_MS = 60_000;
/** Networks held at once, however many shards are at different points of a rollout; the baseline is one of them. */
const MAX_LOADED = 5;
/** Versions whose failures are remembered. */
const MAX_FAILED = 16;
/** Tries to bring a policy into the accelerator before it stays with the TypeScript pass. */
const MAX_ACCELERATIONS = 3;

class LoadError extends Error {
  override readonly name = "LoadError";
  readonly problem: LoadProblem;
  constructor(problem: LoadProblem) {
    super(problem);
    this.problem = problem;
  }
}

function nullWhenFailed(error: unknown): null {
  if (error instanceof LoadError && error.problem === "accelerator-failed") return null;
  throw error;
}

interface Loaded {
  readonly policy: NetworkPolicy;
  /** Set while its model still has to be brought into the accelerator. */
  pending: Pending | null;
  wantedAt: number;
}

interface Pending {
  readonly model: () => RuntimeModel;
  tries: number;
}

export class PublishedPolicy {
  readonly #source: PolicySource;
  /** The stable policy, or the one before it while that cannot be had. */
  #current: Policy;
  readonly #loaded = new Map<number, Loaded>();
  /** Only the latest load may add a policy: one that was thought dead and wakes up late may not. */
  #load = 0;
  #loadingSince: number | null = null;
  readonly #failed = new Map<number, { readonly times: number; readonly retryAt: number }>();
  #swaps = 0;
  readonly #problems: Partial<Record<LoadProblem, number>> = {};
  #lastProblem: LoadProblem | null = null;

  constructor(source: PolicySource) {
    this.#source = source;
    const { baseline, baselineModel: model, accelerator } = source;
    this.#current = baseline;
    if (baseline instanceof NetworkPolicy && model !== undefined)
      this.#loaded.set(baseline.version, {
        policy: baseline,
        pending: accelerator && { model, tries: 0 },
        wantedAt: Number.POSITIVE_INFINITY,
      });
  }

  get current(): Policy {
    return this.#current;
  }

  /** The first of these versions that is here, else the stable policy. */
  firstOf(versions: readonly number[]): Policy {
    for (const version of versions) {
      const policy = this.#policyOf(version);
      if (policy !== null) return policy;
    }
    return this.#current;
  }

  /**
   * Brings the isolate to the versions that the region names: the stable one (0 is the baseline, null whatever serves
   * now) and the candidate. Never throws; returns at once while another request loads or failures are too recent.
   */
  async refresh(stable: number | null, candidate: number | null = null): Promise<void> {
    const now = this.#source.now();
    const wanted = [stable ?? this.#current.version, candidate].filter((v) => v !== null);
    for (const version of wanted) {
      const loaded = this.#loaded.get(version);
      if (loaded) loaded.wantedAt = Math.max(loaded.wantedAt, now);
    }
    this.#swap(wanted[0]!);
    await this.#release(now);
    const due = wanted.filter((version) => this.#isDue(version, now));
    if (due.length === 0) return;
    if (this.#loadingSince !== null && now - this.#loadingSince < ABANDONED_AFTER_MS) return;
    this.#loadingSince = now;
    const load = ++this.#load;
    for (const version of due) {
      try {
        if (this.#policyOf(version) === null) await this.#bring(version, load);
        if (load !== this.#load) return;
        this.#swap(wanted[0]!);
        await this.#accelerate(version, load);
        this.#failed.delete(version);
      } catch (error) {
        this.#note(version, error instanceof LoadError ? error.problem : "read-failed");
      }
    }
    if (load === this.#load) this.#loadingSince = null;
  }

  status(): PolicyStatus {
    const { version, name } = this.#current;
    const loaded = [...this.#loaded.values()].map(({ policy }) => ({
      version: policy.version,
      name: policy.name,
      accelerated: policy.accelerated,
    }));
    return {
      version,
      name,
      accelerated: loaded.some((one) => one.version === version && one.accelerated),
      swaps: this.#swaps,
      loaded,
      problems: { ...this.#problems },
      lastProblem: this.#lastProblem,
    };
  }

  #policyOf(version: number): Policy | null {
    const { baseline } = this.#source;
    return version === baseline.version ? baseline : (this.#loaded.get(version)?.policy ?? null);
  }

  /** Whether something is left to do for a version, and its last failure is long enough ago. */
  #isDue(version: number, now: number): boolean {
    if (now < (this.#failed.get(version)?.retryAt ?? 0)) return false;
    return this.#policyOf(version) === null || this.#loaded.get(version)?.pending != null;
  }

  async #bring(version: number, load: number): Promise<void> {
    const manifest = await this.#manifest(version);
    const model = await this.#source.read(blobKey(manifest.blob.sha256));
    if (model === null) throw new LoadError("blob-missing");
    const checked = await verifyBlob(model, manifest, this.#source.subtle);
    if (!checked.ok) throw new LoadError(checked.reason);
    const policy = new NetworkPolicy({
      version,
      name: manifest.name,
      forward: checked.value,
      input: inputOf(manifest),
    });
    const golden = manifest.golden.map(goldenNumbers);
    const pending: Pending = { model: () => ({ bytes: model, golden }), tries: 0 };
    // A runtime that is up makes its session before the policy serves. One that has yet to boot, or is broken, keeps no one
    // waiting: the file has passed every check, and the TypeScript pass can serve it.
    const session = this.#source.accelerator?.up
      ? await this.#session(pending.model()).catch(nullWhenFailed)
      : null;
    if (session !== null) policy.accelerate(session);
    if (load !== this.#load) return policy.retire();
    this.#loaded.set(version, {
      policy,
      pending: session === null && this.#source.accelerator ? pending : null,
      wantedAt: this.#source.now(),
    });
  }

  async #manifest(version: number): Promise<Manifest> {
    const { subtle, keys, embedder } = this.#source;
    const bytes = await this.#source.read(manifestKey(version));
    if (bytes === null) throw new LoadError("manifest-missing");
    const checked = await verifyManifest(bytes, {
      subtle,
      keys,
      // The region object remembers which versions there were, and names this one and no other.
      known: { version: version - 1, newest: version },
      now: this.#source.now(),
    });
    if (!checked.ok) throw new LoadError(checked.reason);
    const manifest = checked.value;
    if (manifest.version !== version) throw new LoadError("manifest-of-other-version");
    if (manifest.embedder !== "*" && manifest.embedder !== embedder)
      throw new LoadError("other-embedder");
    return manifest;
  }

  #swap(stable: number): void {
    const policy = this.#policyOf(stable);
    if (policy === null || policy === this.#current) return;
    this.#current = policy;
    this.#swaps++;
  }

  /** Requests that are under way keep the session they took; it goes with the last of them. */
  async #release(now: number): Promise<void> {
    const idle = [...this.#loaded]
      .filter(([, { policy, wantedAt }]) => policy !== this.#current && wantedAt < now)
      .toSorted(([, a], [, b]) => a.wantedAt - b.wantedAt);
    for (const [version, { policy, wantedAt }] of idle) {
      if (this.#loaded.size <= MAX_LOADED && now - wantedAt < UNWANTED_AFTER_MS) continue;
      this.#loaded.delete(version);
      await policy.retire();
    }
  }

  /** Boots the accelerator when it is not up, and moves a policy into it. */
  async #accelerate(version: number, load: number): Promise<void> {
    const loaded = this.#loaded.get(version);
    const pending = loaded?.pending;
    if (!loaded || !pending) return;
    if (++pending.tries >= MAX_ACCELERATIONS) loaded.pending = null;
    const session = await this.#session(pending.model());
    // A load that was thought dead, and woke up after another one has done its work.
    if (load !== this.#load) return session.release();
    loaded.policy.accelerate(session);
    loaded.pending = null;
    // Released while the session was being made: it goes the same way.
    if (this.#loaded.get(version) !== loaded) await loaded.policy.retire();
  }

  /** A session that has reproduced the golden vectors. */
  async #session({ bytes, golden }: RuntimeModel): Promise<Session> {
    let session: Session;
    try {
      session = await this.#source.accelerator!.createSession(bytes);
    } catch {
      throw new LoadError("accelerator-failed");
    }
    for (const { noise, logits, ...observation } of golden) {
      const output = await session.run(observation, noise).catch(() => null);
      if (output !== null && agrees(output.logits, logits)) continue;
      await session.release();
      throw new LoadError(output === null ? "accelerator-failed" : "accelerator-disagrees");
    }
    return session;
  }

  #note(version: number, problem: LoadProblem): void {
    this.#lastProblem = problem;
    this.#problems[problem] = (this.#problems[problem] ?? 0) + 1;
    const times = (this.#failed.get(version)?.times ?? 0) + 1;
    // Half to full of a doubling delay: isolates that failed together do not come back together.
    const delay = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (times - 1));
    const retryAt = this.#source.now() + delay * (0.5 + this.#source.random() / 2);
    this.#failed.delete(version);
    this.#failed.set(version, { times, retryAt });
    const oldest = this.#failed.keys().next().value;
    if (this.#failed.size > MAX_FAILED && oldest !== undefined) this.#failed.delete(oldest);
  }
}
