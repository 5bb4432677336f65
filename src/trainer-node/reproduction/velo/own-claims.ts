// Claims that are not about runs of the paper's world: the product's bound (S8), times, memory and traffic (S9, N18, N19).
import { formatEstimate } from "../report/figures.ts";
import { meanEstimate } from "../report/statistics.ts";
import { type ClaimResult, type Expectation, verdictOf } from "../report/verdict.ts";
import { type OverheadResult } from "./overhead.ts";
import { type ProductRow } from "./product.ts";
import { SHIPPED } from "./product-algorithms.ts";
import { WRONG_BOUND } from "./product-verdict.ts";
import { REMARKS } from "./remarks.ts";
import { type VeloResults } from "./results.ts";

export function ownClaims(results: VeloResults): readonly ClaimResult[] {
  const product = results.records().filter(({ kind }) => kind === "product");
  const overhead = results.records().find(({ kind }) => kind === "overhead");
  return [
    ...guardClaims(
      product.map(({ result }) => result as ProductRow),
      product.map(({ id }) => id),
    ),
    ...(overhead === undefined
      ? []
      : overheadClaims(overhead.result as OverheadResult, overhead.id)),
  ];
}

function guardClaims(rows: readonly ProductRow[], ids: readonly string[]): readonly ClaimResult[] {
  const of = (algorithm: string) =>
    rows.filter((row) => row.world === "workload" && row.algorithm === algorithm);
  const shipped = of(SHIPPED);
  const always = of("always-model");
  const bySeed = new Map(always.map((row) => [row.seed, row]));
  if (!shipped.some(({ seed }) => bySeed.has(seed))) return [];
  const jobs = ids.filter((id) => id.startsWith("product-workload"));
  return [
    claimOf({
      id: "S8 wrong",
      claim: "Product mode: wrong answers per request stay within delta",
      source: "ours",
      published: `at most ${100 * WRONG_BOUND} %`,
      values: shipped.map(({ wrongPerRequest }) => wrongPerRequest),
      expectation: { direction: "less", bound: WRONG_BOUND },
      isPercent: true,
      jobs,
    }),
    claimOf({
      id: "S8 delay",
      claim: "Product mode: mean delay against always calling the model",
      source: "ours",
      published: "at most 60 %",
      // Seed by seed against the same requests; a seed that did not run both says nothing.
      values: shipped.flatMap(({ seed, meanDelaySeconds }) => {
        const other = bySeed.get(seed);
        return other === undefined ? [] : [meanDelaySeconds / other.meanDelaySeconds];
      }),
      expectation: { direction: "less", bound: 0.6 },
      isPercent: true,
      jobs,
    }),
  ];
}

/**
 * One machine, one measurement: a bare figure decides nothing about others. Only the bound on decisions has an interval, the
 * middle and the slow end of single decisions.
 */
function overheadClaims(
  { decisions, steps, memory, transfer }: OverheadResult,
  id: string,
): readonly ClaimResult[] {
  const decisionMs = (algorithm: string) =>
    1000 *
    decisions.find(
      (row) =>
        row.algorithm === algorithm && row.chains === 1 && row.runtime === "onnxruntime-node",
    )!.paper.p50;
  const step = steps.find(({ algorithm }) => algorithm === "DLRS-L10")!;
  const bare = (
    name: string,
    claim: string,
    published: string,
    ours: string,
    verdict: ClaimResult["verdict"],
  ): ClaimResult => ({
    id: name,
    claim,
    source: name.startsWith("S") ? "ours" : "section V",
    published,
    ours,
    estimate: null,
    interval: null,
    verdict,
    note: REMARKS[name] ?? "",
    jobs: [id],
  });
  const [lrs, v10, dlrs] = ["LRS", "DLRS-V10", "DLRS-L10"].map(decisionMs) as [
    number,
    number,
    number,
  ];
  const compiled = decisions.filter(({ runtime }) => runtime === "onnxruntime-node");
  const slowest = Math.max(...compiled.map(({ paper }) => 1000 * paper.p95));
  return [
    bare(
      "S9",
      "A decision takes at most 26 ms (95th percentile, ONNX Runtime, any head, one chain or sixteen)",
      "26 ms, aim 10 ms",
      `${slowest.toFixed(2)} ms`,
      slowest <= 26 ? "agrees" : "differs",
    ),
    bare(
      "N18",
      "Decision time: LRS < DLRS-V10, DLRS-L10",
      "24.1, 25.5, 26.2 ms",
      `${lrs.toFixed(2)}, ${v10.toFixed(2)}, ${dlrs.toFixed(2)} ms`,
      "undecided",
    ),
    bare(
      "N19 step",
      "A training step",
      "16.04 ms on an RTX 4070 Ti",
      `${(1000 * step.step.p50).toFixed(1)} ms on one core, ${step.samples} samples`,
      "undecided",
    ),
    bare(
      "N19 memory",
      "Memory of training",
      "3021 MB, 421 MB on the GPU",
      `at most ${(memory.peakBytes / 1e6).toFixed(0)} MB, no GPU`,
      "undecided",
    ),
    bare(
      "N19 experiences",
      "Experiences to the trainer",
      "5.0 KB/s",
      `${transfer.experiencesKBps.toFixed(2)} KB/s`,
      "undecided",
    ),
    bare(
      "N19 weights",
      "Weights to the servers",
      "21,213.9 KB/s",
      `${transfer.updateBytes.toLocaleString("en")} bytes an update, ${transfer.weightsKBps.toFixed(2)} KB/s on average`,
      "undecided",
    ),
  ];
}

function claimOf(given: {
  readonly id: string;
  readonly claim: string;
  readonly source: string;
  readonly published: string;
  readonly values: readonly number[];
  readonly expectation: Expectation;
  readonly isPercent: boolean;
  readonly jobs: readonly string[];
}): ClaimResult {
  const { values, expectation, isPercent, ...rest } = given;
  const estimate = meanEstimate(values);
  return {
    ...rest,
    ours: formatEstimate(estimate, isPercent ? { isPercent, unit: "%" } : {}),
    estimate: estimate.mean,
    interval: estimate.interval,
    verdict: verdictOf(expectation, estimate),
    note: REMARKS[given.id] ?? "",
  };
}
