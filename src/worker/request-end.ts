// The end of a request that went to a model, or waited for somebody else's call: its outcome, uses and notes are written down.
import { costOf, outcomeOf } from "./decision-record.ts";
import { type Life } from "./gateway.ts";
import { type Answer } from "./openai/answer.ts";
import { estimateTokens } from "./upstream/notes.ts";
import { promptTokensOf } from "./upstream/request-limits.ts";

/** @param answer as far as it went; null: none was paid for */
export function endRequest(
  life: Life,
  result: "final" | "client_abort" | "upstream_error" | "incomplete",
  answer: Pick<Answer, "text" | "usage"> | null,
  firstByteMs: number,
): void {
  const { ports, record, desk, link } = life;
  const tokensIn = answer?.usage?.promptTokens ?? (answer === null ? 0 : promptTokensOf(life));
  const tokensOut = answer?.usage?.completionTokens ?? estimateTokens(answer?.text ?? "");
  desk.add({
    outcome: outcomeOf(record, {
      result,
      now: ports.now(),
      tokensIn,
      tokensOut,
      costUsd:
        record.lostUsd + costOf(record.chosen?.model ?? life.call.model, tokensIn, tokensOut),
      savedUsd: 0,
      parts: { firstByte: firstByteMs },
    }),
  });
  const { tenant, notes, noteRows } = record;
  if (record.result === "AUGMENTED" && result === "final")
    for (const id of noteRows)
      desk.add({ use: { id, tenant: tenant.id, expId: record.id, handling: "C" } });
  if (notes !== null) {
    const now = ports.now();
    ports.isolate.decisions.set(`${tenant.id}|${record.id}`, {
      id: record.id,
      at: now,
      row: null,
      notes,
    });
  }
  ports.waitUntil(desk.flushSoon(link, ports.now, ports.wait));
}
