// The report of the reproduction: what was run, what came out, and the published numbers beside it.
import { type Report } from "../report/report.ts";
import { type ClaimResult } from "../report/verdict.ts";
import { ablations, executions } from "./report/ablations.ts";
import { comparison } from "./report/comparison.ts";
import { grid } from "./report/grid.ts";
import { models } from "./report/models.ts";
import { overhead } from "./report/overhead.ts";
import { ReportParts } from "./report/parts.ts";
import { product } from "./report/product.ts";
import { similarityOf } from "./report/similarity.ts";
import { servers, sizes, weights } from "./report/sweeps.ts";
import { trainingCurves } from "./report/training.ts";
import { vectorCounts } from "./report/vectors.ts";
import { type VeloResults } from "./results.ts";

export interface VeloReportInput {
  readonly results: VeloResults;
  readonly claims: readonly ClaimResult[];
  readonly command: string;
  /** Wall-clock and core seconds, and where. */
  readonly run: string;
}

export function veloReport({ results, claims, command, run }: VeloReportInput): Report {
  const parts = new ReportParts(results, command);
  return {
    title: "VELO / DLRS reproduced",
    introduction: introduction(run),
    claims,
    sections: [
      ...trainingCurves(parts),
      ...comparison(parts),
      ...weights(parts),
      ...servers(parts),
      ...sizes(parts),
      ...models(parts),
      ...ablations(parts),
      ...executions(parts),
      ...grid(parts, claims),
      ...product(parts),
      ...similarityOf(parts),
      ...vectorCounts(parts),
      ...overhead(parts),
    ],
  };
}

const introduction = (run: string): readonly string[] => [
  "Every policy and every experiment of the VELO / DLRS paper (IEEE TSC 2025), run in this project's simulator by the production's own observation, resolver, cache value and eviction. The paper used a real Qwen-7B, Milvus and the oasst1 dialogues; here both are simulated, so that orders and directions can be compared, not digits. Settings ([settings.ts](../../../src/trainer-node/reproduction/velo/settings.ts)) and claims ([claims.ts](../../../src/trainer-node/reproduction/velo/claims.ts)) were committed before the first training and nothing was tuned afterwards.",
  "A claim `agrees` when the 95 % interval over seeds (Student) lies where the paper says, `differs` when it lies on the other side, and is `undecided` when it touches both. `pass` is for what must hold by construction. The grid column says in how many of 108 other settings of the simulator the claim's direction holds, with DLRS and LRS trained on for a short while in each. Rewards are 10 (q - 0.1 d - 0.6 [a = direct]) as in the paper's figures; \"without phi3\" leaves the penalty of direct calls out and is the quality of service itself.",
  run,
];
