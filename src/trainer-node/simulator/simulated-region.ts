// One agent's region: the production region object on a clock of its own, and what an isolate beside it remembers.
import { type FreshRow } from "../../durable/candidates.ts";
import { type ObjectStore } from "../../durable/packs.ts";
import { type ServingScorer } from "../../durable/evidence.ts";
import { REGION_SETTINGS, RegionCore, type RegionSettings } from "../../durable/region-core.ts";
import {
  type EntryInsert,
  type EntryUse,
  type Label,
  type ReportReply,
} from "../../durable/report.ts";
import { type VectorIndex } from "../../durable/vector-index.ts";
import { type SliceOrders, YOUNG_SLICE } from "../../policy/cache/slice.ts";
import { type Outcome } from "../../policy/experience.ts";
import { memoryStore } from "./memory-store.ts";

/** One request's contribution to the next report. */
export interface RegionRecord {
  readonly outcome?: Outcome;
  readonly insert?: EntryInsert;
  readonly use?: EntryUse;
  readonly label?: Label;
}

interface Later {
  readonly at: number;
  readonly run: () => void;
}

/** Packs are read by nobody here. Rows are candidates before the index has them, so that larger batches change nothing. */
const BATCHING = { pack: { experiences: 1, ageMs: 0 }, workDelayMs: 10_000 };

/** How long a record waits for company, as in an isolate. */
const GATHER_MS = 250;

export class SimulatedRegion {
  readonly core: RegionCore;
  readonly fresh = new Map<string, FreshRow>();
  tombstones: ReadonlySet<string> = new Set();
  #reply: ReportReply | null = null;
  readonly #index: VectorIndex & { has(id: string): boolean };
  readonly #name: string;
  readonly #scorer: ServingScorer | undefined;
  #now: number;
  #later: Later[] = [];
  #records: RegionRecord[] = [];
  #oldest = 0;
  #batches = 0;
  #cursor = 0;
  #alarmAt: number | null = null;

  constructor(options: {
    readonly name: string;
    readonly now: number;
    readonly index: VectorIndex & { has(id: string): boolean };
    readonly objects: ObjectStore;
    readonly coldStart: { readonly distance: number; readonly deltaHit: number };
    /** By whose matchDistance rows are served; left out: by their distance. */
    readonly scorer?: ServingScorer;
    readonly settings: Partial<RegionSettings>;
  }) {
    this.#name = options.name;
    this.#now = options.now;
    this.#index = options.index;
    let tokens = 0;
    this.core = new RegionCore({
      store: memoryStore(),
      index: options.index,
      objects: options.objects,
      now: () => this.#now,
      token: () => (++tokens).toString(16).padStart(32, "0"),
      onError: (where, error) => {
        throw new Error(`simulated region, ${where}`, { cause: error });
      },
      region: options.name,
      shard: "0",
      settings: { ...REGION_SETTINGS, ...BATCHING, ...options.settings },
    });
    this.core.change(() => ({ coldStart: options.coldStart }));
    this.#scorer = options.scorer;
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#now;
  }

  /** Everything that happens until then happens, in its order. */
  async advance(to: number): Promise<void> {
    while (this.#later[0] !== undefined && this.#later[0].at <= to) {
      const { at, run } = this.#later.shift()!;
      await this.#until(at);
      run();
    }
    await this.#until(to);
  }

  /** Runs `work` when the clock gets there. */
  schedule(at: number, run: () => void): void {
    let place = this.#later.length;
    while (place > 0 && this.#later[place - 1]!.at > at) place--;
    this.#later.splice(place, 0, { at, run });
  }

  /** Ends everything that is under way. */
  async settle(): Promise<void> {
    const last = this.#later.at(-1)?.at ?? this.#now;
    await this.advance(Math.max(last, this.#now) + GATHER_MS);
    this.#flush();
    await this.core.work();
  }

  add(record: RegionRecord): void {
    if (this.#records.length === 0) this.#oldest = this.#now;
    this.#records.push(record);
  }

  ordersOf(slice: string): SliceOrders {
    return this.#reply?.slices?.[slice] ?? YOUNG_SLICE;
  }

  isClosed(slice: string): boolean {
    return this.#reply?.slicesOff?.includes(slice) ?? false;
  }

  /** Whether the tenant's label budget is used up. */
  mayNotLabel(tenant: string): boolean {
    return this.#reply?.labelsPaused?.includes(tenant) ?? false;
  }

  /** Whether looking up other wordings pays for the tenant. */
  paysToLookUp(tenant: string): boolean {
    return !(this.#reply?.lookUpsOff?.includes(tenant) ?? false);
  }

  /** An isolate's own new row is a candidate at once. */
  remember(row: FreshRow): void {
    this.fresh.set(row.entry.id, row);
  }

  async evict(): Promise<number> {
    this.#flush();
    return (await this.core.evict()).evicted;
  }

  async #until(to: number): Promise<void> {
    if (this.#records.length > 0 && to - this.#oldest >= GATHER_MS) this.#flush();
    while (this.#alarmAt !== null && this.#alarmAt <= to) {
      this.#now = Math.max(this.#now, this.#alarmAt);
      await this.core.work();
      this.#alarmAt = this.core.nextWorkAt();
      // What the index shows needs no second list.
      for (const id of this.fresh.keys()) if (this.#index.has(id)) this.fresh.delete(id);
    }
    this.#now = Math.max(this.#now, to);
  }

  #flush(): void {
    if (this.#records.length === 0) return;
    const records = this.#records;
    this.#records = [];
    const pick = <T>(of: (record: RegionRecord) => T | undefined): T[] =>
      records.map(of).filter((item) => item !== undefined);
    const reply = this.core.report({
      batchId: `${this.#name}-${++this.#batches}`,
      // The trainer takes these from the environment; the book learns nothing from them.
      experiences: [],
      receipts: [],
      outcomes: pick(({ outcome }) => outcome),
      inserts: pick(({ insert }) => insert),
      uses: pick(({ use }) => use),
      labels: pick(({ label }) => label),
      ...(this.#scorer && { scorer: this.#scorer }),
      freshCursor: this.#cursor,
    });
    this.#reply = reply;
    this.#cursor = reply.freshCursor;
    this.tombstones = new Set(reply.tombstones);
    const at = this.core.nextWorkAt();
    if (at !== null && (this.#alarmAt === null || this.#alarmAt > at + 1_000)) this.#alarmAt = at;
  }
}
