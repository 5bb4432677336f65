// Actions B and C: the model is called, its bytes go through unchanged, and a complete answer may be stored.
import { type EntryInsert } from "../durable/report.ts";
import { languageOf } from "../policy/cache/language.ts";
import { encodeFloats } from "../policy/half.ts";
import { decisionHeaders, receiptOf } from "./decision-record.ts";
import { type Life } from "./gateway.ts";
import { sha256Hex } from "./lookup/digest.ts";
import { type StoredAnswer, vectorIdOf, writeAnswer } from "./lookup/entries.ts";
import { type Scope } from "./lookup/fingerprint.ts";
import { type Answer, AnswerCollector, type Verdict } from "./openai/answer.ts";
import { GatewayError, withHeaders } from "./openai/errors.ts";
import { type StreamEnd, passThrough } from "./openai/pass-through.ts";
import { type ModelConnection, modelConnection } from "./model-connection.ts";
import { type ModelReply } from "./ports.ts";
import { endRequest } from "./request-end.ts";
import { type Keep, examineNearMiss, examineServed } from "./satisfaction/examine.ts";
import { ride } from "./shared-answer.ts";
import { type Leader, beat } from "./single-flight.ts";
import { type RoutedCall, routeCall } from "./upstream/auto.ts";
import { augment, estimateTokens } from "./upstream/notes.ts";
import { isAuto, leftMs, promptTokensOf } from "./upstream/request-limits.ts";

/** A store that hangs must not hold an answer's row back for ever. */
const STORE_MS = 5_000;
/** Times a follower joins another leader before it asks the model itself. */
const MAX_FOLLOWS = 3;

export async function askModel(life: Life, notes: readonly StoredAnswer[]): Promise<Response> {
  const { ports, request } = life;
  // Notes make the answer depend on more than the request.
  const key = notes.length > 0 ? null : flightKey(life);
  let leader: Leader | null = null;
  if (key !== null) {
    for (let joined = 0; joined < MAX_FOLLOWS; joined++) {
      const flight = ports.isolate.flights.running(key, ports.now());
      if (flight === null) break;
      const response = await ride(life, flight);
      if (response !== null) return response;
      // Patience ended before the flight did: waiting once more would take as long again.
      if (ports.isolate.flights.running(key, ports.now()) === flight) break;
    }
  }
  refuseTooLate(life);
  if (key !== null && mayLead(life)) {
    leader = ports.isolate.flights.lead(key, ports.now());
    ports.waitUntil(beat(leader.flight, ports.now, ports.wait));
  }
  const connection = modelConnection(life, leader);
  const deadlineMs = leftMs(life);
  let routed: RoutedCall | null = null;
  let reply: ModelReply;
  try {
    const written = await outgoing(life, notes);
    // From the choice to the call nothing is awaited: the next choice counts this call.
    routed = routeCall(life);
    reply = await ports.callModel({
      ...life.call,
      ...written,
      signal: connection.signal,
      ...(deadlineMs !== null && { deadlineMs }),
      ...(routed && { plan: routed.plan }),
    });
    routed?.answered(reply);
  } catch (error) {
    routed?.answered(null);
    if (life.record.routing) life.desk.add({ receipt: receiptOf(life.record) });
    leader?.failed();
    endRequest(life, request.signal.aborted ? "client_abort" : "upstream_error", null, 0);
    throw withHeaders(error, decisionHeaders(life.record, ports.now()));
  }
  // An answer with notes, or of a stand-in model, is not what the next caller should get for a week.
  const isAsked = routed?.isShareable ?? reply.upstream === life.call.upstream.name;
  const shareable = notes.length === 0 && isAsked;
  connection.hasAnswered = true;
  return relay(life, reply, { leader, connection, shareable, routed });
}

/** A caller whose time is over pays for no call. */
function refuseTooLate(life: Life): void {
  const left = leftMs(life);
  if (left === null || left > 0) return;
  life.record.upstream = null;
  life.desk.add({ receipt: receiptOf(life.record) });
  endRequest(life, "upstream_error", null, 0);
  const error = new GatewayError(
    "upstream_timeout",
    "The deadline was over before a model was asked.",
  );
  throw withHeaders(error, decisionHeaders(life.record, life.ports.now()));
}

/** Whether others may be handed what this request gets. */
function mayLead(life: Life): boolean {
  const isStorable = life.eligibility.store && !life.controls.noStore;
  // At a deadline or a price of its own it may be sent where nobody else would be.
  return isStorable && !(isAuto(life) && life.limits.isOwn);
}

