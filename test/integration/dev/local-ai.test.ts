// The stand-in for Workers AI answers in the service's shapes, so that the adapter for the service is what runs locally.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { DEMO_MODEL } from "../../../src/dev/demo-model.ts";
import { EMBEDDING_MODEL } from "../../../src/dev/local-ai.ts";
import { changeDevSettings } from "../../../src/dev/settings.ts";
import { builtInEmbedder } from "../../../src/worker/built-in-embedder.ts";

const KNOWN = "Which city is the capital of Australia?";
const ANSWER = "The capital of Australia is Canberra.";
/** Pieces of at most six letters: The, capita, l, of, Austra, lia, is, Canber, ra. */
const PIECES = 9;

/** A rejected RPC promise fails the run even when it is caught by `rejects`; a native promise does not. */
const run = async (model: string, inputs: Record<string, unknown>): Promise<unknown> =>
  await env.AI.run(model, inputs);
const chat = (content: unknown, inputs: Record<string, unknown> = {}) =>
  run(DEMO_MODEL, { messages: [{ role: "user", content }], ...inputs });

async function events(stream: unknown): Promise<string[]> {
  if (!(stream instanceof ReadableStream)) throw new TypeError("not a stream");
  const text = await new Response(stream).text();
  return text.split("\n\n").filter((event) => event !== "");
}

beforeEach(() => void changeDevSettings(env, { demoDelayScale: 0 }));

describe("embedding", () => {
  test("takes one text or a list, and gives a row of 768 numbers for each", async () => {
    const one = { shape: [1, 768], data: [Array.from(builtInEmbedder().embed("one"))] };
    expect(await run(EMBEDDING_MODEL, { text: "one" })).toEqual(one);
    const two = { shape: [2, 768], data: [expect.any(Array), one.data[0]] };
    expect(await run(EMBEDDING_MODEL, { text: ["zero", "one"] })).toEqual(two);
  });

  test("refuses an empty text, no text and more than 100", async () => {
    await expect(run(EMBEDDING_MODEL, { text: "" })).rejects.toThrow(/5006/);
    await expect(run(EMBEDDING_MODEL, { text: [] })).rejects.toThrow(/5006/);
    await expect(run(EMBEDDING_MODEL, { text: Array(101).fill("x") })).rejects.toThrow(/5006/);
  });
});

describe("the demo model", () => {
  test("answers a question of the workload, with a count of tokens", async () => {
    expect(await chat(KNOWN)).toEqual({
      response: ANSWER,
      // The question has 39 letters, four to a token.
      usage: { prompt_tokens: 10, completion_tokens: PIECES, total_tokens: 19 },
    });
  });

  test("reads the last user message, also when its content is a list of parts", async () => {
    const messages = [
      { role: "user", content: "And now?" },
      { role: "assistant", content: "Ask." },
      { role: "user", content: [{ type: "text", text: KNOWN }] },
      { role: "assistant", content: "" },
    ];
    expect(await run(DEMO_MODEL, { messages })).toMatchObject({ response: ANSWER });
  });

  test("streams pieces, then the usage, then [DONE]", async () => {
    const received = await events(await chat(KNOWN, { stream: true }));
    expect(received.at(-1)).toBe("data: [DONE]");
    const parsed = received
      .slice(0, -1)
      .map((event): { response: string } => JSON.parse(event.slice("data: ".length)));
    expect(parsed.length).toBe(PIECES + 1);
    expect(parsed.map(({ response }) => response).join("")).toBe(ANSWER);
    expect(parsed.at(-1)).toMatchObject({ usage: { completion_tokens: PIECES } });
  });

  test("stops at max_tokens, which its count of tokens then equals", async () => {
    expect(await chat(KNOWN, { max_tokens: 2 })).toEqual({
      response: "The capita",
      usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
    });
  });

  test("takes its time, scaled by the setting", async () => {
    changeDevSettings(env, { demoDelayScale: 1 });
    const startedAt = Date.now();
    await chat(KNOWN);
    // 1 % of first tokens come before 125 ms (500 / 4); eight more pieces take 7 x 15 ms at the median.
    expect(Date.now() - startedAt).toBeGreaterThan(125);
  });

  test("refuses a request without messages", async () => {
    await expect(run(DEMO_MODEL, {})).rejects.toThrow(/5006/);
  });
});

test("a model that does not exist is refused as by the service", async () => {
  await expect(run("@cf/none", { messages: [] })).rejects.toThrow(/5007: No such model @cf\/none/);
});
