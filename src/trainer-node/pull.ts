// From the regions into the trainer: packs are leased, read record by record, handed on once and acknowledged. What makes
// an experience count exactly once is not the lease but two rules: the checkpoint remembers what was learnt, and a pack
// is acknowledged only after the checkpoint that remembers it was written.
import { createHash } from "node:crypto";
import { type AckReply, type TrainerLease, type TrainerPack } from "../durable/leases.ts";
import {
  readExperience,
  readLabel,
  readOutcome,
  type TrainerLabel,
} from "../durable/trainer-pack.ts";
import { type Experience, type Outcome } from "../policy/experience.ts";
import { type EdgeClient } from "./edge-client.ts";

/** One region object as a trainer sees it. */
export interface PackSource {
  /** `<region>/<shard>` */
  readonly place: string;
  lease(max: number): Promise<TrainerLease>;
  /** The new expiry, or null when the lease has ended. */
  heartbeat(leaseToken: string): Promise<number | null>;
  ack(leaseToken: string, packIds: readonly string[]): Promise<AckReply>;
}

/** What one lease brought that was never handed on before. Outcomes and labels may belong to earlier experiences. */
export interface PulledBatch {
  readonly place: string;
  readonly experiences: readonly Experience[];
  readonly outcomes: readonly Outcome[];
  readonly labels: readonly TrainerLabel[];
}

export interface PullCounts {
  packs: number;
  experiences: number;
  /** Came a second time and were left out. */
  repeated: number;
  /** Records that cannot be what they say; the others of their pack are used. */
  rejected: number;
  acked: number;
  /** Leases that ended before their ack; their packs come again and are known then. */
  lapsed: number;
  /** Calls that failed after all their tries. */
  failures: number;
}

export interface PullOptions {
  readonly sources: readonly PackSource[];
  /** From the checkpoint that the trainer goes on from. */
  readonly seen?: Iterable<string>;
  /** Experiences per lease. */
  readonly max?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** After a failure a source is left alone this long, twice as long after the next, up to the second. */
  readonly backOffMs?: readonly [first: number, last: number];
  readonly seenLimit?: number;
  readonly onFailure?: (place: string, error: unknown) => void;
}

/**
 * How many ids a checkpoint remembers: some 16 MB. A pack whose ack was not confirmed is moved to the young end with
 * every checkpoint and cannot drop out. For all others the ids only guard against a batch that an isolate sends again
 * after the region forgot it, a day later, so that 400,000 experiences a day are safe.
 */
const SEEN_LIMIT = 400_000;

interface Held {
  readonly source: PackSource;
  readonly token: string;
  /** Pack id -> what `seen` holds of it. */
  readonly packs: ReadonlyMap<string, readonly string[]>;
}

interface Pause {
  readonly until: number;
  readonly ms: number;
}

export class Puller {
  readonly counts: PullCounts = {
    packs: 0,
    experiences: 0,
    repeated: 0,
    rejected: 0,
    acked: 0,
    lapsed: 0,
    failures: 0,
  };
  readonly #options: Required<Omit<PullOptions, "seen">>;
  /** Ids of experiences, and a digest for each pack, oldest first. */
  readonly #seen: Set<string>;
  /** Digests of packs that were handed on since the last checkpoint. */
  readonly #unsaved = new Set<string>();
  #held: readonly Held[] = [];
  readonly #pauses = new Map<PackSource, Pause>();
  #turn = 0;

