import { describe, expect, test } from "vitest";
import { AnswerCollector } from "../../../../src/worker/openai/answer.ts";
import { type ModelBinding, workersAiFetch } from "../../../../src/worker/upstream/workers-ai.ts";

const encoder = new TextEncoder();
const MODEL = "@cf/meta/llama-3.1-8b-instruct";

/** Calls a binding that gives `output`, and keeps what the binding was asked. */
function setUp(output: unknown) {
  const asked: { model: string; inputs: Record<string, unknown> }[] = [];
  const binding: ModelBinding = {
    async run(model, inputs) {
      asked.push({ model, inputs });
      if (output instanceof Error) throw output;
      return output;
    },
  };
  const fetch = workersAiFetch(binding, {
    now: () => 1_700_000_000_000,
    newId: () => "chatcmpl-1",
  });
  const call = (body: Record<string, unknown>, signal = new AbortController().signal) =>
    fetch("https://workers-ai/chat/completions", {
      method: "POST",
      headers: new Headers(),
      body: encoder.encode(
        JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "Hi" }], ...body }),
      ),
      signal,
      redirect: "manual",
    });
  return { call, asked };
}

function sse(...data: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const item of data) controller.enqueue(encoder.encode(`data: ${item}\n\n`));
      controller.close();
    },
  });
}

async function verdictOf(response: Response) {
  const collector = new AnswerCollector({
    status: response.status,
    contentType: response.headers.get("content-type"),
  });
  collector.push(await response.bytes());
  return collector.end();
}

const USAGE = { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 };
const HELLO = {
  storable: true,
  answer: {
    text: "Hello!",
    finishReason: "stop",
    model: MODEL,
    usage: { promptTokens: 4, completionTokens: 2, totalTokens: 6 },
  },
};

describe("what the model is asked", () => {
  test("has a token limit always, text as strings and no field the service does not know", async () => {
    const { call, asked } = setUp({ response: "x" });
    await call({
      messages: [
        { role: "developer", content: "d" },
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
      ],
      temperature: 0,
      user: "u",
      stream: false,
    });
    expect(asked).toEqual([
      {
        model: MODEL,
        inputs: {
          messages: [
            { role: "system", content: "d" },
            { role: "user", content: "a\nb" },
          ],
          max_tokens: 2_048,
          temperature: 0,
        },
      },
    ]);
  });

  test("keeps the caller's limit and parts that are not text", async () => {
    const { call, asked } = setUp({ response: "x" });
    const content = [{ type: "image_url", image_url: { url: "data:..." } }];
    await call({ messages: [{ role: "user", content }], max_completion_tokens: 7 });
    expect(asked[0]?.inputs).toMatchObject({ max_tokens: 7, messages: [{ content }] });
  });
});

describe("a whole answer", () => {
  test("becomes a completion", async () => {
    const response = await setUp({ response: "Hello!", usage: USAGE }).call({});
    const body: unknown = await response.clone().json();
    expect(body).toMatchObject({
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_700_000_000,
    });
    expect(body).not.toHaveProperty("velo");
    expect(await verdictOf(response)).toEqual(HELLO);
  });

  test("in OpenAI's own shape stays as it is", async () => {
    const choices = [
      { index: 0, message: { role: "assistant", content: "Hello!" }, finish_reason: "stop" },
    ];
    expect(await verdictOf(await setUp({ choices, usage: USAGE }).call({}))).toEqual(HELLO);
  });

  test("that fills its limit was cut: finish_reason length, so it is not stored", async () => {
    const response = await setUp({ response: "Hello!", usage: USAGE }).call({ max_tokens: 2 });
    expect(await verdictOf(response)).toEqual({ storable: false, reason: "finish_reason" });
  });

  test("in JSON mode is the object's text", async () => {
    const response = await setUp({ response: { a: 1 } }).call({});
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: '{"a":1}' } }] });
  });

  test("with tool calls has them in OpenAI's shape", async () => {
    const tools = { tool_calls: [{ name: "f", arguments: { x: 1 } }] };
    expect(await (await setUp(tools).call({})).json()).toMatchObject({
      choices: [
        {
          finish_reason: "tool_calls",
          message: {
            tool_calls: [{ type: "function", function: { name: "f", arguments: '{"x":1}' } }],
          },
        },
      ],
    });
  });
});