/** Requests that may share a call: equal in everything that shapes the answer, its length included. */
function flightKey(life: Life): string | null {
  // Where the cache may not serve, and under no-cache, everybody gets an answer of their own.
  if (life.scope === null || life.controls.noCache || life.desk.switches.cacheOff) return null;
  if (life.request.key.tenant.settings.serve === "observe") return null;
  const { body } = life.request;
  return `${life.scope.tenant}|${life.ansId}|${String(body["max_tokens"])}|${String(body["max_completion_tokens"])}`;
}

/** The body that goes out: the caller's own bytes unless something has to change. */
async function outgoing(
  life: Life,
  notes: readonly StoredAnswer[],
): Promise<{ readonly raw: Uint8Array<ArrayBuffer>; readonly json: Record<string, unknown> }> {
  const { cache, ...rest } = life.request.body;
  const json: Record<string, unknown> = { ...rest };
  if (cache === undefined && notes.length === 0) return { raw: life.request.raw, json };
  if (notes.length > 0)
    json["messages"] = augment(
      life.request.chat.messages,
      notes.map(({ question, text }) => ({ question, answer: text })),
      crypto.randomUUID().replaceAll("-", ""),
    );
  return { raw: Uint8Array.from(new TextEncoder().encode(JSON.stringify(json))), json };
}

interface Relay {
  readonly leader: Leader | null;
  readonly connection: ModelConnection;
  readonly shareable: boolean;
  readonly routed: RoutedCall | null;
}

function relay(
  life: Life,
  reply: ModelReply,
  { leader, connection, shareable, routed }: Relay,
): Response {
  const { ports, record } = life;
  record.upstream = reply.upstream;
  // Written down before it was known which backend answers.
  if (routed !== null) life.desk.add({ receipt: receiptOf(record) });
  const headers = new Headers(reply.headers);
  for (const [name, value] of Object.entries(decisionHeaders(record, ports.now())))
    headers.set(name, value);
  const ok = reply.status >= 200 && reply.status < 300;
  if (!ok) leader?.failed();
  if (reply.body === null) {
    leader?.failed();
    routed?.ended({ ...NO_BODY, ok });
    endRequest(life, ok ? "incomplete" : "upstream_error", null, reply.firstByteMs);
    return new Response(null, { status: reply.status, headers });
  }

  const collector = new AnswerCollector({
    status: reply.status,
    contentType: reply.headers.get("content-type"),
    contentLength: reply.contentLength,
  });
  let told = 0;
  // Keeps the request's context alive until its end is written down, also when the client has left.
  const settled = Promise.withResolvers<void>();
  ports.waitUntil(settled.promise);
  const store = async (verdict: Verdict): Promise<Answer | null> => {
    if (verdict.storable) await keep(life, verdict.answer, shareable, leader);
    // Followers have seen its beginning, and would get no more by asking again.
    else if (collector.unfinished !== null && leader !== null && life.scope !== null)
      leader.done(await storedOf(life, life.scope, collector.unfinished));
    else leader?.failed();
    return verdict.storable ? verdict.answer : null;
  };
  const settle = async (kind: StreamEnd): Promise<void> => {
    // An answer in one piece is read when it is there: until then it has neither text nor usage.
    const verdict = kind === "done" ? collector.end() : null;
    routed?.ended({
      kind,
      ok,
      hasEnded: collector.hasEnded,
      promptTokens: collector.usage?.promptTokens ?? promptTokensOf(life),
      outputTokens: collector.usage?.completionTokens ?? estimateTokens(collector.text),
      firstByteMs: reply.firstByteMs,
    });
    const answer = verdict === null ? null : await store(verdict);
    if (answer !== null) {
      endRequest(life, "final", answer, reply.firstByteMs);
      if (record.result === "AUGMENTED") return examineServed(life, answer, keepFresh);
      return shareable ? examineNearMiss(life, answer) : undefined;
    }
    if (!(kind === "cancel" && connection.isWanted())) leader?.failed();
    const { usage, text } = collector;
    const result =
      kind === "cancel" ? "client_abort" : ok ? outcomeKind(kind, collector) : "upstream_error";
    // A refusal of the upstream's costs nothing.
    endRequest(life, result, ok ? { text, ...(usage && { usage }) } : null, reply.firstByteMs);
  };
  const body = passThrough(reply.body, {
    signal: life.request.signal,
    contentType: reply.headers.get("content-type"),
    onChunk(chunk) {
      collector.push(chunk);
      if (leader !== null && collector.text.length > told) {
        leader.flight.model = collector.model;
        leader.piece(collector.text.slice(told));
        told = collector.text.length;
      }
    },
    onEnd: (kind) => settle(kind).finally(settled.resolve),
    ...((leader !== null || connection.isWanted()) && {
      readOn(rest: Promise<"done" | "error">) {
        if (!connection.isWanted()) connection.close();
        ports.waitUntil(
          rest.then(async (kind) => {
            if (kind === "done") await store(collector.end());
            else leader?.failed();
          }),
        );
      },
    }),
  });
  return new Response(body, { status: reply.status, headers });
}

