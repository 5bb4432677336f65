// A real TCP server that speaks chat completions and breaks them in one chosen way: the model name is
// `fault/<kind>` or `fault/<kind>@<byte offset>`. Breaks that look clean to an HTTP client are the point: only the
// completeness of the events tells them apart from good answers.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { text as readText } from "node:stream/consumers";
import {
  type ChatRequest,
  completionBody,
  DONE_EVENT,
  errorBody,
  eventsOf,
  type FinishReason,
  parseChatRequest,
  roughTokens,
  usageOf,
  userTurns,
} from "../../scripts/local/chat-wire.ts";
import { listen, stop } from "../../scripts/local/loopback.ts";
import { Random } from "../../src/policy/random.ts";

/** What each kind does to a stream; a non-streamed answer is broken in the nearest way. */
export const FAULT_KINDS = {
  none: "a complete, good answer",
  reset: "TCP reset at a byte offset",
  fin: "the HTTP body ends cleanly before finish_reason",
  "fin-raw":
    "no length and no chunking: the connection's end is the only end, and it comes too early",
  "fin-chunked": "the connection ends inside chunked framing",
  "done-no-finish": "[DONE] without any finish_reason",
  "finish-no-done": "finish_reason but no [DONE]",
  "cut-json": "clean end inside an event's JSON",
  "cut-utf8": "clean end inside a code point",
  "wrong-length": "content-length larger than the body, then the connection ends",
  "short-length": "content-length smaller than the body",
  length: "complete, finish_reason length",
  "content-filter": "complete, finish_reason content_filter",
  "error-event": "an error event in mid-stream, then a clean end",
  html: "status 200 with an HTML page",
  trickle: "one byte a second",
  stall: "stops in the middle and keeps the connection open",
  hang: "never answers",
  drop: "reset before the first byte of the response",
  redirect: "307 to another path of this server, which counts visits",
} as const satisfies Record<string, string>;

export type FaultKind = keyof typeof FAULT_KINDS;

export function isFaultKind(word: string): word is FaultKind {
  return Object.hasOwn(FAULT_KINDS, word);
}

/** Kinds in which this server itself breaks the connection. */
const SELF_CLOSED: ReadonlySet<FaultKind> = new Set([
  "reset",
  "fin-chunked",
  "wrong-length",
  "short-length",
  "drop",
]);

export interface FaultServer {
  /** Base URL ending in /v1. */
  readonly url: string;
  /** Base URL of a port nobody listens on: the connection is refused. */
  readonly refusedUrl: string;
  /** Calls with this text as last user turn. */
  callsFor(prompt: string): number;
  totalCalls(): number;
  /** Responses the other side closed before their end. */
  abandoned(): number;
  /** Visits to the redirect's target: 0 unless a caller follows upstream redirects. */
  redirectsFollowed(): number;
  /** The answer every kind starts to give, for one prompt. */
  answerTo(prompt: string): string;
  stop(): Promise<void>;
}

export interface FaultServerOptions {
  /** Seed of the random byte offsets. */
  readonly seed?: number;
  /** Between two bytes of `trickle`. */
  readonly trickleMs?: number;
}

/** Starts a fault server on 127.0.0.1. */
export async function startFaultServer({
  seed = 1,
  trickleMs = 1000,
}: FaultServerOptions = {}): Promise<FaultServer> {
  const random = new Random(seed);
  const calls = new Map<string, number>();
  let total = 0;
  let abandoned = 0;
  let redirects = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chat = parseChatRequest(await readText(request));
    if (typeof chat === "string") {
      response.writeHead(400, { "content-type": "application/json" });
      response.end(errorBody(chat, "invalid_request_error", null));
      return;
    }
    const prompt = userTurns(chat).at(-1) ?? "";
    calls.set(prompt, (calls.get(prompt) ?? 0) + 1);
    total++;
    const { kind, offset } = parseModel(chat.model);
    response.once("close", () => {
      if (!response.writableFinished && !SELF_CLOSED.has(kind)) abandoned++;
    });
    const body = chat.stream === true ? streamBody(chat, kind) : plainBody(chat, kind);
    const cut = (start: number, end: number) =>
      Math.min(offset ?? start + Math.floor(random.uniform() * (end - start)), body.bytes.length);
    send(response, kind, body, cut, trickleMs);
  };

  const server = createServer((request, response) => {
    if (request.url === "/redirected") {
      redirects++;
      response.end("{}");
    } else if (request.method === "POST" && request.url === "/v1/chat/completions") {
      answer(request, response).catch(() => response.destroy());
    } else {
      response.writeHead(404).end();
    }
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/v1`,
    refusedUrl: `http://127.0.0.1:${await unusedPort()}/v1`,
    callsFor: (prompt) => calls.get(prompt) ?? 0,
    totalCalls: () => total,
    abandoned: () => abandoned,
    redirectsFollowed: () => redirects,
    answerTo,
    stop: () => stop(server),
  };
}

