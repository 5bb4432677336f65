import { describe, expect, test } from "vitest";
import { type ChatMessage, parseChatRequest, textOf } from "../../../../src/worker/openai/chat.ts";
import { GatewayError } from "../../../../src/worker/openai/errors.ts";

const messages = [{ role: "user", content: "Hi" }];

function paramOf(json: Record<string, unknown>): string | null {
  try {
    parseChatRequest(json);
  } catch (error) {
    if (error instanceof GatewayError && error.status === 400) return error.param;
    throw error;
  }
  return null;
}

test("a minimal request has the protocol's defaults", () => {
  expect(parseChatRequest({ model: "m", messages })).toEqual({
    model: "m",
    messages,
    stream: false,
    includeUsage: false,
    maxTokens: null,
    temperature: null,
    n: 1,
    user: null,
  });
});

test("what the gateway needs is read", () => {
  const request = parseChatRequest({
    model: "m",
    messages,
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 100,
    max_completion_tokens: 50,
    temperature: 0,
    n: 2,
    user: "u-7",
  });
  expect(request).toMatchObject({
    stream: true,
    includeUsage: true,
    maxTokens: 50,
    temperature: 0,
    n: 2,
    user: "u-7",
  });
});

test("unknown fields are never an error", () => {
  const request = parseChatRequest({
    model: "m",
    messages,
    top_k: 5,
    tools: [],
    api_base: "http://x",
  });
  expect(request).toMatchObject({ model: "m", messages });
});

test("null means unset", () => {
  const json = { model: "m", messages, stream: null, stream_options: null, temperature: null };
  expect(parseChatRequest(json)).toMatchObject({ stream: false, temperature: null });
});

describe("every role and shape of content that the protocol has", () => {
  test.each<Record<string, unknown>>([
    { role: "system", content: "s" },
    { role: "developer", content: [{ type: "text", text: "d" }] },
    { role: "user", content: [{ type: "image_url", image_url: { url: "u" } }] },
    { role: "assistant", content: null, tool_calls: [{}] },
    { role: "assistant", refusal: "no" },
    { role: "tool", content: "42", tool_call_id: "c" },
    { role: "function", content: "42", name: "f" },
  ])("%j", (message) => {
    expect(paramOf({ model: "m", messages: [message] })).toBeNull();
  });
});

describe("a mistake is named by its path", () => {
  test.each<[string, Record<string, unknown>]>([
    ["model", { messages }],
    ["model", { model: 7, messages }],
    ["model", { model: " ", messages }],
    ["messages", { model: "m" }],
    ["messages", { model: "m", messages: [] }],
    ["messages", { model: "m", messages: "Hi" }],
    ["messages[1]", { model: "m", messages: [...messages, "Hi"] }],
    [
      "messages[2].role",
      { model: "m", messages: [...messages, ...messages, { role: "root", content: "x" }] },
    ],
    ["messages[0].content", { model: "m", messages: [{ role: "user" }] }],
    ["messages[0].content", { model: "m", messages: [{ role: "user", content: 3 }] }],
    ["messages[0].content[0]", { model: "m", messages: [{ role: "user", content: ["Hi"] }] }],
    ["messages[0].content[0].type", { model: "m", messages: [{ role: "user", content: [{}] }] }],
    [
      "messages[0].content[0].text",
      { model: "m", messages: [{ role: "user", content: [{ type: "text" }] }] },
    ],
    ["stream", { model: "m", messages, stream: "yes" }],
    ["stream_options", { model: "m", messages, stream_options: true }],
    ["max_tokens", { model: "m", messages, max_tokens: "10" }],
    ["temperature", { model: "m", messages, temperature: "0" }],
  ])("%s", (param, json) => {
    expect(paramOf(json)).toBe(param);
  });

  test("with what was expected and the type of what came, not its value", () => {
    const json = { model: "m", messages: [{ role: "secret-role", content: "x" }] };
    expect(() => parseChatRequest(json)).toThrow(
      "'messages[0].role' must be one of system, developer, user, assistant, tool, function; got a string.",
    );
    expect(() => parseChatRequest({ model: "m", messages: [] })).toThrow(
      "'messages' must be an array of one or more messages; got an empty array.",
    );
  });
});

test("the text of a message is its string or its text parts", () => {
  const parts: ChatMessage = {
    role: "user",
    content: [
      { type: "text", text: "a" },
      { type: "image_url", image_url: {} },
      { type: "text", text: "b" },
    ],
  };
  expect(textOf(parts)).toBe("a\nb");
  expect(textOf({ role: "user", content: "a" })).toBe("a");
  expect(textOf({ role: "assistant", content: null })).toBe("");
});
