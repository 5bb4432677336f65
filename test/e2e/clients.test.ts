// The clients that people use, unchanged, against the gateway: what they ask, what they get, which errors they see.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { APICallError, embed, generateText, streamText } from "ai";
import OpenAI, {
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { type ModelServer, startModelServer } from "../../scripts/local/model-server.ts";
import { type Group, loadBundled } from "../../src/trainer-node/simulator/groups.ts";
import { cacheResult, control, LOCAL_KEY, makeTenant, post } from "../support/gateway-client.ts";
import { type PlainModel, startPlainModel } from "../support/plain-model.ts";

/** Groups with a changed number and, some of them, a rephrasing that the shipped embedder and verifier are sure of. */
const GROUPS = {
  openai: [
    "share-gain-40-shares",
    "free-shipping-threshold-50",
    "honey-baby-6-months",
    "hypotenuse-6-8",
    "fuel-for-600-km",
  ],
  "ai-sdk": [
    "event-14-july-1789",
    "subscription-cancel-notice",
    "circle-radius-5-area",
    "two-dice-sum-seven",
    "hectares-3-to-square-metres",
  ],
  langchain: [
    "translation-price-per-word",
    "hedge-plants-spacing",
    "six-workers-ten-days",
    "temperature-at-2000-m",
    "return-30-days-day-25",
  ],
} as const;

const LIMITED = {
  kind: "status",
  status: 429,
  type: "rate_limit_error",
  code: "rate_limit_exceeded",
} as const;

const groups = new Map(loadBundled().map((group) => [group.id, group]));

let gateway: Gateway;
let known: ModelServer;
let slow: PlainModel;
/** What the gateway said about each request a client made, in order. */
let seen: { readonly status: number; readonly cache: string; readonly decision: string }[] = [];

beforeAll(async () => {
  known = await startModelServer({
    delays: null,
    script: ({ model, earlierCalls }) => {
      const failure = { kind: "status", type: "server_error", code: null } as const;
      if (model === "limited") return { ...LIMITED, retryAfterSeconds: 21 };
      if (model === "flaky" && earlierCalls === 0) return LIMITED;
      if (model === "failing") return { ...failure, status: 500 };
      return undefined;
    },
  });
  slow = await startPlainModel({ chunkMs: 50, words: () => 100 });
  const upstream = (name: string, baseUrl: string) => ({
    name,
    kind: "openai",
    baseUrl,
    models: [{ id: name }],
  });
  gateway = await startGateway({
    quiet: true,
    vars: {
      DEMO_DELAY_SCALE: "0.01",
      // A network draws lots; what the clients see must not depend on it.
      BASELINE: "greedy",
      VELO: JSON.stringify({
        epsilon: 0,
        upstreams: [
          { name: "demo", kind: "workers-ai", models: [{ id: "velo-demo" }] },
          ...["limited", "flaky", "failing"].map((name) => upstream(name, known.url)),
          upstream("slow", slow.url),
        ],
      }),
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await known.stop();
  await slow.stop();
});
beforeEach(() => {
  seen = [];
});

const baseURL = () => `${gateway.url}/v1`;
const watchingFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  seen.push({
    status: response.status,
    cache: cacheResult({ headers: Object.fromEntries(response.headers) }),
    decision: response.headers.get("x-velo-decision") ?? "",
  });
  return response;
};

const openai = (options: { apiKey?: string; maxRetries?: number } = {}) =>
  new OpenAI({
    baseURL: baseURL(),
    apiKey: LOCAL_KEY,
    maxRetries: 0,
    fetch: watchingFetch,
    ...options,
  });
const aiSdk = (apiKey = LOCAL_KEY) =>
  createOpenAICompatible({
    name: "velo",
    baseURL: baseURL(),
    apiKey,
    fetch: watchingFetch,
    includeUsage: true,
  });
const langchain = (model: string, apiKey = LOCAL_KEY) =>
  new ChatOpenAI({
    model,
    apiKey,
    maxRetries: 0,
    configuration: { baseURL: baseURL(), fetch: watchingFetch },
  });

type Ask = (question: string, stream: boolean) => Promise<string>;

const CLIENTS: Readonly<Record<keyof typeof GROUPS, Ask>> = {
  async openai(question, stream) {
    const body = { model: "velo-demo", messages: [{ role: "user" as const, content: question }] };
    if (!stream) {
      const reply = await openai().chat.completions.create(body);
      return reply.choices[0]?.message.content ?? "";
    }
    let text = "";
    for await (const chunk of await openai().chat.completions.create({ ...body, stream: true }))
      text += chunk.choices[0]?.delta.content ?? "";
    return text;
  },
  async "ai-sdk"(prompt, stream) {
    const model = aiSdk()("velo-demo");
    if (!stream) return (await generateText({ model, prompt, maxRetries: 0 })).text;
    let text = "";
    for await (const piece of streamText({ model, prompt, maxRetries: 0 }).textStream)
      text += piece;
    return text;
  },
  async langchain(question, stream) {
    const model = langchain("velo-demo");
    if (!stream) return (await model.invoke(question)).text;
    let text = "";
    for await (const chunk of await model.stream(question)) text += chunk.text;
    return text;
  },
};

const family = (id: string) => {
  const base = groups.get(id);
  if (base === undefined) throw new Error(`the workload has no group ${id}`);
  const changed = [...groups.values()].filter(
    (group) => group.family === base.family && group.relation === "changed",
  );
  return { base, changed };
};
const english = (group: Group) => ({
  questions: group.questions.get("en") ?? [],
  answer: group.answers.get("en") ?? "",
});

describe.each(Object.keys(GROUPS) as (keyof typeof GROUPS)[])("%s", (client) => {
  const ask = CLIENTS[client];
  /** Text and result of one request. */
  const asked = async (question: string, stream: boolean) => {
    const text = await ask(question, stream);
    return { text, cache: seen.at(-1)?.cache };
  };

  test("a miss, then exact hits with the same text, streamed and whole", async () => {
    for (const [index, id] of GROUPS[client].entries()) {
      const { questions, answer } = english(family(id).base);
      const question = questions[0]!;
      const firstStreams = index % 2 === 0;
      expect(await asked(question, firstStreams)).toEqual({ text: answer, cache: "MISS" });
      expect(await asked(question, !firstStreams)).toEqual({ text: answer, cache: "HIT-EXACT" });
      expect(await asked(question, firstStreams)).toEqual({ text: answer, cache: "HIT-EXACT" });
    }
  });

  test("rephrasings are served from the cache with the right answer, changed numbers never", async () => {
    let semantic = 0;
    for (const id of GROUPS[client]) {
      const { base, changed } = family(id);
      const { questions, answer } = english(base);
      const reply = await asked(questions[1]!, semantic % 2 === 0);
      expect(reply.text).toBe(answer);
      if (reply.cache === "HIT-SEMANTIC") semantic++;
      for (const near of changed.map(english)) {
        const question = near.questions[0];
        if (question === undefined) continue;
        expect(await asked(question, false)).toEqual({ text: near.answer, cache: "MISS" });
      }
    }
    console.log(`${client}: ${semantic} of ${GROUPS[client].length} rephrasings from the cache`);
    expect(semantic).toBeGreaterThan(0);
  });
});

describe("errors as the clients see them", () => {
  const body = (model: string) => ({
    model,
    messages: [{ role: "user" as const, content: `Anything for ${model}?` }],
  });
  const failure = async (call: PromiseLike<unknown>): Promise<unknown> => {
    try {
      await call;
    } catch (error) {
      return error;
    }
    throw new Error("the call succeeded");
  };

  test("a wrong key is 401 in the error class of each client", async () => {
    const wrong = openai({ apiKey: "sk-wrong" }).chat.completions.create(body("velo-demo"));
    expect(await failure(wrong)).toBeInstanceOf(AuthenticationError);
    const error = await failure(
      generateText({ model: aiSdk("sk-wrong")("velo-demo"), prompt: "?", maxRetries: 0 }),
    );
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 401, isRetryable: false });
    const other = await failure(langchain("velo-demo", "sk-wrong").invoke("?"));
    expect(other).toMatchObject({ status: 401 });
  });

  test("an unknown model is 404 with its code", async () => {
    const error = await failure(openai().chat.completions.create(body("no-such-model")));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
  });

  test("a malformed body is 400 with the field that is wrong", async () => {
    const error = await failure(
      // @ts-expect-error -- a role that does not exist
      openai().chat.completions.create({ model: "velo-demo", messages: [{ role: "pirate" }] }),
    );
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ type: "invalid_request_error", param: "messages[0].role" });
    const reply = await post(`${baseURL()}/chat/completions`, { body: { model: "velo-demo" } });
    expect([reply.status, JSON.parse(reply.bytes.toString())]).toMatchObject([
      400,
      { error: { param: "messages" } },
    ]);
  });

  test("the model's own 429 passes through with its body and retry-after", async () => {
    const error = await failure(openai().chat.completions.create(body("limited")));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ code: "rate_limit_exceeded" });
    expect((error as RateLimitError).headers?.get("retry-after")).toBe("21");
    const direct = await post(`${known.url}/chat/completions`, { body: body("limited") });
    const through = await post(`${baseURL()}/chat/completions`, { body: body("limited") });
    expect([through.status, through.bytes.toString()]).toEqual([429, direct.bytes.toString()]);
  });

  test("the model's own 500 passes through, after retries, and is never an answer", async () => {
    const direct = await post(`${known.url}/chat/completions`, { body: body("failing") });
    const through = await post(`${baseURL()}/chat/completions`, { body: body("failing") });
    expect([through.status, through.bytes.toString()]).toEqual([500, direct.bytes.toString()]);
    const error = await failure(
      generateText({ model: aiSdk()("failing"), prompt: "Anything?", maxRetries: 0 }),
    );
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ isRetryable: true });
  });

  test("a client's own retry reaches the model again", async () => {
    const reply = await openai({ maxRetries: 2 }).chat.completions.create(body("flaky"));
    expect(reply.choices[0]?.finish_reason).toBe("stop");
    expect(seen.map(({ status }) => status)).toEqual([429, 200]);
    seen = [];
    const text = await generateText({ model: aiSdk()("flaky"), prompt: "And by another client?" });
    expect(text.finishReason).toBe("stop");
    expect(seen.map(({ status }) => status)).toEqual([429, 200]);
  });
});

