// What a region object and the Worker's cron say to each other when rows are moved into another vector space.
import { type EntryInsert } from "./report.ts";

interface Row {
  readonly tenant: string;
  readonly id: string;
}

/** An old row to be embedded anew. */
export interface LeasedRow extends Row {
  readonly ansId: string;
  readonly createdAt: number;
  /** Its wording, where the index still has it. */
  readonly question: string | null;
}

export interface MoveLease {
  readonly token: string;
  readonly rows: readonly LeasedRow[];
}

export interface Move extends Row {
  /** The same row in the new space. */
  readonly insert: EntryInsert;
  /** The stored answer under its new key, JSON. */
  readonly answer: string;
}

export interface MoveResult {
  readonly token: string;
  readonly moves: readonly Move[];
  /** Rows that nobody can move: their answer is gone, or does not say where it belongs. */
  readonly gone: readonly Row[];
  readonly costUsd: number;
}

/** A row on its way: its answer may already lie under the new key. */
export interface PendingMove extends Row {
  readonly newId: string;
  readonly newAnsId: string;
}

export interface ReembeddingState {
  /** The space that rows are moved to. */
  readonly to: string;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly moved: number;
  /** Old rows that were evicted instead. */
  readonly evicted: number;
  readonly costUsd: number;
  /** Money of the day that began at `from`. */
  readonly day: { readonly from: number; readonly usd: number };
  readonly pending: readonly PendingMove[];
}

export type ReembeddingView = Omit<ReembeddingState, "pending" | "day">;

export const reembeddingView = (state: ReembeddingState | null): ReembeddingView | null => {
  if (state === null) return null;
  const { pending: _pending, day: _day, ...view } = state;
  return view;
};
