// The networks that are compared: what they are made of and whether they are taught by demonstrations.
import { DEFAULT_NETWORK, type NetworkConfig } from "../../../policy/network/layout.ts";
import { PAPER_TRAINING } from "../../config.ts";

export interface Learned {
  /** As published where the paper has it. */
  readonly network: NetworkConfig;
  /** The product's, where it is another. */
  readonly product?: NetworkConfig;
  readonly demonstrations: boolean;
}

/** The paper's chain: "uniformly increasing" noise 1e-4 to 0.02 whatever the number of steps, tanh, no clip. */
const linear = (steps: number): NetworkConfig => ({ ...PAPER_TRAINING.network, steps });
/** Variance preserving. */
const vp = (steps: number): NetworkConfig => ({
  ...PAPER_TRAINING.network,
  steps,
  schedule: { kind: "vp", min: 0.1, max: 10 },
});
/** No chain; its noise, as small as it can be, has no effect. */
const MLP: NetworkConfig = { ...DEFAULT_NETWORK, steps: 0, head: "mlp" };

export const LEARNED = {
  MAPPO: { network: { ...MLP, extractor: "raw" }, demonstrations: false },
  "G-MAPPO": { network: { ...MLP, extractor: "raw" }, demonstrations: true },
  "T-MAPPO": { network: MLP, demonstrations: false },
  LRS: { network: MLP, demonstrations: true },
  "DLRS-V5": { network: vp(5), demonstrations: true },
  "DLRS-V10": { network: vp(10), demonstrations: true },
  "DLRS-V15": { network: vp(15), demonstrations: true },
  "DLRS-L5": { network: linear(5), demonstrations: true },
  "DLRS-L10": { network: linear(10), demonstrations: true },
  "DLRS-L15": { network: linear(15), demonstrations: true },
  DLRS: { network: DEFAULT_NETWORK, demonstrations: true },
  "DLRS-3way": {
    network: { ...linear(10), actions: 3 },
    product: { ...DEFAULT_NETWORK, actions: 3 },
    demonstrations: true,
  },
  "LRS-3way": { network: { ...MLP, actions: 3 }, demonstrations: true },
} as const satisfies Readonly<Record<string, Learned>>;

export type LearnedName = keyof typeof LEARNED;

export function networkOf(name: LearnedName, mode: "paper" | "product"): NetworkConfig {
  const { network, product = network }: Learned = LEARNED[name];
  return mode === "paper" ? network : product;
}
