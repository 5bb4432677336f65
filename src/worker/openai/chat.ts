// Chat completion requests: only what the gateway must understand is checked, everything else is the upstream's to
// judge. A field that is not in the table is reported, so that the request is forwarded untouched and never cached.
import { GatewayError } from "./errors.ts";
import { type JsonObject, isObject } from "./json.ts";

const ROLES = ["system", "developer", "user", "assistant", "tool", "function"] as const;
type Role = (typeof ROLES)[number];

interface ContentPart {
  readonly type: string;
  readonly text?: string;
  readonly [field: string]: unknown;
}

/** A message as the caller wrote it; fields beyond these two are kept and forwarded. */
export interface ChatMessage {
  readonly role: Role;
  readonly content?: string | readonly ContentPart[] | null;
  readonly [field: string]: unknown;
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream: boolean;
  /** `stream_options.include_usage` */
  readonly includeUsage: boolean;
  /** `max_completion_tokens`, or its older name `max_tokens`. */
  readonly maxTokens: number | null;
  /** Null when unset, which means 1. */
  readonly temperature: number | null;
  /** Number of choices asked for. */
  readonly n: number;
  /** The end user's name given by the caller. */
  readonly user: string | null;
  /** Top-level fields that the gateway does not know, in the caller's order. */
  readonly unknownFields: readonly string[];
}

/** Every documented top-level field, and `cache`, which is ours and never reaches an upstream. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "stream",
  "stream_options",
  "temperature",
  "top_p",
  "max_tokens",
  "max_completion_tokens",
  "stop",
  "n",
  "seed",
  "presence_penalty",
  "frequency_penalty",
  "logit_bias",
  "logprobs",
  "top_logprobs",
  "response_format",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "functions",
  "function_call",
  "modalities",
  "audio",
  "prediction",
  "reasoning_effort",
  "verbosity",
  "web_search_options",
  "metadata",
  "store",
  "service_tier",
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "cache",
]);

/** Throws 400 with the path of the first field that cannot be understood. */
export function parseChatRequest(json: JsonObject): ChatRequest {
  const streamOptions = json["stream_options"] ?? {};
  if (!isObject(streamOptions)) throw invalid("stream_options", "an object", streamOptions);
  return {
    model: parseModel(json["model"]),
    messages: parseMessages(json["messages"]),
    stream: optional(json, "stream", "boolean") ?? false,
    includeUsage: streamOptions["include_usage"] === true,
    maxTokens:
      optional(json, "max_completion_tokens", "number") ?? optional(json, "max_tokens", "number"),
    temperature: optional(json, "temperature", "number"),
    n: optional(json, "n", "number") ?? 1,
    user: optional(json, "user", "string"),
    unknownFields: Object.keys(json).filter((field) => !KNOWN_FIELDS.has(field)),
  };
}

export function parseModel(model: unknown): string {
  if (typeof model !== "string" || model.trim() === "")
    throw invalid("model", "a model's name", model);
  if (model.length > 256) throw invalid("model", "at most 256 characters long", model);
  return model;
}

/** The text of a message: its string, or its text parts joined by newlines; "" when it has none. */
export function textOf(message: ChatMessage): string {
  const { content } = message;
  if (typeof content === "string") return content;
  return (content ?? [])
    .flatMap((part) => (part.type === "text" ? [part.text ?? ""] : []))
    .join("\n");
}

/** Whether a message says all it says in text: no image, audio or file, and no call of a tool. */
export function isTextOnly(message: ChatMessage): boolean {
  const { content } = message;
  const hasOtherParts = Array.isArray(content) && content.some((part) => part.type !== "text");
  return !hasOtherParts && isAbsent(message["tool_calls"]) && isAbsent(message["function_call"]);
}

function parseMessages(messages: unknown): readonly ChatMessage[] {
  if (!Array.isArray(messages)) throw invalid("messages", "an array of messages", messages);
  if (messages.length === 0)
    throw invalid("messages", "an array of one or more messages", messages);
  for (const [i, message] of (messages as unknown[]).entries()) {
    checkMessage(message, `messages[${i}]`);
  }
  return messages as readonly ChatMessage[];
}

function checkMessage(message: unknown, path: string): void {
  if (!isObject(message)) throw invalid(path, "an object", message);
  if (!isRole(message["role"])) {
    throw invalid(`${path}.role`, `one of ${ROLES.join(", ")}`, message["role"]);
  }
  const content = message["content"];
  if (typeof content === "string") return;
  if (content === undefined || content === null) {
    // An assistant may have only called a tool or refused.
    if (message["role"] === "assistant") return;
    throw invalid(`${path}.content`, "a string or an array of parts", content);
  }
  if (!Array.isArray(content))
    throw invalid(`${path}.content`, "a string or an array of parts", content);
  for (const [i, part] of (content as unknown[]).entries()) {
    const partPath = `${path}.content[${i}]`;
    if (!isObject(part)) throw invalid(partPath, "an object", part);
    if (typeof part["type"] !== "string")
      throw invalid(`${partPath}.type`, "a string", part["type"]);
    if (part["type"] === "text" && typeof part["text"] !== "string") {
      throw invalid(`${partPath}.text`, "a string", part["text"]);
    }
  }
}

interface Primitives {
  boolean: boolean;
  number: number;
  string: string;
}

function optional<Kind extends keyof Primitives>(
  json: JsonObject,
  field: string,
  kind: Kind,
): Primitives[Kind] | null {
  const value = json[field] ?? null;
  if (value === null || isKind(value, kind)) return value;
  throw invalid(field, `a ${kind}`, value);
}

function isKind<Kind extends keyof Primitives>(
  value: unknown,
  kind: Kind,
): value is Primitives[Kind] {
  return typeof value === kind;
}

function isRole(value: unknown): value is Role {
  return ROLES.some((role) => role === value);
}

/** Says what was expected and the type of what came, never its value: it may be private. */
function invalid(param: string, expected: string, actual: unknown): GatewayError {
  const came =
    actual === undefined
      ? "nothing"
      : actual === null
        ? "null"
        : Array.isArray(actual)
          ? `${actual.length === 0 ? "an empty" : "an"} array`
          : `a ${typeof actual}`;
  return new GatewayError("invalid_request", `'${param}' must be ${expected}; got ${came}.`, {
    param,
  });
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}
