// Times, memory, bytes over the wire.
import { type Section } from "../../report/report.ts";
import { type OverheadResult } from "../overhead.ts";
import { type ReportParts } from "./parts.ts";
import { PUBLISHED_DECISION_MS, PUBLISHED_STEP_MS } from "./published.ts";

export function overhead(parts: ReportParts): readonly Section[] {
  const found = parts.results.records().find(({ kind }) => kind === "overhead");
  if (found === undefined) return [];
  const { decisions, steps, memory, transfer } = found.result as OverheadResult;
  const provenance = parts.provenanceOf([found.id]);
  const ms = (title: string) => ({ title, digits: 2 });
  return [
    {
      id: "overhead",
      page: "overhead",
      title: "Overhead (section V)",
      text: [
        "Section V of the paper gives times of a decision and of a training step (beside ours below), 421 MB of GPU memory and 3021 MB of memory, 5.0 KB/s of experiences, and 21,213.9 KB/s of weights while they are sent. Here: one thread of this machine. What a decision takes inside workerd is `npm run bench -- decision`.",
        `Memory at most ${(memory.peakBytes / 1e6).toFixed(0)} MB (${(memory.startBytes / 1e6).toFixed(0)} MB before anything was measured). An update of the weights is ${transfer.updateBytes.toLocaleString("en")} bytes; an experience adds ${transfer.experienceBytes.map(({ chains, bytes }) => `${bytes.toFixed(0)} bytes ${chains === 0 ? "without noise (product)" : `with the noise of ${chains} ${chains === 1 ? "chain" : "chains"}`}`).join(", ")} to a pack, its outcome ${transfer.outcomeBytes.toFixed(0)} bytes. With ${transfer.servers} servers and a request every ${transfer.slotSeconds} s that is ${transfer.experiencesKBps.toFixed(2)} KB/s of experiences and ${transfer.weightsKBps.toFixed(2)} KB/s of weights, averaged over time.`,
        ...parts.verdicts("S9", "N18", "N19"),
      ],
      tables: [
        {
          title:
            "Milliseconds of a decision: the network alone; with observation and choice, as in the paper; with guards and verifier too, as in the product",
          columns: [
            "head",
            "chains",
            "runtime",
            { title: "published", digits: 1 },
            ms("network, median"),
            ms("network, p95"),
            ms("as in the paper, median"),
            ms("as in the paper, p95"),
            ms("as in the product, median"),
            ms("as in the product, p95"),
          ],
          rows: decisions.map(
            ({ algorithm, chains, runtime, network, paper, product: inProduct }) => [
              algorithm,
              String(chains),
              runtime,
              chains === 1 ? (PUBLISHED_DECISION_MS[algorithm] ?? null) : null,
              1000 * network.p50,
              1000 * network.p95,
              1000 * paper.p50,
              1000 * paper.p95,
              1000 * inProduct.p50,
              1000 * inProduct.p95,
            ],
          ),
          provenance,
        },
        {
          title: "Milliseconds of a training step",
          columns: [
            "head",
            "samples + demonstrations",
            "threads",
            { title: "published (GPU)", digits: 2 },
            ms("median"),
            ms("p95"),
            { title: "weights and moments, MB", digits: 1 },
          ],
          rows: steps.map(({ algorithm, samples, demonstrations, threads, step, stateBytes }) => [
            algorithm,
            `${samples} + ${demonstrations}`,
            String(threads),
            PUBLISHED_STEP_MS,
            1000 * step.p50,
            1000 * step.p95,
            stateBytes / 1e6,
          ]),
          provenance,
        },
      ],
      plots: [],
    },
  ];
}
