// Shares of request kinds, and how many of each a workload can really have.
import { REQUEST_KINDS, type RequestKind } from "./request.ts";

/** Shares of the kinds; they need not sum to 1. */
export type Mix = Readonly<Record<RequestKind, number>>;

export type Counts = Record<RequestKind, number>;

export const DEFAULT_MIX: Mix = {
  new: 0.25,
  repeat: 0.3,
  rephrase: 0.2,
  changed: 0.15,
  translation: 0.1,
  "follow-up": 0,
};

/**
 * Splits `count` requests by the mix. A kind with less supply than its share gets its supply, and the others share
 * the rest in the mix's proportions.
 */
export function planCounts(mix: Mix, count: number, supply: Readonly<Counts>): Counts {
  const planned = zeroCounts();
  let open = REQUEST_KINDS.filter((kind) => mix[kind] > 0);
  let left = count;
  for (;;) {
    const total = open.reduce((sum, kind) => sum + mix[kind], 0);
    const share = (kind: RequestKind) => (left * mix[kind]) / total;
    const short = open.filter((kind) => supply[kind] < share(kind));
    if (short.length === 0) {
      for (const kind of open) planned[kind] = Math.round(share(kind));
      return planned;
    }
    for (const kind of short) planned[kind] = supply[kind];
    left -= short.reduce((sum, kind) => sum + supply[kind], 0);
    open = open.filter((kind) => !short.includes(kind));
  }
}

export function zeroCounts(): Counts {
  return { new: 0, repeat: 0, rephrase: 0, changed: 0, translation: 0, "follow-up": 0 };
}
