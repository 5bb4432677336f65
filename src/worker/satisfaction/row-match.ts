// What a label must say of the row it is about, so that the region can learn from it.
import { type Label } from "../../durable/report.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type Decision } from "../../policy/decide.ts";

export type LabelledRow = Pick<Label, "rowId" | "distance" | "match" | "scorer">;

/** Row, distance and match as a label carries them. */
export function labelledRow(row: Candidate, decision: Decision | null): LabelledRow {
  const verifier = decision?.verdicts.find(({ id }) => id === row.id)?.verifier;
  return {
    rowId: row.id,
    distance: row.distance,
    ...(verifier && { match: verifier.matchDistance, scorer: verifier.scorer }),
  };
}
