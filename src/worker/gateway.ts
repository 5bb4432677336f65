// One chat request's life, top to bottom. The platform comes in as functions (ports.ts).
import { isExposed } from "../durable/rollout.ts";
import { type VerifiedKey } from "../durable/tenant.ts";
import { languageOf } from "../policy/cache/language.ts";
import { normaliseQuestion } from "../policy/cache/question.ts";
import { limitsInSlice, sliceOf } from "../policy/cache/slice.ts";
import { type Decision, decide } from "../policy/decide.ts";
import { FIXED_RULE } from "../policy/network/greedy.ts";
import { buildObservation } from "../policy/observation.ts";
import { priceOfTime } from "../policy/routing/price-of-time.ts";
import { verifierLimits } from "../policy/verifier/pair-scorer.ts";
import { serveStored } from "./answers-from-cache.ts";
import { askModel, keepFresh } from "./answers-from-model.ts";
import { type CacheControls, cacheControlsOf } from "./cache-controls.ts";
import { routeModel } from "./config.ts";
import { type DecisionRecord, decisionId, experienceOf, receiptOf } from "./decision-record.ts";
import { type Eligibility, bypass, eligibilityOf } from "./lookup/eligibility.ts";
import { type StoredAnswer, answerIdOf } from "./lookup/entries.ts";
import { type Scope, localeOf, scopeOf } from "./lookup/fingerprint.ts";
import { type LookUp, answerOfRow, lookUp } from "./lookup/look-up.ts";
import { formatMisfit } from "./lookup/response-format.ts";
import { type ChatRequest } from "./openai/chat.ts";
import { GatewayError } from "./openai/errors.ts";
import { type ModelCall, type Ports } from "./ports.ts";
import { notesFor, notesShareOf } from "./notes-for.ts";
import { type RegionConfig, regionObjectName } from "./regions.ts";
import { type RegionDesk, type RegionLink } from "./reports.ts";
import { type Asker, askerOf } from "./satisfaction/asked-again.ts";
import { examineServed } from "./satisfaction/examine.ts";
import { earlierWording, isRegenerate, noteAsk } from "./satisfaction/implicit.ts";
import { planExamination } from "./satisfaction/plan.ts";
import { withDeadline } from "./upstream/deadline.ts";
import { type Outlook, outlookOf } from "./upstream/outlook.ts";
import { type RequestLimits, limitsOf } from "./upstream/request-limits.ts";

