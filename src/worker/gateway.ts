// One chat request's life, top to bottom. The platform comes in as functions (ports.ts).
import { type VerifiedKey } from "../durable/tenant.ts";
import { languageOf } from "../policy/cache/language.ts";
import { type Decision, decide } from "../policy/decide.ts";
import { buildObservation } from "../policy/observation.ts";
import { serveStored } from "./answers-from-cache.ts";
import { askModel } from "./answers-from-model.ts";
import { type CacheControls, cacheControlsOf } from "./cache-controls.ts";
import { routeModel } from "./config.ts";
import { type DecisionRecord, decisionId, experienceOf, receiptOf } from "./decision-record.ts";
import { type Eligibility, eligibilityOf } from "./lookup/eligibility.ts";
import { type StoredAnswer, answerIdOf } from "./lookup/entries.ts";
import { type Scope, localeOf, normaliseQuestion, scopeOf } from "./lookup/fingerprint.ts";
import { type LookUp, answerOfRow, lookUp } from "./lookup/look-up.ts";
import { type ChatRequest } from "./openai/chat.ts";
import { GatewayError } from "./openai/errors.ts";
import { type ModelCall, type Ports } from "./ports.ts";
import { type RegionConfig, regionObjectName } from "./regions.ts";
import { type RegionDesk, type RegionLink } from "./reports.ts";

/** A request that is authenticated, read and validated. */
export interface GatewayRequest {
  readonly requestId: string;
  readonly receivedAt: number;
  readonly key: VerifiedKey;
  readonly region: RegionConfig;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  /** The body as received, parsed, and what was understood of it. */
  readonly raw: Uint8Array<ArrayBuffer>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly chat: ChatRequest;
}

/** What the steps of one request share. */
export interface Life {
  readonly request: GatewayRequest;
  readonly ports: Ports;
  readonly controls: CacheControls;
  readonly eligibility: Eligibility;
  readonly record: DecisionRecord;
  readonly call: ModelCall;
  readonly desk: RegionDesk;
  readonly link: RegionLink;
  /** Set when the cache may take part. */
  readonly scope: Scope | null;
  readonly question: string;
  readonly ansId: string;
}

export async function answerChat(request: GatewayRequest, ports: Ports): Promise<Response> {
  const life = await begin(request, ports);
  const { record, controls } = life;

  if (life.scope === null) return byModel(life, "BYPASS", life.eligibility.reason ?? "policy");

  const found = await lookUp(
    {
      eligibility: life.eligibility,
      controls,
      scope: life.scope,
      ansId: life.ansId,
      question: life.question,
      receivedAt: request.receivedAt,
      desk: life.desk,
      link: life.link,
    },
    ports,
  );
  record.lookUp = found;
  ports.waitUntil(ports.refreshPolicy(life.desk.policyVersion));

  const barrier = servingBarrier(life, found);
  if (found.exact !== null) {
    const unfit = barrier ?? misfit(found.exact, life);
    if (unfit === null) return fromCache(life, found.exact, "HIT-EXACT", "");
    record.would = "HIT-EXACT";
    return byModel(life, "MISS", unfit);
  }

  const decision = await decideOn(life, found, barrier === null);
  record.decision = decision;
  if (decision?.handling === "A" && decision.selected !== null) {
    if (barrier !== null) {
      record.would = "HIT-SEMANTIC";
      return byModel(life, "MISS", barrier);
    }
    const answer = await answerOfRow(
      decision.selected,
      { scope: life.scope, receivedAt: request.receivedAt },
      ports,
    );
    const unfit = answer === null ? "answer-gone" : misfit(answer, life);
    if (answer !== null && unfit === null) return fromCache(life, answer, "HIT-SEMANTIC", "");
    return byModel(life, "MISS", unfit ?? "answer-gone");
  }
  if (decision?.handling === "C" && barrier === null) {
    const notes = await Promise.all(
      decision.notes.map((row) =>
        answerOfRow(row, { scope: life.scope!, receivedAt: request.receivedAt }, ports),
      ),
    );
    const usable = notes.filter((note) => note !== null);
    if (usable.length > 0) return byModel(life, "AUGMENTED", "", usable);
  }
  const reason =
    barrier ??
    life.eligibility.reason ??
    (found.failures["embed"] ? `embed-${found.failures["embed"]}` : null) ??
    (found.failures["vectors"] ? `vectors-${found.failures["vectors"]}` : null) ??
    (found.candidates.length === 0 ? null : decision?.reason) ??
    "no-match";
  return byModel(life, "MISS", reason);
}