  constructor({ seen = [], ...options }: PullOptions) {
    this.#options = {
      max: 600,
      now: Date.now,
      backOffMs: [1_000, 60_000],
      seenLimit: SEEN_LIMIT,
      onFailure: () => {},
      ...options,
    };
    this.#seen = new Set(seen);
  }

  /**
   * The next batch, from each place in turn, or null: no place has anything at the moment. Whatever this returned must be
   * in the next `save`.
   */
  async next(): Promise<PulledBatch | null> {
    await this.#ackSaved();
    const { sources, max } = this.#options;
    for (let i = 0; i < sources.length; i++) {
      const source = sources[this.#turn++ % sources.length];
      const lease = source && (await this.#attempt(source, () => source.lease(max)));
      if (!source || !lease || lease.packs.length === 0) continue;
      const batch = this.#take(source, lease);
      // Everything in it was known: it only wants to be acknowledged again.
      if (batch === null) await this.#ackSaved();
      else return batch;
    }
    return null;
  }

  /**
   * Runs `write`, which puts what was handed on and the ids it is given into one checkpoint, and acknowledges it then.
   * When `write` fails nothing is acknowledged.
   */
  async save(write: (seen: ReadonlySet<string>) => Promise<void>): Promise<void> {
    for (const { packs } of this.#held) for (const ids of packs.values()) this.#remember(ids);
    let tooMany = this.#seen.size - this.#options.seenLimit;
    for (const id of this.#seen) {
      if (tooMany-- <= 0) break;
      this.#seen.delete(id);
    }
    const covered = [...this.#unsaved];
    await write(new Set(this.#seen));
    for (const digest of covered) this.#unsaved.delete(digest);
    await this.#ackSaved();
  }

  /** Keeps what is being learnt from; to be called every 20 s or so, a lease holds for 60. */
  async heartbeat(): Promise<void> {
    for (const held of this.#held) {
      const { source, token } = held;
      const expiresAt = await this.#attempt(source, () => source.heartbeat(token));
      // What it brought is being learnt from: when it comes again it is known, and is acknowledged under its new token.
      if (expiresAt === null) this.#drop(held, "lapsed");
    }
  }

  #take(source: PackSource, lease: TrainerLease): PulledBatch | null {
    const packs = new Map<string, readonly string[]>();
    const experiences: Experience[] = [];
    const outcomes: Outcome[] = [];
    const labels: TrainerLabel[] = [];
    let isNew = false;
    for (const pack of lease.packs) {
      this.counts.packs++;
      const digest = digestOf(source.place, pack);
      const read = this.#good(pack.experiences, readExperience);
      packs.set(pack.packId, [digest, ...read.map(({ expId }) => expId)]);
      if (this.#seen.has(digest)) {
        this.counts.repeated += read.length;
        continue;
      }
      isNew = true;
      this.#seen.add(digest);
      this.#unsaved.add(digest);
      for (const experience of read) {
        if (this.#seen.has(experience.expId)) this.counts.repeated++;
        else experiences.push(experience);
        this.#seen.add(experience.expId);
      }
      outcomes.push(...this.#good(pack.outcomes, readOutcome));
      labels.push(...this.#good(pack.labels, readLabel));
    }
    this.#held = [...this.#held, { source, token: lease.leaseToken, packs }];
    this.counts.experiences += experiences.length;
    return isNew ? { place: source.place, experiences, outcomes, labels } : null;
  }

  #good<T>(records: readonly unknown[], read: (record: unknown) => T | null): T[] {
    const good = records.flatMap((record) => read(record) ?? []);
    this.counts.rejected += records.length - good.length;
    return good;
  }

  #remember(ids: readonly string[]): void {
    for (const id of ids) {
      this.#seen.delete(id);
      this.#seen.add(id);
    }
  }

  /** Acknowledges the leases whose packs are all in a checkpoint. One that cannot be now is tried again later. */
  async #ackSaved(): Promise<void> {
    for (const held of this.#held) {
      const { source, token, packs } = held;
      if ([...packs.values()].some(([digest]) => this.#unsaved.has(digest ?? ""))) continue;
      const reply = await this.#attempt(source, () => source.ack(token, [...packs.keys()]));
      if (reply === undefined) continue;
      if (reply.ok) this.counts.acked += reply.acked;
      this.#drop(held, reply.ok ? "acked" : "lapsed");
    }
  }

  #drop(held: Held, why: "acked" | "lapsed"): void {
    // A heartbeat may have been on its way while the ack came through.
    if (why === "lapsed" && this.#held.includes(held)) this.counts.lapsed++;
    this.#held = this.#held.filter((each) => each !== held);
  }

  /** undefined: the call failed, or its source has a pause after one that did. */
  async #attempt<T>(source: PackSource, call: () => Promise<T>): Promise<T | undefined> {
    const { now, backOffMs, onFailure } = this.#options;
    if ((this.#pauses.get(source)?.until ?? 0) > now()) return undefined;
    try {
      const result = await call();
      this.#pauses.delete(source);
      return result;
    } catch (error) {
      this.counts.failures++;
      const [first, last] = backOffMs;
      const ms = Math.min(last, 2 * (this.#pauses.get(source)?.ms ?? first / 2));
      this.#pauses.set(source, { until: now() + ms, ms });
      onFailure(source.place, error);
      return undefined;
    }
  }
}

/** A pack comes again as the same text. Its id alone would not do: a region that lost its storage counts from one again. */
function digestOf(place: string, pack: TrainerPack): string {
  const hash = createHash("sha256").update(`${place} ${JSON.stringify(pack)}`);
  return `pack:${hash.digest("base64url").slice(0, 22)}`;
}

/**
 * Every shard of a region over its gateway.
 * @param trainer its name, for the region's operator
 * @param holdMs how long packs are this trainer's without a heartbeat
 */
export function packSources(
  edge: EdgeClient,
  shards: number,
  trainer: string,
  holdMs = 60_000,
): PackSource[] {
  return Array.from({ length: shards }, (_, shard) => packSource(edge, shard, trainer, holdMs));
}

function packSource(edge: EdgeClient, shard: number, trainer: string, holdMs: number): PackSource {
  const path = `/trainer/${edge.region}`;
  const refused = (call: string, status: number) =>
    new Error(`${edge.region}/${shard} refused the ${call} with ${status}`);
  return {
    place: `${edge.region}/${shard}`,
    async lease(max) {
      const reply = await edge.post(`${path}/lease`, {
        shard,
        trainer,
        max,
        hold_ms: holdMs,
      });
      if (!reply.ok) throw refused("lease", reply.status);
      return leaseOf(reply.json);
    },
    async heartbeat(leaseToken) {
      const body = { shard, lease_token: leaseToken, hold_ms: holdMs };
      const reply = await edge.post(`${path}/heartbeat`, body);
      if (reply.ok) return (reply.json as { readonly expires_at: number }).expires_at;
      if (reply.status === 409) return null;
      throw refused("heartbeat", reply.status);
    },
    async ack(leaseToken, packIds) {
      const body = { shard, lease_token: leaseToken, pack_ids: packIds };
      const reply = await edge.post(`${path}/ack`, body);
      if (reply.ok) return { ok: true, acked: (reply.json as { readonly acked: number }).acked };
      if (reply.status === 409) return { ok: false, reason: "stale token" };
      throw refused("ack", reply.status);
    },
  };
}

/** The reply's outer shape; its records are read one by one later. */
function leaseOf(json: unknown): TrainerLease {
  const { leaseToken, expiresAt, packs } = json as TrainerLease;
  const isPack = ({ packId, experiences, outcomes, labels }: TrainerPack) =>
    typeof packId === "string" && [experiences, outcomes, labels].every(Array.isArray);
  if (typeof leaseToken !== "string" || !Array.isArray(packs) || !packs.every(isPack))
    throw new Error("the reply is no lease");
  return { leaseToken, expiresAt, packs };
}

/** Beats until stopped. A beat that fails is counted by the puller and told to `onFailure`. */
export function keepLeases(puller: Pick<Puller, "heartbeat">, everyMs = 20_000): () => void {
  let beating: Promise<void> | null = null;
  const timer = setInterval(() => {
    beating ??= puller.heartbeat().finally(() => (beating = null));
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
