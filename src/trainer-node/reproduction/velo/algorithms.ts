// Every algorithm of the reproduction, in the order of the paper's tables, then those that the paper does not have.
import { type NetworkConfig } from "../../../policy/network/layout.ts";
import { PAPER_TRAINING, PRODUCT_TRAINING } from "../../config.ts";
import { entryThresholds } from "./entry-thresholds.ts";
import { greedyLlm } from "./greedy-llm.ts";
import { LEARNED, type LearnedName, networkOf } from "./learned.ts";
import { type Actor, type Execution, networkPlayer } from "./network-player.ts";
import {
  type BatchPlayer,
  alwaysA,
  alwaysB,
  directWhereNotFinite,
  greedyRule,
  oracleOf,
  randomRule,
} from "./players.ts";
import { valueRegression } from "./value-regression.ts";

export type Mode = "paper" | "product";

interface PlayerContext {
  readonly mode: Mode;
  readonly seed: number;
  /** phi3 of those that take it into account; by default the training's of this mode. */
  readonly directPenalty?: number;
  /** Networks need it; others ignore it. */
  readonly actor?: Actor;
  /** What the actor was opened with, where that is not the algorithm's own. */
  readonly network?: NetworkConfig;
  /** "sampled" in paper mode and "zero-noise" in the product by default. */
  readonly execution?: Execution;
  readonly chains?: number;
}

export interface Algorithm {
  readonly name: string;
  readonly modes: readonly Mode[];
  readonly kind: "rule" | "regression" | "network" | "oracle";
  /** Whether the paper has it. */
  readonly published: boolean;
  /** One sentence. */
  readonly describe: string;
  /** A fresh player. Throws a RangeError in a mode that it does not have, and for a network without an actor. */
  create(context: PlayerContext): BatchPlayer;
}

const BOTH: readonly Mode[] = ["paper", "product"];
const PAPER: readonly Mode[] = ["paper"];
const PRODUCT: readonly Mode[] = ["product"];

const penaltyOf = ({ mode, directPenalty }: PlayerContext): number =>
  directPenalty ?? (mode === "paper" ? PAPER_TRAINING : PRODUCT_TRAINING).directPenalty;

const greedyRow = (theta: number): Algorithm => ({
  name: `Greedy-${theta}`,
  modes: BOTH,
  kind: "rule",
  published: true,
  describe: `Uses the cache where the nearest row lies within ${theta}.`,
  create: () => greedyRule(theta),
});

const networkRow = (
  name: LearnedName,
  modes: readonly Mode[],
  published: boolean,
  describe: string,
): Algorithm => ({
  name,
  modes,
  kind: "network",
  published,
  describe,
  create({ mode, seed, actor, network, execution, chains = 16 }) {
    if (actor === undefined)
      throw new RangeError(`${name} is a network: it plays with a trained actor`);
    return networkPlayer(actor, {
      name,
      network: network ?? networkOf(name, mode),
      execution: execution ?? (mode === "paper" ? "sampled" : "zero-noise"),
      chains,
      seed,
    });
  },
});

const oracleRow = ({
  isCharged = false,
  isFeasible = false,
  ...row
}: Pick<Algorithm, "name" | "modes" | "describe"> & {
  readonly isFeasible?: boolean;
  /** phi3 counts. */
  readonly isCharged?: boolean;
}): Algorithm => ({
  ...row,
  kind: "oracle",
  published: false,
  create: (context) =>
    oracleOf({ name: row.name, isFeasible, directPenalty: isCharged ? penaltyOf(context) : 0 }),
});