describe("what else clients rely on", () => {
  const question = "How many bits does one byte consist of?";
  const ask = {
    model: "velo-demo",
    messages: [{ role: "user" as const, content: question }],
  };

  test("embeddings in base64, which the openai client asks for by itself, equal those in floats", async () => {
    const model = "velo/subword-768";
    const input = ["How far is the moon?", "Wie weit ist der Mond?"];
    const encoded = await openai().embeddings.create({ model, input });
    const floats = await openai().embeddings.create({ model, input, encoding_format: "float" });
    expect(encoded.data.map(({ embedding }) => embedding)).toEqual(
      floats.data.map(({ embedding }) => embedding),
    );
    expect(floats.data[0]?.embedding).toHaveLength(768);
    expect(Math.hypot(...floats.data[0]!.embedding)).toBeCloseTo(1, 5);
    expect(encoded.usage.prompt_tokens).toBeGreaterThan(0);

    const one = await embed({ model: aiSdk().embeddingModel(model), value: input[0]! });
    expect(one.embedding).toEqual(floats.data[0]?.embedding);
    const embeddings = new OpenAIEmbeddings({
      model,
      apiKey: LOCAL_KEY,
      configuration: { baseURL: baseURL() },
    });
    expect(await embeddings.embedQuery(input[1]!)).toEqual(floats.data[1]?.embedding);
  });

  test("the list of models, and one of them", async () => {
    const list = await openai().models.list();
    const ids = list.data.map(({ id }) => id);
    expect(ids).toEqual(
      expect.arrayContaining(["velo-demo", "limited", "slow", "velo/subword-768"]),
    );
    expect(await openai().models.retrieve("velo-demo")).toMatchObject({
      id: "velo-demo",
      object: "model",
    });
    // Ids hold slashes.
    expect((await openai().models.retrieve("velo/subword-768")).owned_by).toBe("velo");
    await expect(openai().models.retrieve("nothing")).rejects.toThrow(NotFoundError);
  });

  test("usage at the end of a stream when it is asked for, for a miss and for a hit", async () => {
    for (const cache of ["MISS", "HIT-EXACT"]) {
      const stream = await openai().chat.completions.create({
        ...ask,
        stream: true,
        stream_options: { include_usage: true },
      });
      const usages: unknown[] = [];
      for await (const chunk of stream) if (chunk.usage) usages.push([chunk.choices, chunk.usage]);
      expect(seen.at(-1)?.cache).toBe(cache);
      expect(usages).toEqual([[[], expect.objectContaining({ total_tokens: expect.any(Number) })]]);
    }
    const { usage } = await generateText({ model: aiSdk()("velo-demo"), prompt: "What is new?" });
    expect(usage.outputTokens).toBeGreaterThan(0);
  });

  test("feedback on a decision is accepted, and a stranger's key or id is not", async () => {
    await openai().chat.completions.create(ask);
    const decision = seen.at(-1)!.decision;
    const say = (body: object, key = LOCAL_KEY) => post(`${baseURL()}/feedback`, { body, key });
    expect((await say({ decision_id: decision, score: 1 })).status).toBe(202);
    expect((await say({ decision_id: decision, label: "wrong", comment: "no" })).status).toBe(202);
    const judged = { decision_id: decision, score: 1 };
    expect((await say({ ...judged, sampling_probability: 0.05 })).status).toBe(202);
    expect((await say({ ...judged, sampling_probability: 0 })).status).toBe(400);
    expect((await say({ ...judged, sampling_probability: 1.01 })).status).toBe(400);
    // A user's key has no say about answers that nobody judged.
    const { key: users } = await makeTenant(gateway, {});
    expect((await say({ ...judged, sampling_probability: 0.05 }, users)).status).toBe(403);
    expect((await say({ decision_id: "d1", score: 1 })).status).toBe(400);
    expect((await say({ decision_id: decision, score: 1 }, "sk-wrong")).status).toBe(401);
    await expect
      .poll(
        () =>
          control<{ body: { kind: string } }>(gateway, `/admin/decisions/${decision}`).then(
            ({ body }) => body.kind,
            () => "unknown yet",
          ),
        { timeout: 5_000 },
      )
      .toBe("HIT-EXACT");
  });

  test("a client that aborts its stream stops the model", async () => {
    const stream = await openai().chat.completions.create({
      model: "slow",
      messages: [{ role: "user", content: "A long story, please." }],
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (text !== "") stream.controller.abort();
    }
    expect(text).not.toBe("");
    const [call] = slow.callsFor("A long story, please.");
    await expect.poll(() => call?.abandonedAt, { timeout: 2_000 }).toBeDefined();
    expect(call?.complete).toBe(false);
  });
});
