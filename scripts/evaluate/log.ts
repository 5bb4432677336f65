// A log of one's own: what the gateway would have served of it, by its own rules of eligibility, fingerprint, storing and
// comparing.
import { writeFileSync } from "node:fs";
import { Random } from "../../src/policy/random.ts";
import { verifierLimits } from "../../src/policy/verifier/pair-scorer.ts";
import { DEFAULT_SETTINGS, type TenantId, type TenantSettings } from "../../src/durable/tenant.ts";
import { type Answered } from "../../src/trainer-node/evaluation/answered.ts";
import {
  estimateWrong,
  type JudgedHit,
  judgeHits,
  type WrongEstimate,
} from "../../src/trainer-node/evaluation/judged-hits.ts";
import {
  flagField,
  InputError,
  type JsonLine,
  jsonLines,
  textField,
} from "../../src/trainer-node/evaluation/json-lines.ts";
import {
  type LoggedRequest,
  type ReplayedLog,
  replayLog,
} from "../../src/trainer-node/evaluation/log-replay.ts";
import {
  type NetSaving,
  netSaving,
  PRICE_POINTS,
  type PricePoint,
} from "../../src/trainer-node/evaluation/net-saving.ts";
import { shuffled } from "../../src/trainer-node/shuffled.ts";
import { shippedScorer } from "../../src/trainer-node/verifier/shipped.ts";
import { eligibilityOf } from "../../src/worker/lookup/eligibility.ts";
import { scopeOf } from "../../src/worker/lookup/fingerprint.ts";
import { formatMisfit } from "../../src/worker/lookup/response-format.ts";
import { AnswerCollector, readUsage } from "../../src/worker/openai/answer.ts";
import { parseChatRequest } from "../../src/worker/openai/chat.ts";
import { GatewayError } from "../../src/worker/openai/errors.ts";
import { compareAnswers } from "../../src/worker/satisfaction/comparison.ts";
import { roughTokens } from "../local/chat-wire.ts";
import { currentCommit, progressBar } from "../replay/progress.ts";
import { openEmbedder } from "./built-in.ts";
import { operationCosts } from "./costs.ts";
import { type LogOptions } from "./options.ts";

export interface LogResult {
  readonly source: string;
  readonly commit: string;
  readonly seconds: number;
  readonly embedder: string;
  readonly verifier: string | null;
  readonly requests: number;
  readonly levels: Readonly<Record<LoggedRequest["level"], number>>;
  readonly exactHits: number;
  readonly semanticHits: number;
  readonly obstacles: ReplayedLog["obstacles"];
  /** Repeats in the same words got two answers of the model: how often it disagrees with itself. */
  readonly exact: WrongEstimate;
  readonly semantic: WrongEstimate;
  readonly hits: readonly JudgedHit[];
  readonly savings: readonly NetSaving[];
}

const TENANT = "log" as TenantId;

