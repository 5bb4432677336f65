// Constraint-satisfying UCB (PerLLM, arXiv 2405.14636, Algorithm 1), semi-bandit form: an arm is a service class k at a
// server j, and the constraints are a filter, so that what is learned only ever chooses among servers that keep them.
import { type Constraints, type Option, optionsFor } from "./prediction.ts";
import {
  type Backend,
  type Outcome,
  type RoutingRequest,
  type Selector,
  selectorOf,
} from "./selector.ts";
import { entriesOf, isFiniteNumber, isQuantity, isRecord } from "./state.ts";

export interface CsUcbOptions {
  /** lambda: what room in the constraints is worth. */
  readonly slackWeight?: number;
  /** delta: what knowing an arm better is worth. */
  readonly exploration?: number;
  /** theta: what violated deadlines cost. */
  readonly penalty?: number;
  /** Least constraint satisfaction of a feasible choice. */
  readonly margin?: number;
  /** What an arm's count keeps from one decision to the next; 1: servers never change. */
  readonly discount?: number;
  /**
   * L counts for at least this. With 1, as published, a server whose means are worse by more than delta sqrt(ln t) is not
   * tried again until others break a constraint, however long ago that was; below 1, what fades is tried again.
   */
  readonly leastCount?: number;
  /** E_ref: cost of a usual request, in the unit of the outcomes. */
  readonly referenceCost: number;
  /** alpha x beta of the regret (PerLLM Eq. 5). */
  readonly regretFactor?: number;
  /** Standard deviations added to the predicted times. */
  readonly caution?: number;
  /** Those added where a time is held against the deadline. */
  readonly deadlineCaution?: number;
}

/** More room than this is worth nothing more. */
const MOST_SLACK = 0.7;
/** One measurement of any size must not make a mean infinite. */
const MOST = 1e6;
/** Arms of servers that are long gone make room. */
const MAX_ARMS = 2_000;

interface Arm {
  /** L: discounted number of outcomes, as of decision `at`. */
  readonly count: number;
  /** R-bar: mean of -E / E_ref. */
  readonly reward: number;
  /** P-bar: mean severity of violated deadlines. */
  readonly violation: number;
  readonly at: number;
}

interface State {
  /** t: decisions. */
  readonly decisions: number;
  readonly outcomes: number;
  readonly regret: number;
  readonly arms: ReadonlyMap<string, Arm>;
}

/** One arm at the present decision. */
interface ArmReading {
  readonly count: number;
  readonly reward: number;
  readonly violation: number;
}

export interface CsUcb extends Selector {
  /** Sum over the outcomes of alpha beta r_best - r, r_best being the best mean reward that their class had then. */
  readonly regret: () => number;
  readonly arm: (serviceClass: number, backend: string) => ArmReading | null;
  /**
   * Adds what another learned from other outcomes, given as its snapshot; either may absorb the other. False, and nothing
   * has changed, when it is no snapshot.
   */
  readonly absorb: (state: unknown) => boolean;
}

/**
 * f_j >= margin feasible; among those
 *   argmax_j  R_kj + delta sqrt(ln t / max(1, L_kj)) + lambda min(f_j, 0.7) - theta P_kj      (L_kj = 0: first)
 * and without any argmax_j f_j. The published index adds theta P, which rewards violations; here it is deducted.
 */
export function csUcb(options: CsUcbOptions): CsUcb {
  const {
    slackWeight = 1,
    exploration = 0.3,
    penalty = 1,
    margin = 0.05,
    discount = 0.995,
    leastCount = 1,
    referenceCost,
    regretFactor = 1,
    caution = 0,
    deadlineCaution = 0,
  } = options;
  if (!(referenceCost > 0)) throw new RangeError(`referenceCost is ${referenceCost}, not above 0`);
  if (!(discount > 0 && discount <= 1)) throw new RangeError(`discount is ${discount}`);
  if (!(leastCount > 0)) throw new RangeError(`leastCount is ${leastCount}, not above 0`);
  let decisions = 0;
  let outcomes = 0;
  let regret = 0;
  let arms = new Map<string, Arm>();

  const reading = (serviceClass: number, backend: string): Arm | null => {
    const arm = arms.get(armKey(serviceClass, backend));
    if (arm === undefined) return null;
    return { ...arm, count: arm.count * discount ** (decisions - arm.at), at: decisions };
  };

  const index = (serviceClass: number, { backend, satisfaction }: Option): number => {
    const arm = reading(serviceClass, backend.id);
    if (arm === null) return Infinity;
    return (
      arm.reward +
      exploration * Math.sqrt(Math.log(Math.max(1, decisions)) / Math.max(leastCount, arm.count)) +
      slackWeight * Math.min(satisfaction, MOST_SLACK) -
      penalty * arm.violation
    );
  };

  const observe = (outcome: Outcome): void => {
    const measured = measuredOf(outcome, referenceCost);
    if (measured === null) return;
    outcomes++;
    // Decisions made elsewhere are known by their outcomes.
    decisions = Math.max(decisions, outcomes);
    const best = bestReward(arms, outcome.class) ?? measured.reward;
    regret += regretFactor * best - measured.reward;
    const key = armKey(outcome.class, outcome.backend);
    const before = reading(outcome.class, outcome.backend);
    arms.delete(key);
    arms.set(key, armAfter(before, measured, decisions));
    if (arms.size > MAX_ARMS) arms.delete(arms.keys().next().value!);
  };

  const selector = selectorOf({
    name: "cs-ucb",
    constraints: { margin, caution, deadlineCaution },
    weighsShortfalls: true,
    scores: (request, candidates) => {
      decisions++;
      return candidates.map((option) =>
        option.obstacles.length === 0 ? index(request.class, option) : option.satisfaction,
      );
    },
    observe,
    snapshot: () => ({ decisions, outcomes, regret, arms: [...arms] }),
    restore: (stored) => {
      const state = stateOf(stored);
      if (state === null) return false;
      ({ decisions, outcomes, regret } = state);
      arms = new Map(state.arms);
      return true;
    },
  });
  const absorb = (stored: unknown): boolean => {
    const other = stateOf(stored);
    if (other === null) return false;
    const own: State = { decisions, outcomes, regret, arms };
    decisions += other.decisions;
    outcomes += other.outcomes;
    regret += other.regret;
    arms = mergedArms(own, other, discount);
    return true;
  };
  return { ...selector, regret: () => regret, arm: reading, absorb };
}

