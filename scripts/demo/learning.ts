// The third act: a policy learns from demonstrations and rounds in the simulator, on the calibration half alone, and then
// from what the gateway logged while it served that half over HTTP.
import { join } from "node:path";
import { Random } from "../../src/policy/random.ts";
import { BestWeights } from "../../src/trainer-node/best-weights.ts";
import { writeCheckpoint } from "../../src/trainer-node/checkpoint.ts";
import { PRODUCT_TRAINING, type TrainingConfig } from "../../src/trainer-node/config.ts";
import { demonstrationsFrom } from "../../src/trainer-node/demonstrations.ts";
import { type Backend, openBackend } from "../../src/trainer-node/graph/backend.ts";
import {
  IMITATION,
  type Imitated,
  type Tried,
  imitate,
  isUnseen,
  isWithheld,
  tryBoth,
} from "../../src/trainer-node/imitation.ts";
import { type Lesson } from "../../src/trainer-node/lessons.ts";
import { lessonFigures } from "../../src/trainer-node/live-rounds.ts";
import { Mappo } from "../../src/trainer-node/mappo.ts";
import { MetricsFile, type TrainingMetrics } from "../../src/trainer-node/metrics.ts";
import { initialActor } from "../../src/trainer-node/networks.ts";
import { SimulatedRounds } from "../../src/trainer-node/simulated-rounds.ts";
import { playerOf } from "../../src/trainer-node/simulator/baselines.ts";
import { play, type Score } from "../../src/trainer-node/simulator/scoreboard.ts";
import { type ExperienceSource, train } from "../../src/trainer-node/train.ts";
import { progressBar } from "../replay/progress.ts";
import { type Pulled } from "./experiences.ts";
import { type HttpReplay } from "./http-replay.ts";
import { type Stage } from "./stage.ts";
import { freshWorld } from "./world.ts";

const CONFIG: TrainingConfig = PRODUCT_TRAINING;
/** What looks better on unseen questions is tried: behind it stand the gate and the canary. */
const CAUTION = 0;
/** Updates that the log of one calibration half is good for, beside those in the simulator. */
const LOG_UPDATES = 3;
const SAMPLES = 3 * CONFIG.samplesPerAgent;

export interface Learner {
  readonly mappo: Mappo;
  readonly backend: Backend;
  readonly stage: Stage;
  readonly seed: number;
  readonly rounds: number;
  /** Requests whose two handlings were both tried out, and what was learnt from them before the first update. */
  readonly tried: readonly Tried[];
  readonly imitated: Imitated;
  /** Of all weights so far, those worth most on questions that were not learnt from. */
  readonly best: BestWeights;
  /** Reward and all else on the calibration half, with the newest weights. */
  readonly score: () => Promise<Score>;
}

export async function openLearner(stage: Stage, seed: number, rounds: number): Promise<Learner> {
  // One seed gives the same weights on every machine.
  const backend = await openBackend("cpu");
  const updates = updatesOf(rounds) + LOG_UPDATES;
  const tried: Tried[] = [];
  for (const [i, stream] of stage.training.entries())
    tried.push(...(await tryBoth(freshWorld(stage.simulated(stream), seed + i))));
  const { network } = CONFIG;
  const start = initialActor(network, new Random(seed));
  const imitation = { network, ...IMITATION, caution: CAUTION };
  const imitated = await imitate(tried, start, backend, imitation, new Random(seed));
  const mappo = await Mappo.create({
    config: CONFIG,
    backend,
    seed,
    updates,
    actor: imitated.weights,
  });
  const best = new BestWeights(tried, CAUTION);
  await best.consider(mappo.policy, imitated.weights, 0);
  const calibration = stage.simulated(stage.calibration);
  const score = () => play(freshWorld(calibration, seed), playerOf(mappo.policy));
  return { mappo, backend, stage, seed, rounds, tried, imitated, best, score };
}

/** What imitation came to, on questions that it was not shown. */
export function describeImitation({ tried, imitated }: Learner): string {
  const { value, rule } = imitated.worth;
  const thousandths = (utility: number) => (1000 * utility).toFixed(1);
  return (
    `both handlings of ${tried.length} requests tried, ${imitated.epochs} passes of imitation: on unseen questions worth ` +
    `${thousandths(value)} thousandths a request more than the model, the fixed rule ${thousandths(rule)}`
  );
}