/** Throws InputError. */
export async function evaluateLog(options: LogOptions): Promise<LogResult> {
  const begin = performance.now();
  const settings: TenantSettings = {
    ...DEFAULT_SETTINGS,
    cacheSampled: options.cacheSampled,
    userScope: options.userScope,
  };
  const { profile, embed } = await openEmbedder(options.embedder);
  const scorer = options.verifier === "none" ? null : shippedScorer();
  const requests = await readLog(options.file, settings, profile.id);
  const persons = options.judged === undefined ? new Map() : await readVerdicts(options.judged);
  const onProgress = progressBar("", 100);
  const replayed = replayLog(requests, {
    embed,
    limits: {
      coldStartDistance: profile.coldStartDistance,
      noteDistance: 0,
      deltaHit: settings.deltaHit,
      deltaRequest: settings.deltaRequest,
      ...verifierLimits(scorer, profile.id),
    },
    ttlSeconds: settings.maxTtlSeconds,
    ...(onProgress && { onProgress }),
  });
  const compared = judgeHits(replayed.hits, compareAnswers, new Map());
  const unsure = new Set(compared.flatMap(({ id, verdict }) => (verdict === "unsure" ? id : [])));
  const hits = judgeHits(replayed.hits, compareAnswers, persons);
  if (options.unsure !== undefined) writeUnsure(options.unsure, hits);
  const estimate = (kind: JudgedHit["kind"]) =>
    estimateWrong(
      hits.filter((hit) => hit.kind === kind),
      unsure,
    );
  const count = (level: LoggedRequest["level"]) =>
    requests.filter((one) => one.level === level).length;
  return {
    source: options.file,
    commit: currentCommit(),
    seconds: (performance.now() - begin) / 1000,
    embedder: profile.id,
    verifier: scorer?.id ?? null,
    requests: requests.length,
    levels: { bypass: count("bypass"), exact: count("exact"), semantic: count("semantic") },
    exactHits: hits.filter(({ kind }) => kind === "exact").length,
    semanticHits: hits.filter(({ kind }) => kind === "semantic").length,
    obstacles: replayed.obstacles,
    exact: estimate("exact"),
    semantic: estimate("semantic"),
    hits,
    savings: await savingsOf(replayed, options, profile.dimensions),
  };
}

async function readLog(
  file: string,
  settings: TenantSettings,
  embedder: string,
): Promise<readonly LoggedRequest[]> {
  const requests: LoggedRequest[] = [];
  for await (const line of jsonLines(file))
    requests.push(await loggedRequest(line, { settings, embedder, before: requests.at(-1) }));
  if (requests.length === 0) throw new InputError(`${file}: holds no requests`);
  return requests.toSorted((a, b) => a.at - b.at);
}

async function loggedRequest(
  line: JsonLine,
  {
    settings,
    embedder,
    before,
  }: {
    readonly settings: TenantSettings;
    readonly embedder: string;
    readonly before: LoggedRequest | undefined;
  },
): Promise<LoggedRequest> {
  const body = objectField(line, "request");
  const response = objectField(line, "response");
  const { model } = chatRequest(body, line);
  const eligibility = eligibilityOf(body, settings);
  const { namespace, fingerprint, fp } = await scopeOf({
    tenant: TENANT,
    settings,
    region: "log",
    user: typeof body["user"] === "string" ? body["user"] : null,
    callerNamespace: null,
    embedder,
    locale: null,
    body,
  });
  const answer = eligibility.store ? answerOf(response) : null;
  const usage = readUsage(response["usage"]);
  return {
    line: Number(line.place.slice(line.place.lastIndexOf(":") + 1)),
    at: timeOf(line, before),
    model,
    level: eligibility.level,
    reason: eligibility.reason,
    scope: `${namespace} ${fingerprint}`,
    fp,
    question: eligibility.question,
    answer,
    tokensIn: usage?.promptTokens ?? roughTokens(JSON.stringify(body["messages"])).length,
    tokensOut: usage?.completionTokens ?? roughTokens(answer ?? "").length,
    misfit: (stored) => misfitOf(body, stored),
  };
}

/** As the gateway sees it: the answer must fit into the tokens that the caller allows, and keep to the format. */
function misfitOf(
  body: Readonly<Record<string, unknown>>,
  { answer, tokensOut }: Pick<LoggedRequest, "answer" | "tokensOut">,
): string | null {
  const isTooLong = [body["max_tokens"], body["max_completion_tokens"]].some(
    (limit) => typeof limit === "number" && tokensOut > limit,
  );
  return isTooLong ? "max-tokens" : formatMisfit(body["response_format"], answer ?? "");
}

/** As the gateway reads it. Throws InputError. */
function chatRequest(body: Readonly<Record<string, unknown>>, { place }: JsonLine) {
  try {
    return parseChatRequest(body);
  } catch (error) {
    if (error instanceof GatewayError) throw new InputError(`${place}: request: ${error.message}`);
    throw error;
  }
}