/** Long enough for many chunks, and with code points of one to four bytes. */
function answerTo(prompt: string): string {
  return `Reply to "${prompt}": Zürich lies by a lake, 東京 by a bay, and the rocket 🚀 leaves at noon from Челябинск.`;
}

interface Body {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** Range in which a cut leaves a body that has begun and is not complete. */
  readonly cutFrom: number;
  readonly cutTo: number;
  /** Where the answer's text ends and finish_reason begins. */
  readonly textEnd: number;
}

function streamBody(chat: ChatRequest, kind: FaultKind): Body {
  const events = eventsOf(chat.model);
  const pieces = roughTokens(answerTo(userTurns(chat).at(-1) ?? ""));
  const deltas = pieces.map((piece, index) => events.delta(piece, index === 0));
  const middle = Math.floor(deltas.length / 2);
  if (kind === "error-event") {
    deltas.splice(middle, Infinity, `data: ${errorBody("overloaded", "server_error", null)}\n\n`);
  }
  const text = deltas.join("");
  const withFinish = kind !== "done-no-finish" && kind !== "error-event";
  const withDone = kind !== "finish-no-done" && kind !== "error-event";
  const tail =
    (withFinish ? events.finish(finishReasonOf(kind)) : "") + (withDone ? DONE_EVENT : "");
  return {
    bytes: Buffer.from(text + tail),
    contentType: "text/event-stream",
    cutFrom: Buffer.byteLength(deltas[0] ?? ""),
    // Never past `data: `, so that no parser can take what came for a [DONE].
    cutTo: Buffer.byteLength(text + tail) - (withDone ? "[DONE]\n\n".length : 0),
    textEnd: Buffer.byteLength(text),
  };
}

function plainBody(chat: ChatRequest, kind: FaultKind): Body {
  const text = answerTo(userTurns(chat).at(-1) ?? "");
  const noFinish = kind === "done-no-finish" || kind === "fin";
  const json =
    kind === "error-event"
      ? errorBody("overloaded", "server_error", null)
      : completionBody({
          model: chat.model,
          text,
          finishReason: noFinish ? null : finishReasonOf(kind),
          usage: usageOf(chat, roughTokens(text).length),
        });
  const bytes = Buffer.from(json);
  return {
    bytes,
    contentType: "application/json",
    cutFrom: 1,
    cutTo: bytes.length,
    textEnd: bytes.length,
  };
}

function finishReasonOf(kind: FaultKind): FinishReason {
  if (kind === "length") return "length";
  return kind === "content-filter" ? "content_filter" : "stop";
}

