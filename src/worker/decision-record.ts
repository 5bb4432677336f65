// What is written down about a request: the receipt that explains it, the experience that trains the policy, the headers
// that the caller sees, and the outcome at its end.
import { type Receipt } from "../durable/report.ts";
import { type Tenant } from "../durable/tenant.ts";
import { languageOf } from "../policy/cache/language.ts";
import { type Decision } from "../policy/decide.ts";
import { type Experience, type NotesArm, type Outcome } from "../policy/experience.ts";
import { encodeHalf } from "../policy/half.ts";
import { type Observation, type Policy } from "../policy/network/policy.ts";
import { RESOLVER_VERSION, obstacleOf } from "../policy/cache/resolver.ts";
import { type ModelConfig, type Route } from "./config.ts";
import { type EmbedderInfo } from "./lookup/embedder.ts";
import { type StoredAnswer } from "./lookup/entries.ts";
import { type LookUp } from "./lookup/look-up.ts";
import { type Examination } from "./satisfaction/plan.ts";
import { SHARED_OPERATIONS, costOfLookUp, costOfOperations } from "./prices.ts";
import { type RoutingNote } from "./upstream/auto.ts";
import { estimateTokens } from "./upstream/notes.ts";
import { type Outlook } from "./upstream/outlook.ts";

type CacheResult = "HIT-EXACT" | "HIT-SEMANTIC" | "AUGMENTED" | "MISS" | "BYPASS";

/** Everything known of one request once it is decided. */
export interface DecisionRecord {
  readonly id: string;
  readonly requestId: string;
  readonly tenant: Tenant;
  readonly region: string;
  readonly receivedAt: number;
  readonly route: string;
  readonly model: string;
  readonly stream: boolean;
  readonly question: string;
  readonly embedder: EmbedderInfo;
  result: CacheResult;
  reason: string;
  lookUp: LookUp | null;
  policy: Policy | null;
  /** What the policy took; null when it was not asked, or has not answered. */
  policyMs: number | null;
  /** It hung, threw, or had no finite output. */
  policyFailed: boolean;
  observation: Observation | null;
  decision: Decision | null;
  /** Answer served from the cache. */
  served: StoredAnswer | null;
  /** What observe mode would have served. */
  would: CacheResult | null;
  upstream: string | null;
  /** US dollars for calls that were given up. */
  lostUsd: number;
  overheadMs: number;
  /** Whether its answer is compared with a second one; null where that is not possible or not wanted. */
  examination: Examination | null;
  /** Where notes were possible: its part in their trial, and the rows that they came from. */
  notes: NotesArm | null;
  noteRows: readonly string[];
  /** Of a request for `velo/auto` that a model answers: the choice, and what was chosen. */
  routing?: RoutingNote;
  chosen?: Route;
  /** Of any request for `velo/auto`: what a model's answer was expected to come to when the cache was asked. */
  outlook?: Outlook;
}

/** `d<time in base36>-<random>-<region>`: sorts by time and names the object that keeps it. */
export function decisionId(now: number, region: string): string {
  const random = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  return `d${Math.floor(now).toString(36)}-${random}-${region}`;
}

export function decisionHeaders(record: DecisionRecord, now: number): Record<string, string> {
  const headers: Record<string, string> = {
    "x-request-id": record.requestId,
    "cache-control": "private, no-store",
    "x-content-type-options": "nosniff",
  };
  if (!record.tenant.settings.decisionHeaders) return headers;
  headers["x-velo-cache"] = record.reason
    ? `${record.result}; reason=${asciiHeader(record.reason)}`
    : record.result;
  headers["x-velo-decision"] = record.id;
  headers["x-velo-region"] = record.region;
  headers["x-velo-overhead-ms"] = String(Math.round(record.overheadMs));
  headers["x-velo-model"] = asciiHeader(
    record.served?.model ?? record.routing?.model ?? record.model,
  );
  if (record.routing) {
    headers["x-velo-backend"] = asciiHeader(record.routing.backend ?? "none");
    headers["x-velo-routing"] = asciiHeader(routingHeader(record.routing), 1_024);
  }
  if (record.policy) headers["x-velo-policy"] = `${record.policy.name}@${record.policy.version}`;
  const row = record.decision?.selected;
  if (row && record.result !== "MISS")
    headers["x-velo-similarity"] = (1 - row.distance ** 2 / 2).toFixed(4);
  if (record.served)
    headers["x-velo-age"] = String(Math.max(0, Math.floor((now - record.served.createdAt) / 1000)));
  return headers;
}