/** What a policy may take at least, however little of the look-up's time is left. Milliseconds. */
const POLICY_MS = 20;

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
  /** When the request was read and its key verified: what follows is the look-up's time. */
  readonly startedAt: number;
  readonly ports: Ports;
  readonly controls: CacheControls;
  readonly limits: RequestLimits;
  readonly eligibility: Eligibility;
  readonly record: DecisionRecord;
  readonly call: ModelCall;
  readonly desk: RegionDesk;
  readonly link: RegionLink;
  /** Set when the cache may take part. */
  readonly scope: Scope | null;
  readonly question: string;
  readonly ansId: string;
  readonly asker: Asker;
  /** It asks again for what the cache has just answered: this time the model answers. */
  readonly isRegenerate: boolean;
  /** What a model's answer would come to where the choice is velo's; null: the caller has named its model. */
  readonly outlook: Outlook | null;
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
      receivedAt: life.startedAt,
      desk: life.desk,
      link: life.link,
      hasRows: request.key.tenant.settings.serve !== "exact",
    },
    ports,
  );
  record.lookUp = found;
  ports.waitUntil(ports.refreshPolicies(life.desk.policy));

  const barrier = servingBarrier(life, found);
  if (found.exact !== null) {
    const unfit = barrier ?? misfit(found.exact, life);
    if (unfit === null) return fromCache(life, found.exact, "HIT-EXACT", "");
    record.would = "HIT-EXACT";
    return byModel(life, "MISS", unfit);
  }

  const earlier = aside(ports, null, () => earlierWording(life, found.embedding));
  const { decision, failure } = await decideOn(life, found, barrier === null);
  record.decision = decision;
  if (earlier !== null && decision?.selected?.ansId === earlier.rowAnsId)
    return byModel(life, "MISS", "asked-again");
  if (decision?.handling === "A" && decision.selected !== null) {
    if (barrier !== null) {
      record.would = "HIT-SEMANTIC";
      return byModel(life, "MISS", barrier);
    }
    const answer = await answerOfRow(
      decision.selected,
      { scope: life.scope, receivedAt: life.startedAt },
      ports,
    );
    const unfit = answer === null ? "answer-gone" : misfit(answer, life);
    if (answer !== null && unfit === null) return fromCache(life, answer, "HIT-SEMANTIC", "");
    return byModel(life, "MISS", unfit ?? "answer-gone");
  }
  if (decision?.handling === "C" && barrier === null) {
    const notes = await notesFor(life, decision);
    if (notes.length > 0) return byModel(life, "AUGMENTED", "", notes);
    return byModel(life, "MISS", record.notes?.arm === "B" ? "notes-control" : "answer-gone");
  }
  const reason =
    barrier ??
    (life.isRegenerate ? "regenerate" : null) ??
    (life.controls.noCache ? "no-cache" : null) ??
    life.eligibility.reason ??
    (found.failures["embed"] ? `embed-${found.failures["embed"]}` : null) ??
    (found.failures["vectors"] ? `vectors-${found.failures["vectors"]}` : null) ??
    failure ??
    (found.candidates.length === 0 ? null : decision?.reason) ??
    "no-match";
  return byModel(life, "MISS", reason);
}

/** Routes the model, applies the eligibility table, computes the scope. */
async function begin(request: GatewayRequest, ports: Ports): Promise<Life> {
  const { body, chat, key, region } = request;
  const startedAt = ports.now();
  const routed = routeModel(ports.config, chat.model);
  if (routed === null)
    throw new GatewayError(
      "model_not_found",
      `The model \`${chat.model.slice(0, 100)}\` does not exist here. GET /v1/models lists those that do.`,
      { param: "model" },
    );
  const asked = cacheControlsOf(request.headers, body["cache"]);
  const limits = limitsOf(request.headers, key.tenant.settings);
  const desk = ports.isolate.desk(regionObjectName(region, key.tenant.id));
  const placed = await placeInCache(request, asked, ports);
  const cached = desk.paysToLookUp(key.tenant.id)
    ? placed
    : { ...placed, eligibility: withoutLookUp(placed.eligibility) };
  const asking = {
    ...cached,
    ports,
    controls: asked,
    asker: askerOf(key.tenant.id, key.keyId, body["user"]),
    desk,
    link: ports.link(region, key.tenant.id),
  };
  const again = aside(ports, false, () => isRegenerate({ ...asking, headers: request.headers }));
  const life: Life = {
    ...asking,
    request,
    limits,
    startedAt,
    outlook: null,
    controls: again ? { ...asked, noCache: true } : asked,
    isRegenerate: again,
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
      question: cached.question,
      embedder: ports.embedder,
      result: "MISS",
      reason: "",
      lookUp: null,
      policy: null,
      policyMs: null,
      policyFailed: false,
      observation: null,
      decision: null,
      served: null,
      would: null,
      upstream: null,
      lostUsd: 0,
      overheadMs: 0,
      examination: null,
      notes: null,
      noteRows: [],
    },
  };
  const outlook = aside(ports, null, () => outlookOf(life));
  if (outlook === null) return life;
  life.record.outlook = outlook;
  const { upstream, model } = outlook.backend;
  return { ...life, outlook, call: { ...life.call, upstream, model } };
}

/** Repeats are found without embedding and index. */
const withoutLookUp = (eligibility: Eligibility): Eligibility =>
  eligibility.level === "semantic"
    ? { ...eligibility, level: "exact", reason: "does-not-pay" }
    : eligibility;

