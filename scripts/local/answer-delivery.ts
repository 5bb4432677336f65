// How an answer leaves the local model server: whole after its delay, or token by token as each is due.
import { type ServerResponse } from "node:http";
import { type ChatRequest, completionBody, DONE_EVENT, eventsOf, usageOf } from "./chat-wire.ts";
import { type SampledDelay } from "./delays.ts";

export interface Delivery {
  readonly chat: ChatRequest;
  readonly pieces: readonly string[];
  readonly finishReason: "stop" | "length";
  readonly delay: SampledDelay;
  readonly scale: number;
}

/** Resolves to the number of tokens sent. */
export async function sendAnswer(response: ServerResponse, delivery: Delivery): Promise<number> {
  const { chat, pieces, finishReason, delay, scale } = delivery;
  await pause(response, (delay.total / scale) * 1000);
  if (response.destroyed) return 0;
  const usage = usageOf(chat, pieces.length);
  const answer = { model: chat.model, text: pieces.join(""), finishReason, usage };
  sendJson(response, 200, completionBody(answer));
  return pieces.length;
}

/** Sends each token when it is due; tokens due together share a chunk. Resolves to the number of tokens sent. */
export async function streamAnswer(response: ServerResponse, delivery: Delivery): Promise<number> {
  const { chat, pieces, finishReason, delay, scale } = delivery;
  const events = eventsOf(chat.model);
  const start = performance.now();
  const dueMs = (token: number) => ((delay.firstToken + token * delay.perToken) / scale) * 1000;
  await pause(response, dueMs(0));
  if (response.destroyed) return 0;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  let sent = 0;
  while (sent < pieces.length) {
    const from = sent;
    const elapsed = performance.now() - start;
    do sent++;
    while (sent < pieces.length && dueMs(sent) <= elapsed);
    response.write(events.delta(pieces.slice(from, sent).join(""), from === 0));
    if (sent < pieces.length) await pause(response, dueMs(sent) - (performance.now() - start));
    if (response.destroyed) return sent;
  }
  let tail = events.finish(finishReason);
  if (chat.stream_options?.include_usage === true) {
    tail += events.usage(usageOf(chat, pieces.length));
  }
  response.end(tail + DONE_EVENT);
  return sent;
}

/** Breaks the connection where a client can see it: after some tokens, or half-way through a body of known length. */
export async function breakAnswer(
  response: ServerResponse,
  delivery: Delivery,
  afterTokens: number,
): Promise<number> {
  const { chat, pieces, delay, scale } = delivery;
  const sent = Math.min(afterTokens, pieces.length);
  if (chat.stream) {
    const { delta } = eventsOf(chat.model);
    await pause(response, (delay.firstToken / scale) * 1000);
    if (response.destroyed) return 0;
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    response.write(delta(pieces.slice(0, sent).join(""), true));
    await pause(response, ((sent * delay.perToken) / scale) * 1000);
  } else {
    await pause(response, (delay.total / scale) * 1000);
    if (response.destroyed) return 0;
    const usage = usageOf(chat, pieces.length);
    const body = completionBody({
      model: chat.model,
      text: pieces.join(""),
      finishReason: "stop",
      usage,
    });
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    });
    response.write(body.slice(0, body.length / 2));
    // Else the reset overtakes what was written.
    await pause(response, 20);
  }
  response.socket?.resetAndDestroy();
  return sent;
}

export function sendJson(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** Waits, but not beyond the caller's hanging up. */
function pause(response: ServerResponse, milliseconds: number): Promise<void> {
  if (milliseconds <= 0 || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      response.off("close", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    response.once("close", done);
  });
}
