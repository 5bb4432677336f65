// Runs the gradient steps of an update: gathers minibatches, feeds the graph, adds up what it reports. Weights and moments
// stay with the backend; one state is shared by the steps with and without demonstrations and by the critic alone.
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../policy/network/policy.ts";
import { type Weights, elements, parameterShapes } from "../policy/network/layout.ts";
import { type Random } from "../policy/random.ts";
import { type TrainingConfig } from "./config.ts";
import { type Demonstration, marginWeight } from "./demonstrations.ts";
import { type StateLayout, momentsOf } from "./graph/adam.ts";
import { type Backend } from "./graph/backend.ts";
import { type Computation } from "./graph/computation.ts";
import { operatorsOf } from "./graph/operators.ts";
import { TensorGraph } from "./graph/tensor-graph.ts";
import { JOINT_SIZE, critic, criticShapes } from "./networks.ts";
import { type Round, type Sample } from "./rollout-buffer.ts";
import { type RoundBatch } from "./round-batch.ts";
import { shuffled } from "./shuffled.ts";
import { trainingStep } from "./training-step.ts";

/** Weights of both networks, by name; moments beside them unless training has just begun. */
export interface StepState {
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** Adam's t. */
  readonly steps: number;
}

export interface StepData {
  readonly round: Round;
  readonly batch: RoundBatch;
  /** [B] */
  readonly advantage: Float32Array;
  /** [B] V at the start of the update and returns, both normalised. */
  readonly value: Float32Array;
  readonly target: Float32Array;
}

export interface StepPlan {
  /** One gradient step each. */
  readonly batches: readonly (readonly number[])[];
  readonly entropyCoef: number;
  /** Of the configured learning rates. */
  readonly rateShare: number;
  readonly random: Random;
}

/** Means over the steps that were done. */
interface StepFigures {
  readonly accesses: number;
  readonly stoppedByKl: boolean;
  readonly policyLoss: number;
  readonly valueLoss: number;
  readonly entropy: number;
  readonly clipFraction: number;
}

export interface StepsDone {
  readonly figures: StepFigures;
  /** null, or what ended the steps that must be taken back. */
  readonly problem: string | null;
}

export class StepRunner {
  readonly #config: TrainingConfig;
  readonly #backend: Backend;
  readonly #plain: Computation;
  readonly #critic: Computation;
  /** With demonstrations; compiled when the first ones come. */
  #guided: Computation | null = null;
  #steps: number;

  private constructor(
    config: TrainingConfig,
    backend: Backend,
    computations: { readonly plain: Computation; readonly critic: Computation },
    steps: number,
  ) {
    this.#config = config;
    this.#backend = backend;
    this.#plain = computations.plain;
    this.#critic = computations.critic;
    this.#steps = steps;
  }

  static async open(
    config: TrainingConfig,
    backend: Backend,
    { tensors, steps }: StepState,
  ): Promise<StepRunner> {
    const samples = config.minibatchSize;
    const without = trainingStep(config, { samples, demonstrations: 0 }, layoutOn(backend));
    const plain = await backend.compile(without.onnx, without);
    const valueOnly = await backend.compile(criticGraph(samples), {
      stateful: Object.fromEntries([...criticShapes().keys()].map((name) => [name, null])),
      state: plain.state,
    });
    const zeros = [...parameterShapes(config.network), ...criticShapes()].flatMap(([name, dims]) =>
      momentsOf(name).map((moment) => [moment, new Float32Array(elements(dims))] as const),
    );
    plain.writeState(new Map([...zeros, ...tensors]));
    return new StepRunner(config, backend, { plain, critic: valueOnly }, steps);
  }

