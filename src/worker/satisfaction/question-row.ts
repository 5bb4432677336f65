// One answer, many questions: another wording of an approved answer becomes a row that leads to that answer.
import { type EntryInsert } from "../../durable/report.ts";
import { languageOf } from "../../policy/cache/language.ts";
import { encodeFloats } from "../../policy/half.ts";
import { type Life } from "../gateway.ts";
import { type StoredAnswer, readAnswer, vectorIdOf } from "../lookup/entries.ts";

/** For another read of the store, far from any user. */
const STORE_MS = 5_000;

/**
 * The row of this request's wording, or null where it would be unsound: the answer is of another scope, has changed or is
 * gone. It has the id that the wording's own row would have, so that one wording never has two, and the age and expiry of
 * the answer it leads to.
 */
export async function questionRow(life: Life, approved: StoredAnswer): Promise<EntryInsert | null> {
  const { ansId, ports, question, record, scope } = life;
  const embedding = record.lookUp?.embedding;
  if (scope === null || !embedding || approved.ansId === ansId) return null;
  const { tenant, namespace, fingerprint, fp } = scope;
  const read = await ports.bounded("store", STORE_MS, () =>
    readAnswer(ports.answers, {
      tenant,
      ansId: approved.ansId,
      namespace,
      fingerprint,
      now: ports.now(),
    }),
  );
  if (!read.ok || read.value?.sha256 !== approved.sha256) return null;
  return {
    id: await vectorIdOf(ports.hmac, tenant, ansId),
    tenant,
    namespace,
    ansId: approved.ansId,
    role: 1,
    fp,
    lang: languageOf(question),
    question,
    createdAt: approved.createdAt,
    expiresAt: approved.expiresAt,
    vector: encodeFloats(embedding),
    embedder: ports.embedder.space,
  };
}
