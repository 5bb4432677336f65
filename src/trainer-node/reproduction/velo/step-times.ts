// How long a training step takes and what training holds in memory.
import { type NetworkConfig } from "../../../policy/network/layout.ts";
import { Random } from "../../../policy/random.ts";
import { PAPER_TRAINING, type TrainingConfig } from "../../config.ts";
import { openBackend } from "../../graph/backend.ts";
import { initialActor, initialCritic } from "../../networks.ts";
import { roundBatch, targetsOf } from "../../round-batch.ts";
import { minibatches, roundOf } from "../../rollout-buffer.ts";
import { ServedActor } from "../../served-actor.ts";
import { StepRunner } from "../../step-runner.ts";
import { ValueNormaliser } from "../../value-normaliser.ts";
import { type SmallWorld } from "./small-world.ts";
import { type Delay, delayOf } from "./vector-count.ts";

export interface StepTimes {
  readonly algorithm: string;
  /** Samples and demonstrations of a step. */
  readonly samples: number;
  readonly demonstrations: number;
  readonly threads: number;
  /** Gathering, both networks forward and back, Adam. */
  readonly step: Delay;
  /** Bytes of weights and moments of both networks, held twice so that steps need not copy. */
  readonly stateBytes: number;
  /** Bytes of the round's samples and of what an update makes of them. */
  readonly roundBytes: number;
}

export interface StepTimesOptions {
  readonly networks: Readonly<Record<string, NetworkConfig>>;
  readonly minibatchSizes: readonly number[];
  readonly threads: number;
  readonly world: SmallWorld;
  readonly seed: number;
  readonly steps: number;
}

const WARM_UP = 2;

export async function stepTimes(options: StepTimesOptions): Promise<readonly StepTimes[]> {
  const rows: StepTimes[] = [];
  for (const [algorithm, network] of Object.entries(options.networks))
    for (const minibatchSize of options.minibatchSizes) {
      const config = { ...PAPER_TRAINING, network, minibatchSize };
      rows.push({ algorithm, ...(await timesOf(config, options)) });
    }
  return rows;
}

async function timesOf(
  config: TrainingConfig,
  { world, threads, seed, steps }: StepTimesOptions,
): Promise<Omit<StepTimes, "algorithm">> {
  const { network, minibatchSize, demonstrationBatch, entropyStart: entropyCoef } = config;
  const count = world.samples.length;
  if (count < minibatchSize)
    throw new RangeError(`${count} samples do not fill a minibatch of ${minibatchSize}`);
  const random = new Random(seed);
  const backend = await openBackend("cpu", { threads });
  const actor = initialActor(network, random);
  const tensors = new Map([...actor, ...initialCritic(random)]);
  const runner = await StepRunner.open(config, backend, { tensors, steps: 0 });
  const served = await ServedActor.open(network, actor);
  try {
    const data = await dataOf(world, config, { runner, served }, random);
    const seconds: number[] = [];
    let before = process.threadCpuUsage();
    for (let i = 0; i < WARM_UP + steps; i++) {
      if (i === WARM_UP) before = process.threadCpuUsage();
      const batches = minibatches(count, minibatchSize, random).slice(0, 1);
      const start = performance.now();
      const { problem } = await runner.run(data, world.demonstrations, {
        batches,
        entropyCoef,
        rateShare: 1,
        random,
      });
      if (problem !== null) throw new Error(problem);
      if (i >= WARM_UP) seconds.push((performance.now() - start) / 1000);
    }
    const used = process.threadCpuUsage(before);
    const state = await runner.state();
    const { round, batch, ...rest } = data;
    return {
      samples: minibatchSize,
      demonstrations: Math.min(demonstrationBatch, world.demonstrations.length),
      threads,
      step: delayOf(seconds, used),
      stateBytes: 2 * bytesOf([...state.tensors.values()]),
      roundBytes:
        bytesOf(round.samples.flatMap(({ f, c, noise }) => [f, c, noise])) +
        bytesOf([round.joint, ...Object.values(batch), ...Object.values(rest)]),
    };
  } finally {
    await served.close();
    await runner.close();
  }
}

/** The round as an update has it (mappo.ts), its noise drawn for this network. */
async function dataOf(
  { samples }: SmallWorld,
  config: TrainingConfig,
  { runner, served }: { readonly runner: StepRunner; readonly served: ServedActor },
  random: Random,
) {
  const { steps, actions } = config.network;
  const noise = () => Float32Array.from({ length: (steps + 1) * actions }, () => random.normal());
  const round = roundOf(samples.map((sample) => ({ ...sample, noise: noise() })));
  const batch = roundBatch(round, await served.inferAll(round.samples), config);
  const value = await runner.values(batch.joint);
  const { advantage, returns } = targetsOf(round, value, batch.ratios, config);
  const normaliser = new ValueNormaliser(config.valueNormBeta);
  normaliser.update(returns);
  return { round, batch, advantage, value, target: normaliser.normalise(returns) };
}

/** Of what is an array of numbers. */
const bytesOf = (values: readonly unknown[]): number =>
  values.reduce<number>((sum, each) => sum + (ArrayBuffer.isView(each) ? each.byteLength : 0), 0);
