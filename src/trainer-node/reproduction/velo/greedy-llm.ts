// Greedy-LLM (a baseline of the DLRS paper): the cache action iff the nearest row promises more satisfaction than the model
// has given, -d_min > q_B.
import { certain } from "../../simulator/baselines.ts";
import { TWO_WAY } from "../../../policy/action.ts";
import { type BatchPlayer, nearestDistance } from "./players.ts";

/** q_B before anything is known: an assumption. */
const INITIAL_QUALITY = -0.5;
/** Requests between two estimates of q_B. */
const PERIOD = 300;

export interface GreedyLlm extends BatchPlayer {
  /** q_B: the mean satisfaction of all direct answers seen up to the last whole period. */
  readonly directQuality: number;
}

export function greedyLlm({
  initialQuality = INITIAL_QUALITY,
  period = PERIOD,
}: { readonly initialQuality?: number; readonly period?: number } = {}): GreedyLlm {
  let directQuality = initialQuality;
  let requests = 0;
  let answers = 0;
  let sum = 0;
  let isFrozen = false;
  return {
    name: "Greedy-LLM",
    actions: TWO_WAY,
    get directQuality() {
      return directQuality;
    },
    choose: (pending) => certain(-nearestDistance(pending) > directQuality ? 1 : 0),
    observe({ decision, handling, quality }) {
      if (isFrozen || decision === null) return;
      requests++;
      if (handling === "B") {
        answers++;
        sum += quality;
      }
      if (requests % period === 0 && answers > 0) directQuality = sum / answers;
    },
    freeze() {
      isFrozen = true;
    },
  };
}
