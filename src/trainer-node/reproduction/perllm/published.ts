// What the paper prints, for claims and for the columns beside ours.
import { type EdgeModel } from "./settings.ts";

export const PERLLM_NAME = "PerLLM";
/** In the order in which the paper names its throughput ratios. */
export const RIVALS = ["FineInfer", "AGOD", "RewardlessGuidance"] as const;
export type Rival = (typeof RIVALS)[number];

/** Table of success rates, per cent of requests within their deadline. */
export const PUBLISHED_SUCCESS: Readonly<
  Record<EdgeModel, Readonly<Record<Rival | typeof PERLLM_NAME, number>>>
> = {
  "Yi-6B": { FineInfer: 58, AGOD: 67, RewardlessGuidance: 74, PerLLM: 98 },
  "LLaMA2-7B": { FineInfer: 58, AGOD: 69, RewardlessGuidance: 77, PerLLM: 99 },
  "LLaMA3-8B": { FineInfer: 58, AGOD: 66, RewardlessGuidance: 74, PerLLM: 98 },
  "Yi-9B": { FineInfer: 58, AGOD: 66, RewardlessGuidance: 71, PerLLM: 97 },
};

/** PerLLM's throughput over each rival's (abstract). */
export const PUBLISHED_THROUGHPUT: Readonly<Record<Rival, number>> = {
  FineInfer: 2.2,
  AGOD: 2.1,
  RewardlessGuidance: 1.6,
};

/** PerLLM's energy is lower by more than this share (abstract). */
export const PUBLISHED_SAVING = 0.5;
