// The table that decides whether the cache may take part, row by row, and the default for whatever is not in it.
import { describe, expect, test } from "vitest";
import { DEFAULT_SETTINGS, type TenantSettings } from "../../../src/durable/tenant.ts";
import { MAX_QUESTION_CHARS, personalDataIn } from "../../../src/policy/cache/question.ts";
import { FIELDS, MAX_MESSAGES, eligibilityOf } from "../../../src/worker/lookup/eligibility.ts";

const QUESTION = "What is the capital of France?";
const user = (content: unknown, more = {}) => ({ role: "user", content, ...more });

function verdict(fields: Record<string, unknown>, settings: Partial<TenantSettings> = {}) {
  const body = { model: "m", messages: [user(QUESTION)], ...fields };
  const { level, store, reason } = eligibilityOf(body, {
    ...DEFAULT_SETTINGS,
    cacheSampled: true,
    ...settings,
  });
  return `${level} ${store ? "store" : "keep out"} ${reason ?? ""}`.trim();
}

const OPEN = "semantic store";
const bypass = (reason: string) => `bypass keep out ${reason}`;
const exact = (reason: string) => `exact store ${reason}`;

/** Field, value, what becomes of the request. */
const TABLE: readonly (readonly [string, unknown, string])[] = [
  ["temperature", 0, OPEN],
  ["temperature", 1, OPEN],
  ["top_p", 0.5, OPEN],
  ["presence_penalty", 1, OPEN],
  ["frequency_penalty", 1, OPEN],
  ["stop", ["\n"], OPEN],
  ["response_format", { type: "text" }, OPEN],
  ["response_format", { type: "json_object" }, OPEN],
  ["response_format", { type: "json_schema", json_schema: {} }, exact("json-schema")],
  ["reasoning_effort", "low", OPEN],
  ["verbosity", "low", OPEN],
  ["service_tier", "auto", OPEN],
  ["max_tokens", 5, OPEN],
  ["max_completion_tokens", 5, OPEN],
  ["stream", true, OPEN],
  ["stream_options", { include_usage: true }, OPEN],
  ["stream_options", { include_usage: true, surprise: 1 }, bypass("field:stream_options.surprise")],
  ["user", "ann", OPEN],
  ["safety_identifier", "x", OPEN],
  ["prompt_cache_key", "x", OPEN],
  ["prompt_cache_retention", "24h", OPEN],
  ["cache", { ttl: 5 }, OPEN],
  ["store", true, bypass("field:store")],
  ["store", false, "semantic keep out"],
  ["metadata", { a: "b" }, bypass("field:metadata")],
  ["n", 1, OPEN],
  ["n", 2, bypass("field:n")],
  ["seed", 0, bypass("field:seed")],
  ["logprobs", false, OPEN],
  ["logprobs", true, bypass("field:logprobs")],
  ["top_logprobs", 0, bypass("field:top_logprobs")],
  ["logit_bias", { 50256: -100 }, bypass("field:logit_bias")],
  ["prediction", { type: "content", content: "x" }, bypass("field:prediction")],
  ["audio", { voice: "alloy" }, bypass("field:audio")],
  ["modalities", ["text"], bypass("field:modalities")],
  ["web_search_options", {}, bypass("field:web_search_options")],
  ["tools", [], bypass("tools")],
  ["tool_choice", "none", OPEN],
  ["tool_choice", "auto", bypass("tools")],
  ["parallel_tool_calls", true, bypass("tools")],
  ["functions", [], bypass("tools")],
  ["function_call", "none", OPEN],
  ["function_call", "auto", bypass("tools")],
];

describe("fields", () => {
  test.each(TABLE)("%s: %j -> %s", (field, value, expected) => {
    expect(verdict({ [field]: value })).toBe(expected);
  });

  test("null is as good as absent, for every field that may be absent", () => {
    const optional = Object.keys(FIELDS).filter((field) => !["model", "messages"].includes(field));
    expect(optional.filter((field) => verdict({ [field]: null }) !== OPEN)).toEqual([]);
  });

  test("no field of the table is without a row here", () => {
    const covered = new Set([...TABLE.map(([field]) => field), "model", "messages"]);
    expect(Object.keys(FIELDS).filter((field) => !covered.has(field))).toEqual([]);
  });

  test("tools are matched exactly for tenants that opted in", () => {
    const tools = [{ type: "function", function: { name: "f" } }];
    expect(verdict({ tools }, { exactForTools: true })).toBe(exact("tools"));
  });

  test("sampled answers are shared only where the tenant says so", () => {
    const settings = { cacheSampled: false };
    expect(verdict({}, settings)).toBe(bypass("sampled"));
    expect(verdict({ temperature: 0.1 }, settings)).toBe(bypass("sampled"));
    expect(verdict({ temperature: 0 }, settings)).toBe(OPEN);
  });
});

