// May the cache take part in this request at all? The default is no: anything not understood is forwarded byte for
// byte. FIELDS is the one table behind this file and
// docs/eligibility.md (scripts/eligibility-doc.ts).
import { type TenantSettings } from "../../durable/tenant.ts";
import { personalDataIn, readQuestion } from "../../policy/cache/question.ts";

/**
 * What a request field means to the cache.
 * - `key`: its value is part of the fingerprint.
 * - `limit`: a stored answer is served only if it fits.
 * - `ignored`: says nothing about the answer.
 * - `own`: velo's own, stripped before the upstream.
 * - `bypass`: its presence (with any value but those in `unless`) turns the cache off.
 * - `tools`: like bypass, but exact match may be opted in.
 */
export type FieldRule = {
  readonly rule: "key" | "limit" | "ignored" | "own" | "bypass" | "tools";
  readonly unless?: readonly unknown[];
  readonly why: string;
};

export const FIELDS: Readonly<Record<string, FieldRule>> = {
  model: { rule: "key", why: "another model answers otherwise; as the caller names it" },
  messages: {
    rule: "key",
    why: "everything but the text of the last one, which is compared exactly or by meaning",
  },
  temperature: {
    rule: "key",
    why: "shapes the answer; unset or above 0 needs the setting `cacheSampled`",
  },
  top_p: { rule: "key", why: "shapes the answer" },
  presence_penalty: { rule: "key", why: "shapes the answer" },
  frequency_penalty: { rule: "key", why: "shapes the answer" },
  stop: { rule: "key", why: "ends the answer" },
  response_format: { rule: "key", why: "a promise about the shape of the answer" },
  reasoning_effort: { rule: "key", why: "shapes the answer" },
  verbosity: { rule: "key", why: "shapes the answer" },
  service_tier: { rule: "key", why: "what the caller pays for" },
  max_tokens: { rule: "limit", why: "a stored answer is served only if it has no more tokens" },
  max_completion_tokens: {
    rule: "limit",
    why: "a stored answer is served only if it has no more tokens",
  },
  stream: { rule: "ignored", why: "either way from one stored answer" },
  stream_options: {
    rule: "ignored",
    why: "the same; a field in it other than `include_usage` and `include_obfuscation` is an unknown one",
  },
  user: { rule: "ignored", why: "scope, where the tenant asks for user scope" },
  safety_identifier: { rule: "ignored", why: "for the provider, about the end user" },
  prompt_cache_key: { rule: "ignored", why: "for the provider's own cache" },
  prompt_cache_retention: { rule: "ignored", why: "for the provider's own cache" },
  cache: { rule: "own", why: "wishes of the caller (README)" },
  store: { rule: "bypass", unless: [false, null], why: "the caller wants the provider to keep it" },
  metadata: { rule: "bypass", unless: [null], why: "goes with store" },
  n: { rule: "bypass", unless: [1, null], why: "distinct samples wanted" },
  seed: { rule: "bypass", unless: [null], why: "the caller wants this sample" },
  logprobs: { rule: "bypass", unless: [false, null], why: "the caller wants this sample" },
  top_logprobs: { rule: "bypass", unless: [null], why: "the caller wants this sample" },
  logit_bias: { rule: "bypass", unless: [null], why: "the caller wants this sample" },
  prediction: { rule: "bypass", unless: [null], why: "the caller wants this sample" },
  audio: { rule: "bypass", unless: [null], why: "content that is not in the vector" },
  modalities: { rule: "bypass", unless: [null], why: "content that is not in the vector" },
  web_search_options: { rule: "bypass", unless: [null], why: "freshness" },
  tools: { rule: "tools", unless: [null], why: "replayed actions" },
  tool_choice: { rule: "tools", unless: [null, "none"], why: "replayed actions" },
  parallel_tool_calls: { rule: "tools", unless: [null], why: "replayed actions" },
  functions: { rule: "tools", unless: [null], why: "replayed actions" },
  function_call: { rule: "tools", unless: [null, "none"], why: "replayed actions" },
};

/** Longest conversation that the cache looks at. */
export const MAX_MESSAGES = 20;

