// Workers AI as an OpenAI-compatible upstream. It stands where `fetch` stands, so retries, deadlines and the breaker
// are the same for it as for any other upstream.
import { Ai } from "@cloudflare/ai";
import { readUsage } from "../openai/answer.ts";
import { type ErrorCode, GatewayError, errorResponse } from "../openai/errors.ts";
import { type JsonObject, isObject } from "../openai/json.ts";
import { renderCompletion } from "../openai/replay.ts";
import { type UpstreamFetch } from "./target.ts";
import { type CompletionContext, finishReasonOf, openAiStream } from "./workers-ai-stream.ts";

/** The binding's one method that is needed; `env.AI` and the local stand-in have it. */
export interface ModelBinding {
  run(
    model: string,
    inputs: Record<string, unknown>,
    options?: Record<string, unknown>,
  ): Promise<unknown>;
}

/**
 * The service stops at 256 tokens unless told otherwise, and its older models do not say that they stopped: a limit
 * we know is the only way to tell a complete answer from a cut one.
 */
const DEFAULT_MAX_TOKENS = 2_048;

/** Fields that the service's models understand under the same name. */
const FORWARDED = [
  "temperature",
  "top_p",
  "seed",
  "frequency_penalty",
  "presence_penalty",
  "response_format",
  "tools",
  "tool_choice",
] as const;

/**
 * A `fetch` whose every URL is the binding's `/chat/completions`. Failures are responses in the OpenAI envelope, as
 * from any upstream. `now` is in milliseconds.
 */
export function workersAiFetch(
  binding: ModelBinding,
  { now, newId }: { readonly now: () => number; readonly newId: () => string },
): UpstreamFetch {
  return async (_url, { body, signal }) => {
    const id = newId();
    try {
      const request: unknown = JSON.parse(new TextDecoder().decode(body ?? new Uint8Array(0)));
      if (!isObject(request) || typeof request["model"] !== "string") {
        throw new GatewayError("invalid_request", "The request names no model.", {
          param: "model",
        });
      }
      const { model } = request;
      const inputs = toInputs(request);
      const output = await runModel(binding, model, inputs);
      const context = {
        id,
        created: Math.floor(now() / 1000),
        model,
        maxTokens: inputs.max_tokens,
        includeUsage:
          isObject(request["stream_options"]) &&
          request["stream_options"]["include_usage"] === true,
      };
      if (output instanceof ReadableStream) {
        return new Response(openAiStream(output, context, signal), {
          headers: { "content-type": "text/event-stream" },
        });
      }
      return Response.json(toCompletion(output, context));
    } catch (error) {
      return errorResponse(asUpstreamError(error), id);
    }
  };
}

/**
 * The only place that calls a model through the SDK; `binding.run(model, inputs)` in its stead does the same. One
 * object per call, because it keeps the last call's request id, which must not be shared between requests.
 */
function runModel(
  binding: ModelBinding,
  model: string,
  inputs: Record<string, unknown>,
): Promise<unknown> {
  const ai: unknown = new Ai(binding);
  // Its types know only the models of its own time; the service has others.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (ai as ModelBinding).run(model, inputs);
}

function toInputs(request: JsonObject) {
  const limit = request["max_completion_tokens"] ?? request["max_tokens"];
  const messages: unknown = request["messages"];
  const inputs: Record<string, unknown> & { max_tokens: number } = {
    messages: Array.isArray(messages) ? messages.map(flattenContent) : messages,
    max_tokens: typeof limit === "number" ? limit : DEFAULT_MAX_TOKENS,
    ...(request["stream"] === true && { stream: true }),
  };
  for (const field of FORWARDED) {
    if (request[field] !== undefined && request[field] !== null) inputs[field] = request[field];
  }
  return inputs;
}

