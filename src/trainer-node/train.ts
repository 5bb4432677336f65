// The training loop on one page (DLRS Algorithm 1). Experiences come from the simulator or from edges; what is learnt
// goes into a checkpoint before its experiences are acknowledged, and to whoever publishes.
import { type Demonstration } from "./demonstrations.ts";
import { type Mappo } from "./mappo.ts";
import { type MetricsFile, type RoundFigures, type TrainingMetrics } from "./metrics.ts";
import { RolloutBuffer } from "./rollout-buffer.ts";
import { type ServedActor } from "./served-actor.ts";

/** Where experiences come from. */
export interface ExperienceSource {
  /** E_g; may be empty. */
  readonly demonstrations: readonly Demonstration[];
  /**
   * Waits until there are enough new experiences of every agent and puts them into the buffer; the policy acts where the
   * source lets it. null: there will be no more.
   */
  collect(policy: ServedActor, buffer: RolloutBuffer): Promise<RoundFigures | null>;
  /** Runs `write` with the ids of what was collected so far, and acknowledges it afterwards. */
  save?(write: (seen: ReadonlySet<string>) => Promise<void>): Promise<void>;
}

export interface TrainOptions {
  readonly mappo: Mappo;
  readonly source: ExperienceSource;
  /** u_max */
  readonly updates: number;
  readonly metrics?: MetricsFile;
  /** Puts the trainer's state and the ids of what is in it into one file. */
  readonly checkpoint?: (mappo: Mappo, seen: ReadonlySet<string>) => Promise<void>;
  /** Hears of every update; the place to publish from when `status` is "updated". */
  readonly onUpdate?: (metrics: TrainingMetrics, mappo: Mappo) => void | Promise<void>;
  /** Asked between updates: ends the loop as if there were no more experiences. */
  readonly isStopped?: () => boolean;
}

export async function train(options: TrainOptions): Promise<readonly TrainingMetrics[]> {
  const { mappo, source, updates, checkpoint, isStopped = () => false } = options;
  const { network, epsilon, maxLag } = mappo.config;
  const buffer = new RolloutBuffer({ network, epsilon, maxLag });
  const history: TrainingMetrics[] = [];
  const began = performance.now();
  let totalRequests = 0;

  while (mappo.updates < updates && !isStopped()) {
    const started = performance.now();
    // wait until every active agent n has l_n >= l_min_m new experiences
    const figures = await source.collect(mappo.policy, buffer);
    if (figures === null) break;
    const collected = performance.now();

    // theta, omega <- at most 50 accesses of the replay memory, with l_g / u demonstrations
    const report = await mappo.update(buffer.round(), source.demonstrations, buffer.rejected);
    // clear the replay memory
    buffer.clear();

    const write = async (seen: ReadonlySet<string>) => await checkpoint?.(mappo, seen);
    await (source.save?.(write) ?? write(new Set()));

    const now = performance.now();
    totalRequests += figures.requests;
    const metrics: TrainingMetrics = {
      update: mappo.updates,
      totalRequests,
      ...figures,
      ...report,
      collectSeconds: (collected - started) / 1000,
      updateSeconds: (now - collected) / 1000,
      elapsedSeconds: (now - began) / 1000,
    };
    history.push(metrics);
    options.metrics?.append(metrics);
    await options.onUpdate?.(metrics, mappo);
  }
  return history;
}