function routingHeader(routing: RoutingNote): string {
  const { rule, predictedSeconds, feasible, reasons, tried } = routing;
  return [
    rule,
    ...(predictedSeconds === null ? [] : [`predicted=${predictedSeconds.toFixed(2)}s`]),
    ...(feasible ? [] : [`infeasible=${reasons.join(",")}`]),
    ...(tried.length === 0 ? [] : [`tried=${tried.map(({ backend }) => backend).join(",")}`]),
  ].join("; ");
}

/** Header values are bytes: a model's or a field's name may hold anything. */
const asciiHeader = (value: string, maxLength = 128): string =>
  value.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, maxLength);

/** @param price log10 of the price of time that is set; what was fed may be another (policy/routing/price-of-time.ts) */
export function experienceOf(record: DecisionRecord, price: number): Experience | null {
  const { decision, observation, policy } = record;
  if (!decision || !observation || !policy) return null;
  const distances = (record.lookUp?.candidates ?? []).map(({ distance }) => distance);
  const nearest = Math.min(...distances);
  return {
    expId: record.id,
    tenant: record.tenant.id,
    region: record.region,
    at: record.receivedAt,
    f: encodeHalf(observation.f),
    c: Array.from(observation.c),
    omega: observation.omega,
    ...(observation.omega !== price && { price }),
    noise: "zero",
    action: decision.action,
    mu: decision.mu,
    probs: [...decision.probs],
    sub: executedOf(record, decision),
    policyVersion: policy.version,
    resolverVersion: RESOLVER_VERSION,
    embedder: record.embedder.id,
    ...(Number.isFinite(nearest) && { nearest }),
    share: record.tenant.settings.shareExperiences,
    usedRows: decision.selected && record.served ? [decision.selected.id] : [],
  };
}

/** What a decision came to: an answer that may not be served, or is gone, means that the model was called after all. */
function executedOf(record: DecisionRecord, { handling, sub }: Decision): Experience["sub"] {
  const cameTrue = { A: record.served !== null, C: record.result === "AUGMENTED", B: true };
  return cameTrue[handling] ? sub : "B_FALLBACK";
}

