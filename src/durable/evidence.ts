// What is known of one row's reuse, in the form that travels with the row.
import {
  coldStartPrior,
  evidenceOf,
  type GridWeights,
  UNIFORM_PRIOR,
} from "../policy/cache/error-budget.ts";
import { type Entry } from "./cache-book.ts";
import { type RegionState } from "./region-state.ts";

let computed: { readonly key: string; readonly prior: GridWeights } | null = null;

/** The prior follows from two numbers and takes milliseconds to compute: the last one is kept. */
function priorOf({ coldStart }: RegionState): GridWeights {
  if (coldStart === null) return UNIFORM_PRIOR;
  const key = `${coldStart.distance} ${coldStart.deltaHit}`;
  if (computed?.key !== key)
    computed = { key, prior: coldStartPrior(coldStart.distance, coldStart.deltaHit) };
  return computed.prior;
}

/** JSON text of a row's Evidence, or null for a row without labels. Metadata values cannot be nested. */
export function evidenceTextOf(entry: Entry, state: RegionState): string | null {
  if (entry.observations.length === 0) return null;
  const { labels, alpha } = evidenceOf(
    entry.observations.map(([distance, correct, weight]) => ({ distance, correct, weight })),
    priorOf(state),
  );
  // Four digits: the metadata of a vector holds 10 KiB.
  return JSON.stringify({ labels, alpha: alpha.map((a) => Math.round(a * 1e4) / 1e4) });
}
