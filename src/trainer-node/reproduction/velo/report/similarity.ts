// Similar wordings in the space of the built-in embedder.
import { type Cell, type Section } from "../../report/report.ts";
import { REQUESTS, type SimilarityResult } from "../similarity.ts";
import { type ReportParts } from "./parts.ts";
import { PUBLISHED_FORMS } from "./published.ts";

export function similarityOf(parts: ReportParts): readonly Section[] {
  const found = parts.results.records().find(({ kind }) => kind === "similarity");
  if (found === undefined) return [];
  const { matrix, ownMean, otherMean, nearestIsOwn, forms } = found.result as SimilarityResult;
  const provenance = parts.provenanceOf([found.id]);
  return [
    {
      id: "similarity",
      page: "similarity",
      title: "Similar wordings (Fig. 6, Table III)",
      text: [
        `Eight requests against a paraphrase of each in the space of the built-in embedder, L2 distance: own paraphrase ${ownMean.toFixed(2)} on average, others' ${otherMean.toFixed(2)}; the nearest is the own one for ${nearestIsOwn} of ${matrix.length}.`,
        "The built-in embedder knows English alone: wordings in other languages are as far as other requests, and are met by another embedder in production. The paper gives distances between each wording and the stored answer, which are another thing.",
        "Satisfaction and delay of A, B and C in Table III come from a real model; in the simulator they are assumptions taken from that table (A 0.06 s, B 7.7 s, C 11.4 s), so that nothing about them is reproduced here. `--dataset` measures them with a model.",
      ],
      tables: [
        {
          title: "Distances of requests (rows) to paraphrases (columns)",
          columns: ["request", ...matrix.map((_, i) => ({ title: String(i + 1), digits: 2 }))],
          rows: matrix.map((row, i) => [`${i + 1}: ${REQUESTS[i]?.[0] ?? ""}` as Cell].concat(row)),
          provenance,
        },
        {
          title: "One request in six forms",
          columns: [
            "form",
            { title: "distance to the English one", digits: 2 },
            { title: "published distance to the stored answer", digits: 2 },
            "published q of A = B / C",
            "published delay A / B / C, s",
          ],
          rows: forms.map(({ form, distance }) => [
            form,
            distance,
            PUBLISHED_FORMS[form]?.toAnswer ?? null,
            PUBLISHED_FORMS[form]?.q ?? "",
            PUBLISHED_FORMS[form]?.delay ?? "",
          ]),
          provenance,
        },
      ],
      plots: [],
    },
  ];
}
