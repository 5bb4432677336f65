// What one isolate remembers between requests. It serves many tenants: every key begins with the tenant or is a hash
// that covers it, and nothing here belongs to a single request.
import { type NotesArm } from "../policy/experience.ts";
import { type VerifiedKey } from "../durable/tenant.ts";
import { AnswerMemory } from "./lookup/entries.ts";
import { RegionDesk } from "./reports.ts";
import { RecentAsks } from "./satisfaction/asked-again.ts";
import { type LabelledRow } from "./satisfaction/row-match.ts";
import { type Config } from "./config.ts";
import { Flights } from "./single-flight.ts";
import { backendsOf } from "./upstream/backends.ts";
import { Selection } from "./upstream/selection.ts";

export interface KeyCopy {
  readonly digest: string;
  /** null: the Tenants object does not know the key. */
  readonly verified: VerifiedKey | null;
  readonly at: number;
}

/** How a recent decision ended up, for feedback. */
export interface RecentDecision {
  readonly id: string;
  readonly at: number;
  readonly row: LabelledRow | null;
  /** Its part in the trial of notes. */
  readonly notes?: NotesArm;
}

export interface Readiness {
  readonly at: number;
  readonly dependencies: Readonly<Record<string, string>>;
}

export class Isolate {
  readonly answers = new AnswerMemory();
  readonly flights = new Flights();
  /** By key id. */
  readonly keys = new BoundedMap<KeyCopy>(10_000);
  /** Decisions by tenant and id. */
  readonly decisions = new BoundedMap<RecentDecision>(5_000);
  /** Who asked what in the last minutes, to notice who asks again. */
  readonly asks = new RecentAsks();
  readonly examinations = new Examinations();
  /** By region: what was last found out about the dependencies, and when. */
  readonly readiness = new Map<string, Readiness>();
  readonly counters = { foreignRows: 0, storeFailures: 0, cacheErrors: 0, scorerFailures: 0 };
  readonly #desks = new Map<string, RegionDesk>();
  #selection: { readonly config: Config; readonly selection: Selection } | null = null;

  /** What chooses for `velo/auto`; another configuration begins anew. */
  selection(config: Config): Selection {
    if (this.#selection?.config !== config)
      this.#selection = {
        config,
        selection: new Selection(config.routing, backendsOf(config.upstreams)),
      };
    return this.#selection.selection;
  }

  /** @param object name of the region object, `region/<region>/<shard>` */
  desk(object: string): RegionDesk {
    let desk = this.#desks.get(object);
    if (desk === undefined) {
      desk = new RegionDesk(() => {
        this.answers.clear();
        this.asks.clear();
      });
      this.#desks.set(object, desk);
    }
    return desk;
  }
}

/** After so long a piece of background work has ended, or was cancelled with its request and will never say so. */
const GONE_MS = 35_000;

/** Comparisons under way, what they found, and why they found nothing. */
export class Examinations {
  readonly counts = {
    right: 0,
    wrong: 0,
    unsure: 0,
    failed: 0,
    reasons: {} as Record<string, number>,
  };
  readonly #begun = new Map<symbol, number>();

  /** Returns what to call at the end. */
  begin(now: number): () => void {
    const one = Symbol();
    this.#begun.set(one, now);
    return () => void this.#begun.delete(one);
  }

  running(now: number): number {
    for (const [one, at] of this.#begun) if (now - at > GONE_MS) this.#begun.delete(one);
    return this.#begun.size;
  }
}

/** A map that forgets its oldest entries. */
class BoundedMap<T> {
  readonly #entries = new Map<string, T>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) {
      const oldest = this.#entries.keys().next().value;
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
