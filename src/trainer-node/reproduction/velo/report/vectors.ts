// What a query takes against how many vectors are cached.
import { markdownTable } from "../../report/markdown.ts";
import { type Section } from "../../report/report.ts";
import { type VectorCountRow } from "../vector-count.ts";
import { type ReportParts } from "./parts.ts";
import { PUBLISHED_VECTORS } from "./published.ts";

export function vectorCounts(parts: ReportParts): readonly Section[] {
  const found = parts.results.records().find(({ kind }) => kind === "vector-count");
  if (found === undefined) return [];
  const rows = found.result as readonly VectorCountRow[];
  const provenance = parts.provenanceOf([found.id]);
  const probes = rows[0]?.invertedFile.searches.map((search) => search.probes) ?? [];
  return [
    {
      id: "vectors",
      page: "vectors",
      title: "Cached vectors, query delay and memory (Table I)",
      text: [
        "Published (Milvus, 128 lists; seconds include what lies between a user and the database; the cloud's model took 3.34 s):",
        tableOne(),
        "Here: 10 nearest of unit vectors of 768 float32, one thread of this machine, search alone without embedding or network.",
      ],
      tables: [
        {
          title: "Milliseconds of a query, median",
          columns: [
            "vectors",
            { title: "exact", digits: 2 },
            ...probes.map((n) => ({ title: `${n} of 128 lists`, digits: 2 })),
          ],
          rows: rows.map((row) => [
            row.vectors.toLocaleString("en"),
            1000 * row.exact.p50,
            ...row.invertedFile.searches.map(({ delay }) => 1000 * delay.p50),
          ]),
          provenance,
        },
        {
          title: "What is found, and what it takes",
          columns: [
            "vectors",
            ...probes.map((n) => ({
              title: `ten nearest found in ${n} of 128 lists, %`,
              isPercent: true,
              digits: 0,
            })),
            { title: "vectors, MiB", digits: 1 },
            { title: "lists beside them, MiB", digits: 2 },
            { title: "building, s", digits: 1 },
          ],
          rows: rows.map((row) => [
            row.vectors.toLocaleString("en"),
            ...row.invertedFile.searches.map(({ recall }) => recall),
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
          xLabel: "cached vectors",
          yLabel: "milliseconds (median)",
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

const tableOne = (): string =>
  markdownTable(
    ["million vectors", "query on the edge, s", "query in the cloud, s", "memory, GB"],
    PUBLISHED_VECTORS.map(({ millions, edge, cloud, memory }) => [
      millions.toFixed(2),
      edge.toFixed(2),
      cloud.toFixed(2),
      memory.toFixed(1),
    ]),
    [true, true, true, true],
  );
