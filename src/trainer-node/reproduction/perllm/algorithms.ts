// Every algorithm of the reproduction by its name in claims and tables.
import { random, roundRobin, shortestQueue } from "../../../policy/routing/baselines.ts";
import { csUcb, type CsUcbOptions } from "../../../policy/routing/cs-ucb.ts";
import { leastCompletion } from "../../../policy/routing/least-completion.ts";
import { agod, fineInfer, fineInferGate, rewardlessGuidance } from "./baselines.ts";
import { type Player } from "./player.ts";
import { selected, type SelectedOptions } from "./selected.ts";
import { PERLLM, REFERENCE_JOULES, type WorldSettings } from "./settings.ts";

type PlayerOf = (world: WorldSettings) => Player;

const perllm =
  (change: Partial<CsUcbOptions> = {}, knows: SelectedOptions["knows"] = "measured"): PlayerOf =>
  (world) =>
    selected(csUcb({ ...PERLLM, referenceCost: REFERENCE_JOULES, ...change }), world, {
      knows,
      isBounded: true,
    });

/** Rules that only look at times: no room to keep. */
const unbounded = (knows: SelectedOptions["knows"]): SelectedOptions => ({
  knows,
  isBounded: false,
});

export const ALGORITHMS = {
  FineInfer: fineInfer,
  AGOD: agod,
  RewardlessGuidance: rewardlessGuidance,
  PerLLM: perllm(),
  LPC: (world) => selected(leastCompletion(), world, unbounded("told")),
  "LPC-measured": (world) => selected(leastCompletion(), world, unbounded("measured")),
  "FineInfer-gate": fineInferGate,
  "shortest-queue": (world) => selected(shortestQueue(), world, unbounded("told")),
  "round-robin": (world) => selected(roundRobin(), world, unbounded("told")),
  random: (world) => selected(random(), world, unbounded("told")),
  "PerLLM-told": perllm({}, "told"),
  /** Eq. 6 as printed: what violates deadlines is rewarded. */
  "PerLLM-printed": perllm({ penalty: -PERLLM.penalty }),
  "PerLLM-undiscounted": perllm({ discount: 1 }),
  "PerLLM-no-bandit": perllm({ exploration: 0, penalty: 0 }),
} as const satisfies Readonly<Record<string, PlayerOf>>;

export type AlgorithmName = keyof typeof ALGORITHMS;
export const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as readonly AlgorithmName[];
