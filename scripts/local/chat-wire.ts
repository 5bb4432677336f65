// The bytes of an OpenAI chat completion, as the local model server and the fault server send them.
import { randomUUID } from "node:crypto";

export type FinishReason = "stop" | "length" | "content_filter";

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
}

interface ChatMessage {
  readonly role: string;
  readonly content: unknown;
}

export interface Answer {
  readonly model: string;
  readonly text: string;
  readonly finishReason: FinishReason | null;
  readonly usage: Usage;
}

/** The request when it has the shape of a chat completion, else the reason why not. */
export function parseChatRequest(body: string): ChatRequest | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return "the body is not JSON";
  }
  return isChatRequest(value) ? value : "model (a string) and messages (with roles) are required";
}

function isChatRequest(value: unknown): value is ChatRequest {
  return (
    typeof value === "object" &&
    value !== null &&
    "model" in value &&
    typeof value.model === "string" &&
    "messages" in value &&
    Array.isArray(value.messages) &&
    value.messages.every(
      (message) => typeof message === "object" && message !== null && "role" in message,
    )
  );
}

/** A message's text; parts of type text are joined, other parts are left out. */
function textOf(message: ChatMessage): string {
  if (typeof message.content === "string") return message.content;
  if (!Array.isArray(message.content)) return "";
  return message.content
    .map((part) =>
      typeof part === "object" && part !== null && "text" in part && typeof part.text === "string"
        ? part.text
        : "",
    )
    .join("");
}

/** Texts of the user's turns, oldest first. */
export function userTurns(request: ChatRequest): string[] {
  return request.messages.filter((message) => message.role === "user").map(textOf);
}

/**
 * Pieces of at most six letters with the space before them: about what a tokenizer makes of English. Joined they
 * give the text again, and no piece splits a code point.
 */
export function roughTokens(text: string): string[] {
  return text.match(/\s*[\p{L}\p{N}\p{M}]{1,6}|\s*[^\s\p{L}\p{N}\p{M}]|\s+$/gu) ?? [];
}

export function usageOf(request: ChatRequest, completionTokens: number): Usage {
  let promptTokens = 0;
  for (const message of request.messages) promptTokens += roughTokens(textOf(message)).length + 4;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

/** The body of a non-streamed answer. */
export function completionBody(answer: Answer): string {
  return JSON.stringify({
    id: `chatcmpl-${randomUUID()}`,
    object: "chat.completion",
    created: Math.floor(Date.now() / 1000),
    model: answer.model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer.text },
        logprobs: null,
        finish_reason: answer.finishReason,
      },
    ],
    usage: answer.usage,
  });
}

export const DONE_EVENT = "data: [DONE]\n\n";

/** Makes the events of one stream; all carry the same id. */
export function eventsOf(model: string): {
  readonly delta: (text: string, first: boolean) => string;
  readonly finish: (reason: FinishReason) => string;
  readonly usage: (usage: Usage) => string;
} {
  const head = {
    id: `chatcmpl-${randomUUID()}`,
    object: "chat.completion.chunk",
    created: Math.floor(Date.now() / 1000),
    model,
  };
  const event = (rest: object) => `data: ${JSON.stringify({ ...head, ...rest })}\n\n`;
  const choice = (delta: object, finish: FinishReason | null) =>
    event({ choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] });
  return {
    delta: (content, first) => choice(first ? { role: "assistant", content } : { content }, null),
    finish: (reason) => choice({}, reason),
    usage: (usage) => event({ choices: [], usage }),
  };
}

export function errorBody(message: string, type: string, code: string | null): string {
  return JSON.stringify({ error: { message, type, param: null, code } });
}
