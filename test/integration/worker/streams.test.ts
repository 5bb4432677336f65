// The same stream code as in the unit tests, where it will run: workerd's own streams, segmenter and RPC.
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { DEMO_MODEL } from "../../../src/dev/demo-model.ts";
import { AnswerCollector } from "../../../src/worker/openai/answer.ts";
import { readJsonBody } from "../../../src/worker/openai/body.ts";
import { passThrough } from "../../../src/worker/openai/pass-through.ts";
import { renderStream } from "../../../src/worker/openai/replay.ts";
import { CircuitBreaker } from "../../../src/worker/upstream/breaker.ts";
import { callUpstream, type UpstreamDeps } from "../../../src/worker/upstream/call.ts";
import { waitFor } from "../../../src/worker/upstream/deadline.ts";
import { RetryBudget } from "../../../src/worker/upstream/retry.ts";
import { workersAiFetch } from "../../../src/worker/upstream/workers-ai.ts";

const deps: UpstreamDeps = {
  fetch: (url, init) => fetch(url, init),
  now: () => Date.now(),
  random: Math.random,
  wait: waitFor,
  breakerFor: () => new CircuitBreaker(),
  budgetFor: () => new RetryBudget(),
};

test("a replayed stream is read back as the same answer", async () => {
  const answer = { text: "Hé 👩‍👩‍👧! 東京 🇩🇪", finishReason: "stop", model: "m" };
  const options = { id: "chatcmpl-1", created: 1, model: "m", includeUsage: false, chunkLength: 1 };
  const collector = new AnswerCollector({ status: 200, contentType: "text/event-stream" });
  for await (const bytes of renderStream(answer, options)) collector.push(bytes);
  expect(collector.end()).toEqual({ storable: true, answer });
});

test("an endless upload is cut at the limit", async () => {
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
    },
  });
  const request = new Request("https://velo.test/", { method: "POST", body: endless });
  await expect(readJsonBody(request, waitFor)).rejects.toMatchObject({ status: 413 });
});

test.each([false, true])(
  "a model behind the AI binding answers like any upstream, stream: %s",
  async (stream) => {
    const body = { model: DEMO_MODEL, stream, messages: [{ role: "user", content: "Hello?" }] };
    const response = await callUpstream(
      {
        name: "workers-ai",
        baseUrl: "https://workers-ai",
        fetch: workersAiFetch(env.AI, { now: deps.now, newId: () => "chatcmpl-1" }),
      },
      {
        path: "/chat/completions",
        body: new Uint8Array(new TextEncoder().encode(JSON.stringify(body))),
        headers: new Headers(),
        signal: new AbortController().signal,
      },
      deps,
    );
    const contentType = response.headers.get("content-type");
    const collector = new AnswerCollector({ status: response.status, contentType });
    if (response.body === null) throw new Error("no body");
    const ends: string[] = [];
    const output = passThrough(response.body, {
      contentType,
      onChunk: (bytes) => collector.push(bytes),
      onEnd: (end) => void ends.push(end),
    });
    const text = await new Response(output).text();
    expect(ends).toEqual(["done"]);
    expect(collector.end()).toMatchObject({
      storable: true,
      answer: { model: DEMO_MODEL, finishReason: "stop" },
    });
    expect(text).toContain(stream ? "data: [DONE]" : '"object":"chat.completion"');
  },
);
