// A slice is a tenant's traffic in one language: where wrong answers are counted, and where serving is switched off.
import { type BudgetLimits } from "./error-budget.ts";

/** What the region tells isolates to do in a slice. */
export interface SliceOrders {
  /** Rows without labels are served up to this effective distance at most; left out: up to the cold start's. */
  readonly reach?: number;
  /** Share of served hits that should be examined afterwards. */
  readonly examine: number;
}

/** Nothing is known of a young slice yet, so one hit in twenty is examined, as long as that is so. */
export const YOUNG_SLICE: SliceOrders = { examine: 0.05 };

/** The slice's key. `lang` is an ISO 639-1 code or "und" and holds no slash. */
export const sliceOf = (tenant: string, lang: string): string => `${tenant}/${lang}`;

/** The inverse of `sliceOf`. */
export function sliceParts(slice: string): { readonly tenant: string; readonly lang: string } {
  const slash = slice.lastIndexOf("/");
  return { tenant: slice.slice(0, slash), lang: slice.slice(slash + 1) };
}

/** The limits that hold in a slice: its reach caps the cold start. Without a scorer the reach is of raw distance. */
export function limitsInSlice<T extends BudgetLimits>(limits: T, orders: SliceOrders): T {
  const { reach } = orders;
  if (reach === undefined) return limits;
  return {
    ...limits,
    coldStartDistance: Math.min(limits.coldStartDistance, reach),
    coldStartMatch: Math.min(limits.coldStartMatch ?? Math.sqrt(2 * limits.deltaHit), reach),
  };
}