/** The answer's text if the gateway would store it. */
function answerOf(response: Readonly<Record<string, unknown>>): string | null {
  const collector = new AnswerCollector({ status: 200, contentType: "application/json" });
  collector.push(new TextEncoder().encode(JSON.stringify(response)));
  const verdict = collector.end();
  return verdict.storable ? verdict.answer.text : null;
}

function objectField({ value, place }: JsonLine, field: string): Readonly<Record<string, unknown>> {
  const item = value[field];
  if (typeof item === "object" && item !== null && !Array.isArray(item))
    return item as Record<string, unknown>;
  throw new InputError(`${place}: ${field} must be an object`);
}

/** Milliseconds. Without a time, a second after the line before. */
function timeOf({ value, place }: JsonLine, before: LoggedRequest | undefined): number {
  const at = value["at"];
  if (at === undefined || at === null) return (before?.at ?? 0) + 1_000;
  const ms = typeof at === "string" ? Date.parse(at) : typeof at === "number" ? at : Number.NaN;
  if (!Number.isFinite(ms))
    throw new InputError(`${place}: at must be a date or milliseconds since 1970`);
  return ms;
}

async function readVerdicts(file: string): Promise<ReadonlyMap<string, boolean>> {
  const verdicts = new Map<string, boolean>();
  for await (const line of jsonLines(file)) {
    // Lines that nobody has filled in yet stay unsure.
    if (line.value["right"] === null || line.value["right"] === undefined) continue;
    verdicts.set(textField(line, "id"), flagField(line, "right"));
  }
  return verdicts;
}

/**
 * For a person: "right" is to be filled in with true or false. In random order, so that the first ones are a fair sample of all.
 */
function writeUnsure(file: string, hits: readonly JudgedHit[]): void {
  const unsure = hits.filter(({ verdict }) => verdict === "unsure");
  const rows = shuffled(unsure, new Random(1)).map(
    ({ id, kind, question, storedQuestion, served, logged, why }) => ({
      id,
      right: null,
      kind,
      question,
      stored_question: storedQuestion,
      would_have_been_served: served,
      was_answered: logged,
      unsure_because: why,
    }),
  );
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

/**
 * At the models' own prices where they are given, else at three price points. Labels cost nothing here: what is observed
 * alone needs none.
 */
async function savingsOf(
  { answered }: ReplayedLog,
  { prices, price, embeddingPrice }: LogOptions,
  dimensions: number,
): Promise<NetSaving[]> {
  const records = answered.map(({ request, by }, index): Answered & { model: string } => ({
    index,
    kind: "new",
    family: "",
    by,
    fit: "right",
    tokensIn: request.tokensIn,
    tokensOut: request.tokensOut,
    label: null,
    asked:
      request.level === "bypass"
        ? "nothing"
        : request.level === "exact" || by === "exact"
          ? "repeats"
          : "rows",
    model: request.model,
  }));
  const costs = operationCosts(dimensions, embeddingPrice);
  if (prices === undefined)
    return (price === undefined ? PRICE_POINTS : [price]).map((each) =>
      netSaving(records, each, costs),
    );
  const known = await readPrices(prices);
  return [...Map.groupBy(records, ({ model }) => model)].map(([model, some]) => {
    const own = known.get(model);
    if (own === undefined) throw new InputError(`${prices}: has no price for ${model}`);
    return netSaving(some, own, costs);
  });
}

/** Lines {model, input, cachedInput?, output}, US dollars per million tokens. */
async function readPrices(file: string): Promise<ReadonlyMap<string, PricePoint>> {
  const prices = new Map<string, PricePoint>();
  for await (const line of jsonLines(file)) {
    const name = textField(line, "model");
    const amount = (field: string, otherwise?: number): number => {
      const value = line.value[field] ?? otherwise;
      if (typeof value === "number" && value >= 0) return value;
      throw new InputError(`${line.place}: ${field} must be a number of US dollars`);
    };
    const input = amount("input");
    const cachedInput = amount("cachedInput", input);
    prices.set(name, { name, input, cachedInput, output: amount("output") });
  }
  return prices;
}
