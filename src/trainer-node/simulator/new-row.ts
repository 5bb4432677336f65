import { type EntryInsert } from "../../durable/report.ts";
import { encodeFloats } from "../../policy/half.ts";
import { rowIdOf, type StoredRow } from "./agent-region.ts";
import { TENANT } from "./executed.ts";

/** A row as the production's region object takes it. */
export function newRow(row: StoredRow): EntryInsert {
  const { request, role, ansId, leadsTo = ansId, namespace, createdAt, expiresAt, vector } = row;
  return {
    id: rowIdOf(role, ansId),
    tenant: TENANT,
    namespace,
    ansId: leadsTo,
    role,
    fp: request.fp,
    lang: request.lang,
    question: request.question,
    createdAt,
    expiresAt,
    vector: encodeFloats(vector),
  };
}
