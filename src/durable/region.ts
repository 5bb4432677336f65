// The region object: one per region and shard, named `region/<region>/<shard>`. RPC, storage and the alarm, nothing else:
// what it does is region-core.ts. It is never called on a request's path.
import { DurableObject } from "cloudflare:workers";
import { embedderProfile } from "../policy/embedders.ts";
import { POINTER_KEY, pointerVersion } from "../policy/network/manifest.ts";
import { type AckReply, type LeaseRequest, type TrainerLease, type TrainerRpc } from "./leases.ts";
import { type ObjectStore } from "./packs.ts";
import { type MoveLease, type MoveResult } from "./moves.ts";
import { REGION_SETTINGS, RegionCore, type RegionSettings } from "./region-core.ts";
import {
  type KillSwitches,
  type LiveView,
  type Receipt,
  type RegionRpc,
  type Report,
  type ReportReply,
} from "./report.ts";
import { type RolloutEvent, setStable } from "./rollout.ts";
import { rolloutSettings } from "./rollout-settings.ts";
import { sqlStoreOf } from "./sql-storage.ts";
import { DEFAULT_SETTINGS } from "./tenant.ts";

/** The bindings a region object needs. */
export interface RegionEnv {
  readonly VECTORIZE: Vectorize;
  readonly STORE: R2Bucket;
  /** Its distance for rows without labels is the prior of every row's evidence. */
  readonly EMBEDDER: string;
  /** Pace and limits of a new policy's trial (rollout.ts), a JSON object or string; defaults when unset. */
  readonly ROLLOUT?: unknown;
}

export class Region extends DurableObject<RegionEnv> implements RegionRpc, TrainerRpc {
  readonly #core: RegionCore;
  /** When the alarm goes off; setting it costs a row written, so it is set only when it is not set for sooner. */
  #alarmAt: number | null = null;
  #pointerReadAt = Number.NEGATIVE_INFINITY;
  readonly #pointerEveryMs: number;

