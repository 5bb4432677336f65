// Every algorithm of the reproduction by its name in claims and tables.
import { random, roundRobin, shortestQueue } from "../../../policy/routing/baselines.ts";
import { csUcb, type CsUcbOptions } from "../../../policy/routing/cs-ucb.ts";
import { leastCompletion } from "../../../policy/routing/least-completion.ts";
import { agod, fineInfer, fineInferGate, rewardlessGuidance } from "./baselines.ts";
import { throughGateways } from "./gateways.ts";
import { type Player } from "./player.ts";
import { inSlots, selected, type SelectedOptions } from "./selected.ts";
import { PERLLM, REFERENCE_JOULES, RETRY_COUNT, type WorldSettings } from "./settings.ts";

type PlayerOf = (world: WorldSettings) => Player;

const perllm =
  (change: Partial<CsUcbOptions> = {}, knows: SelectedOptions["knows"] = "measured"): PlayerOf =>
  (world) =>
    selected(csUcb({ ...PERLLM, referenceCost: REFERENCE_JOULES, ...change }), world, {
      knows,
      isBounded: true,
    });

const perllmInSlots =
  (order: "tightest" | "arrival"): PlayerOf =>
  (world) =>
    inSlots(perllm()(world), world, order, { knows: "measured", isBounded: true });

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
  "LPC-by-class": (world) => selected(leastCompletion(), world, unbounded("by-class")),
  "LPC-corrected": (world) => selected(leastCompletion(), world, unbounded("corrected")),
  "FineInfer-gate": fineInferGate,
  "shortest-queue": (world) => selected(shortestQueue(), world, unbounded("told")),
  "round-robin": (world) => selected(roundRobin(), world, unbounded("told")),
  random: (world) => selected(random(), world, unbounded("told")),
  "PerLLM-told": perllm({}, "told"),
  "PerLLM-by-class": perllm({}, "by-class"),
  /** As the product runs it. */
  "PerLLM-retry": perllm({ leastCount: RETRY_COUNT }),
  /** Eq. 6 as printed: what violates deadlines is rewarded. */
  "PerLLM-printed": perllm({ penalty: -PERLLM.penalty }),
  "PerLLM-undiscounted": perllm({ discount: 1 }),
  "PerLLM-no-bandit": perllm({ exploration: 0, penalty: 0 }),
  "PerLLM-slots": perllmInSlots("tightest"),
  "PerLLM-slots-arrival": perllmInSlots("arrival"),
} as const satisfies Readonly<Record<string, PlayerOf>>;

export type AlgorithmName = keyof typeof ALGORITHMS;
export const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as readonly AlgorithmName[];

/** As many of it as the world has gateways. */
export const playerOf = (name: AlgorithmName, world: WorldSettings): Player =>
  world.gateways.count === 1
    ? ALGORITHMS[name](world)
    : throughGateways(world.gateways, () => ALGORITHMS[name](world));
