// Chooses the action whose utility a ridge regression predicts to be higher: what is left of the decision when there is no
// network and no policy gradient.
//
//   U_a(x) = w_a . x,  x = [c 30 | c^2 30 | projection of f | log10 omega | 1]
//   w_a = (X_a' X_a + lambda I)^-1 X_a' U_a over what was seen of action a, made anew every 300 requests
import { TWO_WAY } from "../../../policy/action.ts";
import {
  CORRELATION_SIZE,
  EMBEDDING_SIZE,
  NEIGHBOURS,
  type Observation,
} from "../../../policy/network/policy.ts";
import { Random } from "../../../policy/random.ts";
import { certain } from "../../simulator/baselines.ts";
import { type BatchPlayer, placeOf, randomFor } from "./players.ts";
import { NormalEquations } from "./normal-equations.ts";

export interface ValueRegressionOptions {
  readonly mode: "paper" | "product";
  readonly seed: number;
  /** phi3, taken off what the action "direct" is worth. */
  readonly directPenalty?: number;
  /** Probability of an action by lot while it learns. */
  readonly exploration?: number;
  /** Requests between two solutions. */
  readonly period?: number;
  readonly projection?: number;
  readonly ridge?: number;
}

export interface ValueRegression extends BatchPlayer {
  /** Predicted utility of each action; null before the first solution. */
  predict(observation: Observation): readonly number[] | null;
}

export function valueRegression({
  mode,
  seed,
  directPenalty = 0,
  exploration = 0.05,
  period = 300,
  projection = 64,
  ridge = 1,
}: ValueRegressionOptions): ValueRegression {
  const features = featuresOf(mode, projection, seed);
  const size = 2 * CORRELATION_SIZE + projection + 2;
  const equations = TWO_WAY.map(() => new NormalEquations(size));
  /** What requests looked like when they were chosen for, until it is known what they came to. */
  const open = new Map<string, Float64Array>();
  let weights: readonly Float64Array[] | null = null;
  let requests = 0;
  let isFrozen = false;

  const predictFrom = (x: Float64Array) =>
    weights?.map((w) => w.reduce((sum, weight, i) => sum + weight * x[i]!, 0)) ?? null;
  return {
    name: "value-regression",
    actions: TWO_WAY,
    predict: (observation) => predictFrom(features(observation)),
    choose(pending) {
      const x = features(pending.observation);
      if (!isFrozen) open.set(placeOf(pending), x);
      const predicted = predictFrom(x);
      const random = randomFor(seed, pending, "explore");
      const explores = random.uniform() < exploration && !isFrozen;
      // Without experience nothing is known of either action.
      if (explores || predicted === null)
        return certain(randomFor(seed, pending, "coin").uniform() < 0.5 ? 1 : 0);
      return certain(predicted[1]! > predicted[0]! ? 1 : 0);
    },
    observe(executed) {
      const { decision, utility } = executed;
      const place = placeOf(executed);
      const x = open.get(place);
      if (isFrozen || decision === null || x === undefined) return;
      open.delete(place);
      equations[decision.action]!.add(x, utility - (decision.action === 0 ? directPenalty : 0));
      if (++requests % period === 0) weights = equations.map((each) => each.solve(ridge));
    },
    freeze() {
      isFrozen = true;
      open.clear();
    },
  };
}

/** c as the product normalises it (policy/observation.ts), so that use counts of any size stay small. */
function featuresOf(mode: "paper" | "product", projection: number, seed: number) {
  const random = new Random(seed);
  const directions = Float32Array.from({ length: projection * EMBEDDING_SIZE }, () =>
    random.normal(),
  );
  return ({ c, f, omega }: Observation): Float64Array => {
    const x = new Float64Array(2 * CORRELATION_SIZE + projection + 2);
    for (let i = 0; i < CORRELATION_SIZE; i++) {
      const value = mode === "paper" ? normalised(i, c[i]!) : c[i]!;
      x[i] = value;
      x[CORRELATION_SIZE + i] = value ** 2;
    }
    for (let row = 0, at = 0; row < projection; row++) {
      let sum = 0;
      for (let i = 0; i < EMBEDDING_SIZE; i++) sum += directions[at++]! * f[i]!;
      x[2 * CORRELATION_SIZE + row] = sum;
    }
    x[x.length - 2] = omega;
    x[x.length - 1] = 1;
    return x;
  };
}

function normalised(i: number, value: number): number {
  if (i < NEIGHBOURS) return value;
  if (i < 2 * NEIGHBOURS) return value === 0 ? 0 : value - 1.5;
  return Math.log1p(value) / 3;
}