const ROWS: readonly Algorithm[] = [
  greedyRow(0.1),
  greedyRow(0.3),
  greedyRow(0.5),
  {
    name: "Greedy-LLM",
    modes: BOTH,
    kind: "rule",
    published: true,
    describe:
      "Uses the cache where the nearest row's negated distance exceeds the model's mean satisfaction, estimated anew every 300 requests.",
    create: () => greedyLlm(),
  },
  {
    name: "Random",
    modes: BOTH,
    kind: "rule",
    published: true,
    describe: "Tosses a coin.",
    create: ({ seed }) => randomRule(seed),
  },
  networkRow("MAPPO", PAPER, true, "MLP that reads c and the embedding itself."),
  networkRow("G-MAPPO", PAPER, true, "MAPPO, taught by demonstrations as well."),
  networkRow("T-MAPPO", PAPER, true, "MLP behind the transformer that extracts features."),
  networkRow("LRS", BOTH, true, "T-MAPPO, taught by demonstrations as well: DLRS without a chain."),
  networkRow("DLRS-V5", PAPER, true, "Reverse chain of 5 steps, variance-preserving noise."),
  networkRow("DLRS-V10", PAPER, true, "Reverse chain of 10 steps, variance-preserving noise."),
  networkRow("DLRS-V15", PAPER, true, "Reverse chain of 15 steps, variance-preserving noise."),
  networkRow("DLRS-L5", PAPER, true, "Reverse chain of 5 steps, uniformly increasing noise."),
  networkRow(
    "DLRS-L10",
    PAPER,
    true,
    "The paper's DLRS: reverse chain of 10 steps, uniformly increasing noise.",
  ),
  networkRow("DLRS-L15", PAPER, true, "Reverse chain of 15 steps, uniformly increasing noise."),
  networkRow(
    "DLRS",
    PRODUCT,
    false,
    "Reverse chain of 10 steps whose noise is steep enough to be forgotten, no tanh, clipped.",
  ),
  networkRow("DLRS-3way", BOTH, false, "DLRS whose head tells apart call, call with notes, serve."),
  networkRow("LRS-3way", BOTH, false, "LRS whose head tells apart call, call with notes, serve."),
  {
    name: "value-regression",
    modes: BOTH,
    kind: "regression",
    published: false,
    describe:
      "The action whose utility a ridge regression on c and a projection of f predicts to be higher.",
    create: (context) =>
      valueRegression({
        mode: context.mode,
        seed: context.seed,
        directPenalty: penaltyOf(context),
      }),
  },
  {
    name: "per-entry-thresholds",
    modes: BOTH,
    kind: "rule",
    published: false,
    describe:
      "Every row learns from labelled reuses up to which distance it may serve; in the product that is what the guards do by themselves.",
    create: ({ mode, seed }) => entryThresholds({ mode, seed }),
  },
  {
    name: "Always-A",
    modes: BOTH,
    kind: "rule",
    published: false,
    describe: "Uses the cache whenever the resolver lets it.",
    create: () => alwaysA,
  },
  {
    name: "Always-B",
    modes: BOTH,
    kind: "rule",
    published: false,
    describe: "Calls the model every time.",
    create: () => alwaysB,
  },
  oracleRow({
    name: "oracle",
    modes: BOTH,
    describe: "Knows which action is worth more, wrong answers included.",
  }),
  oracleRow({
    name: "oracle-reward",
    modes: PAPER,
    isCharged: true,
    describe: "The oracle of the paper's reward, phi3 included.",
  }),
  oracleRow({
    name: "feasible-oracle",
    modes: BOTH,
    isFeasible: true,
    describe: "The oracle that never serves a wrong answer.",
  }),
  oracleRow({
    name: "feasible-oracle-reward",
    modes: PAPER,
    isFeasible: true,
    isCharged: true,
    describe: "The oracle of the paper's reward that never serves a wrong answer.",
  }),
];

export const ALGORITHMS: readonly Algorithm[] = ROWS.map(checked);

function checked(algorithm: Algorithm): Algorithm {
  const { name, modes } = algorithm;
  return {
    ...algorithm,
    create(context) {
      if (!modes.includes(context.mode))
        throw new RangeError(`${name} does not exist in ${context.mode} mode`);
      return directWhereNotFinite(algorithm.create(context));
    },
  };
}

/** Throws a RangeError that lists the names there are. */
export function algorithmNamed(name: string): Algorithm {
  const found = ALGORITHMS.find((algorithm) => algorithm.name === name);
  if (found !== undefined) return found;
  const names = ALGORITHMS.map((algorithm) => algorithm.name).join(", ");
  throw new RangeError(`no algorithm ${name}; there are ${names}`);
}

export const isLearned = (name: string): name is LearnedName => Object.hasOwn(LEARNED, name);
