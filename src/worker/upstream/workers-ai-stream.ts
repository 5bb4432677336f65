import { type TokenUsage, readUsage } from "../openai/answer.ts";
import { GatewayError } from "../openai/errors.ts";
import { EventStreamParser } from "../openai/event-stream.ts";
import { isObject } from "../openai/json.ts";
import { chunkWriter } from "../openai/replay.ts";

export interface CompletionContext {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly maxTokens: number;
  readonly includeUsage: boolean;
}

/** Text that ends at the token limit was cut there. */
export function finishReasonOf(completionTokens: number, maxTokens: number): "stop" | "length" {
  return completionTokens >= maxTokens ? "length" : "stop";
}

/**
 * The service's stream, `{"response": "..."}` per token or OpenAI's chunks on newer models, as OpenAI's chunk stream.
 * A source that ends without [DONE] errors the result: what came may be half an answer.
 */
export function openAiStream(
  source: ReadableStream<Uint8Array>,
  context: CompletionContext,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  const encoder = new TextEncoder();
  const translation = new Translation(context);
  const parser = new EventStreamParser(({ data }) => translation.take(data));
  const abort = () => void reader.cancel(signal.reason).catch(() => {});
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // One read may hold half an event or many.
        while (translation.ready.length === 0) {
          const { done, value } = await reader.read();
          if (done || parser.failure !== null) {
            const rest = parser.end();
            if (rest?.data === "[DONE]") translation.take(rest.data);
            if (translation.ready.length > 0) break;
            signal.removeEventListener("abort", abort);
            if (translation.isDone) controller.close();
            else throw new GatewayError("upstream_error", "Workers AI broke off its answer.");
            return;
          }
          parser.push(value);
        }
        const events = translation.ready.splice(0);
        controller.enqueue(encoder.encode(events.map((data) => `data: ${data}\n\n`).join("")));
      },
      async cancel(reason) {
        signal.removeEventListener("abort", abort);
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

class Translation {
  /** `data` of events to send. */
  readonly ready: string[] = [];
  isDone = false;

  readonly #context: CompletionContext;
  readonly #chunks: ReturnType<typeof chunkWriter>;
  #hasBegun = false;
  #hasFinished = false;
  /** Events with text: at least one token each, where the service reports no usage. */
  #pieces = 0;
  #usage: TokenUsage | undefined;

  constructor(context: CompletionContext) {
    this.#context = context;
    this.#chunks = chunkWriter({ ...context, usage: "stored" });
  }

  take(data: string): void {
    if (this.isDone) return;
    if (data === "[DONE]") return this.#finish();
    const event: unknown = JSON.parse(data);
    if (!isObject(event)) return;
    this.#usage = readUsage(event["usage"]) ?? this.#usage;
    if (Array.isArray(event["choices"])) this.#takeChunk(event);
    else if (typeof event["response"] === "string" && event["response"] !== "") {
      this.#begin();
      this.#pieces++;
      this.ready.push(this.#chunks.content(event["response"]));
    }
  }

  /** A chunk that is OpenAI's already keeps its choices. Its usage is told once, in the chunk made for it. */
  #takeChunk(event: Record<string, unknown>): void {
    const choices: readonly unknown[] = Array.isArray(event["choices"]) ? event["choices"] : [];
    if (choices.length === 0) return;
    this.#hasBegun = true;
    this.#hasFinished ||= choices.some(
      (choice) => isObject(choice) && typeof choice["finish_reason"] === "string",
    );
    const { id, created, model, includeUsage } = this.#context;
    const head = { id, object: "chat.completion.chunk", created, model };
    this.ready.push(JSON.stringify({ ...head, choices, ...(includeUsage && { usage: null }) }));
  }

  #begin(): void {
    if (!this.#hasBegun) this.ready.push(this.#chunks.role());
    this.#hasBegun = true;
  }

  #finish(): void {
    this.#begin();
    const tokens = this.#usage?.completionTokens ?? this.#pieces;
    const finishReason = finishReasonOf(tokens, this.#context.maxTokens);
    const last = [
      ...this.#chunks.finish({ finishReason, ...(this.#usage && { usage: this.#usage }) }),
    ];
    // Its own finish reason has already gone out.
    this.ready.push(...(this.#hasFinished ? last.slice(1) : last));
    this.isDone = true;
  }
}