const NO_BODY = {
  kind: "done",
  hasEnded: false,
  promptTokens: 0,
  outputTokens: 0,
  firstByteMs: 0,
} as const;

/** An answer may be final for the client (cut by length, a refusal, a tool call) and still not be stored. */
const outcomeKind = (kind: "done" | "error", collector: AnswerCollector) =>
  kind === "done" && collector.finishReason !== undefined ? "final" : "incomplete";

/** Stores what the model said when it was asked once more, for comparison. */
export const keepFresh: Keep = (life, answer) => keep(life, answer, true, null);

/** Stores a complete answer: memory at once, R2 and the index row in the background. */
async function keep(
  life: Life,
  answer: Answer,
  shareable: boolean,
  leader: Leader | null,
): Promise<void> {
  const { ports, scope, eligibility, controls, request } = life;
  if (scope === null) return leader?.failed();
  const stored = await storedOf(life, scope, answer);
  leader?.done(stored);
  const { serve } = request.key.tenant.settings;
  const isShortLived = stored.expiresAt <= stored.createdAt;
  if (!shareable || !eligibility.store || controls.noStore || isShortLived) return;
  ports.isolate.answers.set(stored, stored.createdAt);
  ports.waitUntil(
    (async () => {
      const written = await ports.bounded("store", STORE_MS, () =>
        writeAnswer(ports.answers, stored),
      );
      if (!written.ok) {
        ports.isolate.counters.storeFailures++;
        return;
      }
      const insert = serve === "exact" ? null : await rowOf(life, stored);
      if (insert === null) return;
      life.desk.add({ insert });
      await life.desk.flushSoon(life.link, ports.now, ports.wait);
    })(),
  );
}

async function storedOf(life: Life, scope: Scope, answer: Answer): Promise<StoredAnswer> {
  const { ports, controls, request } = life;
  const now = ports.now();
  const { maxTtlSeconds } = request.key.tenant.settings;
  const ttlSeconds = Math.min(controls.ttlSeconds ?? maxTtlSeconds, maxTtlSeconds);
  return {
    v: 1,
    ansId: life.ansId,
    tenant: scope.tenant,
    namespace: scope.namespace,
    fingerprint: scope.fingerprint,
    question: life.question,
    embedder: ports.embedder.id,
    origin: scope.origin,
    text: answer.text,
    finishReason: answer.finishReason,
    model: answer.model || request.chat.model,
    promptTokens: answer.usage?.promptTokens ?? promptTokensOf(life),
    completionTokens: answer.usage?.completionTokens ?? estimateTokens(answer.text),
    modelSeconds: (now - request.receivedAt) / 1000,
    createdAt: now,
    expiresAt: now + ttlSeconds * 1000,
    sha256: await sha256Hex(answer.text),
  };
}

/** The question's row for the index, when the request was eligible for it and its embedding is known. */
async function rowOf(life: Life, stored: StoredAnswer): Promise<EntryInsert | null> {
  const embedding = life.record.lookUp?.embedding;
  if (life.eligibility.level !== "semantic" || !embedding || life.scope === null) return null;
  return {
    id: await vectorIdOf(life.ports.hmac, stored.tenant, stored.ansId),
    tenant: stored.tenant,
    namespace: stored.namespace,
    ansId: stored.ansId,
    role: 1,
    fp: life.scope.fp,
    lang: languageOf(stored.question),
    question: stored.question,
    createdAt: stored.createdAt,
    expiresAt: stored.expiresAt,
    vector: encodeFloats(embedding),
    embedder: life.ports.embedder.space,
  };
}
