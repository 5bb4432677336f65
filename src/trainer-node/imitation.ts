// Where training begins: the actor learns from requests of which both handlings were tried out, before it acts itself. It
// keeps the weights that are worth most on questions that it was not shown, because 160 groups of questions are soon known
// by heart.
import { actor } from "../policy/network/actor.ts";
import { HARD_DISTANCE } from "../policy/cache/error-budget.ts";
import {
  type NetworkConfig,
  type Weights,
  elements,
  parameterShapes,
} from "../policy/network/layout.ts";
import { FIXED_RULE } from "../policy/network/greedy.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../policy/network/policy.ts";
import { type Random } from "../policy/random.ts";
import { type Counterfactual } from "./demonstrations.ts";
import { adamStep, momentsOf } from "./graph/adam.ts";
import { type Backend } from "./graph/backend.ts";
import { operatorsOf } from "./graph/operators.ts";
import { TensorGraph } from "./graph/tensor-graph.ts";
import { jittered } from "./jitter.ts";
import { ServedActor } from "./served-actor.ts";
import { shuffled } from "./shuffled.ts";
import { type Environment } from "./simulator/environment.ts";
import { textHash } from "./text-hash.ts";

/** A request with both outcomes, and the family of questions it belongs to. */
export interface Tried extends Counterfactual {
  readonly family: string;
  /** No row lies near enough for any row to be served. */
  readonly isFar: boolean;
}

export interface ImitationConfig {
  readonly network: NetworkConfig;
  /** Rows of one gradient step. */
  readonly batchSize: number;
  /** Passes over the demonstrations. */
  readonly epochs: number;
  readonly learningRate: number;
  readonly maxGradNorm: number;
  /**
   * Weight of "call the model" where no row lies within the hard distance: nothing can be served there, so both actions
   * come to the same; without it the network's answer there would be an accident.
   */
  readonly farWeight: number;
  /** Standard errors by which weights must be better than the fixed rule on unseen questions to be kept. */
  readonly caution: number;
  /** The first passes imitate the fixed rule, right or wrong: what differs from it later must earn it. */
  readonly ruleEpochs: number;
  /** Length of the random vector that is added to each embedding, each time it is shown. */
  readonly embeddingNoise: number;
}

export const IMITATION: Omit<ImitationConfig, "network"> = {
  batchSize: 128,
  epochs: 24,
  learningRate: 3e-4,
  maxGradNorm: 0.5,
  farWeight: 0.05,
  caution: 1,
  ruleEpochs: 6,
  embeddingNoise: 0.5,
};

export interface Imitated {
  readonly weights: Weights;
  /** Passes after which they were kept. */
  readonly epochs: number;
  /** On unseen questions. */
  readonly worth: Worth;
}

/** A fifth of the families, always the same ones, is never learnt from: it tells when to stop. */
export const isWithheld = (family: string): boolean => textHash(family) % 5 === 0;
export const isUnseen = ({ family }: Pick<Tried, "family">): boolean => isWithheld(family);

/** What a policy is worth on requests whose two handlings are known: utility per request above calling the model. */
export interface Worth {
  readonly value: number;
  /** The same of using the cache wherever guards and budget let it: the fixed rule. */
  readonly rule: number;
  /**
   * value - rule less `caution` standard errors, families of questions being the independent units. 0 for a policy that does
   * what the rule does; with caution 1, a few popular questions that happen to go well do not lift it.
   */
  readonly lower: number;
}

/** Serving is the last action of every head: "cache" of two, "A" of three. */
export const cacheAction = ({ actions }: NetworkConfig): number => actions - 1;

/** Of the likelier action of each request. */
export async function worthOf(
  policy: ServedActor,
  tried: readonly Tried[],
  caution: number,
): Promise<Worth> {
  // Where both handlings come to the same, the policy's word is worth nothing.
  const open = tried.filter(({ cache, direct }) => cache !== direct);
  const answers = await policy.inferAll(
    open.map(({ f, c, omega }) => ({ f, c, omega, noise: null })),
  );
  const families = new Map(tried.map(({ family }) => [family, 0]));
  let value = 0;
  let rule = 0;
  for (const [i, { cache, direct, family }] of open.entries()) {
    const { probs } = answers[i]!;
    const gain = probs.indexOf(Math.max(...probs)) === probs.length - 1 ? cache - direct : 0;
    value += gain;
    rule += cache - direct;
    families.set(family, families.get(family)! + gain - (cache - direct));
  }
  // The variance of a sum of independent families
  const n = families.size;
  const mean = (value - rule) / n;
  let squares = 0;
  for (const difference of families.values()) squares += (difference - mean) ** 2;
  const error = Math.sqrt((squares * n) / Math.max(1, n - 1));
  const count = tried.length;
  return {
    value: value / count,
    rule: rule / count,
    lower: (value - rule - caution * error) / count,
  };
}

/**
 * First the fixed rule; then cross-entropy towards the better action, weighted by how much better it is: what minimises it
 * prefers the cache exactly where its expected utility is higher. Kept is the pass with the highest lower bound on unseen
 * questions. Throws RangeError when nothing was tried.
 */
