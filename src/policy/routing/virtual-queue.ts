// At least alpha of the requests satisfied, in the long run: what was missed so far waits in a queue that only satisfied
// requests drain, and the longer it is, the less the price counts (drift plus penalty, as in MESS+, arXiv 2505.19947).
import { type Constraints, type Option } from "./prediction.ts";
import { type Selector, selectorOf } from "./selector.ts";
import { isQuantity, isShare } from "./state.ts";

export interface VirtualQueueOptions extends Constraints {
  /** alpha: share of the requests to be satisfied, [0, 1]. */
  readonly target: number;
  /** V: satisfaction missed so far that outweighs one unit of cost. */
  readonly costWeight: number;
  /** Predicted cost, in USD when left out. */
  readonly costOf?: (option: Option) => number;
}

/** Q <- max(0, Q + alpha - y): y is 1 for a satisfied request, 0 for another, or a probability where nobody judged. */
export const queueAfter = (queue: number, target: number, satisfied: number): number =>
  Math.max(0, queue + target - satisfied);

/** V cost + Q (1 - y); lower is better. */
export const queueScore = (
  queue: number,
  costWeight: number,
  { cost, satisfied }: { readonly cost: number; readonly satisfied: number },
): number => costWeight * cost + queue * (1 - satisfied);

export interface VirtualQueue extends Selector {
  /** Q: satisfied requests owed. */
  readonly owed: () => number;
}

/** argmin_j V cost_j + Q (1 - y_j), y_j being the predicted quality; outcomes without a judgement leave Q as it is. */
export function virtualQueue(options: VirtualQueueOptions): VirtualQueue {
  const { target, costWeight, costOf = ({ usd }: Option) => usd, ...constraints } = options;
  if (!(target >= 0 && target <= 1)) throw new RangeError(`target is ${target}, not a share`);
  let queue = 0;
  const selector = selectorOf({
    name: "virtual-queue",
    constraints,
    scores: (_, candidates) =>
      candidates.map((option) => {
        const quality = option.estimate?.quality;
        const satisfied = isShare(quality) ? quality : NaN;
        return -queueScore(queue, costWeight, { cost: costOf(option), satisfied });
      }),
    observe: ({ quality, succeeded }) => {
      // Whoever got no answer is not satisfied.
      const satisfied = succeeded ? quality : 0;
      if (isShare(satisfied)) queue = queueAfter(queue, target, satisfied);
    },
    snapshot: () => queue,
    restore: (state) => {
      if (!isQuantity(state)) return false;
      queue = state;
      return true;
    },
  });
  return { ...selector, owed: () => queue };
}
