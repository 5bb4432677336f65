import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  AnswerCollector,
  type AnswerSource,
  type Verdict,
} from "../../../../src/worker/openai/answer.ts";
import { cutAt, property } from "../property.ts";

const SSE: AnswerSource = { status: 200, contentType: "text/event-stream; charset=utf-8" };
const JSON_BODY: AnswerSource = { status: 200, contentType: "application/json" };

const bytesOf = (text: string) => new TextEncoder().encode(text);
const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const delta = (content: string, finishReason: string | null = null, index = 0) =>
  event({ model: "m", choices: [{ index, delta: { content }, finish_reason: finishReason }] });
const finish = (reason: string) =>
  event({ model: "m", choices: [{ index: 0, delta: {}, finish_reason: reason }] });
const DONE = "data: [DONE]\n\n";
const USAGE = event({
  model: "m",
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

function verdict(source: AnswerSource, ...pieces: readonly Uint8Array[]): Verdict {
  const collector = new AnswerCollector(source);
  for (const piece of pieces) collector.push(piece);
  return collector.end();
}

const reasonOf = (text: string, source = SSE) => {
  const result = verdict(source, bytesOf(text));
  return result.storable ? "storable" : result.reason;
};

describe("a complete answer", () => {
  const answer = { text: "Hé!", finishReason: "stop", model: "m" };
  const usage = { promptTokens: 3, completionTokens: 2, totalTokens: 5 };

  test("as a stream", () => {
    const text = delta("H") + delta("é!") + finish("stop") + USAGE + DONE;
    expect(verdict(SSE, bytesOf(text))).toEqual({ storable: true, answer: { ...answer, usage } });
  });

  test("as a whole body", () => {
    const body = {
      model: "m",
      choices: [
        { index: 0, message: { role: "assistant", content: "Hé!" }, finish_reason: "stop" },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    };
    const bytes = bytesOf(JSON.stringify(body));
    const source = { ...JSON_BODY, contentLength: bytes.length };
    expect(verdict(source, bytes)).toEqual({ storable: true, answer: { ...answer, usage } });
  });

  test.each([
    ["without usage", delta("Hé!", "stop") + DONE],
    [
      "with comments and a chunk without choices",
      `: wait\n\n${event({ choices: [] })}${delta("Hé!", "stop")}${DONE}`,
    ],
    ["with [DONE] as the last line, its blank line missing", `${delta("Hé!", "stop")}data: [DONE]`],
    ["with an empty chunk after the finish reason", delta("Hé!", "stop") + delta("") + DONE],
  ])("%s", (_name, text) => {
    expect(verdict(SSE, bytesOf(text))).toEqual({ storable: true, answer });
  });
});

describe("an answer that must not be stored", () => {
  const good = delta("Hi", "stop") + DONE;

  test.each([
    ["truncated", ""],
    ["truncated", delta("Hi").slice(0, -5)],
    ["no_done", delta("Hi")],
    ["no_finish_reason", delta("Hi") + DONE],
    ["no_done", delta("Hi", "stop")],
    ["truncated", `${delta("Hi", "stop")}data: [DO`],
    ["truncated", `${delta("Hi", "stop")}data: {"choices":[`],
    ["finish_reason", delta("Hi", "length") + DONE],
    ["finish_reason", delta("Hi", "content_filter") + DONE],
    ["error", delta("Hi") + event({ error: { message: "overloaded" } })],
    ["error", `event: error\ndata: {"message":"overloaded"}\n\n${good}`],
    ["malformed", `data: not json\n\n${good}`],
    ["malformed", good + delta("more")],
    ["malformed", good + USAGE],
    ["malformed", delta("Hi", "stop") + delta("more") + DONE],
    ["malformed", event({ id: "x" }) + good],
    ["several_choices", delta("Hi", "stop") + delta("Ho", "stop", 1) + DONE],
    ["no_finish_reason", delta("Hi", "stop") + delta("Ho", null, 1) + DONE],
    [
      "tool_calls",
      event({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0 }] } }] }) + good,
    ],
    ["refusal", event({ choices: [{ index: 0, delta: { refusal: "I can't" } }] }) + good],
    ["other_content", event({ choices: [{ index: 0, delta: { annotations: [{}] } }] }) + good],
    ["empty", delta("", "stop") + DONE],
  ])("%s: %j", (reason, text) => {
    expect(reasonOf(text)).toBe(reason);
  });

  test.each([
    ["malformed", '{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}'],
    ["no_finish_reason", '{"choices":[{"index":0,"message":{"content":"Hi"}}]}'],
    [
      "finish_reason",
      '{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"length"}]}',
    ],
    ["error", '{"error":{"message":"no"}}'],
    ["empty", '{"choices":[{"index":0,"message":{"content":null},"finish_reason":"stop"}]}'],
    ["malformed", '{"choices":[]}'],
    ["malformed", "[]"],
  ])("%s: %j", (reason, text) => {
    expect(reasonOf(text, JSON_BODY)).toBe(reason);
  });

  test("status, content type and length of the response count", () => {
    expect(reasonOf(good, { ...SSE, status: 500 })).toBe("status");
    expect(reasonOf(good, { ...SSE, contentType: "text/html" })).toBe("content_type");
    expect(reasonOf(good, { ...SSE, contentType: null })).toBe("content_type");
    expect(reasonOf(good, { ...SSE, contentLength: good.length + 1 })).toBe("truncated");
  });

  test("broken UTF-8", () => {
    const bytes = bytesOf(good);
    bytes[bytes.indexOf(0x48)] = 0xff; // the H of "Hi"
    expect(verdict(SSE, bytes)).toEqual({ storable: false, reason: "bad_utf8" });
  });

  test("its tokens and its text so far are known all the same", () => {
    const collector = new AnswerCollector(SSE);
    collector.push(bytesOf(delta("Hi", "length") + USAGE));
    expect(collector).toMatchObject({ text: "Hi", finishReason: "length" });
    expect(collector.usage).toEqual({ promptTokens: 3, completionTokens: 2, totalTokens: 5 });
  });
});