  constructor(ctx: DurableObjectState, env: RegionEnv, settings: RegionSettings = REGION_SETTINGS) {
    super(ctx, env);
    const rollout = rolloutSettings(env.ROLLOUT);
    this.#pointerEveryMs = rollout.pointerEveryMs;
    const [, region = "unknown", shard = "0"] = (ctx.id.name ?? "").split("/");
    this.#core = new RegionCore({
      store: sqlStoreOf(ctx.storage),
      index: env.VECTORIZE,
      objects: objectStoreOf(env.STORE),
      now: Date.now,
      token: () => crypto.randomUUID().replaceAll("-", ""),
      onError: logError,
      onRollout: (event) => logRollout(`${region}/${shard}`, event),
      region,
      shard,
      settings: { ...settings, rollout },
    });
    const { coldStartDistance: distance } = embedderProfile(env.EMBEDDER);
    if (!this.#core.readOnly && this.#core.state.value.coldStart?.distance !== distance)
      this.#core.change(() => ({ coldStart: { distance, deltaHit: DEFAULT_SETTINGS.deltaHit } }));
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = await ctx.storage.getAlarm();
    });
  }

  async report(report: Report): Promise<ReportReply> {
    const reply = this.#core.report(report);
    await this.#arm();
    return reply;
  }

  async sync(freshCursor: number): Promise<ReportReply> {
    return this.#core.sync(freshCursor);
  }

  async receipt(id: string): Promise<Receipt | null> {
    return await this.#core.receipt(id);
  }

  async live(): Promise<LiveView> {
    return this.#core.live();
  }

  async evict(): Promise<{ evicted: number; kept: number }> {
    await this.#adoptPublishedPolicy(0);
    const done = await this.#core.evict();
    // The cron that calls this is also the watchdog: an alarm that was lost is set again.
    this.#alarmAt = await this.ctx.storage.getAlarm();
    await this.#arm();
    return done;
  }

  async takeMoves(to: string): Promise<MoveLease> {
    const lease = await this.#core.takeMoves(to);
    await this.#arm();
    return lease;
  }

  async settleMoves(result: MoveResult): Promise<number> {
    const moved = await this.#core.settleMoves(result);
    await this.#arm();
    return moved;
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    await this.#adoptPublishedPolicy(this.#pointerEveryMs);
    await this.#core.work();
    await this.#arm();
  }

  /** Does now what the alarm would do later, and packs whatever there is. */
  async flush(): Promise<void> {
    await this.#core.work(true);
    await this.#arm();
  }

  async takeNonce(nonce: string): Promise<boolean> {
    return this.#core.takeNonce(nonce);
  }

  async lease({ max, holdMs }: LeaseRequest): Promise<TrainerLease> {
    return await this.#core.lease(max, holdMs);
  }

  async heartbeat(leaseToken: string, holdMs?: number): Promise<number | null> {
    return this.#core.heartbeat(leaseToken, holdMs);
  }

  async ack(leaseToken: string, packIds: readonly string[]): Promise<AckReply> {
    return this.#core.ack(leaseToken, packIds);
  }

  /** Offers packs again that were set aside after three leases; returns how many. */
  async reopenPacks(): Promise<number> {
    return this.#core.reopenPacks();
  }

  async setKillSwitches(change: Partial<KillSwitches>): Promise<KillSwitches> {
    this.#core.change(({ killSwitches }) => ({ killSwitches: { ...killSwitches, ...change } }));
    return this.#core.state.value.killSwitches;
  }

  /** Puts a version into service at once, without a trial: by hand, where the last good one is known to be bad. */
  async setPolicyVersion(version: number): Promise<void> {
    this.#core.change(({ rollout }) => ({ rollout: setStable(rollout, version, Date.now()) }));
  }

  /**
   * Takes over the version in the bucket's pointer when it is a later one. The region remembers what it has seen, so
   * somebody who can write to the bucket cannot bring an old policy back, nor jump so far that no later one follows.
   * Isolates hear of it with their next reply and verify the files themselves.
   */
  async #adoptPublishedPolicy(everyMs: number): Promise<void> {
    if (Date.now() - this.#pointerReadAt < everyMs) return;
    this.#pointerReadAt = Date.now();
    try {
      const object = await this.env.STORE.get(POINTER_KEY);
      const next = object && pointerVersion(new Uint8Array(await object.arrayBuffer()));
      if (next !== null && !this.#core.readOnly) this.#core.nominate(next);
    } catch (error) {
      logError("policy pointer", error);
    }
  }

  /** Empties every isolate's memory within a minute; returns the new epoch. */
  async bumpEpoch(): Promise<number> {
    this.#core.change(({ epoch }) => ({ epoch: epoch + 1 }));
    return this.#core.state.value.epoch;
  }

  /** Takes a tenant's rows out of service and deletes them with their answers; returns how many were known here. */
  async invalidate(tenant: string, ids: readonly string[]): Promise<number> {
    const known = await this.#core.invalidate(tenant, ids);
    await this.#arm();
    return known;
  }

  async #arm(): Promise<void> {
    const at = this.#core.nextWorkAt();
    if (at === null || (this.#alarmAt !== null && this.#alarmAt <= at + 1_000)) return;
    this.#alarmAt = at;
    await this.ctx.storage.setAlarm(at);
  }
}

const objectStoreOf = (bucket: R2Bucket): ObjectStore => ({
  put: (key, body) => bucket.put(key, body),
  get: async (key) => (await (await bucket.get(key))?.text()) ?? null,
  has: async (key) => (await bucket.head(key)) !== null,
  delete: (keys) => bucket.delete([...keys]),
});

function logRollout(object: string, event: RolloutEvent): void {
  const line = JSON.stringify({ event: "rollout", object, ...event });
  // oxlint-disable-next-line no-console -- Workers Logs reads the console
  if (event.kind === "rolled-back") console.error(line);
  // oxlint-disable-next-line no-console -- the same
  else console.log(line);
}

function logError(where: string, error: unknown): void {
  // Workers Logs reads the console.
  // oxlint-disable-next-line no-console
  console.error(JSON.stringify({ event: "region_error", where, error: String(error) }));
}