const updatesOf = (rounds: number): number =>
  Math.max(1, Math.floor(rounds / CONFIG.samplesPerAgent));

export interface Learnt {
  readonly demonstrations: number;
  readonly updates: readonly TrainingMetrics[];
}

export async function learnInSimulator(learner: Learner): Promise<Learnt> {
  const { stage, seed, rounds } = learner;
  const worlds = stage.training.map(stage.simulated);
  const world = (pass: number) => freshWorld(worlds[pass % worlds.length]!, seed + pass);
  const demonstrations = demonstrationsFrom(
    learner.tried.filter((one) => !isUnseen(one)),
    new Random(seed),
  ).slice(0, CONFIG.demonstrations);
  const source = new SimulatedRounds({
    config: CONFIG,
    environment: world,
    seed,
    demonstrations,
    isWithheld,
  });
  const updates = await learn(learner, source, updatesOf(rounds));
  return { demonstrations: demonstrations.length, updates };
}

/** What was pulled is acknowledged once the checkpoint holds it. */
export async function learnFromLog(
  learner: Learner,
  pulled: Pulled,
  served: HttpReplay,
): Promise<Learnt> {
  const { calibration } = learner.stage;
  const withheld = new Set(
    served.outcomes
      .filter(({ request }) => isWithheld(calibration.familyOf(request.group)))
      .map(({ decision }) => decision),
  );
  const source = new LogRounds({
    ...pulled,
    lessons: pulled.lessons.filter(({ expId }) => !withheld.has(expId)),
  });
  const updates = await learn(learner, source, learner.mappo.updates + LOG_UPDATES);
  // Also what was left out has been dealt with.
  await pulled.save((seen) => checkpoint(learner, seen));
  return { demonstrations: 0, updates };
}

/** An edge's log as rounds of experiences, in the order of time. */
class LogRounds implements ExperienceSource {
  readonly demonstrations = [];
  readonly #rounds: Lesson[][] = [];
  readonly #save: Pulled["save"];

  constructor({ lessons, save }: Pulled) {
    this.#save = save;
    const inOrder = lessons.toSorted((a, b) => a.at - b.at);
    const count = Math.min(LOG_UPDATES, Math.max(1, Math.floor(inOrder.length / SAMPLES)));
    const size = Math.ceil(inOrder.length / count);
    for (let at = 0; at < inOrder.length; at += size)
      this.#rounds.push(inOrder.slice(at, at + size));
  }

  async collect(...[, buffer]: Parameters<ExperienceSource["collect"]>) {
    const round = this.#rounds.shift();
    if (round === undefined) return null;
    for (const lesson of round) buffer.add(lesson);
    return lessonFigures(round);
  }

  save(write: Parameters<Pulled["save"]>[0]): Promise<void> {
    return this.#save(write);
  }
}

async function learn(
  learner: Learner,
  source: ExperienceSource,
  until: number,
): Promise<readonly TrainingMetrics[]> {
  const { mappo, stage } = learner;
  const first = mappo.updates;
  const onProgress = progressBar("   ", 1);
  return await train({
    mappo,
    source,
    updates: until,
    metrics: new MetricsFile(join(stage.folder, "metrics.jsonl")),
    checkpoint: (_, seen) => checkpoint(learner, seen),
    onUpdate: async ({ update }) => {
      onProgress?.(update - first, until - first);
      await learner.best.consider(mappo.policy, await mappo.actorWeights(), update);
    },
  });
}

async function checkpoint({ mappo, stage }: Learner, seen: ReadonlySet<string>): Promise<void> {
  const { tensors, update, version, steps, values } = await mappo.state();
  const folder = join(stage.folder, "checkpoints");
  await writeCheckpoint(folder, {
    format: 1,
    update,
    version,
    tensors,
    seen,
    rest: { steps, values: { ...values } },
  });
}

export function describeUpdates({ demonstrations, updates }: Learnt): string {
  const kept = updates.filter(({ status }) => status === "updated").length;
  const left = updates.flatMap(({ update, status, reason }) =>
    status === "updated" ? [] : [`\nupdate ${update} ${status}: ${reason}`],
  );
  return (
    `${kept} of ${updates.length} updates kept` +
    (demonstrations > 0 ? `, ${demonstrations} demonstrations` : "") +
    left.join("")
  );
}
