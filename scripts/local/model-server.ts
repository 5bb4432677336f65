// A stand-in for a hosted model: an OpenAI-compatible server over real TCP that knows the workload's answers, takes
// as long as a hosted model would (divided by a printed factor), counts what it is asked, and misbehaves on request.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";
import { breakAnswer, sendAnswer, sendJson, streamAnswer } from "./answer-delivery.ts";
import {
  type ChatRequest,
  errorBody,
  parseChatRequest,
  roughTokens,
  usageOf,
  userTurns,
} from "./chat-wire.ts";
import {
  type DelayAssumptions,
  DEFAULT_DELAYS,
  delaySampler,
  type SampledDelay,
} from "./delays.ts";
import { listen, stop } from "./loopback.ts";
import { scriptFor, type Script } from "./scripted-failures.ts";

export interface KnownAnswer {
  readonly text: string;
  /** Group of the question it answers: tells whether a served answer belongs to an asked question. */
  readonly group: string;
  readonly lang?: string;
}

export interface ModelServerOptions {
  /** Question (or `conversationKey` for a follow-up) to answer. */
  readonly answers?: ReadonlyMap<string, KnownAnswer>;
  /** null answers at once; a function says how long each call takes. */
  readonly delays?:
    | DelayAssumptions
    | null
    | ((call: IncomingCall, tokens: number) => SampledDelay);
  /** Sampled delays are divided by it before they are waited for. */
  readonly scale?: number;
  /** A shorter answer takes as long as one of so many tokens: workloads hold bare results, models explain them. */
  readonly minDelayTokens?: number;
  readonly seed?: number;
  /** 0 takes a free port. */
  readonly port?: number;
  /** Replaces the default, which reads the model name and the x-model-script header. */
  readonly script?: (call: IncomingCall) => Script | undefined;
  /** Told of each call when it has ended, completely or not. */
  readonly onCall?: (call: ModelCall) => void;
}

interface IncomingCall {
  readonly model: string;
  readonly question: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** How often this question was asked before. */
  readonly earlierCalls: number;
}

export interface ModelCall extends IncomingCall {
  readonly stream: boolean;
  readonly status: number;
  /** undefined when the question was unknown or the call was scripted to fail. */
  readonly group: string | undefined;
  /** Unscaled seconds; the wait was `delay.total / scale`. */
  readonly delay: SampledDelay;
  readonly promptTokens: number;
  /** Tokens sent, which is less than the answer when `aborted`. */
  readonly completionTokens: number;
  /** The caller closed the connection before the end. */
  readonly aborted: boolean;
}

interface ModelStats {
  readonly requests: number;
  readonly failures: number;
  readonly concurrent: number;
  readonly peakConcurrent: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly aborted: number;
  readonly unknownQuestions: number;
}

export interface ModelServer {
  /** Base URL ending in /v1, as UPSTREAM_BASE_URL wants it. */
  readonly url: string;
  readonly scale: number;
  stats(): ModelStats;
  /** How often a question (last user turn) was asked. */
  callsFor(question: string): number;
  /** The known answer with this text; undefined for a text that belongs to no group. */
  answerWith(text: string): KnownAnswer | undefined;
  stop(): Promise<void>;
}

const MODELS = ["velo-local", "velo-local-mini"];

/** Key of a question asked after earlier user turns: the same last words elsewhere are another question. */
export function conversationKey(turns: readonly string[]): string {
  return turns.join("\u0000");
}

