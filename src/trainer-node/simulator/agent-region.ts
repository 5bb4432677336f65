// An agent's region as the environment drives it: the production's region object, or the paper's edge database.
import { type Label } from "../../durable/report.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type SliceOrders } from "../../policy/cache/slice.ts";
import { type Outcome } from "../../policy/experience.ts";
import { type Branch } from "./executed.ts";
import { type SimulatedRequest } from "./source.ts";

export interface AgentRegion {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Rows held. */
  readonly entries: number;
  /** Everything that happens until then happens, in its order. */
  advance(to: number): void | Promise<void>;
  /** Runs `run` when the clock gets there. */
  schedule(at: number, run: () => void): void;
  /** Ends everything that is under way. */
  settle(): void | Promise<void>;
  /** How many rows left. */
  evict(): number | Promise<number>;
  /** The ten rows nearest to a request, nearest first; changes nothing. */
  nearest(request: SimulatedRequest, embedding: () => Float32Array): readonly Candidate[];
  /** A row is a candidate from now on. */
  insert(row: StoredRow): void;
  /** A request ended: what the region learns from its outcome and from the rows that it used. */
  end(ended: Ended): void;
  label(label: Label): void;
  ordersOf(slice: string): SliceOrders;
  isClosed(slice: string): boolean;
  /** Whether the tenant's label budget is used up. */
  mayNotLabel(tenant: string): boolean;
  /** Whether looking up other wordings pays for the tenant. */
  paysToLookUp(tenant: string): boolean;
}

/** A row of a question (role 1), or of the answer itself (role 2). */
export interface StoredRow {
  readonly request: SimulatedRequest;
  readonly role: 1 | 2;
  /** Of the request's own answer: the row's id follows from it. */
  readonly ansId: string;
  /** The answer that the row leads to, where that is another request's. */
  readonly leadsTo?: string;
  readonly namespace: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Unit vector: of the embedder's space in the product, of the space searched in paper mode. */
  readonly vector: Float32Array;
}

export interface Ended {
  readonly outcome: Outcome;
  readonly branch: Branch;
  /** The row whose answer was served; null when none was. */
  readonly served: Candidate | null;
  /** Rows that were in the prompt, and those that were to choose from, nearest first. */
  readonly notes: readonly Candidate[];
  readonly candidates: readonly Candidate[];
}

export const rowIdOf = (role: 1 | 2, ansId: string): string => `${role === 1 ? "v" : "w"}-${ansId}`;
