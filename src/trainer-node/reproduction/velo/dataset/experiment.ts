// The paper's experiment on real dialogues with a real model's answers: every algorithm on the same stream of requests that
// none of them was trained on, each with databases of its own that grow as it calls the model.
import { quantile, meanOf } from "../../../intervals.ts";
import { Environment, type EnvironmentOptions } from "../../../simulator/environment.ts";
import { type Executed } from "../../../simulator/executed.ts";
import { REQUEST_KINDS, type RequestKind } from "../../../simulator/request.ts";
import { type Interval, type Score, scoreOf } from "../../../simulator/scoreboard.ts";
import { greedyLlm } from "../greedy-llm.ts";
import { alwaysA, alwaysB, type BatchPlayer, chooseAll, greedyRule, oracleOf } from "../players.ts";
import { OMEGA, PHI3, REWARD_SCALE } from "../settings.ts";
import { type DatasetSource, type DatasetWorld } from "./source.ts";
import { type Part } from "./split.ts";

export interface DatasetExperimentOptions {
  readonly world: DatasetWorld;
  /** Trained by the caller on `world.train`; they are asked beside the rules and never learn here. */
  readonly players?: readonly BatchPlayer[];
  readonly omega?: number;
  readonly phi3?: number;
  readonly seed?: number;
  /** Whatever else the paper's mode takes: eviction, capacity and so on. */
  readonly environment?: Partial<EnvironmentOptions>;
  readonly onPlayed?: (figures: DatasetFigures) => void;
}

/** Means over the test's requests. */
export interface DatasetFigures {
  readonly player: string;
  readonly requests: number;
  /** 10 (q - omega d - phi3 [a = direct]). */
  readonly reward: number;
  /** 10 (q - omega d), with its 95 % interval by bootstrap over dialogues. */
  readonly qos: number;
  readonly qosInterval: Interval;
  readonly satisfaction: number;
  readonly delay: number;
  readonly p95Delay: number;
  /** Share of decisions for the model. */
  readonly direct: number;
  /** Shares of requests answered by a stored answer, by a call with notes, by a plain call. */
  readonly served: number;
  readonly augmented: number;
  readonly called: number;
  /** Another dialogue's answer served, or one in another language: a proxy of a wrong one. */
  readonly wrongPerRequest: number;
  readonly wrongPerHit: number | null;
  /** q of stored answers served, of calls with notes, of plain calls; null where there were none. */
  readonly satisfactionBy: Readonly<Record<"A" | "B" | "C", number | null>>;
}

export interface DatasetResult {
  readonly requests: number;
  readonly items: Readonly<Record<Part, number>>;
  readonly wordings: DatasetSource["wordings"];
  /** What the test's requests are to the region that gets them. */
  readonly kinds: Readonly<Partial<Record<RequestKind, number>>>;
  readonly model: string;
  /** What stands for what, a sentence each: belongs beside every figure. */
  readonly proxies: readonly string[];
  readonly omega: number;
  readonly algorithms: readonly DatasetFigures[];
}

/** Plays the test's stream with the rules, the oracle and the given players. */
export async function runDatasetExperiment({
  world,
  players = [],
  omega = OMEGA,
  phi3 = PHI3,
  seed = 1,
  environment = {},
  onPlayed = () => undefined,
}: DatasetExperimentOptions): Promise<DatasetResult> {
  const { test, split } = world;
  const rules: readonly BatchPlayer[] = [
    ...[0.1, 0.3, 0.5].map(greedyRule),
    greedyLlm(),
    alwaysA,
    alwaysB,
    oracleOf({ name: "Oracle", isFeasible: false, directPenalty: 0 }),
  ];
  const algorithms: DatasetFigures[] = [];
  for (const player of [...rules, ...players]) {
    const { all, score } = await playThrough(
      new Environment({ ...environment, source: test, seed, mode: "paper", omega }),
      player,
    );
    const figures = figuresOf(all, score, omega, phi3);
    algorithms.push(figures);
    onPlayed(figures);
  }
  return {
    requests: test.requests.length,
    items: {
      training: split.training.length,
      prefill: split.prefill.length,
      test: split.test.length,
    },
    wordings: test.wordings,
    kinds: Object.fromEntries(
      REQUEST_KINDS.map((kind) => [kind, test.requests.filter((one) => one.kind === kind).length]),
    ),
    model: world.upstream.model,
    proxies: proxiesOf(world),
    omega,
    algorithms,
  };
}

