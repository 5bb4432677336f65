// A region object's core with an index and a bucket in memory, a clock that is set by hand, and a fault that strikes at
// the n-th statement or call. It runs in Node on node:sqlite (node-rig.ts) and in workerd on a Durable Object's storage.
import { type IndexedVector, type VectorIndex } from "../../src/durable/vector-index.ts";
import { type ObjectStore } from "../../src/durable/packs.ts";
import { REGION_SETTINGS, RegionCore, type RegionSettings } from "../../src/durable/region-core.ts";
import { type EntryInsert, type EntryUse, type Report } from "../../src/durable/report.ts";
import { type SqlStore, type SqlValue } from "../../src/durable/rows.ts";
import { type Experience, type Outcome } from "../../src/policy/experience.ts";
import { encodeFloats } from "../../src/policy/half.ts";

export class Crash extends Error {}

/** Throws at its n-th step, once; counts steps when n is not given. */
export class Fault {
  steps = 0;
  at: number;
  constructor(at = Number.POSITIVE_INFINITY) {
    this.at = at;
  }
  step(): void {
    if (++this.steps === this.at) throw new Crash(`crash at step ${this.at}`);
  }
}

/** A store that a fault strikes after a statement, and whose size can be made up. */
export interface TestStore extends SqlStore {
  fault: Fault;
  /** What `bytes` answers; the database's own size when null. */
  pretendBytes: number | null;
}

/** An index whose writes show `lagMs` later, with ids it refuses and a switch that takes it down. */
class MemoryIndex implements VectorIndex {
  readonly vectors = new Map<string, IndexedVector>();
  readonly poison = new Set<string>();
  isDown = false;
  lagMs = 0;
  upserts = 0;
  fault = new Fault();
  readonly #now: () => number;
  #writes: { at: number; mutation: string; apply: () => void }[] = [];
  #last = { mutation: "", at: 0 };

  constructor(now: () => number) {
    this.#now = now;
  }

  async upsert(vectors: IndexedVector[]): Promise<{ mutationId: string }> {
    this.#check();
    this.upserts++;
    const bad = vectors.find(({ id }) => this.poison.has(id));
    if (bad) throw new Error(`VECTOR_UPSERT_ERROR: invalid vector ${bad.id}`);
    return this.#write(() => {
      for (const vector of vectors) this.vectors.set(vector.id, vector);
    });
  }
  async deleteByIds(ids: string[]): Promise<{ mutationId: string }> {
    this.#check();
    return this.#write(() => {
      for (const id of ids) this.vectors.delete(id);
    });
  }
  async getByIds(ids: string[]): Promise<IndexedVector[]> {
    this.#check();
    this.#settle();
    return ids.flatMap((id) => this.vectors.get(id) ?? []);
  }
  async describe() {
    this.#check();
    this.#settle();
    return {
      processedUpToMutation: this.#last.mutation,
      processedUpToDatetime: new Date(this.#last.at).toISOString(),
    };
  }
  /** Makes every accepted write visible. */
  settleAll(): void {
    this.#settle(Number.POSITIVE_INFINITY);
  }

  #write(apply: () => void): { mutationId: string } {
    const at = this.#now();
    const mutation = `m${this.upserts}-${at}-${this.#writes.length}`;
    this.#writes.push({ at, mutation, apply });
    this.#settle();
    this.fault.step();
    return { mutationId: mutation };
  }
  #settle(now = this.#now()): void {
    while (this.#writes[0] && this.#writes[0].at + this.lagMs <= now) {
      const { apply, mutation, at } = this.#writes.shift()!;
      apply();
      this.#last = { mutation, at };
    }
  }
  #check(): void {
    if (this.isDown) throw new Error("the index does not answer");
    this.fault.step();
  }
}

class MemoryObjects implements ObjectStore {
  readonly objects = new Map<string, string>();
  isDown = false;
  fault = new Fault();
  async put(key: string, body: string): Promise<void> {
    this.#check();
    this.objects.set(key, body);
    this.fault.step();
  }
  async get(key: string): Promise<string | null> {
    this.#check();
    return this.objects.get(key) ?? null;
  }
  async has(key: string): Promise<boolean> {
    this.#check();
    return this.objects.has(key);
  }
  async delete(keys: readonly string[]): Promise<void> {
    this.#check();
    for (const key of keys) this.objects.delete(key);
    this.fault.step();
  }
  #check(): void {
    if (this.isDown) throw new Error("R2 does not answer");
    this.fault.step();
  }
}