describe("a stream", () => {
  const last = JSON.stringify({ response: "", usage: USAGE });
  const parts = ['{"response":"Hel","p":"abc"}', '{"response":"lo!"}', last, "[DONE]"];

  test("becomes OpenAI's chunks with a finish reason and [DONE]", async () => {
    const response = await setUp(sse(...parts)).call({
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(await verdictOf(response)).toEqual(HELLO);
  });

  test("has no usage chunk unless it was asked for", async () => {
    const text = await (await setUp(sse(...parts)).call({ stream: true })).text();
    expect(text).not.toContain("usage");
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("of OpenAI's chunks keeps its choices and its one finish reason", async () => {
    const chunk = (delta: unknown, reason: string | null) =>
      JSON.stringify({ choices: [{ index: 0, delta, finish_reason: reason }], usage: USAGE });
    const source = sse(chunk({ content: "Hello!" }, null), chunk({}, "stop"), "[DONE]");
    const response = await setUp(source).call({
      stream: true,
      stream_options: { include_usage: true },
    });
    const text = await response.clone().text();
    expect(text.match(/"finish_reason":"stop"/g)).toHaveLength(1);
    expect(await verdictOf(response)).toEqual(HELLO);
  });

  test("that reaches the limit was cut, also where no usage is reported", async () => {
    const source = sse('{"response":"a"}', '{"response":"b"}', "[DONE]");
    const response = await setUp(source).call({ stream: true, max_tokens: 2 });
    expect(await verdictOf(response)).toEqual({ storable: false, reason: "finish_reason" });
  });

  test.each([
    ["ends without [DONE]", sse('{"response":"Hel"}')],
    ["holds what is not JSON", sse('{"response":"Hel"}', "oops", "[DONE]")],
  ])("that %s breaks, so that nobody takes it for whole", async (_name, source) => {
    const response = await setUp(source).call({ stream: true });
    await expect(response.text()).rejects.toThrow(/broke off|JSON/);
  });

  test("is cancelled at its source when the client leaves, by cancel or by signal", async () => {
    const source = () => {
      const seen = { cancelled: false };
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.enqueue(encoder.encode('data: {"response":"x"}\n\n'));
        },
        cancel() {
          seen.cancelled = true;
        },
      });
      return { stream, seen };
    };
    const first = source();
    await (await setUp(first.stream).call({ stream: true })).body?.cancel();
    expect(first.seen.cancelled).toBe(true);

    const second = source();
    const controller = new AbortController();
    await setUp(second.stream).call({ stream: true }, controller.signal);
    controller.abort();
    expect(second.seen.cancelled).toBe(true);
  });
});

describe("the service's errors are an upstream's errors, without their text", () => {
  test.each([
    ["5007: No such model @cf/x or task", 404, "model_not_found"],
    ["AiError: 5004: Invalid data type for base64 input", 400, "invalid_request"],
    ["3040: Capacity temporarily exceeded, please try again.", 429, "rate_limit_exceeded"],
    ["3036: you have used up your daily free allocation", 402, "insufficient_quota"],
    ["3007: Request timeout", 504, "upstream_timeout"],
    ["AiError: 9999: account 12345 secret", 502, "upstream_error"],
    ["network lost", 502, "upstream_error"],
  ])("%s", async (message, status, code) => {
    const response = await setUp(new Error(message)).call({});
    expect(response.status).toBe(status);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ error: { code } });
    expect(text).not.toMatch(/12345|base64|@cf/);
  });

  test("an empty answer is one too", async () => {
    expect((await setUp({ response: "" }).call({})).status).toBe(502);
    expect((await setUp(undefined).call({})).status).toBe(502);
  });
});
