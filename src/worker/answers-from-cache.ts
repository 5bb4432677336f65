// Action A: a stored answer in the shape that was asked for.
import { costOf, decisionHeaders, outcomeOf } from "./decision-record.ts";
import { type Life } from "./gateway.ts";
import { type Answer } from "./openai/answer.ts";
import { renderCompletion, renderStream } from "./openai/replay.ts";
import { type StoredAnswer } from "./lookup/entries.ts";
import { labelledRow } from "./satisfaction/row-match.ts";
import { isAuto } from "./upstream/request-limits.ts";

export function serveStored(life: Life, stored: StoredAnswer): Response {
  const { ports, record, request, desk, link } = life;
  const now = ports.now();
  const options = {
    id: `chatcmpl-${record.id}`,
    created: Math.floor(now / 1000),
    // As in the answer that was stored: there the name is the model's that made it.
    model: isAuto(life) ? stored.model : request.chat.model,
  };
  const answer = answerOf(stored);
  const headers = new Headers(decisionHeaders(record, now));

  // Where no backend may be called at the caller's price nothing would have been paid.
  const savedUsd =
    isAuto(life) && life.outlook === null
      ? 0
      : costOf(life.call.model, stored.promptTokens, stored.completionTokens);
  const row = record.result === "HIT-SEMANTIC" ? record.decision?.selected : null;
  desk.add({
    outcome: outcomeOf(record, {
      result: "final",
      now,
      tokensIn: 0,
      tokensOut: 0,
      costUsd: 0,
      savedUsd,
      parts: { tokensAvoided: stored.promptTokens + stored.completionTokens },
    }),
    ...(row && {
      use: { id: row.id, tenant: record.tenant.id, expId: record.id, handling: "A" as const },
    }),
  });
  ports.waitUntil(desk.flushSoon(link, ports.now, ports.wait));
  ports.isolate.decisions.set(`${record.tenant.id}|${record.id}`, {
    id: record.id,
    at: now,
    row: row ? labelledRow(row, record.decision) : null,
  });

  if (!request.chat.stream) {
    headers.set("content-type", "application/json");
    return new Response(JSON.stringify(renderCompletion(answer, options)), { headers });
  }
  headers.set("content-type", "text/event-stream; charset=utf-8");
  return new Response(
    renderStream(answer, { ...options, includeUsage: request.chat.includeUsage }),
    {
      headers,
    },
  );
}

export function answerOf(stored: StoredAnswer): Answer {
  return {
    text: stored.text,
    finishReason: stored.finishReason,
    model: stored.model,
    usage: {
      promptTokens: stored.promptTokens,
      completionTokens: stored.completionTokens,
      totalTokens: stored.promptTokens + stored.completionTokens,
    },
  };
}
