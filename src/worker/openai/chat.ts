// Chat completion requests: only what the gateway must understand is checked, everything else is the upstream's to
// judge. Which fields keep a request out of the cache is lookup/eligibility.ts.
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
}

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
