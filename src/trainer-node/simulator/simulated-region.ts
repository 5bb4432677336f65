// One agent's region: the production region object on a clock of its own, and what an isolate beside it remembers.
import { candidateOf, type FreshRow, mergeFresh } from "../../durable/candidates.ts";
import { type ObjectStore } from "../../durable/packs.ts";
import { type ServingScorer } from "../../durable/evidence.ts";
import { REGION_SETTINGS, RegionCore, type RegionSettings } from "../../durable/region-core.ts";
import {
  type EntryInsert,
  type EntryUse,
  type Label,
  type ReportReply,
} from "../../durable/report.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type SliceOrders, YOUNG_SLICE } from "../../policy/cache/slice.ts";
import { type Outcome } from "../../policy/experience.ts";
import { NEIGHBOURS } from "../../policy/network/policy.ts";
import { Agenda } from "./agenda.ts";
import { type AgentRegion, type Ended, type StoredRow } from "./agent-region.ts";
import { TENANT } from "./executed.ts";
import { type ExactIndex } from "./index-search.ts";
import { memoryStore } from "./memory-store.ts";
import { newRow } from "./new-row.ts";
import { type SimulatedRequest } from "./source.ts";

/** One request's contribution to the next report. */
interface RegionRecord {
  readonly outcome?: Outcome;
  readonly insert?: EntryInsert;
  readonly use?: EntryUse;
  readonly label?: Label;
}

/** Packs are read by nobody here. Rows are candidates before the index has them, so that larger batches change nothing. */
const BATCHING = { pack: { experiences: 1, ageMs: 0 }, workDelayMs: 10_000 };

/** How long a record waits for company, as in an isolate. */
const GATHER_MS = 250;

export class SimulatedRegion implements AgentRegion {
  readonly #core: RegionCore;
  readonly #fresh = new Map<string, FreshRow>();
  #tombstones: ReadonlySet<string> = new Set();
  #reply: ReportReply | null = null;
  readonly #index: ExactIndex;
  readonly #vectorOf: (request: SimulatedRequest) => Float32Array;
  readonly #namespace: string;
  readonly #name: string;
  readonly #scorer: ServingScorer | undefined;
  #now: number;
  readonly #agenda = new Agenda();
  #records: RegionRecord[] = [];
  #oldest = 0;
  #batches = 0;
  #cursor = 0;
  #alarmAt: number | null = null;

  constructor(options: {
    readonly name: string;
    readonly now: number;
    readonly index: ExactIndex;
    /** A request in the space that the index searches. */
    readonly vectorOf: (request: SimulatedRequest) => Float32Array;
    readonly namespace: string;
    readonly objects: ObjectStore;
    readonly coldStart: { readonly distance: number; readonly deltaHit: number };
    /** By whose matchDistance rows are served; left out: by their distance. */
    readonly scorer?: ServingScorer;
    readonly settings: Partial<RegionSettings>;
  }) {
    this.#name = options.name;
    this.#now = options.now;
    this.#index = options.index;
    this.#vectorOf = options.vectorOf;
    this.#namespace = options.namespace;
    let tokens = 0;
    this.#core = new RegionCore({
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
    this.#core.change(() => ({ coldStart: options.coldStart }));
    this.#scorer = options.scorer;
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#now;
  }

  get entries(): number {
    return this.#core.state.value.entries;
  }

  async advance(to: number): Promise<void> {
    for (let next = this.#agenda.due(to); next !== null; next = this.#agenda.due(to)) {
      await this.#until(next.at);
      next.run();
    }
    await this.#until(to);
  }

  schedule(at: number, run: () => void): void {
    this.#agenda.plan(at, run);
  }

  async settle(): Promise<void> {
    await this.advance(Math.max(this.#agenda.end ?? this.#now, this.#now) + GATHER_MS);
    this.#flush();
    await this.#core.work();
  }

  nearest(request: SimulatedRequest, embedding: () => Float32Array): readonly Candidate[] {
    const scope = { tenant: TENANT, namespace: this.#namespace, fp: request.fp };
    const rows = this.#index
      .query(this.#vectorOf(request), { ...scope, count: NEIGHBOURS })
      .flatMap(({ id, cosine, metadata }) => candidateOf(id, cosine, metadata) ?? []);
    return mergeFresh(rows, this.#fresh.values(), this.#tombstones, scope, embedding());
  }

  /** An isolate's own new row is a candidate at once. */
  insert(row: StoredRow): void {
    const entry = newRow(row);
    this.#add({ insert: entry });
    this.#fresh.set(entry.id, { entry, vector: row.vector });
  }

  end({ outcome, served }: Ended): void {
    const { expId } = outcome;
    const use = served && ({ id: served.id, tenant: TENANT, expId, handling: "A" } as const);
    this.#add({ outcome, ...(use && { use }) });
  }

  label(label: Label): void {
    this.#add({ label });
  }

  ordersOf(slice: string): SliceOrders {
    return this.#reply?.slices?.[slice] ?? YOUNG_SLICE;
  }

  isClosed(slice: string): boolean {
    return this.#reply?.slicesOff?.includes(slice) ?? false;
  }

  mayNotLabel(tenant: string): boolean {
    return this.#reply?.labelsPaused?.includes(tenant) ?? false;
  }

  paysToLookUp(tenant: string): boolean {
    return !(this.#reply?.lookUpsOff?.includes(tenant) ?? false);
  }

  async evict(): Promise<number> {
    this.#flush();
    return (await this.#core.evict()).evicted;
  }

  #add(record: RegionRecord): void {
    if (this.#records.length === 0) this.#oldest = this.#now;
    this.#records.push(record);
  }

  async #until(to: number): Promise<void> {
    if (this.#records.length > 0 && to - this.#oldest >= GATHER_MS) this.#flush();
    while (this.#alarmAt !== null && this.#alarmAt <= to) {
      this.#now = Math.max(this.#now, this.#alarmAt);
      await this.#core.work();
      this.#alarmAt = this.#core.nextWorkAt();
      // What the index shows needs no second list.
      for (const id of this.#fresh.keys()) if (this.#index.has(id)) this.#fresh.delete(id);
    }
    this.#now = Math.max(this.#now, to);
  }

  #flush(): void {
    if (this.#records.length === 0) return;
    const records = this.#records;
    this.#records = [];
    const pick = <T>(of: (record: RegionRecord) => T | undefined): T[] =>
      records.map(of).filter((item) => item !== undefined);
    const reply = this.#core.report({
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
    this.#tombstones = new Set(reply.tombstones);
    const at = this.#core.nextWorkAt();
    if (at !== null && (this.#alarmAt === null || this.#alarmAt > at + 1_000)) this.#alarmAt = at;
  }
}
