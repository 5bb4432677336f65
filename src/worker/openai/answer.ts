// Decides whether what an upstream sent is a complete answer that may be stored. A half stream can end cleanly: only a
// finish reason on the choice, the final [DONE] and no left-over bytes together prove that nothing is missing.
import { EventStreamParser, type ParseFailure, type StreamEvent } from "./event-stream.ts";
import { isObject } from "./json.ts";

export interface TokenUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
}

/** One complete text answer, independent of whether it came as a stream. */
export interface Answer {
  readonly text: string;
  readonly finishReason: string;
  /** As the upstream named it. */
  readonly model: string;
  readonly usage?: TokenUsage;
}

export type NotStorable =
  | ParseFailure
  | "status" // not 2xx
  | "content_type"
  | "error" // an error object in the body or as an event
  | "malformed" // not the documented shape
  | "truncated" // bytes left over, or fewer or more than content-length said
  | "no_finish_reason"
  | "finish_reason" // one outside the allowed set: length, content_filter, ...
  | "no_done"
  | "several_choices"
  | "tool_calls"
  | "refusal"
  | "other_content" // audio, annotations: a replay would lose them
  | "empty";

export type Verdict =
  | { readonly storable: true; readonly answer: Answer }
  | { readonly storable: false; readonly reason: NotStorable };

export interface AnswerSource {
  readonly status: number;
  readonly contentType: string | null;
  /** Bytes of the body as we receive it; null where unknown, as after decompression. */
  readonly contentLength?: number | null;
}

const MAX_JSON_BYTES = 8 << 20;

/**
 * Feed it every byte of an upstream's body, then ask `end()` once after a clean end; after an error or a cancel just
 * drop it. The verdict does not depend on how the bytes were split. Never throws.
 */
export class AnswerCollector {
  /** Tokens the upstream reported so far; known also for answers that are not storable. */
  usage: TokenUsage | undefined;
  /** The last finish reason seen on any choice; known also for answers that are not storable. */
  finishReason: string | undefined;
  /**
   * After `end()`: whether the upstream came to the end of what it had to say, whatever that was: text, a tool call, a
   * refusal. null: it cannot be told.
   */
  hasEnded: boolean | null = null;

  readonly #source: AnswerSource;
  readonly #allowed: ReadonlySet<string>;
  readonly #parser: EventStreamParser | null;
  readonly #json: Uint8Array[] = [];
  #received = 0;
  /** The first reason found; nothing later can change it. */
  #reason: NotStorable | null = null;
  #isDone = false;
  /** The upstream has told of an error. */
  #hasFailed = false;
  readonly #finished = new Map<number, string | null>();
  #text = "";
  #model = "";

  constructor(source: AnswerSource, allowedFinishReasons: readonly string[] = ["stop"]) {
    this.#source = source;
    this.#allowed = new Set(allowedFinishReasons);
    const type = source.contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
    const isStream = type === "text/event-stream";
    this.#parser = isStream ? new EventStreamParser((event) => this.#onEvent(event)) : null;
    if (source.status < 200 || source.status > 299) this.#reason = "status";
    else if (!isStream && type !== "application/json") this.#reason = "content_type";
  }

  /** As the upstream names it; "" until it has. */
  get model(): string {
    return this.#model;
  }

  /** The text of choice 0 so far. */
  get text(): string {
    return this.#text;
  }

