// npm run reproduce -- velo --dataset FILE --upstream NAME: the experiment on real dialogues, with a model's own answers.
import { join } from "node:path";
import { PAPER_TRAINING } from "../../src/trainer-node/config.ts";
import { InputError } from "../../src/trainer-node/evaluation/json-lines.ts";
import { openBackend } from "../../src/trainer-node/graph/backend.ts";
import { algorithmNamed } from "../../src/trainer-node/reproduction/velo/algorithms.ts";
import { readDialogues } from "../../src/trainer-node/reproduction/velo/dataset/dialogues.ts";
import {
  type DatasetFigures,
  runDatasetExperiment,
} from "../../src/trainer-node/reproduction/velo/dataset/experiment.ts";
import { datasetWorld } from "../../src/trainer-node/reproduction/velo/dataset/source.ts";
import { learn } from "../../src/trainer-node/reproduction/velo/learn.ts";
import { LEARNED } from "../../src/trainer-node/reproduction/velo/learned.ts";
import { type BatchPlayer } from "../../src/trainer-node/reproduction/velo/players.ts";
import { FULL, QUICK } from "../../src/trainer-node/reproduction/velo/settings.ts";
import { Environment } from "../../src/trainer-node/simulator/environment.ts";
import { columns } from "../evaluate/columns.ts";
import { currentCommit, progressBar } from "../replay/progress.ts";
import { UpstreamError } from "../../src/trainer-node/reproduction/velo/dataset/upstream.ts";
import { UPSTREAM_USAGE, openUpstream } from "./upstream.ts";

const TAUGHT = ["DLRS-L10", "DLRS-V10", "LRS", "T-MAPPO"] as const;

export interface DatasetOptions {
  readonly file: string;
  readonly upstream: string;
  readonly quick: boolean;
  readonly json: boolean;
  readonly seed: number;
}

export async function reproduceDataset(options: DatasetOptions): Promise<void> {
  try {
    await reproduce(options);
  } catch (error) {
    if (error instanceof UpstreamError) console.error(`${error.message}\n\n${UPSTREAM_USAGE}`);
    else if (error instanceof InputError || error instanceof RangeError)
      console.error(error.message);
    else throw error;
    process.exitCode = 2;
  }
}

async function reproduce({
  file,
  upstream: name,
  quick,
  json,
  seed,
}: DatasetOptions): Promise<void> {
  const { items, leftOut } = await readDialogues(file);
  const reasons = [...leftOut].map(([reason, count]) => `${count} ${reason}`);
  console.error(
    `${items.length} dialogues${reasons.length === 0 ? "" : `, left out: ${reasons.join(", ")}`}`,
  );
  const folder = join(".velo/reproduce", "answers");
  const opened = await openUpstream(name, { items, folder });
  try {
    const scale = quick ? QUICK : FULL;
    const world = await datasetWorld({ items, upstream: opened.upstream, seed });
    const backend = await openBackend("cpu", { threads: 2 });
    const bar = progressBar("training ", 1);
    const players: BatchPlayer[] = [];
    const untaught: string[] = [];
    for (const [i, algorithm] of TAUGHT.entries()) {
      const { network, demonstrations: wanted } = LEARNED[algorithm];
      const config = {
        ...PAPER_TRAINING,
        network,
        ...scale.learning,
        ...(!wanted && { demonstrations: 0 }),
      };
      const environment = (pass: number) =>
        new Environment({ source: world.train, seed: seed + pass, mode: "paper" });
      const { mappo, demonstrations } = await learn({
        config,
        backend,
        seed,
        updates: scale.updates,
        environment,
        demonstrator: () => environment(1000),
      });
      if (wanted && demonstrations === 0) untaught.push(algorithm);
      players.push(
        algorithmNamed(algorithm).create({ mode: "paper", seed, actor: mappo.policy, network }),
      );
      bar?.(i + 1, TAUGHT.length);
    }
    const result = await runDatasetExperiment({ world, players, seed });
    if (json)
      console.log(
        JSON.stringify({ commit: currentCommit(), file, seed, ...result, untaught }, null, 2),
      );
    else {
      console.log(columns([HEAD, ...result.algorithms.map(row)]));
      console.log(
        `\n${result.requests} test requests, model ${result.model}, omega ${result.omega}, seed ${seed}`,
      );
      for (const line of result.proxies) console.log(line);
      if (untaught.length > 0)
        console.log(
          `No demonstrations for ${untaught.join(", ")}: the same handling was better for every request that was tried, so that LRS learns as T-MAPPO does.`,
        );
    }
  } finally {
    await opened.close();
  }
}

const HEAD = ["", "reward", "without phi3 (95 %)", "q", "delay s", "direct", "A", "C", "wrong"];

const row = (figures: DatasetFigures): readonly string[] => {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return [
    figures.player,
    figures.reward.toFixed(2),
    `${figures.qos.toFixed(2)} (${figures.qosInterval.low.toFixed(2)} to ${figures.qosInterval.high.toFixed(2)})`,
    figures.satisfaction.toFixed(3),
    figures.delay.toFixed(2),
    percent(figures.direct),
    percent(figures.served),
    percent(figures.augmented),
    percent(figures.wrongPerRequest),
  ];
};
