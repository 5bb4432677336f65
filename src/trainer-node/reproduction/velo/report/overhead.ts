// Times, memory, bytes over the wire.
import { type Section } from "../../report/report.ts";
import { type OverheadResult } from "../overhead.ts";
import { type ReportParts } from "./parts.ts";

export function overhead(parts: ReportParts): readonly Section[] {
  const found = parts.results.records().find(({ kind }) => kind === "overhead");
  if (found === undefined) return [];
  const { decisions, steps, memory, transfer } = found.result as OverheadResult;
  const provenance = parts.provenanceOf([found.id], [1]);
  const ms = (title: string) => ({ title, digits: 2 });
  return [
    {
      id: "overhead",
      page: "overhead",
      title: "Overhead (section V)",
      text: [
        "Published: decisions LRS 24.1, DLRS-V10 25.5, DLRS 26.2 ms; a training step 16.04 ms on a GPU; 421 MB of GPU memory, 3021 MB of memory; experiences 5.0 KB/s, weights 21,213.9 KB/s while they are sent. Here: one thread. What a decision takes inside workerd is `npm run bench -- decision`.",
        `Memory at most ${(memory.peakBytes / 1e6).toFixed(0)} MB (${(memory.startBytes / 1e6).toFixed(0)} MB before anything was measured). An update of the weights is ${transfer.updateBytes.toLocaleString("en")} bytes; an experience adds ${transfer.experienceBytes.map(({ chains, bytes }) => `${bytes.toFixed(0)} bytes ${chains === 0 ? "without noise (product)" : `with the noise of ${chains} ${chains === 1 ? "chain" : "chains"}`}`).join(", ")} to a pack, its outcome ${transfer.outcomeBytes.toFixed(0)}. With ${transfer.servers} servers and a request every ${transfer.slotSeconds} s that is ${transfer.experiencesKBps.toFixed(2)} KB/s of experiences and ${transfer.weightsKBps.toFixed(2)} KB/s of weights.`,
      ],
      tables: [
        {
          title: "Milliseconds of a decision, median and 95th percentile",
          columns: [
            "head",
            "chains",
            "runtime",
            ms("network p50"),
            ms("p95"),
            ms("as in the paper p50"),
            ms("p95"),
            ms("with guards and verifier p50"),
            ms("p95"),
          ],
          rows: decisions.map(
            ({ algorithm, chains, runtime, network, paper, product: inProduct }) => [
              algorithm,
              String(chains),
              runtime,
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
            ms("p50"),
            ms("p95"),
            { title: "weights and moments, MB", digits: 1 },
          ],
          rows: steps.map(({ algorithm, samples, demonstrations, threads, step, stateBytes }) => [
            algorithm,
            `${samples} + ${demonstrations}`,
            String(threads),
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