export function receiptOf(record: DecisionRecord): Receipt {
  const { decision, lookUp } = record;
  return {
    id: record.id,
    tenant: record.tenant.id,
    at: record.receivedAt,
    body: {
      kind: record.result,
      reason: record.reason,
      would: record.would,
      region: record.region,
      route: record.route,
      model: record.model,
      upstream: record.upstream,
      ...(record.routing && { routing: record.routing }),
      ...(record.outlook && {
        outlook: {
          backend: record.outlook.backend.id,
          seconds: record.outlook.seconds,
          usd: record.outlook.usd,
          priceOfTime: record.observation && round(10 ** record.observation.omega),
        },
      }),
      stream: record.stream,
      question: record.question.slice(0, 300),
      overheadMs: Math.round(record.overheadMs),
      policy: record.policy ? `${record.policy.name}@${record.policy.version}` : null,
      probabilities: decision?.probs ?? null,
      action: decision?.action ?? null,
      propensity: decision?.mu ?? null,
      handling: decision?.handling ?? null,
      sub: decision && executedOf(record, decision),
      served: record.served
        ? {
            ansId: record.served.ansId,
            question: record.served.question.slice(0, 300),
            ageSeconds: Math.round((record.receivedAt - record.served.createdAt) / 1000),
          }
        : null,
      neighbours: (lookUp?.candidates ?? []).map((row) => ({
        id: row.id,
        distance: round(row.distance),
        question: row.question.slice(0, 200),
        uses: row.useCount,
        verdicts: decision?.verdicts.find(({ id }) => id === row.id) ?? null,
      })),
      nearestMiss: decision?.nearestMiss ?? null,
      notes: record.notes && { ...record.notes, rows: record.noteRows },
      examined: record.examination && {
        kind: record.examination.kind,
        row: record.examination.row?.id ?? null,
        probability: round(record.examination.probability),
        drawn: record.examination.drawn,
      },
      hops: lookUp?.hops ?? {},
      failures: lookUp?.failures ?? {},
    },
  };
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

/** What a rollout has to know of the policy (durable/policy-statistics.ts). */
function policyParts(record: DecisionRecord): Record<string, number> {
  const { policy, decision, policyMs, policyFailed, lookUp } = record;
  if (policy === null) return {};
  const parts: Record<string, number> = { policyVersion: policy.version };
  if (policyMs !== null) parts["policy"] = policyMs;
  if (policyFailed || decision?.reason === "not-finite") parts["policyFailed"] = 1;
  if (decision === null) return parts;
  parts["cacheProbability"] = 1 - decision.probs[0]!;
  const isServable = lookUp?.candidates.some((row) => {
    const verdict = decision.verdicts.find(({ id }) => id === row.id);
    return verdict !== undefined && obstacleOf(row, verdict) === null;
  });
  const serving = policy.actions.findIndex((name) => name === "cache" || name === "A");
  if (isServable) parts["serveProbability"] = decision.probs[serving]!;
  return parts;
}

/** US dollars of the gateway's own operations for this request, its embedding included. */
function overheadOf(record: DecisionRecord): number {
  const isNew = record.result === "MISS" && record.lookUp !== null;
  const { operationsUsd, embeddingUsd } = costOfOperations(
    {
      ...SHARED_OPERATIONS,
      storeReads:
        (record.lookUp?.calls.store ?? 0) +
        (record.result === "HIT-SEMANTIC" ? 1 : record.noteRows.length),
      storeWrites: isNew ? 1 : 0,
      vectorQueries: queriesOf(record),
      dimensions: record.embedder.dimensions,
      embeddedTokens: embeddedTokensOf(record),
    },
    record.embedder.usdPerToken,
  );
  return operationsUsd + embeddingUsd;
}

/** Embedding and index query: what would not be paid if only repeats were looked for. Nothing where serving is not its end. */
function lookUpUsdOf(record: DecisionRecord): Pick<Outcome, "lookUpUsd"> {
  const tokens = embeddedTokensOf(record);
  if (record.tenant.settings.serve !== "semantic" || tokens === 0) return {};
  const { dimensions, usdPerToken } = record.embedder;
  return { lookUpUsd: costOfLookUp(queriesOf(record), dimensions, tokens, usdPerToken) };
}

const queriesOf = ({ lookUp }: DecisionRecord): number => Number("vectors" in (lookUp?.hops ?? {}));

const embeddedTokensOf = ({ lookUp, question }: DecisionRecord): number =>
  (lookUp?.calls.embed ?? 0) * estimateTokens(question);

/** US dollars of a model call. */
export const costOf = (model: ModelConfig, promptTokens: number, outputTokens: number): number =>
  (promptTokens * model.inputUsdPerMillionTokens + outputTokens * model.outputUsdPerMillionTokens) /
  1e6;

export function outcomeOf(
  record: DecisionRecord,
  end: {
    readonly result: Outcome["result"];
    readonly now: number;
    readonly tokensIn: number;
    readonly tokensOut: number;
    readonly costUsd: number;
    readonly savedUsd: number;
    readonly parts?: Readonly<Record<string, number>>;
  },
): Outcome {
  return {
    expId: record.id,
    tenant: record.tenant.id,
    result: end.result,
    kind: record.result,
    delaySeconds: (end.now - record.receivedAt) / 1000,
    parts: { ...record.lookUp?.hops, ...policyParts(record), ...end.parts },
    tokensIn: end.tokensIn,
    tokensOut: end.tokensOut,
    costUsd: end.costUsd,
    savedUsd: end.savedUsd,
    overheadUsd: overheadOf(record),
    ...lookUpUsdOf(record),
    ...(record.notes && { notes: record.notes }),
    ...(record.question !== "" && { lang: languageOf(record.question) }),
  };
}