/** Whether and where the cache may take part. What fails here costs the cache, not the answer. */
async function placeInCache(
  request: GatewayRequest,
  controls: CacheControls,
  ports: Ports,
): Promise<Pick<Life, "eligibility" | "scope" | "question" | "ansId">> {
  const { body, key, region } = request;
  const { settings } = key.tenant;
  const outside = (eligibility: Eligibility) => ({
    eligibility,
    scope: null,
    question: "",
    ansId: "",
  });
  try {
    const eligibility = eligibilityOf(body, settings);
    if (eligibility.level === "bypass") return outside(eligibility);
    const question = normaliseQuestion(eligibility.question);
    const scope = await scopeOf({
      tenant: key.tenant.id,
      settings,
      region: region.name,
      user: typeof body["user"] === "string" ? body["user"] : null,
      callerNamespace: controls.namespace,
      embedder: ports.embedder.space,
      locale: localeOf(request.headers.get("accept-language")),
      body,
    });
    return { eligibility, scope, question, ansId: await answerIdOf(ports.hmac, scope, question) };
  } catch {
    ports.isolate.counters.cacheErrors++;
    return outside(bypass("cache-error"));
  }
}

/** Why nothing may be served from the cache for this request, or null. */
function servingBarrier(life: Life, found: LookUp): string | null {
  const { serve } = life.request.key.tenant.settings;
  if (life.desk.switches.cacheOff) return "kill-switch";
  if (!found.current) return "region-unknown";
  if (serve === "observe") return "observe";
  if (serve === "exact" && found.exact === null) return "exact-only";
  const slice = sliceOf(life.request.key.tenant.id, languageOf(life.question));
  if (found.exact === null && life.desk.isClosed(slice)) return "slice-closed";
  return null;
}

/** Why a stored answer does not fit this request, or null. Everything else is equal by the fingerprint. */
function misfit(answer: StoredAnswer, life: Life): string | null {
  const { body } = life.request;
  const now = life.ports.now();
  const { maxAgeSeconds } = life.controls;
  // The tenant may have shortened the life of its answers since this one was stored.
  const { maxTtlSeconds } = life.request.key.tenant.settings;
  if (answer.expiresAt <= now || now - answer.createdAt > maxTtlSeconds * 1000) return "expired";
  if (maxAgeSeconds !== null && now - answer.createdAt > maxAgeSeconds * 1000) return "max-age";
  for (const field of ["max_tokens", "max_completion_tokens"]) {
    const limit = body[field];
    if (typeof limit === "number" && answer.completionTokens > limit) return "max-tokens";
  }
  return formatMisfit(body["response_format"], answer.text);
}

interface Decided {
  /** Null when there is nothing to decide on, or deciding failed. */
  readonly decision: Decision | null;
  readonly failure: string | null;
}

/** Observation -> policy -> resolver, guards, budget. Whatever fails or hangs here means a model call. */
async function decideOn(life: Life, found: LookUp, serve: boolean): Promise<Decided> {
  const { ports } = life;
  const left = ports.config.deadlines.lookupMs - (ports.now() - life.startedAt);
  const decided = await withDeadline(
    () => propose(life, found, serve),
    Math.max(POLICY_MS, left),
    ports.wait,
  );
  if (decided.ok) return { decision: decided.value, failure: null };
  ports.isolate.counters.cacheErrors++;
  life.record.policyFailed = true;
  return { decision: null, failure: `policy-${decided.reason}` };
}

/**
 * Versions that may decide, best first: the candidate for the users whose turn it is, while one is being tried. Where no
 * user is named there is nobody to be consistent for, and the candidate gets its share of the requests.
 */
function versionsFor({ desk, record, request }: Life): readonly number[] {
  if (desk.policy === null) return [];
  const { stable, candidate, share } = desk.policy;
  const user = request.body["user"];
  const subject =
    typeof user === "string" && user !== "" ? `${record.tenant.id}|${user}` : record.id;
  const isFirst = candidate !== null && isExposed(candidate, subject, share);
  return isFirst ? [candidate, stable] : [stable];
}