/** Starts a model server on 127.0.0.1. */
export async function startModelServer({
  answers = new Map(),
  delays = DEFAULT_DELAYS,
  scale = 50,
  minDelayTokens = 0,
  seed = 1,
  port = 0,
  script = scriptFor,
  onCall,
}: ModelServerOptions = {}): Promise<ModelServer> {
  if (!(scale >= 1)) throw new RangeError(`scale must be at least 1, got ${scale}`);
  const sampler = typeof delays === "function" ? null : delaySampler(delays, seed);
  const delayOf = (call: IncomingCall, tokens: number): SampledDelay =>
    typeof delays === "function" ? delays(call, tokens) : sampler!(tokens);
  const byText = new Map<string, KnownAnswer>();
  for (const answer of answers.values()) {
    const same = byText.get(answer.text);
    if (same && same.group !== answer.group) {
      throw new Error(`groups ${same.group} and ${answer.group} share the answer "${answer.text}"`);
    }
    byText.set(answer.text, answer);
  }
  const asked = new Map<string, number>();
  const stats = {
    requests: 0,
    failures: 0,
    concurrent: 0,
    peakConcurrent: 0,
    promptTokens: 0,
    completionTokens: 0,
    aborted: 0,
    unknownQuestions: 0,
  };

  const known = (request: ChatRequest): KnownAnswer | undefined => {
    const turns = userTurns(request);
    const conversation = answers.get(conversationKey(turns));
    if (conversation) return conversation;
    const last = turns.at(-1) ?? "";
    const exact = answers.get(last);
    if (exact) return exact;
    // A gateway may wrap the question in notes of its own; the longest known question inside is the one asked.
    let found: KnownAnswer | undefined;
    let length = 0;
    for (const [question, answer] of answers) {
      if (question.length > length && last.includes(question)) {
        found = answer;
        length = question.length;
      }
    }
    return found;
  };

  const complete = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readText(request);
    const chat = parseChatRequest(body);
    if (typeof chat === "string") {
      sendJson(response, 400, errorBody(chat, "invalid_request_error", null));
      return;
    }
    const question = userTurns(chat).at(-1) ?? "";
    const earlierCalls = asked.get(question) ?? 0;
    asked.set(question, earlierCalls + 1);
    const incoming: IncomingCall = {
      model: chat.model,
      question,
      headers: request.headers,
      body,
      earlierCalls,
    };
    stats.requests++;
    stats.concurrent++;
    stats.peakConcurrent = Math.max(stats.peakConcurrent, stats.concurrent);

    const ended = waitForEnd(response);
    const scripted = script(incoming);
    const answer = known(chat);
    const pieces = roughTokens(answer?.text ?? `I have no stored answer to: ${question}`);
    const limit = chat.max_completion_tokens ?? chat.max_tokens ?? Infinity;
    const finishReason = pieces.length > limit ? "length" : "stop";
    if (pieces.length > limit) pieces.length = limit;
    const delay = delayOf(incoming, Math.max(minDelayTokens, pieces.length));
    let sent = 0;
    if (scripted?.kind === "hang") {
      // Nothing is ever written: only the caller can end this.
    } else if (scripted?.kind === "status") {
      if (scripted.retryAfterSeconds !== undefined) {
        response.setHeader("retry-after", String(scripted.retryAfterSeconds));
      }
      sendJson(
        response,
        scripted.status,
        errorBody(`scripted ${scripted.status}`, scripted.type, scripted.code),
      );
    } else {
      if (!answer) stats.unknownQuestions++;
      const delivery = { chat, pieces, finishReason, delay, scale } as const;
      const write = chat.stream ? streamAnswer : sendAnswer;
      sent =
        scripted?.kind === "break"
          ? await breakAnswer(response, delivery, scripted.afterTokens)
          : await write(response, delivery);
    }
    const aborted = (await ended) === "aborted";
    const promptTokens = usageOf(chat, 0).prompt_tokens;
    const failed = scripted !== undefined;
    stats.concurrent--;
    stats.aborted += aborted ? 1 : 0;
    stats.failures += failed ? 1 : 0;
    stats.promptTokens += failed ? 0 : promptTokens;
    stats.completionTokens += sent;
    onCall?.({
      ...incoming,
      stream: chat.stream === true,
      status: response.statusCode,
      group: failed ? undefined : answer?.group,
      delay,
      promptTokens,
      completionTokens: sent,
      aborted,
    });
  };

  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0];
    if (request.method === "POST" && path === "/v1/chat/completions") {
      complete(request, response).catch(() => response.destroy());
    } else if (request.method === "GET" && path === "/v1/models") {
      const data = MODELS.map((id) => ({ id, object: "model", created: 0, owned_by: "velo" }));
      sendJson(response, 200, JSON.stringify({ object: "list", data }));
    } else {
      sendJson(response, 404, errorBody(`no route ${path}`, "invalid_request_error", "not_found"));
    }
  });
  server.keepAliveTimeout = 60_000;
  const boundPort = await listen(server, port);
  return {
    url: `http://127.0.0.1:${boundPort}/v1`,
    scale,
    stats: () => ({ ...stats }),
    callsFor: (question) => asked.get(question) ?? 0,
    answerWith: (text) => byText.get(text),
    stop: () => stop(server),
  };
}

function waitForEnd(response: ServerResponse): Promise<"complete" | "aborted"> {
  return new Promise((resolve) => {
    response.once("finish", () => resolve("complete"));
    response.once("close", () => resolve(response.writableFinished ? "complete" : "aborted"));
  });
}