function send(
  response: ServerResponse,
  kind: FaultKind,
  body: Body,
  cut: (from: number, to: number) => number,
  trickleMs: number,
): void {
  const { bytes, contentType, cutFrom, cutTo, textEnd } = body;
  const socket = response.socket;
  const streamed = contentType === "text/event-stream";
  const headers = { "content-type": contentType };
  const upTo = (end: number) => bytes.subarray(0, end);
  switch (kind) {
    case "none":
    case "done-no-finish":
    case "finish-no-done":
    case "length":
    case "content-filter":
    case "error-event":
      response.writeHead(200, headers).end(bytes);
      return;
    case "reset":
      response.writeHead(200, headers);
      response.write(upTo(cut(cutFrom, cutTo)), () =>
        setTimeout(() => socket?.resetAndDestroy(), 5),
      );
      return;
    case "fin":
      // A non-streamed body that is cut cleanly is `cut-json`; here it is whole and lacks its finish_reason.
      response.writeHead(200, headers);
      response.end(streamed ? upTo(eventEnd(bytes, cut(cutFrom, textEnd - 1))) : bytes);
      return;
    case "fin-raw":
      // HTTP/1.0 style: without a length or chunks the client cannot know that anything is missing.
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { ...headers, connection: "close" });
      response.end(upTo(cut(cutFrom, cutTo)));
      return;
    case "fin-chunked":
      response.writeHead(200, headers);
      response.write(upTo(cut(cutFrom, cutTo)), () => socket?.destroySoon());
      return;
    case "cut-json":
      response.writeHead(200, headers).end(upTo(insideJson(bytes, cut(cutFrom, cutTo))));
      return;
    case "cut-utf8":
      response.writeHead(200, headers).end(upTo(insideCodePoint(bytes, cut(cutFrom, cutTo))));
      return;
    case "wrong-length":
      response.writeHead(200, { ...headers, "content-length": bytes.length + 64 });
      response.write(bytes, () => socket?.destroySoon());
      return;
    case "short-length":
      // Past node:http, which refuses to send more than it announced.
      socket?.end(
        Buffer.concat([
          Buffer.from(
            `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\ncontent-length: ${cut(cutFrom, cutTo)}\r\nconnection: close\r\n\r\n`,
          ),
          bytes,
        ]),
      );
      return;
    case "html":
      response.writeHead(200, { "content-type": "text/html" });
      response.end("<!doctype html><title>Sign in</title><p>Your session has expired.</p>");
      return;
    case "trickle":
      response.writeHead(200, headers);
      trickle(response, bytes, trickleMs);
      return;
    case "stall":
      response.writeHead(200, headers);
      response.write(upTo(cut(cutFrom, cutTo)));
      return;
    case "hang":
      return;
    case "drop":
      socket?.resetAndDestroy();
      return;
    case "redirect":
      response.writeHead(307, { location: "/redirected" }).end();
      return;
    default:
      kind satisfies never;
  }
}

function trickle(response: ServerResponse, bytes: Buffer, everyMs: number): void {
  let sent = 0;
  const timer = setInterval(() => {
    response.write(bytes.subarray(sent, sent + 1));
    sent++;
    if (sent === bytes.length) {
      clearInterval(timer);
      response.end();
    }
  }, everyMs);
  response.once("close", () => clearInterval(timer));
}

/** End of the last whole event before `offset`, but at least of the first one. */
function eventEnd(bytes: Buffer, offset: number): number {
  const before = bytes.lastIndexOf("\n\n", offset - 2);
  return (before === -1 ? bytes.indexOf("\n\n") : before) + 2;
}

/** `offset`, moved off the gaps between events, where a cut would leave whole events only. */
function insideJson(bytes: Buffer, offset: number): number {
  const start = Math.max(bytes.lastIndexOf("data: {", offset), 0);
  const gap = bytes.indexOf("\n\n", start);
  const end = gap === -1 ? bytes.length : gap;
  return Math.max(Math.min(offset, end - 1), start + "data: {".length);
}

/** The first place at or after `offset` between two bytes of one code point, else the last one before it. */
function insideCodePoint(bytes: Buffer, offset: number): number {
  const continues = (index: number) => ((bytes[index] ?? 0) & 0xc0) === 0x80;
  for (let index = offset; index < bytes.length; index++) if (continues(index)) return index;
  for (let index = offset; index > 0; index--) if (continues(index)) return index;
  throw new Error("the answer has no code point of several bytes");
}

function parseModel(model: string): { readonly kind: FaultKind; readonly offset?: number } {
  const match = /^fault\/([a-z0-9-]+)(?:@(\d+))?$/.exec(model);
  const word = match?.[1] ?? "none";
  const kind = isFaultKind(word) ? word : "none";
  return match?.[2] === undefined ? { kind } : { kind, offset: Number(match[2]) };
}

async function unusedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
