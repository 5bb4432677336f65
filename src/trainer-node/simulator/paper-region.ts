// An agent's edge in the paper: a clock, and a database whose rows are candidates at once. No ledger, no labels, no guards.
import { type Candidate } from "../../policy/cache/candidate.ts";
import { selectRow } from "../../policy/cache/resolver.ts";
import { type SliceOrders, YOUNG_SLICE } from "../../policy/cache/slice.ts";
import { Agenda } from "./agenda.ts";
import { type AgentRegion, type Ended, type StoredRow } from "./agent-region.ts";
import { type PaperRow, type PaperRows } from "./paper-rows.ts";
import { type SimulatedRequest } from "./source.ts";

export class PaperRegion implements AgentRegion {
  readonly #database: PaperRows;
  readonly #vectorOf: (request: SimulatedRequest) => Float32Array;
  readonly #agenda = new Agenda();
  #now: number;

  /** `vectorOf`: a request in the space that rows are searched in. Regions that share a cache share the database. */
  constructor(options: {
    readonly now: number;
    readonly database: PaperRows;
    readonly vectorOf: (request: SimulatedRequest) => Float32Array;
  }) {
    this.#now = options.now;
    this.#database = options.database;
    this.#vectorOf = options.vectorOf;
  }

  get now(): number {
    return this.#now;
  }

  get entries(): number {
    return this.#database.size;
  }

  /** A copy of what the database holds. */
  rows(): readonly PaperRow[] {
    return this.#database.rows();
  }

  advance(to: number): void {
    for (let next = this.#agenda.due(to); next !== null; next = this.#agenda.due(to)) {
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = Math.max(this.#now, to);
  }

  schedule(at: number, run: () => void): void {
    this.#agenda.plan(at, run);
  }

  settle(): void {
    for (let { end } = this.#agenda; end !== null; end = this.#agenda.end) this.advance(end);
  }

  evict(): number {
    return this.#database.evict(this.#now);
  }

  nearest(request: SimulatedRequest): readonly Candidate[] {
    return this.#database.nearest(this.#vectorOf(request));
  }

  insert(row: StoredRow): void {
    this.#database.insert(row);
  }

  /** Eq. 5 for the row that Eq. 4 chose; one use more for it and for every row in the prompt. */
  end({ branch, served, notes, candidates }: Ended): void {
    if (branch.handling === "B") {
      this.#database.called(branch.utility);
      return;
    }
    const chosen = branch.handling === "C" ? selectRow(candidates, Infinity) : served;
    // A repeat that was answered without a look-up used no row.
    if (chosen === null) return;
    this.#database.use(chosen.id, branch);
    for (const id of new Set([chosen, ...notes].map((row) => row.id))) this.#database.count(id);
  }

  /** The paper's values follow from quality and delay alone. */
  label(): void {}

  ordersOf(): SliceOrders {
    return YOUNG_SLICE;
  }

  isClosed(): boolean {
    return false;
  }

  mayNotLabel(): boolean {
    return true;
  }

  paysToLookUp(): boolean {
    return true;
  }
}