/** Fields of `stream_options` that say nothing about the answer. */
export const STREAM_OPTIONS: ReadonlySet<string> = new Set([
  "include_usage",
  "include_obfuscation",
]);

export interface Eligibility {
  /** bypass: not touched by the cache; exact: repeats only; semantic: everything. */
  readonly level: "bypass" | "exact" | "semantic";
  readonly store: boolean;
  readonly reason: string | null;
  /** Text of the last user message; empty when bypassed. */
  readonly question: string;
}

export const bypass = (reason: string): Eligibility => ({
  level: "bypass",
  store: false,
  reason,
  question: "",
});

interface Message {
  readonly role?: unknown;
  readonly content?: unknown;
}

/** Plain text of a message, or null if it holds anything but text. */
function textOf(content: unknown): string | null {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return null;
  let text = "";
  for (const part of content as readonly unknown[]) {
    if (typeof part !== "object" || part === null) return null;
    const { type, text: piece, ...rest } = part as Record<string, unknown>;
    if (type !== "text" || typeof piece !== "string" || Object.keys(rest).length > 0) return null;
    text += (text === "" ? "" : "\n") + piece;
  }
  return text;
}

/**
 * Applies the table to one validated chat request.
 * @param body the parsed request; `messages` is a non-empty array of objects with a role
 */
export function eligibilityOf(
  body: Readonly<Record<string, unknown>>,
  settings: TenantSettings,
): Eligibility {
  let exactOnly: string | null = null;
  const limitTo = (reason: string): void => {
    exactOnly ??= reason;
  };

  for (const [field, value] of Object.entries(body)) {
    const rule = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
    if (rule === undefined) return bypass(`field:${field.slice(0, 40)}`);
    const present = value !== undefined && !(rule.unless ?? []).includes(value);
    if (rule.rule === "bypass" && present) return bypass(`field:${field}`);
    if (rule.rule === "tools" && present) {
      if (!settings.exactForTools) return bypass("tools");
      limitTo("tools");
    }
  }
  const streamOptions = body["stream_options"];
  if (typeof streamOptions === "object" && streamOptions !== null) {
    const extra = Object.keys(streamOptions).find((key) => !STREAM_OPTIONS.has(key));
    if (extra !== undefined) return bypass(`field:stream_options.${extra.slice(0, 40)}`);
  }

  const messages = body["messages"] as readonly Message[];
  if (messages.length > MAX_MESSAGES) return bypass("long-conversation");
  for (const message of messages) {
    const extra = Object.keys(message).find((key) => key !== "role" && key !== "content");
    const isTool = message.role === "tool" || message.role === "function" || extra !== undefined;
    if (isTool && !settings.exactForTools) return bypass(extra ? `message:${extra}` : "tool-turn");
    if (isTool) limitTo("tool-turn");
    if (textOf(message.content) === null && !isTool) return bypass("content-parts");
    if (message.role === "assistant") limitTo("history");
  }
  const last = messages.at(-1);
  const question = last?.role === "user" ? textOf(last.content) : null;
  if (question === null || question.trim() === "") return bypass("no-question");

  const sampled = typeof body["temperature"] !== "number" || body["temperature"] > 0;
  if (sampled && !settings.cacheSampled) return bypass("sampled");

  const personal = messages.map((m) => personalDataIn(textOf(m.content) ?? "")).find(Boolean);
  if (personal) {
    const scoped = settings.userScope && typeof body["user"] === "string" && body["user"] !== "";
    if (!scoped) return bypass(`personal-data:${personal}`);
  }
  // Requests without a name would share one scope, whoever sent them.
  if (settings.userScope && !body["user"]) return bypass("no-user");

  const format = body["response_format"];
  if (typeof format === "object" && format !== null) {
    if ((format as Record<string, unknown>)["type"] === "json_schema") limitTo("json-schema");
  }
  const reading = readQuestion(question);
  if (reading.level === "bypass") return bypass(reading.reason);
  if (reading.level === "exact") limitTo(reading.reason);

  return {
    level: exactOnly === null ? "semantic" : "exact",
    // A caller who tells the provider not to keep the exchange does not want it kept here either.
    store: body["store"] !== false,
    reason: exactOnly,
    question,
  };
}