/** Everything around one core; `restart` is what an eviction or a deploy does to it. */
export class Rig<S extends TestStore = TestStore> {
  now = 1_700_000_000_000;
  readonly store: S;
  readonly index = new MemoryIndex(() => this.now);
  readonly objects = new MemoryObjects();
  readonly errors: string[] = [];
  readonly #settings: RegionSettings;
  #tokens = 0;
  core: RegionCore;

  constructor(store: S, settings: Partial<RegionSettings> = {}) {
    this.store = store;
    this.#settings = { ...REGION_SETTINGS, ...settings };
    this.core = this.restart();
  }

  restart(): RegionCore {
    this.core = new RegionCore({
      store: this.store,
      index: this.index,
      objects: this.objects,
      now: () => this.now,
      token: () => (++this.#tokens).toString(16).padStart(32, "0"),
      onError: (where, error) => {
        // A crash is not an error that somebody handles.
        if (error instanceof Crash) throw error;
        this.errors.push(`${where}: ${String(error)}`);
      },
      region: "eu",
      shard: "0",
      settings: this.#settings,
    });
    return this.core;
  }

  setFault(fault: Fault): void {
    this.store.fault = fault;
    this.index.fault = fault;
    this.objects.fault = fault;
  }

  /** Works until nothing is due within the next minutes. */
  async settle(minutes = 3): Promise<void> {
    for (let i = 0; i < minutes * 6; i++) {
      await this.core.work();
      this.now += 10_000;
    }
  }

  /** A look at the tables that no fault strikes. */
  rows<T>(query: string, ...values: SqlValue[]): T[] {
    const { fault } = this.store;
    this.store.fault = new Fault();
    const rows = this.store.exec(query, ...values);
    this.store.fault = fault;
    return rows as T[];
  }
}

let made = 0;
const EMPTY = { experiences: [], outcomes: [], receipts: [], inserts: [], uses: [], labels: [] };

/** A report with the given lists; every call makes another batch id. */
export const reportOf = (part: Partial<Report> = {}): Report => ({
  batchId: `batch-${++made}`,
  freshCursor: 0,
  ...EMPTY,
  ...part,
});

export const experienceOf = (expId: string, more: Partial<Experience> = {}): Experience => ({
  expId,
  tenant: "t1",
  region: "eu",
  at: 1_700_000_000_000,
  f: "",
  c: Array.from({ length: 30 }, () => 0),
  omega: 0.1,
  noise: "zero",
  action: 0,
  mu: 0.9,
  probs: [0.9, 0.1],
  sub: "B",
  policyVersion: 1,
  resolverVersion: 1,
  embedder: "e",
  share: true,
  usedRows: [],
  ...more,
});

export const outcomeOf = (expId: string, more: Partial<Outcome> = {}): Outcome => ({
  expId,
  tenant: "t1",
  result: "final",
  kind: "MISS",
  delaySeconds: 1,
  parts: {},
  tokensIn: 0,
  tokensOut: 0,
  costUsd: 0,
  savedUsd: 0,
  overheadUsd: 0,
  ...more,
});

const vector = encodeFloats(new Float32Array(768).fill(1 / Math.sqrt(768)));

export const insertOf = (id: string, more: Partial<EntryInsert> = {}): EntryInsert => ({
  id,
  tenant: "t1",
  namespace: "n".repeat(52),
  ansId: `ans-${id}`,
  role: 1,
  fp: "f".repeat(26),
  lang: "en",
  question: `question ${id}`,
  createdAt: 1_700_000_000_000,
  expiresAt: 1_700_000_000_000 + 7 * 86_400_000,
  vector,
  ...more,
});

export const useOf = (id: string, expId: string, more: Partial<EntryUse> = {}): EntryUse => ({
  id,
  tenant: "t1",
  expId,
  handling: "A",
  ...more,
});