/** Routes the model, applies the eligibility table, computes the scope. */
async function begin(request: GatewayRequest, ports: Ports): Promise<Life> {
  const { body, chat, key, region } = request;
  const settings = key.tenant.settings;
  const routed = routeModel(ports.config, chat.model);
  if (routed === null)
    throw new GatewayError(
      "model_not_found",
      `The model \`${chat.model.slice(0, 100)}\` does not exist here. GET /v1/models lists those that do.`,
      { param: "model" },
    );
  const controls = cacheControlsOf(request.headers, body["cache"]);
  const eligibility = eligibilityOf(body, settings);
  const object = regionObjectName(region, key.tenant.id);
  const question = normaliseQuestion(eligibility.question);

  let scope: Scope | null = null;
  let ansId = "";
  if (eligibility.level !== "bypass") {
    scope = await scopeOf({
      tenant: key.tenant.id,
      settings,
      region: region.name,
      user: typeof body["user"] === "string" ? body["user"] : null,
      callerNamespace: controls.namespace,
      embedder: ports.embedder.id,
      locale: localeOf(request.headers.get("accept-language")),
      body,
    });
    ansId = await answerIdOf(ports.hmac, scope, question);
  }
  return {
    request,
    ports,
    controls,
    eligibility,
    scope,
    question,
    ansId,
    desk: ports.isolate.desk(object),
    link: ports.link(region, key.tenant.id),
    call: {
      tenant: key.tenant.id,
      upstream: routed.upstream,
      model: routed.model,
      path: "/chat/completions",
      raw: request.raw,
      json: body,
      headers: request.headers,
      signal: request.signal,
    },
    record: {
      id: decisionId(request.receivedAt, region.name),
      requestId: request.requestId,
      tenant: key.tenant,
      region: region.name,
      receivedAt: request.receivedAt,
      route: "/v1/chat/completions",
      model: chat.model,
      stream: chat.stream,
      question,
      embedder: ports.embedder.id,
      result: "MISS",
      reason: "",
      lookUp: null,
      policy: null,
      observation: null,
      decision: null,
      served: null,
      would: null,
      upstream: null,
      overheadMs: 0,
    },
  };
}

/** Why nothing may be served from the cache for this request, or null. */
function servingBarrier(life: Life, found: LookUp): string | null {
  const { serve } = life.request.key.tenant.settings;
  if (life.desk.switches.cacheOff) return "kill-switch";
  if (!found.current) return "region-unknown";
  if (serve === "observe") return "observe";
  if (serve === "exact" && found.exact === null) return "exact-only";
  return null;
}

/** Why a stored answer does not fit this request, or null. Everything else is equal by the fingerprint. */
function misfit(answer: StoredAnswer, life: Life): string | null {
  const { body } = life.request;
  const now = life.ports.now();
  const { maxAgeSeconds } = life.controls;
  if (answer.expiresAt <= now) return "expired";
  if (maxAgeSeconds !== null && now - answer.createdAt > maxAgeSeconds * 1000) return "max-age";
  for (const field of ["max_tokens", "max_completion_tokens"]) {
    const limit = body[field];
    if (typeof limit === "number" && answer.completionTokens > limit) return "max-tokens";
  }
  const format = body["response_format"] as { readonly type?: unknown } | null | undefined;
  if (format?.type === "json_object" || format?.type === "json_schema") {
    try {
      JSON.parse(answer.text);
    } catch {
      return "not-json";
    }
  }
  return null;
}

/** Observation -> policy -> resolver, guards, budget. Null when there is nothing to decide on. */
async function decideOn(life: Life, found: LookUp, serve: boolean): Promise<Decision | null> {
  const { ports, record, request } = life;
  if (found.embedding === null || life.scope === null || life.controls.noCache) return null;
  const { config, embedder } = ports;
  const policy = ports.policy();
  const observation = buildObservation(found.embedding, found.candidates, Math.log10(config.omega));
  record.policy = policy;
  record.observation = observation;
  const settings = request.key.tenant.settings;
  return decide({
    request: {
      text: life.question,
      lang: languageOf(life.question),
      fp: life.scope.fp,
      now: ports.now(),
      ...(life.controls.maxAgeSeconds !== null && { maxAgeSeconds: life.controls.maxAgeSeconds }),
    },
    candidates: found.candidates,
    output: await policy.infer(observation),
    actions: policy.actions,
    explore: { epsilon: config.epsilon, draw: ports.random() },
    limits: {
      coldStartDistance: embedder.coldStartDistance,
      noteDistance: embedder.noteDistance,
      deltaHit: settings.deltaHit,
      deltaRequest: settings.deltaRequest,
    },
    // Observe mode decides as if it could serve, so that it can report what it would have done.
    allow: {
      serve: serve || settings.serve === "observe",
      augment: settings.augment && !life.desk.switches.augmentOff,
    },
  });
}

function fromCache(
  life: Life,
  answer: StoredAnswer,
  result: "HIT-EXACT" | "HIT-SEMANTIC",
  reason: string,
): Response {
  life.record.result = result;
  life.record.reason = reason;
  life.record.served = answer;
  life.ports.isolate.answers.set(answer, life.ports.now());
  settleDecision(life);
  return serveStored(life, answer);
}

async function byModel(
  life: Life,
  result: "MISS" | "BYPASS" | "AUGMENTED",
  reason: string,
  notes: readonly StoredAnswer[] = [],
): Promise<Response> {
  life.record.result = result;
  life.record.reason = reason;
  life.record.upstream = life.call.upstream.name;
  settleDecision(life);
  if (life.controls.onlyIfCached)
    throw new GatewayError(
      "upstream_timeout",
      "only-if-cached was asked for and the cache has no answer.",
    );
  return askModel(life, notes);
}

/** The decision is written down before a byte of the answer leaves. */
function settleDecision(life: Life): void {
  const { record, ports, desk, link } = life;
  record.overheadMs = ports.now() - record.receivedAt;
  const experience = desk.switches.learnOff
    ? null
    : experienceOf(record, Math.log10(ports.config.omega));
  desk.add({ receipt: receiptOf(record), ...(experience && { experience }) });
  ports.waitUntil(desk.flushSoon(link, ports.now, ports.wait));
}
