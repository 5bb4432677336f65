import OpenAI from "openai";
import { afterEach, describe, expect, test } from "vitest";
import {
  conversationKey,
  type ModelCall,
  type ModelServer,
  type ModelServerOptions,
  startModelServer,
} from "../../scripts/local/model-server.ts";

const ANSWERS = new Map([
  ["What is 2 + 2?", { text: "2 + 2 is 4, für alle 東京.", group: "sum" }],
  ["Name a river.", { text: "The Rhine.", group: "river" }],
  [conversationKey(["Name a river.", "And its source?"]), { text: "Lake Toma.", group: "source" }],
]);

let server: ModelServer;
afterEach(() => server.stop());

async function start(options: ModelServerOptions = {}): Promise<OpenAI> {
  server = await startModelServer({ answers: ANSWERS, delays: null, ...options });
  return new OpenAI({ baseURL: server.url, apiKey: "unused", maxRetries: 0 });
}

const ask = (content: string, model = "m") => ({
  model,
  messages: [{ role: "user" as const, content }],
});

describe("the local model server", () => {
  test("gives the workload's answer, whole or streamed, and knows whose it is", async () => {
    const client = await start();
    const whole = await client.chat.completions.create(ask("What is 2 + 2?"));
    const text = whole.choices[0]?.message.content ?? "";
    expect(text).toBe("2 + 2 is 4, für alle 東京.");
    expect(server.answerWith(text)?.group).toBe("sum");

    const stream = await client.chat.completions.create({
      ...ask("What is 2 + 2?"),
      stream: true,
      stream_options: { include_usage: true },
    });
    let streamed = "";
    let finish: string | null = null;
    let tokens = 0;
    for await (const chunk of stream) {
      streamed += chunk.choices[0]?.delta.content ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    expect(streamed).toBe(text);
    expect(finish).toBe("stop");
    expect(tokens).toBe(whole.usage?.completion_tokens);
    expect(server.callsFor("What is 2 + 2?")).toBe(2);
  });

  test("tells an unknown question from a known one, and a follow-up by the turns before it", async () => {
    const client = await start();
    const unknown = await client.chat.completions.create(ask("Why?"));
    expect(server.answerWith(unknown.choices[0]?.message.content ?? "")).toBeUndefined();
    const followUp = await client.chat.completions.create({
      model: "m",
      messages: [
        { role: "user", content: "Name a river." },
        { role: "assistant", content: "The Rhine." },
        { role: "user", content: "And its source?" },
      ],
    });
    expect(followUp.choices[0]?.message.content).toBe("Lake Toma.");
    expect(server.stats()).toMatchObject({ requests: 2, unknownQuestions: 1, concurrent: 0 });
  });

  test("finds the question inside a gateway's notes", async () => {
    const client = await start();
    const reply = await client.chat.completions.create(
      ask("Notes: rivers flow to the sea.\n\nQuestion: Name a river."),
    );
    expect(reply.choices[0]?.message.content).toBe("The Rhine.");
  });

  test("stops at max_tokens with finish_reason length", async () => {
    const client = await start();
    const reply = await client.chat.completions.create({ ...ask("Name a river."), max_tokens: 1 });
    expect(reply.choices[0]?.finish_reason).toBe("length");
    expect(reply.choices[0]?.message.content).toBe("The");
    expect(reply.usage?.completion_tokens).toBe(1);
  });

  test("fails as the model name orders", async () => {
    await start();
    const post = (model: string) =>
      fetch(`${server.url}/chat/completions`, {
        method: "POST",
        body: JSON.stringify(ask("Name a river.", model)),
      });
    const limited = await post("status-429-retry-7");
    expect(limited.status).toBe(429);
    expect(limited.headers.get("retry-after")).toBe("7");
    expect(await limited.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    expect((await post("status-503")).status).toBe(503);
    expect(server.stats()).toMatchObject({ failures: 2, completionTokens: 0 });
  });

  test("hangs until the caller hangs up, and counts that", async () => {
    const calls: ModelCall[] = [];
    const client = await start({ onCall: (call) => calls.push(call) });
    await expect(
      client.chat.completions.create(ask("Name a river.", "hang"), { timeout: 50 }),
    ).rejects.toThrow(/timed out/i);
    await expect.poll(() => calls.length).toBe(1);
    expect(calls[0]).toMatchObject({ aborted: true, completionTokens: 0 });
    expect(server.stats().aborted).toBe(1);
  });

  test("waits for the sampled delay divided by the scale", async () => {
    const calls: ModelCall[] = [];
    const client = await start({
      // Sigma 0 (p50 = p99) makes the delay certain: 5 s + tokens * 1 s, a hundredth of it waited for.
      delays: {
        firstTokenP50Seconds: 5,
        firstTokenP99Seconds: 5,
        perTokenP50Seconds: 1,
        perTokenSigma: 0,
      },
      scale: 100,
      seed: 7,
      onCall: (call) => calls.push(call),
    });
    const begin = performance.now();
    const reply = await client.chat.completions.create(ask("Name a river."));
    const elapsed = performance.now() - begin;
    const tokens = reply.usage?.completion_tokens ?? 0;
    expect(tokens).toBe(3); // "The", " Rhine", "."
    await expect.poll(() => calls.length).toBe(1);
    expect(calls[0]?.delay.total).toBeCloseTo(8, 9);
    expect(elapsed).toBeGreaterThanOrEqual(79);
  });

  test("refuses answers that two groups share, since a served answer must tell its group", async () => {
    await start();
    const shared = new Map([
      ["a?", { text: "Yes.", group: "a" }],
      ["b?", { text: "Yes.", group: "b" }],
    ]);
    await expect(startModelServer({ answers: shared })).rejects.toThrow(/groups a and b share/);
  });

  test("lists its models and answers unknown routes in the OpenAI envelope", async () => {
    const client = await start();
    const models = await client.models.list();
    expect(models.data.map((model) => model.id)).toContain("velo-local");
    const missing = await fetch(`${server.url}/nothing`);
    expect(missing.status).toBe(404);
    expect(await missing.json()).toHaveProperty("error.message");
  });
});
