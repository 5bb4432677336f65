import { type EntryInsert } from "../../durable/report.ts";
import { encodeFloats } from "../../policy/half.ts";
import { TENANT } from "./executed.ts";
import { type SimulatedRequest } from "./source.ts";

/** A row for an answer that a model just gave: of its question (role 1), or of the answer itself (role 2). */
export function newRow(row: {
  readonly request: SimulatedRequest;
  readonly role: 1 | 2;
  readonly ansId: string;
  readonly namespace: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly vector: Float32Array;
}): EntryInsert {
  const { request, role, ansId, namespace, createdAt, expiresAt, vector } = row;
  return {
    id: `${role === 1 ? "v" : "w"}-${ansId}`,
    tenant: TENANT,
    namespace,
    ansId,
    role,
    fp: request.fp,
    lang: request.lang,
    question: request.question,
    createdAt,
    expiresAt,
    vector: encodeFloats(vector),
  };
}
