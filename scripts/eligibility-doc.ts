// node scripts/eligibility-doc.ts: writes docs/eligibility.md from the code that decides. What is not a table of the code
// is found out by asking it: each case below is put to `eligibilityOf`, and the document says what came of it.
import { writeFileSync } from "node:fs";
import { DEFAULT_SETTINGS, type TenantSettings } from "../src/durable/tenant.ts";
import { REFERENCE_WORDS } from "../src/policy/cache/guards/references.ts";
import { MAX_QUESTION_CHARS } from "../src/policy/cache/question.ts";
import {
  eligibilityOf,
  FIELDS,
  type FieldRule,
  MAX_MESSAGES,
} from "../src/worker/lookup/eligibility.ts";
import { SCHEMA_KEYWORDS } from "../src/worker/lookup/response-format.ts";

type Body = Readonly<Record<string, unknown>>;
interface Case {
  readonly what: string;
  readonly body: Body;
  /** What opens it, where something does. */
  readonly opened?: {
    readonly by: string;
    readonly settings: Partial<TenantSettings>;
    readonly body?: Body;
  };
}

const QUESTION = "What is the capital of France?";
const user = (content: unknown, more = {}) => ({ role: "user", content, ...more });
const asking = (content: unknown): Body => ({ messages: [user(content)] });
const TOOLS = { by: "`exactForTools`", settings: { exactForTools: true } };
const FOR_USER = {
  by: "`userScope`, and a `user` in the request",
  settings: { userScope: true },
  body: { user: "ann" },
};

const MESSAGES: readonly Case[] = [
  { what: "one question", body: asking(QUESTION) },
  {
    what: "a system or developer message before it",
    body: { messages: [{ role: "system", content: "Be brief." }, user(QUESTION)] },
  },
  { what: "content in parts that are all text", body: asking([{ type: "text", text: QUESTION }]) },
  { what: "several user messages", body: { messages: [user("Hello"), user(QUESTION)] } },
  {
    what: "an assistant's turn before it: a conversation",
    body: { messages: [user("Hello"), { role: "assistant", content: "Hello!" }, user(QUESTION)] },
  },
  {
    what: `more than ${MAX_MESSAGES} messages`,
    body: { messages: Array.from({ length: MAX_MESSAGES + 1 }, () => user(QUESTION)) },
  },
  {
    what: "the last message is not the user's",
    body: { messages: [user(QUESTION), { role: "assistant", content: "Paris" }] },
  },
  { what: "an empty question", body: asking(" ") },
  {
    what: "an image, audio, a file, or a part with any field but `type` and `text`",
    body: asking([{ type: "image_url", image_url: { url: "data:," } }]),
  },
  {
    what: "a message of role `tool` or `function`",
    body: { messages: [{ role: "tool", content: "1" }, user(QUESTION)] },
    opened: TOOLS,
  },
  {
    what: "a message with any field but `role` and `content` (`name`, `tool_calls`, `refusal`, ...)",
    body: { messages: [user(QUESTION, { name: "ann" })] },
    opened: TOOLS,
  },
  {
    what: "`tools`, `tool_choice`, `functions`, ... of the table above",
    body: { ...asking(QUESTION), tools: [] },
    opened: TOOLS,
  },
  {
    what: "`temperature` unset or above 0",
    body: { ...asking(QUESTION), temperature: 1 },
    opened: { by: "`cacheSampled`", settings: { cacheSampled: true } },
  },
  {
    what: "`response_format` of type `json_schema`",
    body: { ...asking(QUESTION), response_format: { type: "json_schema" } },
  },
  { what: "`store: false`", body: { ...asking(QUESTION), store: false } },
  { what: "any field that is in no table", body: { ...asking(QUESTION), surprise: 1 } },
  {
    what: "any unknown field of `stream_options`",
    body: { ...asking(QUESTION), stream_options: { surprise: 1 } },
  },
  {
    what: "a tenant with `userScope` and no `user` in the request",
    body: asking(QUESTION),
    opened: FOR_USER,
  },
];

const QUESTIONS: readonly Case[] = [
  { what: QUESTION, body: asking(QUESTION) },
  ...[
    "What is the weather in Paris?",
    "What is the exchange rate of the euro?",
    "Was sind die aktuellen Nachrichten?",
    "Summarise https://example.com/a",
    "What is my balance?",
    "How do I reset my password?",
    "Explain this",
    "What about Spain?",
    "continue",
  ].map((what) => ({ what, body: asking(what) })),
  {
    what: `(a question of more than ${MAX_QUESTION_CHARS} characters)`,
    body: asking("y".repeat(MAX_QUESTION_CHARS + 1)),
  },
  ...[
    "Write to ann@example.org",
    "My IBAN is DE44 5001 0517 5407 3249 31",
    "Card 4111 1111 1111 1111 was declined",
    "Call +49 170 1234567",
    "Why does sk-proj1234567890abcdefgh fail?",
  ].map((what) => ({ what, body: asking(what), opened: FOR_USER })),
];

const RULES: Readonly<Record<FieldRule["rule"], string>> = {
  key: "must be equal",
  limit: "the answer must fit",
  ignored: "says nothing about the answer",
  own: "velo's own, not sent on",
  bypass: "**no cache**",
  tools: "**no cache**; repeats only with `exactForTools`",
};

const LEVELS = {
  bypass: "**no cache**",
  exact: "repeats only",
  semantic: "repeats and other wordings",
};

