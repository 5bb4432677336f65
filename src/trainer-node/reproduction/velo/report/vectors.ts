// What a query takes against how many vectors are cached.
import { type Section } from "../../report/report.ts";
import { type VectorCountRow } from "../vector-count.ts";
import { type ReportParts } from "./parts.ts";

export function vectorCounts(parts: ReportParts): readonly Section[] {
  const found = parts.results.records().find(({ kind }) => kind === "vector-count");
  if (found === undefined) return [];
  const rows = found.result as readonly VectorCountRow[];
  const provenance = parts.provenanceOf([found.id], [1]);
  const probes = rows[0]?.invertedFile.searches.map((search) => search.probes) ?? [];
  return [
    {
      id: "vectors",
      page: "vectors",
      title: "Cached vectors, query delay and memory (Table I)",
      text: [
        "Published: 3.64, 9.62, 10.60, 11.34 million vectors, query on the edge 0.82, 0.84, 0.83, 0.81 s, in the cloud 1.05, 1.08, 1.03, 1.05 s, answer of the cloud's model 3.34 s, memory 4, 10.4, 11.4, 12.2 GB (Milvus, 128 lists). Here: 10 nearest of unit vectors of 768 float32, one thread of this machine, search alone without embedding or network.",
      ],
      tables: [
        {
          title: "Milliseconds of a query (median), recall of the ten nearest, memory",
          columns: [
            "vectors",
            { title: "exact", digits: 2 },
            ...probes.flatMap((n) => [
              { title: `${n} of 128 lists`, digits: 2 },
              { title: "recall", isPercent: true },
            ]),
            { title: "vectors, MiB", digits: 1 },
            { title: "lists beside them, MiB", digits: 2 },
            { title: "building, s", digits: 1 },
          ],
          rows: rows.map((row) => [
            row.vectors.toLocaleString("en"),
            1000 * row.exact.p50,
            ...row.invertedFile.searches.flatMap(({ delay, recall }) => [1000 * delay.p50, recall]),
            row.bytes.vectors / 2 ** 20,
            row.bytes.invertedFile / 2 ** 20,
            row.invertedFile.buildSeconds,
          ]),
          provenance,
        },
      ],
      plots: [
        {
          id: "vectors",
          title: "Query delay against cached vectors",
          xLabel: "vectors",
          yLabel: "ms",
          logX: true,
          logY: true,
          series: [
            {
              name: "exact",
              points: rows.map(({ vectors, exact }) => ({ x: vectors, y: 1000 * exact.p50 })),
            },
            ...probes.map((n, i) => ({
              name: `${n} of 128 lists`,
              points: rows.map(({ vectors, invertedFile }) => ({
                x: vectors,
                y: 1000 * invertedFile.searches[i]!.delay.p50,
              })),
            })),
          ],
          provenance,
        },
      ],
    },
  ];
}