async function propose(life: Life, found: LookUp, serve: boolean): Promise<Decision | null> {
  const { ports, record, request } = life;
  if (found.embedding === null || life.scope === null || life.controls.noCache) return null;
  const { config, embedder } = ports;
  const wanted = ports.policy(versionsFor(life));
  const knots = life.desk.knotsOf(embedder.id);
  // A policy that knows no embedder cannot read its distances without a scale: the fixed rule serves until there is one.
  const policy = wanted.input === "quantiles" && knots === null ? FIXED_RULE : wanted;
  const observation = buildObservation(
    found.embedding,
    found.candidates,
    Math.log10(priceOfTime(config.omega, life.outlook?.seconds ?? null)),
    "product",
    policy.input === "quantiles" ? knots : null,
  );
  record.policy = policy;
  record.observation = observation;
  const askedAt = ports.now();
  const output = await policy.infer(observation);
  record.policyMs = ports.now() - askedAt;
  if (output.isSubstitute) record.policyFailed = true;
  const settings = request.key.tenant.settings;
  const slice = sliceOf(request.key.tenant.id, languageOf(life.question));
  const verifier = verifierLimits(ports.scorer(), embedder.id);
  const { scorer, coldStartMatch } = verifier;
  if (scorer !== undefined && coldStartMatch !== undefined)
    life.desk.scorer = { id: scorer, coldStart: coldStartMatch };
  return decide({
    request: {
      text: life.question,
      lang: languageOf(life.question),
      fp: life.scope.fp,
      now: ports.now(),
      maxAgeSeconds: Math.min(life.controls.maxAgeSeconds ?? Infinity, settings.maxTtlSeconds),
    },
    candidates: found.candidates,
    output,
    actions: policy.actions,
    explore: { epsilon: config.epsilon, draw: ports.random() },
    limits: limitsInSlice(
      {
        coldStartDistance: embedder.coldStartDistance,
        noteDistance: embedder.noteDistance,
        deltaHit: settings.deltaHit,
        deltaRequest: settings.deltaRequest,
        ...verifier,
      },
      life.desk.ordersOf(slice),
    ),
    // Observe mode decides as if it could serve, so that it can report what it would have done.
    allow: {
      serve: serve || settings.serve === "observe",
      augment: notesShareOf(life) > 0,
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
  const response = serveStored(life, answer);
  examineServed(life, answer, keepFresh);
  return response;
}

async function byModel(
  life: Life,
  result: "MISS" | "BYPASS" | "AUGMENTED",
  reason: string,
  notes: readonly StoredAnswer[] = [],
): Promise<Response> {
  life.record.result = result;
  life.record.reason = reason;
  const { onlyIfCached } = life.controls;
  life.record.upstream = onlyIfCached ? null : life.call.upstream.name;
  settleDecision(life);
  if (onlyIfCached)
    throw new GatewayError(
      "not_cached",
      "only-if-cached was asked for and the cache has no answer.",
    );
  return askModel(life, notes);
}

/** What only serves learning costs nobody an answer. */
function aside<T>(ports: Ports, otherwise: T, work: () => T): T {
  try {
    return work();
  } catch {
    ports.isolate.counters.cacheErrors++;
    return otherwise;
  }
}

/** The decision is written down before a byte of the answer leaves. */
function settleDecision(life: Life): void {
  const { record, ports, desk, link } = life;
  record.overheadMs = ports.now() - record.receivedAt;
  record.examination = aside(ports, null, () => planExamination(life));
  aside(ports, undefined, () => noteAsk(life));
  const experience = desk.switches.learnOff
    ? null
    : experienceOf(record, Math.log10(ports.config.omega));
  desk.add({ receipt: receiptOf(record), ...(experience && { experience }) });
  ports.waitUntil(desk.flushSoon(link, ports.now, ports.wait));
}