export async function imitate(
  tried: readonly Tried[],
  start: Weights,
  backend: Backend,
  config: ImitationConfig,
  random: Random,
): Promise<Imitated> {
  const { network, batchSize } = config;
  const unseen = tried.filter(isUnseen);
  const shown = lessonsOf(
    tried.filter((one) => !isUnseen(one)),
    config,
    random,
  );
  if (shown.length === 0 || unseen.length === 0)
    throw new RangeError(`${shown.length} demonstrations and ${unseen.length} unseen requests`);
  const total = shown.reduce((sum, { weight }) => sum + weight, 0);
  const step = imitationStep(config);
  const computation = await backend.compile(step.onnx, step);
  const zeros = [...parameterShapes(network)].flatMap(([name, dims]) =>
    momentsOf(name).map((moment) => [moment, new Float32Array(elements(dims))] as const),
  );
  computation.writeState(new Map([...zeros, ...start]));
  let steps = 0;
  let best: Imitated | null = null;
  for (let epoch = 1; epoch <= config.epochs; epoch++) {
    const isRule = epoch <= config.ruleEpochs;
    const order = shuffled(shown, random).map((one) =>
      isRule && !one.isFar ? Object.assign({}, one, { action: cacheAction(network) }) : one,
    );
    for (let from = 0; from < order.length; from += batchSize) {
      const rows = order.slice(from, from + batchSize);
      const { finite } = await computation.run({
        ...feedsOf(rows, config, shown.length / total / batchSize, random),
        step: Float32Array.of(steps + 1),
        "learningRate.actor": Float32Array.of(config.learningRate),
      });
      if (finite![0] === 1) steps++;
    }
    if (isRule && epoch < config.ruleEpochs) continue;
    const state = await computation.readState();
    const weights = new Map([...start.keys()].map((name) => [name, state.get(name)!.slice()]));
    const policy = await ServedActor.open(network, weights);
    const worth = await worthOf(policy, unseen, config.caution);
    await policy.close();
    // Of equals the later one, which is surer of itself.
    if (best === null || worth.lower >= best.worth.lower) best = { weights, epochs: epoch, worth };
  }
  await computation.dispose();
  if (best === null) throw new RangeError("imitation needs at least one pass");
  return best;
}

interface ImitationLesson extends Tried {
  readonly action: number;
  readonly weight: number;
}

/** Of the requests far from everything as many as of the others: they are many, and all alike. */
function lessonsOf(
  tried: readonly Tried[],
  { farWeight, network }: ImitationConfig,
  random: Random,
): readonly ImitationLesson[] {
  const near = tried
    .filter(({ cache, direct }) => cache !== direct)
    .map((one) =>
      Object.assign({}, one, {
        action: one.cache > one.direct ? cacheAction(network) : 0,
        weight: Math.abs(one.cache - one.direct),
      }),
    );
  const far = shuffled(
    tried.filter(({ cache, direct, isFar }) => cache === direct && isFar),
    random,
  ).slice(0, near.length);
  return [...near, ...far.map((one) => Object.assign({}, one, { action: 0, weight: farWeight }))];
}

/**
 * Inputs beside weights and moments: f [B,768], c [B,30], omega [B,1], noise [B,T+1,A], action [B,A] one-hot, weight [B],
 * step, learningRate.actor. Outputs: loss, finite, gradientNorm.actor.
 */
function imitationStep({ network, batchSize, maxGradNorm }: ImitationConfig) {
  const graph = new TensorGraph({ precision: "float32" });
  const parameters = [...parameterShapes(network)].map(([name, dims]) =>
    graph.parameter(name, dims),
  );
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const ops = operatorsOf(graph, (name) => byName.get(name)!);
  const { logits } = actor(
    ops,
    {
      f: graph.input("f", [batchSize, EMBEDDING_SIZE]),
      c: graph.input("c", [batchSize, CORRELATION_SIZE]),
      omega: graph.input("omega", [batchSize, 1]),
      noise: graph.input("noise", [batchSize, network.steps + 1, network.actions]),
    },
    network,
  );
  // L = -sum_g weight_g log pi_theta(a*_g | s_g)
  const action = graph.input("action", [batchSize, network.actions]);
  const expert = ops.sum(ops.multiply(action, ops.logSoftmax(logits)), [1]);
  const loss = ops.negate(ops.sum(ops.multiply(graph.input("weight", [batchSize]), expert), [0]));
  graph.output("loss", loss);
  const groups = [{ name: "actor", parameters, maxNorm: maxGradNorm }];
  const step = adamStep(graph, ops, loss, groups);
  return { onnx: graph.toOnnx(), ...step };
}

/** Rows that a last batch lacks weigh nothing. Noise is zero, as where the policy serves. */
function feedsOf(
  rows: readonly ImitationLesson[],
  { network, batchSize, embeddingNoise }: ImitationConfig,
  scale: number,
  random: Random,
) {
  const f = new Float32Array(batchSize * EMBEDDING_SIZE);
  const c = new Float32Array(batchSize * CORRELATION_SIZE);
  const omega = new Float32Array(batchSize);
  const action = new Float32Array(batchSize * network.actions);
  const weight = new Float32Array(batchSize);
  for (const [i, row] of rows.entries()) {
    f.set(jittered(row.f, embeddingNoise, random), i * EMBEDDING_SIZE);
    c.set(row.c, i * CORRELATION_SIZE);
    omega[i] = row.omega;
    action[i * network.actions + row.action] = 1;
    weight[i] = row.weight * scale;
  }
  const noise = new Float32Array(batchSize * (network.steps + 1) * network.actions);
  return { f, c, omega, noise, action, weight };
}

/** Both handlings of every request of a world, while the shipped rule decides what really happens. */
export async function tryBoth(world: Environment): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (let slot = await world.next(); slot !== null; slot = await world.next())
    for (const pending of slot) {
      const { direct, cache } = pending.counterfactual();
      const { observation, request, candidates } = pending;
      tried.push({
        ...observation,
        direct: direct.utility,
        cache: cache.utility,
        family: request.family,
        isFar: candidates.every(({ distance }) => distance > HARD_DISTANCE),
      });
      world.act(pending, await FIXED_RULE.infer(observation), FIXED_RULE.actions);
    }
  return tried;
}