  push(bytes: Uint8Array): void {
    this.#received += bytes.length;
    if (this.#reason === "status" || this.#reason === "content_type") return;
    if (this.#parser !== null) {
      // Read on after a refusal, for the end and the usage.
      this.#parser.push(bytes);
      this.#refuse(this.#parser.failure);
    } else if (this.#reason !== null) {
      return;
    } else if (this.#received > MAX_JSON_BYTES) {
      this.#refuse("stream_too_long");
    } else {
      this.#json.push(bytes.slice());
    }
  }

  /** Call only after a clean end of the body. */
  end(): Verdict {
    const isRead = this.#reason !== "status" && this.#reason !== "content_type";
    if (isRead && this.#parser !== null) this.#endStream(this.#parser);
    else if (this.#reason === null) this.#readJson();
    const expected = this.#source.contentLength ?? null;
    if (expected !== null && expected !== this.#received) this.#refuse("truncated");
    this.#judge();
    if (this.#reason !== null) return { storable: false, reason: this.#reason };
    return { storable: true, answer: this.#answer() };
  }

  /** After `end()`: an answer that is whole as far as it goes, cut by its length for example, or null. */
  get unfinished(): Answer | null {
    const isWhole = this.#reason === "finish_reason" && this.#finished.size === 1;
    return isWhole && this.#finished.has(0) && this.#text !== "" ? this.#answer() : null;
  }

  #answer(): Answer {
    return {
      text: this.#text,
      finishReason: this.#finished.get(0) ?? "",
      model: this.#model,
      ...(this.usage && { usage: this.usage }),
    };
  }

  #refuse(reason: NotStorable | null): void {
    this.#reason ??= reason;
  }

  #judge(): void {
    if (this.#parser !== null && !this.#isDone) {
      this.#refuse(this.#finished.size === 0 ? "truncated" : "no_done");
    }
    if (this.#finished.size === 0) this.#refuse("malformed");
    for (const reason of this.#finished.values()) {
      if (reason === null) this.#refuse("no_finish_reason");
      else if (!this.#allowed.has(reason)) this.#refuse("finish_reason");
    }
    if (this.#finished.size > 1 || !this.#finished.has(0)) this.#refuse("several_choices");
    if (this.#text === "") this.#refuse("empty");
  }

  #endStream(parser: EventStreamParser): void {
    const rest = parser.end();
    this.#refuse(parser.failure);
    if (rest !== null) {
      // Some servers send the last line without the blank line after it; any other remainder is half an event.
      if (rest.data === "[DONE]") this.#isDone = true;
      else this.#refuse("truncated");
    }
    const isSeen = this.#isDone || this.finishReason !== undefined;
    if (parser.failure === null || isSeen) this.hasEnded = isSeen && !this.#hasFailed;
  }

  #onEvent({ event, data }: StreamEvent): void {
    if (event === "error") this.#hasFailed = true;
    if (this.#reason !== null) return this.#readEnd(data);
    if (event === "error") return this.#refuse("error");
    if (this.#isDone) return this.#refuse("malformed");
    if (data === "[DONE]") {
      this.#isDone = true;
      return;
    }
    const chunk = parseObject(data);
    if (chunk === null) return this.#refuse("malformed");
    this.#readChoices(chunk, "delta");
  }

  /** Of an answer that is no text: only whether it is whole, and what it cost. */
  #readEnd(data: string): void {
    if (data === "[DONE]") {
      this.#isDone = true;
      return;
    }
    const chunk = parseObject(data);
    if (chunk === null) return;
    this.#hasFailed ||= isPresent(chunk["error"]);
    this.usage = readUsage(chunk["usage"]) ?? this.usage;
    for (const choice of Array.isArray(chunk["choices"]) ? (chunk["choices"] as unknown[]) : [])
      if (isObject(choice) && typeof choice["finish_reason"] === "string")
        this.finishReason = choice["finish_reason"];
  }

  #readJson(): void {
    // What is no whole document has not come to its end.
    this.hasEnded = false;
    const bytes = new Uint8Array(this.#received);
    let offset = 0;
    for (const piece of this.#json) {
      bytes.set(piece, offset);
      offset += piece.length;
    }
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
    } catch {
      return this.#refuse("bad_utf8");
    }
    const body = parseObject(text);
    if (body === null) return this.#refuse("malformed");
    this.#readChoices(body, "message");
    this.hasEnded = !this.#hasFailed;
  }

  /** A chunk of a stream carries `delta`s, a whole body `message`s; the rest is alike. */
  #readChoices(body: Record<string, unknown>, field: "delta" | "message"): void {
    this.#hasFailed ||= isPresent(body["error"]);
    if (this.#hasFailed) return this.#refuse("error");
    if (typeof body["model"] === "string" && body["model"] !== "") this.#model = body["model"];
    this.usage = readUsage(body["usage"]) ?? this.usage;
    const choices = body["choices"];
    if (!Array.isArray(choices)) return this.#refuse("malformed");
    for (const choice of choices as unknown[]) {
      if (!isObject(choice)) return this.#refuse("malformed");
      this.#readChoice(choice, choice[field]);
    }
  }

  #readChoice(choice: Record<string, unknown>, part: unknown): void {
    const index = choice["index"] ?? 0;
    if (typeof index !== "number") return this.#refuse("malformed");
    const before = this.#finished.get(index) ?? null;
    const reason = typeof choice["finish_reason"] === "string" ? choice["finish_reason"] : null;
    this.finishReason = reason ?? this.finishReason;
    this.#finished.set(index, reason ?? before);
    if (part === undefined || part === null) return;
    if (!isObject(part)) return this.#refuse("malformed");
    if (isPresent(part["tool_calls"]) || isPresent(part["function_call"])) {
      return this.#refuse("tool_calls");
    }
    if (isPresent(part["refusal"])) return this.#refuse("refusal");
    if (isPresent(part["audio"]) || isPresent(part["annotations"])) {
      return this.#refuse("other_content");
    }
    const content = part["content"] ?? "";
    if (typeof content !== "string") return this.#refuse("malformed");
    if (content === "") return;
    if (before !== null) return this.#refuse("malformed");
    if (index === 0) this.#text += content;
  }
}

/** OpenAI's `usage` object, or undefined when it is not one. */
export function readUsage(value: unknown): TokenUsage | undefined {
  if (!isObject(value)) return undefined;
  const promptTokens = value["prompt_tokens"];
  const completionTokens = value["completion_tokens"] ?? 0;
  if (!isCount(promptTokens) || !isCount(completionTokens)) return undefined;
  return { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Null, "", [] and a missing field all mean that there is nothing. */
function isPresent(value: unknown): boolean {
  return (
    value !== undefined &&
    value !== null &&
    value !== "" &&
    !(Array.isArray(value) && value.length === 0)
  );
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
