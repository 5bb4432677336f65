// One gradient step of discrete soft actor-critic (Haarnoja et al. 2018, Christodoulou 2019) as one ONNX graph: actor, two
// critics behind one encoder and their slow copy, every derivative, Adam.
//
//   V(s')   = sum_a pi(a|s') ( min(Q1', Q2')(s', a) - alpha ln pi(a|s') )        Q' the slow copy
//   y       = r + discount V(s')
//   L_Q     = mean ( (Q1(s, a) - y)^2 + (Q2(s, a) - y)^2 ) / 2
//   L_pi    = mean sum_a pi(a|s) ( alpha ln pi(a|s) - min(Q1, Q2)(s, a) )
//   L_alpha = mean ln alpha ( H(pi(.|s)) - target entropy )
import { type Bytes } from "../../../policy/network/bytes.ts";
import { type Shapes } from "../../../policy/network/layout.ts";
import {
  type GraphInputs,
  type GraphSize,
  type Head,
  graphNetwork,
  graphParameters,
  inputShapes,
} from "../../../policy/routing/graph-router/graph-network.ts";
import { type AdamStep, adamStep } from "../../graph/adam.ts";
import { type TrainingOperators, operatorsOf } from "../../graph/operators.ts";
import { type Tensor, TensorGraph } from "../../graph/tensor-graph.ts";
import { flatNetwork, flatParameters } from "./flat-router.ts";

/** What makes values of a state: attention over its graph, or layers over all of its numbers side by side. */
type Encoder = "graph" | "flat";

export interface SacNetworks {
  readonly encoder: Encoder;
  readonly size: GraphSize;
}

interface SacStepOptions extends SacNetworks {
  readonly batch: number;
  /** Share of the slow copy that stays. */
  readonly polyak: number;
  /** Limit on the length of each gradient. */
  readonly maxNorm: number;
}

export const CRITIC = "critic.";
export const TARGET = "target.";
export const LOG_TEMPERATURE = "logTemperature";
const CRITICS: readonly Head[] = ["q1", "q2"];

const parametersOf = ({ encoder, size }: SacNetworks, heads: readonly Head[], prefix = "") =>
  encoder === "flat" ? flatParameters(size, heads, prefix) : graphParameters(heads, prefix);

export const actorShapes = (networks: SacNetworks): Shapes => parametersOf(networks, ["policy"]);
export const criticShapes = (networks: SacNetworks, prefix: string): Shapes =>
  parametersOf(networks, CRITICS, prefix);

interface State {
  readonly inputs: GraphInputs<Tensor>;
  /** [B, N + 1] */
  readonly closed: Tensor;
}

/** Inputs are the arrays of PaddedGraphs, their names behind `prefix`. */
function stateInputs(graph: TensorGraph, size: GraphSize, batch: number, prefix: string): State {
  const inputs = Object.fromEntries(
    Object.entries(inputShapes(size)).map(([name, dims]) => [
      name,
      graph.input(prefix + name, [batch, ...dims]),
    ]),
  ) as unknown as GraphInputs<Tensor>;
  return { inputs, closed: graph.input(`${prefix}closed`, [batch, size.experts + 1]) };
}

const valuesOf = (
  ops: TrainingOperators,
  { encoder, size }: SacNetworks,
  { inputs }: State,
  heads: readonly Head[],
  prefix = "",
): readonly Tensor[] =>
  encoder === "flat"
    ? flatNetwork(ops, inputs, size, heads, prefix)
    : graphNetwork(ops, inputs, size, heads, prefix);

interface Parameters {
  readonly actor: readonly Tensor[];
  readonly critic: readonly Tensor[];
  readonly target: readonly Tensor[];
  readonly temperature: Tensor;
}

interface SacLosses {
  readonly actor: Tensor;
  readonly critic: Tensor;
  readonly temperature: Tensor;
  readonly entropy: Tensor;
  readonly value: Tensor;
}

/**
 * Inputs beside the parameters: a state and, behind "next.", its successor; action [B, N+1] one-hot, reward [B], discount [B]
 * (0 at the end), targetEntropy [B].
 */
