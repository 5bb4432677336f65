// What the fault server sends for each kind of break, and where in the bytes a break can lie.
import {
  type ChatRequest,
  completionBody,
  DONE_EVENT,
  errorBody,
  eventsOf,
  type FinishReason,
  roughTokens,
  usageOf,
  userTurns,
} from "../../scripts/local/chat-wire.ts";

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

/** Bytes of an answer before any cut. */
export interface Body {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** Range in which a cut leaves a body that has begun and is not complete. */
  readonly cutFrom: number;
  readonly cutTo: number;
  /** Where the answer's text ends and finish_reason begins. */
  readonly textEnd: number;
}

export function streamBody(chat: ChatRequest, kind: FaultKind): Body {
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

export function plainBody(chat: ChatRequest, kind: FaultKind): Body {
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

/** Long enough for many chunks, and with code points of one to four bytes. */
export function answerTo(prompt: string): string {
  return `Reply to "${prompt}": Zürich lies by a lake, 東京 by a bay, and the rocket 🚀 leaves at noon from Челябинск.`;
}

function finishReasonOf(kind: FaultKind): FinishReason {
  if (kind === "length") return "length";
  return kind === "content-filter" ? "content_filter" : "stop";
}

/** End of the last whole event before `offset`, but at least of the first one. */
export function eventEnd(bytes: Buffer, offset: number): number {
  const before = bytes.lastIndexOf("\n\n", offset - 2);
  return (before === -1 ? bytes.indexOf("\n\n") : before) + 2;
}

/** `offset`, moved off the gaps between events, where a cut would leave whole events only. */
export function insideJson(bytes: Buffer, offset: number): number {
  const start = Math.max(bytes.lastIndexOf("data: {", offset), 0);
  const gap = bytes.indexOf("\n\n", start);
  const end = gap === -1 ? bytes.length : gap;
  return Math.max(Math.min(offset, end - 1), start + "data: {".length);
}

/** The first place at or after `offset` between two bytes of one code point, else the last one before it. */
export function insideCodePoint(bytes: Buffer, offset: number): number {
  const continues = (index: number) => ((bytes[index] ?? 0) & 0xc0) === 0x80;
  for (let index = offset; index < bytes.length; index++) if (continues(index)) return index;
  for (let index = offset; index > 0; index--) if (continues(index)) return index;
  throw new Error("the answer has no code point of several bytes");
}
