// Keeps an isolate on the published policy. Runs beside requests, never on their path: whatever goes wrong here, the
// policy that serves goes on serving, the reason is kept, and the next try waits longer.
import { type Bytes } from "../policy/network/bytes.ts";
import { type Manifest, blobKey, manifestKey } from "../policy/network/manifest.ts";
import {
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
  /** Whether the accelerator computes; false for the baseline, which needs none. */
  readonly accelerated: boolean;
  readonly swaps: number;
  /** Refusals and failures since the isolate began, by reason. */
  readonly problems: Readonly<Partial<Record<LoadProblem, number>>>;
  readonly lastProblem: LoadProblem | null;
}

/** A load whose request has died is taken over after this time. */
const ABANDONED_AFTER_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
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

/** A policy whose model still has to be brought into the accelerator. */
interface Pending {
  readonly policy: NetworkPolicy;
  readonly manifest: Manifest;
  readonly model: Bytes;
  tries: number;
}

export class PublishedPolicy {
  readonly #source: PolicySource;
  #current: Policy;
  #previous: Policy | null = null;
  #pending: Pending | null = null;
  /** Only the latest load may swap: one that was thought dead and wakes up late may not. */
  #load = 0;
  #loadingSince: number | null = null;
  #failures = 0;
  #failedVersion: number | null = null;
  #retryAt = 0;
  #swaps = 0;
  readonly #problems: Partial<Record<LoadProblem, number>> = {};
  #lastProblem: LoadProblem | null = null;

  constructor(source: PolicySource) {
    this.#source = source;
    this.#current = source.baseline;
  }

  get current(): Policy {
    return this.#current;
  }

  /**
   * Brings the isolate to `wanted`, the version that the region names: a published one, 0 for the baseline, or null for
   * whatever serves now. Never throws; returns at once while another request loads or a failure is too recent.
   */
  async refresh(wanted: number | null): Promise<void> {
    const version = wanted ?? this.#current.version;
    if (version === this.#current.version && this.#pending === null) return;
    const now = this.#source.now();
    if (this.#loadingSince !== null && now - this.#loadingSince < ABANDONED_AFTER_MS) return;
    if (version === this.#failedVersion && now < this.#retryAt) return;
    this.#loadingSince = now;
    const load = ++this.#load;
    try {
      if (version !== this.#current.version) await this.#bring(version, load);
      if (load === this.#load) await this.#accelerate();
      this.#failures = 0;
      this.#failedVersion = null;
    } catch (error) {
      this.#note(version, error instanceof LoadError ? error.problem : "read-failed");
    } finally {
      if (load === this.#load) this.#loadingSince = null;
    }
  }

  status(): PolicyStatus {
    const policy = this.#current;
    return {
      version: policy.version,
      name: policy.name,
      accelerated: policy instanceof NetworkPolicy && policy.accelerated,
      swaps: this.#swaps,
      problems: { ...this.#problems },
      lastProblem: this.#lastProblem,
    };
  }

  async #bring(version: number, load: number): Promise<void> {
    const known = [this.#source.baseline, this.#previous].find(
      (policy) => policy?.version === version,
    );
    if (known) return this.#swap(known, null);
    const manifest = await this.#manifest(version);
    const model = await this.#source.read(blobKey(manifest.blob.sha256));
    if (model === null) throw new LoadError("blob-missing");
    const checked = await verifyBlob(model, manifest, this.#source.subtle);
    if (!checked.ok) throw new LoadError(checked.reason);
    const policy = new NetworkPolicy({ version, name: manifest.name, forward: checked.value });
    const pending: Pending = { policy, manifest, model, tries: 0 };
    // A runtime that is up makes its session before the swap. One that has yet to boot, or is broken, keeps no one waiting:
    // the file has passed every check, and the TypeScript pass can serve it.
    const session = this.#source.accelerator?.up
      ? await this.#session(pending).catch(nullWhenFailed)
      : null;
    if (session !== null) policy.accelerate(session);
    if (load !== this.#load) return policy.retire();
    await this.#swap(policy, session === null && this.#source.accelerator ? pending : null);
  }

  async #manifest(version: number): Promise<Manifest> {
    const { subtle, keys, embedder } = this.#source;
    const bytes = await this.#source.read(manifestKey(version));
    if (bytes === null) throw new LoadError("manifest-missing");
    const current = this.#current.version;
    const checked = await verifyManifest(bytes, {
      subtle,
      keys,
      // An isolate that has accepted nothing yet relies on the region, which has.
      known: { version: current, newest: current === 0 ? version : current },
      now: this.#source.now(),
    });
    if (!checked.ok) throw new LoadError(checked.reason);
    const manifest = checked.value;
    if (manifest.version !== version) throw new LoadError("manifest-of-other-version");
    if (manifest.embedder !== "*" && manifest.embedder !== embedder)
      throw new LoadError("other-embedder");
    return manifest;
  }

  async #swap(policy: Policy, pending: Pending | null): Promise<void> {
    const old = this.#current;
    const older = this.#previous;
    this.#current = policy;
    this.#previous = old;
    this.#pending = pending;
    this.#swaps++;
    if (older instanceof NetworkPolicy && older !== policy) await older.retire();
  }

  /** Boots the accelerator when it is not up, and moves the current policy into it. */
  async #accelerate(): Promise<void> {
    const pending = this.#pending;
    if (pending === null) return;
    if (++pending.tries >= MAX_ACCELERATIONS) this.#pending = null;
    const session = await this.#session(pending);
    pending.policy.accelerate(session);
    if (this.#pending === pending) this.#pending = null;
  }

  /** A session that has reproduced the golden vectors. */
  async #session({ manifest, model }: Pending): Promise<Session> {
    let session: Session;
    try {
      session = await this.#source.accelerator!.createSession(model);
    } catch {
      throw new LoadError("accelerator-failed");
    }
    for (const vector of manifest.golden) {
      const { noise, logits, ...observation } = goldenNumbers(vector);
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
    this.#failures = version === this.#failedVersion ? this.#failures + 1 : 1;
    this.#failedVersion = version;
    // Half to full of a doubling delay: isolates that failed together do not come back together.
    const delay = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    this.#retryAt = this.#source.now() + delay * (0.5 + this.#source.random() / 2);
  }
}