/** The whole document. */
export function eligibilityDocument(): string {
  const words = REFERENCE_WORDS;
  return `<!-- Written by \`node scripts/eligibility-doc.ts\` from src/worker/lookup/eligibility.ts and the code it uses. Do not edit. -->

# What may be cached

The cache takes part in a request only as far as this page says. The default is no: what velo does not understand is sent on
byte for byte and never cached. A request is at one of three levels:

- **no cache**: neither read nor stored.
- **repeats only**: the same request, word for word.
- **repeats and other wordings**: also a stored answer to a question that means the same, if guards, verifier and error budget agree.

A level is what is possible at most. \`Cache-Control\`, a tenant's \`serve\` setting (observe, exact, semantic) and a slice that is closed
make it less, never more.

## Fields of a request

"Must be equal": a stored answer is found only by a request in which the field has the same value.

| Field | Rule | As good as absent | Why |
|---|---|---|---|
${rows(Object.entries(FIELDS).map(([field, { rule, unless, why }]) => [`\`${field}\``, RULES[rule], absent(field, unless), why]))}
| any other field | **no cache** | | it may change the answer in a way velo does not know |

\`Accept-Language\` (its first language), the embedder, the tenant, the region (unless the tenant's domain is shared), the end user (with
\`userScope\`) and the caller's namespace must be equal as well.

## Messages and settings

Every message but the last, and all of the last but its text, must be equal: the same question after another history is another
question. Cases as the code decides them, for a request at temperature 0 and a tenant with the settings of a new one:

| Request | Level | Reason given | Opened by |
|---|---|---|---|
${rows(MESSAGES.map(caseRow))}

## Questions

The text of the last message may say that its answer is about now, about the asker, or about something said before.

| Question | Level | Reason given | Opened by |
|---|---|---|---|
${rows(QUESTIONS.map(caseRow))}

**No cache** (\`freshness\`): a question with one of these, unless it tells a story with its own numbers or quotes them. ${list(words.fresh)}.
Phrases: ${pattern(words.freshPhrases)}. Chinese and Japanese: ${pattern(words.freshHan)}.
Only in short questions without numbers: ${list(words.freshInShort)}; ${pattern(words.freshAskings)}.

**Repeats only** (\`personal\`): one of ${list(words.mine)} before a record of the asker's (${list(words.records)}), unless the
question asks how something is done (${list(words.procedure)}). Chinese: ${pattern(words.mineHan)}.

**Repeats only** (\`personal\`), in short questions: what points to something outside, at the end or after a command
(${list(words.nounless)}): ${list(words.pointers)}. Whole questions that go on: ${list(words.fragments)}. Beginnings:
${pattern(words.continuations)}. Chinese: ${pattern(words.pointersHan)}.

**No cache** (\`url\`): an address (\`http://\`, \`https://\`): what is behind it changes, and is in no vector.

**No cache** (\`personal-data:...\`): an e-mail address, phone or card number, an IBAN or something that looks like a key, in any
message, unless entries are kept per end user.

## What is served

A stored answer that was found is read again before it is served: tenant, fingerprint and hash must match. It is not served when it
is older than the tenant's \`maxTtlSeconds\`, than the caller's \`max-age\` or than its own time to live; when it has more tokens than
\`max_tokens\` or \`max_completion_tokens\`; when it is no JSON and \`response_format\` wants some; or when \`response_format\` has a
schema to which it does not keep. A schema is understood if it uses nothing but ${SCHEMA_KEYWORDS.map((word) => `\`${word}\``).join(", ")}
and annotations, with scalars in \`enum\`; answers to any other are not served from the cache.

## What is stored

Only what an upstream sent, whole: status 2xx, one choice, text alone (no tool call, no refusal, nothing beside it), not empty,
\`finish_reason\` \`stop\`, and for a stream \`[DONE]\` and no byte missing. Never: an answer that was made with notes from the cache, a
stand-in model's, one that the caller or the provider's \`store: false\` wants kept out, or text that a caller wrote. Stored are the
question's text, the answer, model and token counts, and the question's vector. Of the other messages the cache keeps only a hash.
`;
}

const rows = (cells: readonly (readonly string[])[]): string =>
  cells
    .map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");

const absent = (field: string, unless: readonly unknown[] = []): string =>
  field === "model" || field === "messages"
    ? ""
    : (FIELDS[field]!.rule === "key" ? [null] : unless)
        .map((value) => `\`${JSON.stringify(value)}\``)
        .join(", ");

function caseRow({ what, body, opened }: Case): readonly string[] {
  const { level, reason, store } = eligible(
    body,
    what.includes("with `userScope`") ? { userScope: true } : {},
  );
  const after = opened && eligible({ ...body, ...opened.body }, opened.settings);
  return [
    what,
    LEVELS[level] + (store || level === "bypass" ? "" : ", not stored"),
    reason === null ? "" : `\`${reason}\``,
    opened && after ? `${opened.by}: ${LEVELS[after.level]}` : "",
  ];
}

/** At temperature 0 unless the case says otherwise. */
const eligible = (body: Body, settings: Partial<TenantSettings>) =>
  eligibilityOf({ model: "m", temperature: 0, ...body }, { ...DEFAULT_SETTINGS, ...settings });

const list = (words: ReadonlySet<string>): string => [...words].join(", ");

/** Alternatives of an expression, as far as they can be read. */
const pattern = (expression: RegExp): string => `\`${expression.source}\``;

if (import.meta.main) {
  writeFileSync(new URL("../docs/eligibility.md", import.meta.url), eligibilityDocument());
  console.log("docs/eligibility.md");
}