/** Every request, by the likeliest action each time. */
async function playThrough(environment: Environment, player: BatchPlayer) {
  const all: Executed[] = [];
  const unsubscribe = environment.subscribe((executed) => all.push(executed));
  for (let slot = await environment.next(); slot !== null; slot = await environment.next()) {
    const outputs = await chooseAll(player, slot);
    for (const [i, pending] of slot.entries()) {
      const executed = environment.act(pending, outputs[i]!, player.actions, { greedy: true });
      player.observe?.(executed);
    }
  }
  unsubscribe();
  return { all, score: scoreOf(player.name, all) };
}

function figuresOf(
  all: readonly Executed[],
  { player, utilityInterval }: Score,
  omega: number,
  phi3: number,
): DatasetFigures {
  const share = (test: (one: Executed) => boolean) => all.filter(test).length / all.length;
  const mean = (of: (one: Executed) => number) => meanOf(all.map(of));
  const by = (handling: Executed["handling"]) => {
    const some = all.filter((one) => one.handling === handling);
    return some.length === 0 ? null : meanOf(some.map(({ quality }) => quality));
  };
  const isDirect = ({ decision }: Executed) => decision?.action === 0;
  const qos = ({ quality, delaySeconds }: Executed) => quality - omega * delaySeconds;
  const served = share(({ handling }) => handling === "A");
  const wrong = share(({ correct }) => !correct);
  return {
    player,
    requests: all.length,
    reward: REWARD_SCALE * mean((one) => qos(one) - (isDirect(one) ? phi3 : 0)),
    qos: REWARD_SCALE * mean(qos),
    qosInterval: {
      low: REWARD_SCALE * utilityInterval.low,
      high: REWARD_SCALE * utilityInterval.high,
    },
    satisfaction: mean(({ quality }) => quality),
    delay: mean(({ delaySeconds }) => delaySeconds),
    p95Delay: quantile(
      all.map(({ delaySeconds }) => delaySeconds),
      0.95,
    ),
    direct: share(isDirect),
    served,
    augmented: share(({ handling }) => handling === "C"),
    called: share(({ handling }) => handling === "B"),
    wrongPerRequest: wrong,
    wrongPerHit: served === 0 ? null : wrong / served,
    satisfactionBy: { A: by("A"), B: by("B"), C: by("C") },
  };
}

function proxiesOf({ upstream, test, split }: DatasetWorld): readonly string[] {
  const { frame, paraphrase } = test.wordings;
  return [
    `The model: ${upstream.about}.`,
    ...(upstream.readsPrompt
      ? []
      : [
          "Nobody gave this model notes: C's answer is the model's stored one, and takes 1.48 times as long, as in the paper's Table III. So C can only lose, but for the penalty of direct calls, which it avoids.",
        ]),
    `q is the negated distance of answer and reference under ${test.embedder.id}, a small embedder: it sees shared words, not whether an answer is right.`,
    "A hit counts as wrong when the stored answer is another dialogue's or in another language; another dialogue's answer may fit all the same.",
    "The delays of look-ups and hits are assumptions; nobody measured an edge here.",
    ...(frame > 0
      ? [
          `${frame} of the wordings asked are the question in a polite frame, made by rule, and ${paraphrase} are paraphrases: the paper's were written by a model and lie farther away.`,
        ]
      : []),
    `Translations are those that the file holds; the paper translated every item into five languages.`,
    "The oracle takes the better action of every request in its own databases as they are then; it does not look ahead, so a rule that leaves better databases behind may beat it.",
    `Databases begin with ${split.prefill.length} pairs of other dialogues, whose answers are the references themselves.`,
  ];
}
