// One gradient step as one ONNX graph: both networks forward, the losses of MAPPO, every derivative, Adam.
import { actor } from "../policy/network/actor.ts";
import { type Bytes } from "../policy/network/bytes.ts";
import { type Shapes, parameterShapes } from "../policy/network/layout.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../policy/network/policy.ts";
import { type TrainingConfig } from "./config.ts";
import { type AdamStep, type StateLayout, adamStep } from "./graph/adam.ts";
import { type TrainingOperators, operatorsOf } from "./graph/operators.ts";
import { type Tensor, TensorGraph } from "./graph/tensor-graph.ts";
import { JOINT_SIZE, critic, criticShapes } from "./networks.ts";

/** Rows of one step: samples, then demonstrations. */
export interface StepSize {
  readonly samples: number;
  readonly demonstrations: number;
}

/** ONNX's number of float32. */
const FLOAT = 1;
/** Keeps logarithms of probabilities finite; only KL, which has no gradient, sees it. */
const TINY = 1e-8;

export interface TrainingStep extends AdamStep {
  readonly onnx: Bytes;
}

/**
 * Inputs beside weights and moments, N = samples B + demonstrations D:
 *   f [N,768], c [N,30], omega [N,1], noise [N,T+1,A], action [N,A] one-hot, open [B,A] (three-way head only),
 *   prox [B,A] executed probabilities at the start of the update, weight [B] min(rhoBar, prox / mu), advantage [B],
 *   joint [B,489], value [B,1] V at the start of the update, target [B,1] normalised return, entropyCoef,
 *   demonstrationWeight [D] lambda_u min(1, margin / 0.2) / count, step, learningRate.actor, learningRate.critic.
 * Outputs: policyLoss, valueLoss, entropy, kl, clipFraction, ratio [B], finite, gradientNorm.actor and .critic; the first
 * six describe the weights before the step.
 */