/**
 * The requests that wait for a server, the one with the least slack D_deadline - min_j D_j first; those without a deadline
 * come last. To be assigned in this order, each with the places that the ones before it took.
 */
export function tightestFirst(
  requests: readonly RoutingRequest[],
  backends: readonly Backend[],
  constraints: Constraints = {},
): readonly RoutingRequest[] {
  return requests
    .map((request) => {
      const seconds = optionsFor(request, backends, constraints).map((option) => option.seconds);
      const soonest = Math.min(...seconds);
      const { deadlineSeconds } = request;
      const isFree = deadlineSeconds === null || deadlineSeconds === Infinity;
      // Without a server that is measured all the time left is slack, as for everyone else then.
      const slack = isFree ? Infinity : deadlineSeconds - (soonest === Infinity ? 0 : soonest);
      return { request, slack };
    })
    .toSorted((a, b) => (a.slack === b.slack ? 0 : a.slack - b.slack))
    .map(({ request }) => request);
}

interface Measured {
  readonly reward: number;
  readonly violation: number;
}

/**
 * r = -E / E_ref and the violation max(0, (D - D_deadline) / D_deadline). A call that failed costs and violates as much as
 * a usual one twice too late, at least: it is often quick and cheap. null: not to be learned from.
 */
function measuredOf(
  { seconds, cost, deadlineSeconds, succeeded }: Outcome,
  referenceCost: number,
): Measured | null {
  if (!isQuantity(seconds) || !isQuantity(cost)) return null;
  // When the deadline had passed before the decision, no server is to blame.
  const isBound = deadlineSeconds !== null && deadlineSeconds > 0 && deadlineSeconds < Infinity;
  const late = isBound ? Math.max(0, (seconds - deadlineSeconds) / deadlineSeconds) : 0;
  const violation = Math.min(MOST, late);
  const reward = -Math.min(MOST, cost / referenceCost);
  return succeeded
    ? { reward, violation }
    : { reward: Math.min(-1, reward), violation: Math.max(1, violation) };
}

/** L += 1; R += (r - R) / L; P += (violation - P) / L, with the discounted L. */
function armAfter(before: ArmReading | null, { reward, violation }: Measured, at: number): Arm {
  if (before === null) return { count: 1, reward, violation, at };
  const count = before.count + 1;
  return {
    count,
    reward: before.reward + (reward - before.reward) / count,
    violation: before.violation + (violation - before.violation) / count,
    at,
  };
}

/** Best mean reward of the class, null before its first outcome. */
function bestReward(arms: ReadonlyMap<string, Arm>, serviceClass: number): number | null {
  let best: number | null = null;
  const prefix = armKey(serviceClass, "");
  for (const [key, { reward }] of arms) {
    if (key.startsWith(prefix) && (best === null || reward > best)) best = reward;
  }
  return best;
}

/** Counts add up, means are weighted by them; each side's past fades by its own decisions only. */
function mergedArms(own: State, other: State, discount: number): Map<string, Arm> {
  const at = own.decisions + other.decisions;
  const merged = new Map<string, Arm>();
  for (const { arms, decisions } of [own, other]) {
    for (const [key, arm] of arms) {
      const count = arm.count * discount ** (decisions - arm.at);
      const already = merged.get(key) ?? { count: 0, reward: 0, violation: 0, at };
      const total = already.count + count;
      const share = total > 0 ? count / total : 1;
      merged.set(key, {
        count: total,
        reward: already.reward + share * (arm.reward - already.reward),
        violation: already.violation + share * (arm.violation - already.violation),
        at,
      });
    }
  }
  return merged;
}

const armKey = (serviceClass: number, backend: string): string => `${serviceClass}/${backend}`;

function stateOf(stored: unknown): State | null {
  if (!isRecord(stored)) return null;
  const { decisions, outcomes, regret, arms: entries } = stored;
  const arms = entriesOf(entries, isArm);
  if (!isQuantity(decisions) || !isQuantity(outcomes) || !isFiniteNumber(regret) || arms === null)
    return null;
  return { decisions, outcomes, regret, arms };
}

const isArm = (value: unknown): value is Arm =>
  isRecord(value) &&
  isQuantity(value["count"]) &&
  isFiniteNumber(value["reward"]) &&
  isQuantity(value["violation"]) &&
  isQuantity(value["at"]);
