// The three kinds of embedder behind one interface: what goes out, and which replies are refused.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { unpackEmbedder } from "../../../src/policy/embedding/packed-embedder.ts";
import { parseEmbedder, spaceOf } from "../../../src/worker/embedder-config.ts";
import { builtInEmbed, openAiEmbed, workersAiEmbed } from "../../../src/worker/lookup/embedder.ts";
import { waitFor } from "../../../src/worker/upstream/deadline.ts";
import { type UpstreamFetch } from "../../../src/worker/upstream/target.ts";
import { World } from "../../support/world.ts";

const DOCUMENT = {
  baseUrl: "https://embeddings.example/v1/",
  apiKeyBinding: "EMBEDDINGS_API_KEY",
  dimensions: 2,
};
const parse = (id: string | undefined, document?: unknown) =>
  parseEmbedder(id, document, "production");
const problem = (id: string, document?: unknown): string => {
  try {
    return JSON.stringify(parse(id, document));
  } catch (error) {
    return String(error);
  }
};

describe("which embedder", () => {
  test("EMBEDDER says: built in, of Workers AI, or of the server that the document describes", () => {
    expect(parse(undefined)).toEqual(parse("velo/subword-768"));
    expect(parse("velo/subword-768")).toMatchObject({ kind: "built-in", usdPerMillionTokens: 0 });
    expect(parse("@cf/baai/bge-m3")).toMatchObject({ kind: "workers-ai", dimensions: 1024 });
    expect(parse("@cf/new/model", { dimensions: 512 })).toMatchObject({ dimensions: 512 });
    expect(parse("minilm", DOCUMENT)).toEqual({
      kind: "openai",
      id: "minilm",
      model: "minilm",
      baseUrl: "https://embeddings.example/v1",
      apiKeyBinding: "EMBEDDINGS_API_KEY",
      dimensions: 2,
      sendDimensions: false,
      batch: 64,
      timeoutMs: 10_000,
      usdPerMillionTokens: null,
    });
  });

  test.each([
    ["velo/hash-ngram-768", undefined, /built-in embedder is "velo\/subword-768"/],
    ["velo/subword-768", DOCUMENT, /EMBEDDER names the built-in one/],
    ["@cf/new/model", undefined, /VELO.embedder.dimensions must say how long/],
    ["minilm", undefined, /VELO.embedder must describe its server/],
    ["minilm", { ...DOCUMENT, baseUrl: "http://10.0.0.1/v1" }, /VELO.embedder.baseUrl is not/],
    ["minilm", { ...DOCUMENT, dimensions: 2_000 }, /whole number from 2 to 1536/],
    ["minilm", { ...DOCUMENT, dimensions: 768.5 }, /whole number from 2 to 1536/],
    ["minilm", { ...DOCUMENT, key: "sk-1" }, /VELO.embedder.key is not a known setting/],
    ["minilm", { ...DOCUMENT, sendDimensions: "yes" }, /sendDimensions must be true or false/],
  ])("%s %#: what cannot work is refused with the reason", (id, document, reason) => {
    expect(problem(id, document)).toMatch(reason);
  });
});

test("another model or length under the same name is another space; another address, key or price is not", () => {
  const space = (more: object) => spaceOf(parse("ours", { ...DOCUMENT, model: "m1", ...more }));
  expect(space({})).toBe("ours/m1/2");
  expect(space({ baseUrl: "https://moved.example/v1", usdPerMillionTokens: 1 })).toBe(space({}));
  expect(space({ model: "m2" })).not.toBe(space({}));
  expect(space({ dimensions: 3 })).not.toBe(space({}));
  expect(spaceOf(parse("@cf/baai/bge-m3"))).toBe("@cf/baai/bge-m3");
});

const config = (more = {}) => {
  const parsed = parse("minilm", { ...DOCUMENT, ...more });
  if (parsed.kind !== "openai") throw new Error("not an OpenAI-compatible embedder");
  return parsed;
};
const embedding = (index: number, values: readonly unknown[]) => ({ index, embedding: values });
const answering = (...replies: readonly unknown[]) => {
  let next = 0;
  return vi.fn<UpstreamFetch>(async () => {
    const reply = replies[next++];
    return reply instanceof Response ? reply : Response.json(reply);
  });
};

