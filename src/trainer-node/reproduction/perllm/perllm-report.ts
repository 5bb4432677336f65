// The report of the reproduction: what was run, what came out, and the published numbers beside it.
import { type Report } from "../report/report.ts";
import { comparison, specified } from "./report/comparison.ts";
import { grid } from "./report/grid.ts";
import { type PartsOf, ReportParts } from "./report/parts.ts";
import { summary } from "./report/summary.ts";
import { drifts, order, services } from "./report/sweeps.ts";

export interface PerllmReportInput extends PartsOf {
  /** Wall-clock and core seconds, and where. */
  readonly run: string;
}

/** Of whatever results are there: an experiment that did not run has no section. */
export function perllmReport({ run, ...input }: PerllmReportInput): Report {
  const parts = new ReportParts(input);
  return {
    title: "PerLLM reproduced",
    introduction: [...WHAT, run, ...summary(parts), ...HOW_TO_READ],
    claims: input.claims,
    sections: [
      ...comparison(parts),
      ...specified(parts),
      ...services(parts),
      ...order(parts),
      ...drifts(parts),
      ...grid(parts),
    ],
  };
}

const WHAT: readonly string[] = [
  "PerLLM (arXiv 2405.14636) and its rivals in a simulator of five edge servers and a cloud. PerLLM is the production's selector cs-ucb, LPC the production's least predicted completion. The paper measured real servers; here links, slots, times and energy are simulated with constants that its own numbers imply together, so that orders and directions can be compared, and digits only as far as they are consistent with each other. Settings ([settings.ts](../../../src/trainer-node/reproduction/perllm/settings.ts), [worlds.ts](../../../src/trainer-node/reproduction/perllm/worlds.ts)) and claims ([claims.ts](../../../src/trainer-node/reproduction/perllm/claims.ts), [own-claims.ts](../../../src/trainer-node/reproduction/perllm/own-claims.ts)) were committed before anything was run that they judge, and nothing was tuned afterwards: first those of the paper, later the worlds with drifts beyond the first three, slots, and the rivals as they are specified. Measurements that fade (O16) were added when the figures without had been seen. How to run it: [docs/reproduce.md](../../../docs/reproduce.md).",
];

const HOW_TO_READ: readonly string[] = [
  "## How to read it",
  "A claim `agrees` when the 95 % interval over seeds (Student) lies where the paper says, `differs` when it lies on the other side, and is `undecided` when it touches both. `pass` is for what must hold by construction. The grid column says in how many other settings of the simulator the claim's direction holds.",
  "FineInfer, AGOD and RewardlessGuidance are proxies whose constants were chosen to meet the published table: where a claim compares with them and agrees, the published numbers are consistent with each other. It does not validate the rivals. What is measured of PerLLM itself are the comparisons with LPC, with measured and with told times, and with its own parts left out.",
];
