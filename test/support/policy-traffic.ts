// Outcomes as isolates report them, for policies of which the probabilities are known.
import { type RolloutState, isExposed } from "../../src/durable/rollout.ts";
import { type RolloutSettings, ROLLOUT_SETTINGS } from "../../src/durable/rollout-settings.ts";
import { type Outcome } from "../../src/policy/experience.ts";
import { type Random } from "../../src/policy/random.ts";
import { outcomeOf } from "./region-rig.ts";

/** What a policy does with a request; everything has a plausible default. */
export interface Conduct {
  /** Probability of the cache where a stored answer may be served, and elsewhere. */
  readonly serves?: (random: Random) => number;
  readonly proposes?: (random: Random) => number;
  readonly policyMs?: number;
  readonly hitMs?: number;
  readonly modelMs?: number;
  readonly errors?: number;
  readonly failures?: number;
}

/** Guards and budget let an answer be served for this share of the requests. */
const SERVABLE = 0.5;

export function simulatedOutcome(
  version: number,
  conduct: Conduct,
  random: Random,
  expId = "",
): Outcome {
  const { serves = () => 0.97, proposes = () => 0.3, policyMs = 1 } = conduct;
  const { hitMs = 45, modelMs = 2_000, errors = 0.01, failures = 0 } = conduct;
  const isServable = random.uniform() < SERVABLE;
  const p = isServable ? serves(random) : proposes(random);
  // With the exploration floor of the product.
  const isHit = isServable && random.uniform() < 0.02 + 0.96 * p;
  const spread = Math.exp(0.5 * random.normal());
  return outcomeOf(expId, {
    kind: isHit ? "HIT-SEMANTIC" : "MISS",
    result: !isHit && random.uniform() < errors ? "upstream_error" : "final",
    delaySeconds: ((isHit ? hitMs : modelMs) * spread) / 1000,
    parts: {
      policyVersion: version,
      policy: policyMs * (0.5 + random.uniform()),
      cacheProbability: p,
      ...(isServable && { serveProbability: p }),
      ...(random.uniform() < failures && { policyFailed: 1 }),
    },
  });
}

/** Which version decides for a user, as the gateway chooses. */
export function versionFor(
  user: string,
  { stable, candidate, stage }: RolloutState,
  { stages }: RolloutSettings = ROLLOUT_SETTINGS,
): number {
  if (candidate === null) return stable;
  return isExposed(candidate, user, stages[stage]!.share) ? candidate : stable;
}