export function trainingStep(
  config: TrainingConfig,
  { samples, demonstrations }: StepSize,
  layout: StateLayout = "separate",
): TrainingStep {
  const { actions, steps } = config.network;
  const graph = new TensorGraph({ precision: "float32" });
  const parametersOf = (shapes: Shapes) =>
    [...shapes].map(([name, dims]) => graph.parameter(name, dims));
  const actorParameters = parametersOf(parameterShapes(config.network));
  const criticParameters = parametersOf(criticShapes());
  const byName = new Map([...actorParameters, ...criticParameters].map((x) => [x.name, x]));
  const ops = operatorsOf(graph, (name) => byName.get(name)!);

  const rows = samples + demonstrations;
  const action = graph.input("action", [rows, actions]);
  const { logits, probs } = actor(
    ops,
    {
      f: graph.input("f", [rows, EMBEDDING_SIZE]),
      c: graph.input("c", [rows, CORRELATION_SIZE]),
      omega: graph.input("omega", [rows, 1]),
      noise: graph.input("noise", [rows, steps + 1, actions]),
    },
    config.network,
  );
  const logProbs = ops.logSoftmax(logits);
  const sampled = (x: Tensor) => (demonstrations === 0 ? x : ops.rows(x, 0, samples));

  // pi~ = (1 - n epsilon) p + epsilon over the n open actions: the distribution that was executed.
  const prox = graph.input("prox", [samples, actions]);
  const executed = floored(ops, graph, sampled(probs), config, samples);

  // rho = pi_theta(a|s,z) / pi_prox(a|s,z), with the noise z of the experience
  const taken = sampled(action);
  const ratio = ops.divide(
    ops.sum(ops.multiply(taken, executed), [1]),
    ops.sum(ops.multiply(taken, prox), [1]),
  );
  // L_pi = -mean( w min(rho A, clip(rho, 1 - eps, 1 + eps) A) ) - c2 mean H
  const weight = graph.input("weight", [samples]);
  const advantage = graph.input("advantage", [samples]);
  const clipped = ops.clip(ratio, 1 - config.clipCoef, 1 + config.clipCoef);
  const surrogate = ops.minimum(ops.multiply(ratio, advantage), ops.multiply(clipped, advantage));
  const policyLoss = ops.negate(ops.mean(ops.multiply(weight, surrogate)));
  const entropy = ops.negate(
    ops.mean(ops.sum(ops.multiply(sampled(probs), sampled(logProbs)), [1])),
  );
  const entropyCoef = graph.input("entropyCoef", []);
  let actorLoss = ops.subtract(policyLoss, ops.multiply(entropyCoef, entropy));

  // L_pi += lambda_u mean_G( -min(1, margin / 0.2) log pi_theta(a*|s) )
  if (demonstrations > 0) {
    const expert = ops.multiply(ops.rows(action, samples, rows), ops.rows(logProbs, samples, rows));
    const imitation = ops.multiply(
      graph.input("demonstrationWeight", [demonstrations]),
      ops.sum(expert, [1]),
    );
    actorLoss = ops.subtract(actorLoss, ops.sum(imitation, [0]));
  }

  const valueLoss = valueLossOf(ops, graph, config, samples);
  const loss = ops.add(actorLoss, ops.scale(valueLoss, config.valueCoef));

  // KL(pi_prox || pi_theta)
  const logOf = (x: Tensor) => ops.log(ops.clip(x, TINY, 1));
  const kl = ops.mean(ops.sum(ops.multiply(prox, ops.subtract(logOf(prox), logOf(executed))), [1]));
  const moved = ops.abs(ops.subtract(ratio, graph.scalar(1)));
  const isOutside = graph.node("Greater", [moved, graph.scalar(config.clipCoef)], [samples]);
  const outside = graph.node("Cast", [isOutside], [samples], { to: FLOAT });

  graph.output("policyLoss", policyLoss);
  graph.output("valueLoss", valueLoss);
  graph.output("entropy", entropy);
  graph.output("kl", kl);
  graph.output("clipFraction", ops.mean(outside));
  graph.output("ratio", ratio);
  const adam = adamStep(
    graph,
    ops,
    loss,
    [
      { name: "actor", parameters: actorParameters, maxNorm: config.actorMaxGradNorm },
      { name: "critic", parameters: criticParameters, maxNorm: config.criticMaxGradNorm },
    ],
    { epsilon: config.adamEpsilon, layout },
  );
  return { onnx: graph.toOnnx(), ...adam };
}

/** The exploration floor over all actions; with the three-way head, over those that were open. */
function floored(
  ops: TrainingOperators,
  graph: TensorGraph,
  probs: Tensor,
  { network: { actions }, epsilon }: TrainingConfig,
  samples: number,
): Tensor {
  if (actions === 2) return ops.add(ops.scale(probs, 1 - actions * epsilon), graph.scalar(epsilon));
  const open = graph.input("open", [samples, actions]);
  const masked = ops.multiply(probs, open);
  const renormalised = ops.divide(masked, ops.sum(masked, [1], true));
  const share = ops.subtract(graph.scalar(1), ops.scale(ops.sum(open, [1], true), epsilon));
  return ops.add(ops.multiply(share, renormalised), ops.scale(open, epsilon));
}

/** L_V = mean max( huber(V - R), huber(V_prox + clip(V - V_prox, +-0.2) - R) ), all normalised */
function valueLossOf(
  ops: TrainingOperators,
  graph: TensorGraph,
  { huberDelta, valueClip }: TrainingConfig,
  samples: number,
): Tensor {
  const value = critic(ops, graph.input("joint", [samples, JOINT_SIZE]));
  const before = graph.input("value", [samples, 1]);
  const target = graph.input("target", [samples, 1]);
  const moved = ops.clip(ops.subtract(value, before), -valueClip, valueClip);
  const errorOf = (v: Tensor) => ops.huber(ops.subtract(v, target), huberDelta);
  const larger = ops.negate(
    ops.minimum(ops.negate(errorOf(value)), ops.negate(errorOf(ops.add(before, moved)))),
  );
  return ops.mean(larger);
}
