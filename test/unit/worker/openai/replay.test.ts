import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Answer, AnswerCollector } from "../../../../src/worker/openai/answer.ts";
import { renderCompletion, renderStream, splitText } from "../../../../src/worker/openai/replay.ts";
import { cutAt, property } from "../property.ts";

const answer: Answer = {
  text: "Hé 👩‍👩‍👧!",
  finishReason: "stop",
  model: "m-stored",
  usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 },
};
const options = { id: "chatcmpl-1", created: 1_700_000_000, model: "m" };
const ZERO = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
const SPENT = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };

const chunksOf = (text: string) =>
  text
    .split("\n\n")
    .filter((line) => line !== "" && line !== "data: [DONE]")
    .map((line): unknown => JSON.parse(line.slice("data: ".length)));

test("a completion has the model that was asked for and no usage, with what was avoided beside it", () => {
  expect(renderCompletion(answer, options)).toEqual({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "m",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Hé 👩‍👩‍👧!", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: ZERO,
    velo: { avoided: SPENT },
  });
});

test("the stored usage is repeated on demand", () => {
  const completion = renderCompletion(answer, { ...options, usage: "stored" });
  expect(completion).toMatchObject({ usage: SPENT });
  expect(completion).not.toHaveProperty("velo");
});

describe("a stream", () => {
  test("begins with the role, ends with the finish reason and [DONE], and every chunk has choices", async () => {
    const text = await new Response(
      renderStream(answer, { ...options, includeUsage: false }),
    ).text();
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    const chunks = chunksOf(text);
    expect(chunks).toHaveLength(3);
    expect(chunks[0]).toMatchObject({
      choices: [{ delta: { role: "assistant" }, finish_reason: null }],
    });
    expect(chunks[2]).toMatchObject({ choices: [{ delta: {}, finish_reason: "stop" }] });
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({
        object: "chat.completion.chunk",
        id: "chatcmpl-1",
        model: "m",
      });
      expect(chunk).not.toHaveProperty("usage");
    }
  });

  test("with include_usage has a last chunk without choices, and null usage before it", async () => {
    const text = await new Response(
      renderStream(answer, { ...options, includeUsage: true }),
    ).text();
    const chunks = chunksOf(text);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: ZERO, velo: { avoided: SPENT } });
    for (const chunk of chunks.slice(0, -1)) expect(chunk).toMatchObject({ usage: null });
  });

  test("makes a chunk only when it is read, and stops when the client leaves", async () => {
    const long = { ...answer, text: "word ".repeat(1_000) };
    const reader = renderStream(long, {
      ...options,
      includeUsage: false,
      chunkLength: 5,
    }).getReader();
    await reader.read();
    await reader.cancel();
    expect(await reader.read()).toEqual({ done: true, value: undefined });
  });
});

test("text is cut on grapheme borders and joined again it is the text", () => {
  expect([...splitText("aé👩‍👩‍👧b🇩🇪", 1)]).toEqual(["a", "é", "👩‍👩‍👧", "b", "🇩🇪"]);
  expect([...splitText("abcdefg", 3)]).toEqual(["abc", "def", "g"]);
  expect([...splitText("", 3)]).toEqual([]);
});

test("what was replayed is read back as the same answer, however it was cut", () =>
  property(
    "replay",
    1_000,
    fc.asyncProperty(
      fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
      fc.option(fc.nat(1000), { nil: null }),
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.nat(10_000), { maxLength: 12 }),
      async (text, tokens, chunkLength, places) => {
        const stored: Answer = {
          text,
          finishReason: "stop",
          model: "m",
          ...(tokens !== null && {
            usage: { promptTokens: tokens, completionTokens: 1, totalTokens: tokens + 1 },
          }),
        };
        const rendered = renderStream(stored, {
          ...options,
          includeUsage: tokens !== null,
          usage: "stored",
          chunkLength,
        });
        const bytes = await new Response(rendered).bytes();
        const collector = new AnswerCollector({ status: 200, contentType: "text/event-stream" });
        for (const piece of cutAt(bytes, places)) collector.push(piece);
        expect(collector.end()).toEqual({ storable: true, answer: stored });
      },
    ),
  ));