/** Older models take only a string as content, and no `developer` role. */
function flattenContent(message: unknown): unknown {
  if (!isObject(message)) return message;
  const role = message["role"] === "developer" ? "system" : message["role"];
  const parts: unknown = message["content"];
  if (!Array.isArray(parts)) return { ...message, role };
  const texts = parts.map((part: unknown) =>
    isObject(part) && part["type"] === "text" && typeof part["text"] === "string"
      ? part["text"]
      : null,
  );
  // Images go to the models that see; they take parts.
  return texts.includes(null)
    ? { ...message, role }
    : { ...message, role, content: texts.join("\n") };
}

function toCompletion(output: unknown, context: CompletionContext): unknown {
  if (!isObject(output))
    throw new GatewayError("upstream_error", "The model returned no completion.");
  // Newer models answer in OpenAI's own shape.
  if (Array.isArray(output["choices"])) {
    return {
      id: context.id,
      object: "chat.completion",
      created: context.created,
      ...output,
      model: context.model,
    };
  }
  const usage = readUsage(output["usage"]);
  const toolCalls = toToolCalls(output["tool_calls"]);
  const answer = {
    text: toText(output["response"]),
    model: context.model,
    finishReason:
      toolCalls !== null
        ? "tool_calls"
        : finishReasonOf(usage?.completionTokens ?? 0, context.maxTokens),
    ...(usage && { usage }),
  };
  if (answer.text === "" && toolCalls === null) {
    throw new GatewayError("upstream_error", "The model returned no text.");
  }
  const completion = renderCompletion(answer, { ...context, usage: "stored" });
  if (toolCalls === null) return completion;
  const [choice] = completion.choices;
  return {
    ...completion,
    choices: [
      {
        ...choice,
        message: { role: "assistant", content: answer.text || null, tool_calls: toolCalls },
      },
    ],
  };
}

/** In JSON mode the service returns the parsed object. */
function toText(response: unknown): string {
  if (typeof response === "string") return response;
  return isObject(response) || Array.isArray(response) ? JSON.stringify(response) : "";
}

/** `{name, arguments: object}` of the service as OpenAI's `{id, type, function}`; null when there is none. */
function toToolCalls(calls: unknown): readonly unknown[] | null {
  if (!Array.isArray(calls) || calls.length === 0) return null;
  return calls.map((call: unknown, i) => {
    if (!isObject(call) || isObject(call["function"])) return call;
    const args = call["arguments"];
    return {
      id: `call_${i}`,
      type: "function",
      function: {
        name: call["name"],
        arguments: typeof args === "string" ? args : JSON.stringify(args ?? {}),
      },
    };
  });
}

/** https://developers.cloudflare.com/workers-ai/platform/errors/ : the service's number -> what the caller is told. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  "3003": "invalid_request",
  "3006": "request_too_large",
  "3007": "upstream_timeout",
  "3008": "upstream_timeout",
  // The account's free allowance is used up for the day: repeating the request cannot help.
  "3036": "insufficient_quota",
  "3040": "rate_limit_exceeded",
  "3042": "model_not_found",
  "5004": "invalid_request",
  "5005": "invalid_request",
  "5006": "invalid_request",
  "5007": "model_not_found",
};

const MESSAGES: Partial<Record<ErrorCode, string>> = {
  insufficient_quota: "The account's allowance for Workers AI is used up.",
  rate_limit_exceeded: "Workers AI has no capacity for this model at the moment.",
  upstream_timeout: "Workers AI did not answer in time.",
  model_not_found: "Workers AI has no such model.",
  request_too_large: "The request is too large for this model.",
  invalid_request: "Workers AI refused the request's parameters.",
};

/** The service's message may quote the input or name the account, so only its number is used. */
function asUpstreamError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const number = error instanceof Error ? /\b([35]\d{3}): /.exec(error.message)?.[1] : undefined;
  const code = (number === undefined ? undefined : CODES[number]) ?? "upstream_error";
  return new GatewayError(code, MESSAGES[code] ?? "Workers AI failed to answer.", {
    cause: error,
    ...(code === "rate_limit_exceeded" && { retryAfterSeconds: 1 }),
  });
}