export function sacLosses(
  graph: TensorGraph,
  options: Omit<SacStepOptions, "polyak" | "maxNorm">,
): {
  readonly ops: TrainingOperators;
  readonly parameters: Parameters;
  readonly losses: SacLosses;
} {
  const { batch, size } = options;
  const made = (shapes: Shapes) => [...shapes].map(([name, dims]) => graph.parameter(name, dims));
  const parameters = {
    actor: made(actorShapes(options)),
    critic: made(criticShapes(options, CRITIC)),
    target: made(criticShapes(options, TARGET)),
    temperature: graph.parameter(LOG_TEMPERATURE, [1]),
  };
  const byName = new Map(
    [...parameters.actor, ...parameters.critic, ...parameters.target].map((x) => [x.name, x]),
  );
  const ops = operatorsOf(graph, (name) => byName.get(name)!);
  const now = stateInputs(graph, size, batch, "");
  const next = stateInputs(graph, size, batch, "next.");
  const action = graph.input("action", [batch, size.experts + 1]);
  const policyAt = (state: State) => {
    const [values] = valuesOf(ops, options, state, ["policy"]);
    const logProbs = ops.logSoftmax(ops.add(values!, state.closed));
    return { logProbs, probs: ops.exp(logProbs) };
  };
  const alpha = ops.stopGradient(ops.exp(parameters.temperature));

  const after = policyAt(next);
  const [slow1, slow2] = valuesOf(ops, options, next, CRITICS, TARGET);
  const soft = ops.subtract(ops.minimum(slow1!, slow2!), ops.multiply(alpha, after.logProbs));
  const valueAfter = ops.sum(ops.multiply(after.probs, soft), [1]);
  const reward = graph.input("reward", [batch]);
  const discount = graph.input("discount", [batch]);
  const y = ops.stopGradient(ops.add(reward, ops.multiply(discount, valueAfter)));

  const [q1, q2] = valuesOf(ops, options, now, CRITICS, CRITIC);
  const errorOf = (q: Tensor) => ops.square(ops.subtract(ops.sum(ops.multiply(q, action), [1]), y));
  const critic = ops.scale(ops.mean(ops.add(errorOf(q1!), errorOf(q2!))), 0.5);

  const { logProbs, probs } = policyAt(now);
  const best = ops.stopGradient(ops.minimum(q1!, q2!));
  const regret = ops.subtract(ops.multiply(alpha, logProbs), best);
  const actor = ops.mean(ops.sum(ops.multiply(probs, regret), [1]));

  const entropy = ops.negate(ops.sum(ops.multiply(probs, logProbs), [1]));
  const surplus = ops.subtract(entropy, graph.input("targetEntropy", [batch]));
  const temperature = ops.mean(ops.multiply(parameters.temperature, ops.stopGradient(surplus)));
  return {
    ops,
    parameters,
    losses: { actor, critic, temperature, entropy: ops.mean(entropy), value: ops.mean(best) },
  };
}

interface SacStep extends AdamStep {
  readonly onnx: Bytes;
}

/**
 * Outputs: actorLoss, criticLoss, entropy, meanValue, temperature, finite, gradientNorm.<group>. Groups and their inputs
 * learningRate.<group>: actor, critic, temperature. The slow copy follows the critics as they were before the step.
 */
export function sacStep(options: SacStepOptions): SacStep {
  const { polyak, maxNorm } = options;
  const graph = new TensorGraph({ precision: "float32" });
  const { ops, parameters, losses } = sacLosses(graph, options);
  graph.output("actorLoss", losses.actor);
  graph.output("criticLoss", losses.critic);
  graph.output("entropy", losses.entropy);
  graph.output("meanValue", losses.value);
  graph.output("temperature", ops.exp(parameters.temperature));
  const loss = ops.add(ops.add(losses.actor, losses.critic), losses.temperature);
  const { stateful, packed, acceptWhen } = adamStep(
    graph,
    ops,
    loss,
    [
      { name: "actor", parameters: parameters.actor, maxNorm },
      { name: "critic", parameters: parameters.critic, maxNorm },
      { name: "temperature", parameters: [parameters.temperature], maxNorm },
    ],
    { layout: "flat" },
  );
  const following: Record<string, string> = {};
  for (const [i, target] of parameters.target.entries()) {
    const output = `${target.name}.next`;
    const moved = ops.add(ops.scale(target, polyak), ops.scale(parameters.critic[i]!, 1 - polyak));
    graph.output(output, moved);
    following[target.name] = output;
  }
  return { onnx: graph.toOnnx(), stateful: { ...stateful, ...following }, packed, acceptWhen };
}

/** The actor alone over one state: what acts during training. Output: values [1, N + 1]. */
export function actingGraph(networks: SacNetworks): {
  readonly onnx: Bytes;
  readonly stateful: Readonly<Record<string, null>>;
} {
  const graph = new TensorGraph({ precision: "float32" });
  const shapes = actorShapes(networks);
  const byName = new Map([...shapes].map(([name, dims]) => [name, graph.parameter(name, dims)]));
  const ops = operatorsOf(graph, (name) => byName.get(name)!);
  const state = stateInputs(graph, networks.size, 1, "");
  const [values] = valuesOf(ops, networks, state, ["policy"]);
  graph.output("values", values!);
  return {
    onnx: graph.toOnnx(),
    stateful: Object.fromEntries([...shapes.keys()].map((name) => [name, null])),
  };
}
