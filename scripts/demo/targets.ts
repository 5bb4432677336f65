// Whether the trained policy is as good as it is meant to be, one sentence for each target.
import {
  type Interval,
  type PairedDifference,
  type Score,
  type Share,
} from "../../src/trainer-node/simulator/scoreboard.ts";
import { type Comparison } from "./comparison.ts";
import { describeInterval, describeShare, percent, repeatsServed } from "./tables.ts";

export interface Target {
  readonly target: string;
  /** undecided: the interval of a difference includes 0. */
  readonly verdict: "holds" | "undecided" | "fails";
  readonly figures: string;
}

const MAX_WRONG = 0.01;
const MIN_REPEATS = 0.9;
const MIN_OTHERS = 0.25;

/** @param http the trained policy's score over HTTP, beside which the simulator's stands */
export function targetsOf({ differences, scores, thresholds }: Comparison, http: Score): Target[] {
  const both = (share: (score: Score) => Share) => [share(http), share(scores.after)];
  return [
    differenceTarget(
      `reward above that of the best feasible fixed threshold (${thresholds.feasible})`,
      differences.threshold,
    ),
    differenceTarget("reward above that of always asking the model", differences.alwaysModel),
    {
      target: "at most 1 % of requests get a wrong answer",
      ...shareVerdict(
        both(({ wrongPerRequest }) => wrongPerRequest),
        (share) => share <= MAX_WRONG,
        ({ upper95 }) => `, at most ${percent(upper95)} with 95 % confidence`,
      ),
    },
    {
      target: "at least 90 % of exact repeats are served",
      ...shareVerdict(both(repeatsServed), (share) => share >= MIN_REPEATS),
    },
    {
      target: "at least 25 % of the other should-hits are served",
      ...shareVerdict(
        both(({ shouldHits }) => shouldHits),
        (share) => share >= MIN_OTHERS,
      ),
    },
  ];
}

export function describeTarget({ target, verdict, figures }: Target): string {
  const word = { holds: "Holds", undecided: "Not shown", fails: "Does not hold" }[verdict];
  return `${word}: ${target} (${figures}).`;
}

function differenceTarget(target: string, { mean, interval }: PairedDifference): Target {
  return { target, verdict: signOf(interval), figures: describeDifference({ mean, interval }) };
}

export function describeDifference({ mean, interval }: PairedDifference): string {
  const sign = mean > 0 ? "+" : "";
  return `${sign}${mean.toFixed(4)}, 95 % interval ${describeInterval(interval)}`;
}

const signOf = ({ low, high }: Interval): Target["verdict"] =>
  low > 0 ? "holds" : high < 0 ? "fails" : "undecided";

function shareVerdict(
  [http, simulated]: readonly Share[],
  isMet: (share: number) => boolean,
  more: (share: Share) => string = () => "",
): Pick<Target, "verdict" | "figures"> {
  const each = [
    ["HTTP", http],
    ["simulator", simulated],
  ] as const;
  const met = each.every(([, share]) => share?.share != null && isMet(share.share));
  return {
    verdict: met ? "holds" : "fails",
    figures: each
      .map(([where, share]) => `${where} ${share ? describeShare(share) + more(share) : "-"}`)
      .join("; "),
  };
}