  async state(): Promise<StepState> {
    return { tensors: await this.#plain.readState(), steps: this.#steps };
  }

  restore({ tensors, steps }: StepState): void {
    this.#plain.writeState(tensors);
    this.#steps = steps;
  }

  async actorWeights(): Promise<Weights> {
    const { tensors } = await this.state();
    return new Map(
      [...parameterShapes(this.#config.network).keys()].map((name) => [name, tensors.get(name)!]),
    );
  }

  /** V(s) in units of the value normaliser. @param joint [B, JOINT_SIZE] */
  async values(joint: Float32Array): Promise<Float32Array> {
    const rows = this.#config.minibatchSize;
    const count = joint.length / JOINT_SIZE;
    const values = new Float32Array(count);
    const chunk = new Float32Array(rows * JOINT_SIZE);
    for (let from = 0; from < count; from += rows) {
      const part = joint.subarray(from * JOINT_SIZE, (from + rows) * JOINT_SIZE);
      chunk.fill(0).set(part);
      const { value } = await this.#critic.run({ joint: chunk });
      values.set(value!.subarray(0, part.length / JOINT_SIZE), from);
    }
    return values;
  }

  /** Gradient steps until the plan ends, KL says stop, or something is not finite. */
  async run(
    data: StepData,
    chosen: readonly Demonstration[],
    { batches, entropyCoef, rateShare, random }: StepPlan,
  ): Promise<StepsDone> {
    const { demonstrationBatch, targetKl, actorLearningRate, criticLearningRate } = this.#config;
    const computation = chosen.length === 0 ? this.#plain : await this.#withDemonstrations();
    const guides = new Cycle(chosen, random);
    const share = chosen.length / (chosen.length + data.round.samples.length);
    const sums = { policyLoss: 0, valueLoss: 0, entropy: 0, clipFraction: 0 };
    let accesses = 0;
    let stoppedByKl = false;
    let problem: string | null = null;
    for (const indices of batches) {
      const beside = guides.next(demonstrationBatch);
      const results = await computation.run({
        ...this.#rows(data.round.samples, indices, beside, random),
        ...gathered(data, indices, this.#config),
        ...(chosen.length > 0 && {
          demonstrationWeight: this.#weights(beside, share),
        }),
        entropyCoef: Float32Array.of(entropyCoef),
        step: Float32Array.of(this.#steps + 1),
        "learningRate.actor": Float32Array.of(rateShare * actorLearningRate),
        "learningRate.critic": Float32Array.of(rateShare * criticLearningRate),
      });
      if (results["finite"]![0] !== 1) {
        problem = `the gradient of step ${accesses + 1} is not finite`;
        break;
      }
      accesses++;
      this.#steps++;
      for (const name of ["policyLoss", "valueLoss", "entropy", "clipFraction"] as const)
        sums[name] += results[name]![0]!;
      if (results["kl"]![0]! > targetKl) {
        stoppedByKl = true;
        break;
      }
    }
    const mean = (sum: number) => sum / Math.max(1, accesses);
    return {
      figures: {
        accesses,
        stoppedByKl,
        policyLoss: mean(sums.policyLoss),
        valueLoss: mean(sums.valueLoss),
        entropy: mean(sums.entropy),
        clipFraction: mean(sums.clipFraction),
      },
      problem,
    };
  }

  async close(): Promise<void> {
    await this.#guided?.dispose();
    await this.#critic.dispose();
    await this.#plain.dispose();
  }

  async #withDemonstrations(): Promise<Computation> {
    const { minibatchSize: samples, demonstrationBatch: demonstrations } = this.#config;
    if (this.#guided === null) {
      const size = { samples, demonstrations };
      const step = trainingStep(this.#config, size, layoutOn(this.#backend));
      this.#guided = await this.#backend.compile(step.onnx, { ...step, state: this.#plain.state });
    }
    return this.#guided;
  }

  /** What the actor is fed: the samples of a minibatch, then demonstrations, as far as there are any. */
  #rows(
    samples: readonly Sample[],
    indices: readonly number[],
    beside: readonly Demonstration[],
    random: Random,
  ) {
    const { network, demonstrationBatch, chainNoise } = this.#config;
    const { actions, steps } = network;
    const noiseSize = (steps + 1) * actions;
    const rows = indices.length + (beside.length > 0 ? demonstrationBatch : 0);
    const f = new Float32Array(rows * EMBEDDING_SIZE);
    const c = new Float32Array(rows * CORRELATION_SIZE);
    const omega = new Float32Array(rows);
    const noise = new Float32Array(rows * noiseSize);
    const action = new Float32Array(rows * actions);
    const put = (row: number, from: Pick<Sample, "f" | "c" | "omega" | "action">) => {
      f.set(from.f, row * EMBEDDING_SIZE);
      c.set(from.c, row * CORRELATION_SIZE);
      omega[row] = from.omega;
      action[row * actions + from.action] = 1;
    };
    for (const [row, index] of indices.entries()) {
      const sample = samples[index]!;
      put(row, sample);
      if (sample.noise !== null) noise.set(sample.noise, row * noiseSize);
    }
    for (const [i, demonstration] of beside.entries()) put(indices.length + i, demonstration);
    // A demonstration was made without a chain: where chains are noisy, its noise is drawn afresh.
    const drawn = { zero: noise.length, stored: indices.length * noiseSize, fresh: 0 }[chainNoise];
    for (let i = drawn; i < noise.length; i++) noise[i] = random.normal();
    return { f, c, omega, noise, action };
  }

  /** lambda_u min(1, margin / 0.2) / count; rows without a demonstration weigh nothing. */
  #weights(beside: readonly Demonstration[], share: number): Float32Array {
    const { demonstrationBatch, demonstrationWeight } = this.#config;
    const weights = new Float32Array(demonstrationBatch);
    for (const [i, demonstration] of beside.entries())
      weights[i] = (demonstrationWeight * share * marginWeight(demonstration)) / beside.length;
    return weights;
  }
}

const layoutOn = ({ device }: Backend): StateLayout => (device === "cpu" ? "flat" : "separate");

function gathered(
  { batch, advantage, value, target }: StepData,
  indices: readonly number[],
  { network: { actions } }: TrainingConfig,
) {
  const rowsOf = (values: Float32Array, width: number) => {
    const rows = new Float32Array(indices.length * width);
    for (const [row, index] of indices.entries())
      rows.set(values.subarray(index * width, (index + 1) * width), row * width);
    return rows;
  };
  return {
    prox: rowsOf(batch.prox, actions),
    ...(actions === 3 && { open: rowsOf(batch.open, actions) }),
    weight: rowsOf(batch.weight, 1),
    joint: rowsOf(batch.joint, JOINT_SIZE),
    advantage: rowsOf(advantage, 1),
    value: rowsOf(value, 1),
    target: rowsOf(target, 1),
  };
}

/** Items in random order, again and again; each once before any twice. */
class Cycle<T> {
  readonly #items: readonly T[];
  readonly #random: Random;
  #queue: T[] = [];

  constructor(items: readonly T[], random: Random) {
    this.#items = items;
    this.#random = random;
  }

  /** @returns all items when there are fewer than `count` */
  next(count: number): readonly T[] {
    if (this.#items.length <= count) return this.#items;
    if (this.#queue.length < count) this.#queue.push(...shuffled(this.#items, this.#random));
    return this.#queue.splice(0, count);
  }
}

function criticGraph(rows: number) {
  const graph = new TensorGraph({ precision: "float32" });
  const shapes = criticShapes();
  const parameters = new Map(
    [...shapes].map(([name, dims]) => [name, graph.parameter(name, dims)]),
  );
  const ops = operatorsOf(graph, (name) => parameters.get(name)!);
  graph.output("value", critic(ops, graph.input("joint", [rows, JOINT_SIZE])));
  return graph.toOnnx();
}
