// Algorithm 1 with demonstrations, in whatever world.
import { type Weights } from "../../../policy/network/layout.ts";
import { type TrainingConfig } from "../../config.ts";
import { type Backend } from "../../graph/backend.ts";
import { Mappo } from "../../mappo.ts";
import { SimulatedRounds, gatherDemonstrations } from "../../simulated-rounds.ts";
import { type Environment } from "../../simulator/environment.ts";
import { train } from "../../train.ts";

export interface LearnOptions {
  readonly config: TrainingConfig;
  readonly backend: Backend;
  readonly seed: number;
  readonly updates: number;
  /** The world of the n-th pass over the stream, n from 0. */
  readonly environment: (pass: number) => Environment;
  /** Where demonstrations are gathered, if the configuration has any. */
  readonly demonstrator: () => Environment;
  /** Weights to begin with. */
  readonly actor?: Weights;
}

export interface Learnt {
  readonly mappo: Mappo;
  /** Demonstrations there were. */
  readonly demonstrations: number;
}

/** The learner's own randomness: not the numbers that its world was made from. */
const SALT = { weights: 10_000, actions: 20_000, demonstrations: 30_000 } as const;

/** Throws when an update was skipped or taken back: a run with fewer updates than asked for is no result. */
export async function learn(options: LearnOptions): Promise<Learnt> {
  const { config, backend, seed, updates, environment, demonstrator, actor } = options;
  const demonstrations =
    config.demonstrations === 0
      ? []
      : await gatherDemonstrations(demonstrator(), config, seed + SALT.demonstrations);
  const mappo = await Mappo.create({
    config,
    backend,
    seed: seed + SALT.weights,
    updates,
    ...(actor !== undefined && { actor }),
  });
  const source = new SimulatedRounds({
    config,
    environment,
    seed: seed + SALT.actions,
    demonstrations,
  });
  const history = await train({ mappo, source, updates });
  const lost = history.find(({ status }) => status !== "updated");
  if (lost !== undefined) throw new Error(`update ${lost.update}: ${lost.reason}`);
  return { mappo, demonstrations: demonstrations.length };
}
