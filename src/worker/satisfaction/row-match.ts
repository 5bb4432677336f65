// What a label must say of the row it is about, so that the region can learn from it.
import { type Label } from "../../durable/report.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { type RowVerdict } from "../../policy/cache/resolver.ts";
import { type Decision } from "../../policy/decide.ts";

/** The scorer's word on a row, where there is a scorer. */
export interface RowMatch {
  readonly matchDistance: number;
  readonly scorer: string;
}

export function matchOf({ verifier }: RowVerdict): RowMatch | null {
  return verifier && { matchDistance: verifier.matchDistance, scorer: verifier.scorer };
}

export type LabelledRow = Pick<Label, "rowId" | "distance" | "match" | "scorer">;

/** Row, distance and match as a label carries them. */
export function labelledRow(row: Candidate, decision: Decision | null): LabelledRow {
  const verdict = decision?.verdicts.find(({ id }) => id === row.id);
  const match = verdict === undefined ? null : matchOf(verdict);
  return {
    rowId: row.id,
    distance: row.distance,
    ...(match && { match: match.matchDistance, scorer: match.scorer }),
  };
}