describe("an OpenAI-compatible server", () => {
  test("is asked in batches, with the key, and answers in any order", async () => {
    const fetch = answering(
      { data: [embedding(1, [0, 2]), embedding(0, [3, 4])] },
      { data: [embedding(0, [-1, 0])] },
    );
    const embed = openAiEmbed(config({ batch: 2 }), { fetch, wait: waitFor, apiKey: "sk-1" });
    expect(await embed(["a", "b", "c"])).toEqual([
      Float32Array.of(0.6, 0.8),
      Float32Array.of(0, 1),
      Float32Array.of(-1, 0),
    ]);
    const [url, init] = fetch.mock.calls[0]!;
    expect(url).toBe("https://embeddings.example/v1/embeddings");
    expect(init.redirect).toBe("manual");
    expect(init.headers.get("authorization")).toBe("Bearer sk-1");
    expect(JSON.parse(new TextDecoder().decode(init.body))).toEqual({
      model: "minilm",
      input: ["a", "b"],
      encoding_format: "float",
    });
  });

  test("is told the length only where the configuration says so", async () => {
    const fetch = answering({ data: [embedding(0, [1, 0])] });
    await openAiEmbed(config({ sendDimensions: true }), { fetch, wait: waitFor })(["a"]);
    const { body, headers } = fetch.mock.calls[0]![1];
    expect(JSON.parse(new TextDecoder().decode(body))).toMatchObject({ dimensions: 2 });
    expect(headers.has("authorization")).toBe(false);
  });

  test.each([
    ["a vector too few", { data: [embedding(0, [1, 0])] }],
    ["a vector too many", { data: [0, 1, 2].map((i) => embedding(i, [1, 0])) }],
    ["two for one text", { data: [embedding(0, [1, 0]), embedding(0, [1, 0])] }],
    ["an index that is none", { data: [embedding(0, [1, 0]), embedding(2, [1, 0])] }],
    ["no index", { data: [{ embedding: [1, 0] }, { embedding: [1, 0] }] }],
    ["another length", { data: [embedding(0, [1, 0, 0]), embedding(1, [1, 0])] }],
    ["what is no number", { data: [embedding(0, ["x", 0]), embedding(1, [1, 0])] }],
    ["only zeros", { data: [embedding(0, [0, 0]), embedding(1, [1, 0])] }],
    ["null in the list", { data: [null, null] }],
    ["nothing", null],
    ["an error", Response.json({ data: [] }, { status: 500 })],
    ["a redirect", new Response(null, { status: 302, headers: { location: "https://x.example" } })],
    ["no JSON", new Response("<html>")],
  ])("that gives %s gives no vectors at all", async (_, reply) => {
    const embed = openAiEmbed(config(), { fetch: answering(reply), wait: waitFor });
    await expect(embed(["a", "b"])).rejects.toThrow("the embedder failed");
  });

  test("that never answers is given up, and the call with it", async () => {
    let signal: AbortSignal | undefined;
    const fetch: UpstreamFetch = (_, init) => {
      signal = init.signal;
      return new Promise(() => {});
    };
    const embed = openAiEmbed(config({ timeoutMs: 10 }), { fetch, wait: waitFor });
    await expect(embed(["a"])).rejects.toThrow("the embedder failed");
    expect(signal?.aborted).toBe(true);
  });
});

test("a model of Workers AI is asked in batches of 100 and must give one vector per text", async () => {
  const sizes: number[] = [];
  const run = async (_model: string, { text }: Record<string, unknown>) => {
    const texts = text as readonly string[];
    sizes.push(texts.length);
    return { data: texts.map((each) => (each === "" ? [] : [0, 5])) };
  };
  const embed = workersAiEmbed({ run }, { id: "@cf/x", dimensions: 2 });
  const vectors = await embed(Array.from({ length: 101 }, (_, i) => `text ${i}`));
  expect([vectors.length, vectors[100]]).toEqual([101, Float32Array.of(0, 1)]);
  expect(sizes).toEqual([100, 1]);
  await expect(embed(["a", ""])).rejects.toThrow("returned 0 values, expected 2");
  const silent = workersAiEmbed({ run: async () => ({}) }, { id: "@cf/x", dimensions: 2 });
  await expect(silent(["a"])).rejects.toThrow("undefined vectors for 1 texts");
});

test("the built-in one gives unit vectors in order; a text without letters has none", async () => {
  const file = join(import.meta.dirname, "../../../data/embedders/subword-768.bin");
  const embed = builtInEmbed(unpackEmbedder(readFileSync(file)));
  const [one, other] = await embed(["How many bits are in 3 bytes?", "Wie backe ich Brot?"]);
  expect(Math.hypot(...one!)).toBeCloseTo(1, 5);
  expect(await embed(["Wie backe ich Brot?"])).toEqual([other]);
  await expect(embed(["?!"])).rejects.toThrow("degenerate");
});

test("a look-up asks an embedder in place once, and one that fails there is asked again at once", async () => {
  const world = new World();
  let asked = 0;
  const ports = world.ports.bind(world);
  world.ports = (...args) => {
    const made = ports(...args);
    return {
      ...made,
      embedder: { ...made.embedder, inPlace: true },
      embed: async (texts) => {
        asked++;
        if (texts[0]!.startsWith("?")) throw new Error("the embedder returned a degenerate vector");
        return texts.map((text) => world.vectorOf(text));
      },
    };
  };
  // More than the failures in a row that open a dependency's breaker.
  for (let i = 0; i < 25; i++) expect((await world.ask("?".repeat(i + 1))).status).toBe(200);
  expect(asked).toBe(25);
  await world.ask("What is the capital of France?");
  await world.settleAll();
  expect(asked).toBe(26);
  expect(world.reported.inserts.map(({ question }) => question)).toEqual([
    "What is the capital of France?",
  ]);
  expect(world.reported.outcomes.at(-1)?.parts["embed"] ?? 0).toBe(0);
});
