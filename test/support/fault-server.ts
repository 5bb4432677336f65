// A real TCP server that speaks chat completions and breaks them in one chosen way: the model name is
// `fault/<kind>` or `fault/<kind>@<byte offset>`. Breaks that look clean to an HTTP client are the point: only the
// completeness of the events tells them apart from good answers.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { text as readText } from "node:stream/consumers";
import { errorBody, parseChatRequest, userTurns } from "../../scripts/local/chat-wire.ts";
import { listen, stop } from "../../scripts/local/loopback.ts";
import { Random } from "../../src/policy/random.ts";
import {
  answerTo,
  type Body,
  eventEnd,
  type FaultKind,
  insideCodePoint,
  insideJson,
  isFaultKind,
  plainBody,
  streamBody,
} from "./broken-answers.ts";

export { FAULT_KINDS, type FaultKind, isFaultKind } from "./broken-answers.ts";

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