describe("messages", () => {
  const IMAGE = { type: "image_url", image_url: { url: "data:," } };
  const CASES: readonly (readonly [string, readonly unknown[], string])[] = [
    ["text parts", [user([{ type: "text", text: QUESTION }])], OPEN],
    ["a system prompt", [{ role: "system", content: "Be brief." }, user(QUESTION)], OPEN],
    [
      "an earlier assistant turn",
      [user("hi"), { role: "assistant", content: "hi" }, user(QUESTION)],
      exact("history"),
    ],
    ["an image", [user([{ type: "text", text: QUESTION }, IMAGE])], bypass("content-parts")],
    ["an image earlier on", [user([IMAGE]), user(QUESTION)], bypass("content-parts")],
    [
      "a text part with annotations",
      [user([{ type: "text", text: QUESTION, x: 1 }])],
      bypass("content-parts"),
    ],
    ["a name on a message", [user(QUESTION, { name: "ann" })], bypass("message:name")],
    ["a tool's turn", [{ role: "tool", content: "1" }, user(QUESTION)], bypass("tool-turn")],
    [
      "an assistant at the end",
      [user("hi"), { role: "assistant", content: "hi" }],
      bypass("no-question"),
    ],
    ["an empty question", [user(" \n")], bypass("no-question")],
    [
      "a long question",
      [user("why ".repeat(MAX_QUESTION_CHARS / 4) + "?")],
      exact("long-question"),
    ],
    ["the longest question", [user("y".repeat(MAX_QUESTION_CHARS))], OPEN],
    [
      "a long conversation",
      Array.from({ length: MAX_MESSAGES + 1 }, () => user("hi")),
      bypass("long-conversation"),
    ],
    ["an address on the web", [user("Summarise https://example.com/a")], bypass("url")],
  ];
  test.each(CASES)("%s -> %3$s", (_what, messages, expected) => {
    expect(verdict({ messages })).toBe(expected);
  });

  test("an image is never cached, not even where tools are", () => {
    const settings = { exactForTools: true };
    expect(verdict({ messages: [user([IMAGE], { name: "ann" })] }, settings)).toBe(
      bypass("no-question"),
    );
  });
});

describe("personal data", () => {
  test.each([
    ["Write to ann.b+c@mail.example.org please", "email"],
    ["My IBAN is DE44 5001 0517 5407 3249 31", "iban"],
    ["Card 4111 1111 1111 1111 was declined", "card"],
    ["Call +49 170 1234567 now", "phone"],
    ["Why does sk-proj1234567890abcdefgh fail?", "secret"],
    ["What is 4111 plus 1111?", null],
    ["Explain ISO 8601 and RFC 3339", null],
    ["Is a@b an operator in Python?", null],
  ])("%s -> %s", (text, found) => {
    expect(personalDataIn(text)).toBe(found);
  });

  test("stays with its user: bypassed unless answers are kept per user and the user is named", () => {
    const messages = [{ role: "system", content: "The user is ann@example.com" }, user(QUESTION)];
    expect(verdict({ messages })).toBe(bypass("personal-data:email"));
    expect(verdict({ messages }, { userScope: true })).toBe(bypass("personal-data:email"));
    expect(verdict({ messages, user: "" }, { userScope: true })).toBe(
      bypass("personal-data:email"),
    );
    expect(verdict({ messages, user: "ann" }, { userScope: true })).toBe(OPEN);
  });

  test("of a request that names no user is unknown: nothing is kept for everybody at once", () => {
    const messages = [user(QUESTION)];
    expect(verdict({ messages }, { userScope: true })).toBe(bypass("no-user"));
    expect(verdict({ messages, user: "" }, { userScope: true })).toBe(bypass("no-user"));
    expect(verdict({ messages, user: "ann" }, { userScope: true })).toBe(OPEN);
  });

  test("is searched in linear time: ten times the text costs far less than a hundred times the work", () => {
    const hostile = [
      "a",
      "a@",
      "+1",
      "1 ",
      "1234 ",
      "DE12 ",
      "sk-",
      "a.",
      "@a.",
      "-",
      "\u00e9",
      "+1 (",
      "a@a-",
    ];
    const seconds = (text: string) => {
      let best = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 5; round++) {
        const started = process.hrtime.bigint();
        personalDataIn(text);
        best = Math.min(best, Number(process.hrtime.bigint() - started) / 1e9);
      }
      return best;
    };
    for (const piece of hostile) {
      const small = seconds(piece.repeat(10_000 / piece.length));
      const large = seconds(piece.repeat(100_000 / piece.length));
      // Quadratic work would be 100 times as much; below half a millisecond the ratio says nothing.
      expect([piece, large < Math.max(0.0005, 40 * small)]).toEqual([piece, true]);
    }
  });
});