describe("whether an upstream came to its end", () => {
  const tool = (more: object, finishReason: string | null) =>
    event({ choices: [{ index: 0, delta: more, finish_reason: finishReason }] });
  const call = { tool_calls: [{ index: 0, function: { name: "f", arguments: "{}" } }] };
  const whole = (message: object, finishReason: string | null, more: object = {}) =>
    JSON.stringify({ choices: [{ index: 0, message, finish_reason: finishReason }], ...more });
  const endOf = (text: string, source = SSE) => {
    const collector = new AnswerCollector(source);
    collector.push(bytesOf(text));
    collector.end();
    return collector.hasEnded;
  };

  test.each([
    [true, "text", delta("Hi", "stop") + DONE],
    [true, "text that was cut by its limit", delta("Hi", "length") + DONE],
    [true, "a tool call", tool(call, null) + tool({}, "tool_calls") + DONE],
    [
      true,
      "a tool call, and then the connection without [DONE]",
      tool(call, null) + tool({}, "tool_calls"),
    ],
    [true, "a refusal", tool({ refusal: "I can't" }, null) + tool({}, "stop") + DONE],
    [true, "no finish reason, but [DONE]", delta("Hi") + DONE],
    [false, "half a text", delta("Hi")],
    [false, "half a tool call", tool(call, null)],
    [false, "nothing", ""],
    [false, "an error", delta("Hi") + event({ error: { message: "overloaded" } }) + DONE],
    [
      false,
      "an error after a tool call",
      tool(call, null) + event({ error: { message: "no" } }) + DONE,
    ],
  ])("%s as a stream: %s", (expected, _, text) => {
    expect(endOf(text)).toBe(expected);
  });

  test.each([
    [true, whole({ content: "Hi" }, "stop")],
    [true, whole({ content: null, ...call }, "tool_calls")],
    [true, whole({ content: null, refusal: "I can't" }, null)],
    [false, whole({ content: "Hi" }, "stop").slice(0, -1)],
    [false, '{"error":{"message":"no"}}'],
  ])("%s in one piece: %s", (expected, text) => {
    expect(endOf(text, JSON_BODY)).toBe(expected);
  });

  test("is not known of what is no answer, or longer than anybody reads", () => {
    expect(endOf("<html>", { status: 200, contentType: "text/html" })).toBeNull();
    expect(endOf("{}", { status: 500, contentType: "application/json" })).toBeNull();
    const long = new AnswerCollector(JSON_BODY);
    for (let i = 0; i < 9; i++) long.push(new Uint8Array(1 << 20).fill(32));
    long.end();
    expect(long.hasEnded).toBeNull();
  });

  test("is found with the usage, however late the tokens are told", () => {
    const collector = new AnswerCollector(SSE);
    collector.push(bytesOf(tool(call, null) + tool({}, "tool_calls") + USAGE + DONE));
    expect(collector.end()).toEqual({ storable: false, reason: "tool_calls" });
    expect(collector).toMatchObject({ finishReason: "tool_calls", usage: { completionTokens: 2 } });
  });
});

const piece = fc.constantFrom(
  delta("Hi "),
  delta("é😀"),
  delta("x", "stop"),
  delta("x", "length"),
  delta("x", "stop", 1),
  finish("stop"),
  event({ choices: [{ index: 0, delta: { tool_calls: [{}] } }] }),
  event({ error: { message: "e" } }),
  USAGE,
  DONE,
  ": ping\r\n\r\n",
  "data: {",
  "\n",
  "\r",
  "\uFEFF",
);
/** Mostly well-formed streams, some cut short, some with a byte replaced. */
const stream = fc
  .record({
    pieces: fc.array(piece, { maxLength: 8 }),
    tail: fc.constantFrom("", DONE, finish("stop") + DONE),
    keep: fc.option(fc.nat(2_000)),
    damage: fc.option(fc.tuple(fc.nat(2_000), fc.nat(255)), { freq: 3 }),
  })
  .map(({ pieces, tail, keep, damage }) => {
    const bytes = bytesOf(pieces.join("") + tail).slice(0, keep ?? undefined);
    if (damage !== null && bytes.length > 0) bytes[damage[0] % bytes.length] = damage[1];
    return bytes;
  });

test("the verdict does not depend on where the bytes were cut", () => {
  const seen = new Set<string>();
  void property(
    "verdict",
    2_000,
    fc.property(stream, fc.array(fc.nat(5_000), { maxLength: 30 }), (bytes, places) => {
      const whole = verdict(SSE, bytes);
      seen.add(whole.storable ? "storable" : whole.reason);
      expect(verdict(SSE, ...cutAt(bytes, places))).toEqual(whole);
    }),
  );
  // The generator reaches both sides of the question.
  for (const outcome of ["storable", "truncated", "error", "bad_utf8", "finish_reason"]) {
    expect(seen).toContain(outcome);
  }
});

test("no proper prefix of a complete stream is storable, but for its last line ends", () => {
  const bytes = bytesOf(`: hi\r\n${delta("H")}${delta("é😀")}${finish("stop")}${USAGE}${DONE}`);
  const storable = Array.from(bytes.keys()).filter(
    (end) => verdict(SSE, bytes.slice(0, end)).storable,
  );
  // `data: [DONE]` may lack its two line feeds and is still the word that ends the stream.
  expect(storable).toEqual([bytes.length - 2, bytes.length - 1]);
  expect(verdict(SSE, bytes).storable).toBe(true);
});
