import { describe, expect, test } from "vitest";
import { embedderProfile } from "../../../../src/policy/embedders.ts";
import {
  type Answered,
  figuresOf,
  streamDifference,
} from "../../../../src/trainer-node/evaluation/answered.ts";
import { compareStream } from "../../../../src/trainer-node/evaluation/compare-stream.ts";
import { netSaving } from "../../../../src/trainer-node/evaluation/net-saving.ts";
import { playPlain, plainStream } from "../../../../src/trainer-node/evaluation/plain-cache.ts";
import {
  bestFeasible,
  guardedRule,
  guardMemory,
  perEntryRule,
  thresholdRule,
} from "../../../../src/trainer-node/evaluation/plain-rules.ts";
import {
  type RequestKind,
  type WorkloadRequest,
} from "../../../../src/trainer-node/simulator/request.ts";
import { workloadSource } from "../../../../src/trainer-node/simulator/source.ts";

const embedder = embedderProfile("velo/hash-ngram-768");

/** A unit vector [768] at this angle in the first two dimensions. */
const vector = (angle: number): Float32Array => {
  const made = new Float32Array(768);
  made[0] = Math.cos(angle);
  made[1] = Math.sin(angle);
  return made;
};

type Asked = readonly [question: string, group: string, kind: RequestKind, lang?: string];

/** One request every 100 s in one region, so that every model call has ended before the next request. */
const worldOf = (asked: readonly Asked[], angleOf: (question: string) => number) => {
  const requests = asked.map(([question, group, kind, lang = "en"], i): WorkloadRequest => ({
    t: 100 * i,
    id: `r${i}`,
    group,
    question,
    lang,
    kind,
    region: "us",
  }));
  const source = workloadSource({
    requests,
    groups: [],
    embedder,
    embed: (text) => vector(angleOf(text)),
  });
  return { requests, source };
};

const ANGLES: Readonly<Record<string, number>> = {
  "How tall is the Eiffel Tower?": 0,
  "How tall is the Eiffel Tower, please?": 0.3,
  "How tall is the Brooklyn Tower?": 0.2,
  "Wie hoch ist der Eiffelturm?": 0.1,
};
const TOWERS: readonly Asked[] = [
  ["How tall is the Eiffel Tower?", "eiffel", "new"],
  ["How tall is the Brooklyn Tower?", "brooklyn", "changed"],
  ["How tall is the Eiffel Tower?", "eiffel", "repeat"],
  ["How tall is the Eiffel Tower, please?", "eiffel", "rephrase"],
  ["Wie hoch ist der Eiffelturm?", "eiffel", "translation", "de"],
];
const towers = () => worldOf(TOWERS, (text) => ANGLES[text]!);
const plain = () => {
  const { requests, source } = towers();
  return plainStream(source, ({ index }) => requests[index]!.lang, 1);
};
const outcomes = (answered: readonly Answered[]) => answered.map(({ by, fit }) => `${by} ${fit}`);

describe("other caches", () => {
  test("a threshold serves the nearest row above it, right or wrong; repeats are exact", () => {
    // cos 0.2 = 0.98: the other tower is served to the second request, and so never stored.
    expect(outcomes(playPlain(plain(), thresholdRule(0.95)))).toEqual([
      "model right",
      "semantic wrong",
      "exact right",
      "semantic right",
      "semantic other-language",
    ]);
  });

  test("guards in front refuse the other tower and the other language, and see past the nearest row", () => {
    // Brooklyn's row (0.1 away) is nearer to the rephrasing than Eiffel's (0.3).
    expect(outcomes(playPlain(plain(), guardedRule(0.95, guardMemory())))).toEqual([
      "model right",
      "model right",
      "exact right",
      "semantic right",
      "model right",
    ]);
  });

  test("the feasible threshold keeps wrong answers per request at 1 %", () => {
    // Every threshold that serves anything but repeats serves the wrong tower: one of five requests.
    const { least } = bestFeasible(plain(), thresholdRule);
    expect(outcomes(playPlain(plain(), thresholdRule(least)))).not.toContain("semantic wrong");
    expect(outcomes(playPlain(plain(), thresholdRule(least)))).toContain("exact right");
  });

  test("per-entry thresholds serve a row only after it was right often enough", () => {
    const asked = Array.from({ length: 400 }, (_, i): Asked => [
      `Wording ${i}`,
      "one",
      i === 0 ? "new" : "rephrase",
    ]);
    // Each wording lies on its own small angle around the first one's row.
    const { requests, source } = worldOf(asked, (text) => 0.0001 * Number(text.split(" ")[1]));
    const stream = plainStream(source, ({ index }) => requests[index]!.lang, 1);
    const answered = playPlain(stream, perEntryRule(0.05));
    const hits = (some: readonly Answered[]) => some.filter(({ by }) => by === "semantic").length;
    expect(hits(answered.slice(0, 20))).toBeLessThan(hits(answered.slice(-20)));
    expect(answered.every(({ fit }) => fit === "right")).toBe(true);
  });
});

const one = (index: number, over: Partial<Answered>): Answered => ({
  index,
  kind: "repeat",
  family: `f${index}`,
  by: "model",
  fit: "right",
  tokensIn: 10,
  tokensOut: 100,
  label: null,
  asked: "rows",
  ...over,
});

describe("figures", () => {
  test("wrong hits count per request and per semantic hit, another language in neither", () => {
    const figures = figuresOf("x", [
      one(0, { by: "exact" }),
      one(1, { by: "semantic", kind: "rephrase" }),
      one(2, { by: "semantic", fit: "wrong", kind: "changed" }),
      one(3, { by: "semantic", fit: "other-language", kind: "translation" }),
      one(4, { kind: "rephrase" }),
    ]);
    expect(figures.wrongPerRequest).toMatchObject({ count: 1, of: 5, share: 0.2 });
    expect(figures.wrongPerSemanticHit).toMatchObject({ count: 1, of: 3 });
    expect(figures.shouldHits).toMatchObject({ count: 2, of: 3 });
    expect(figures.rephrasingsServed).toMatchObject({ count: 1, of: 2 });
    expect(figures.translationsServed).toMatchObject({ count: 1, of: 1 });
    expect(figures.wrongPerRequest.upper95).toBeGreaterThan(0.5);
    expect(figuresOf("none", [one(0, {})]).wrongPerSemanticHit.share).toBeNull();
  });

  test("requests of one family count as one observation", () => {
    const wrong = (family: (i: number) => string) =>
      figuresOf(
        "x",
        Array.from({ length: 100 }, (_, i) =>
          one(i, { by: "semantic", fit: i < 10 ? "wrong" : "right", family: family(i) }),
        ),
      ).wrongPerRequest.upper95!;
    expect(wrong((i) => `f${Math.floor(i / 10)}`)).toBeGreaterThan(wrong(String) + 0.05);
  });

  test("differences are paired by request", () => {
    const first = [one(0, { by: "exact" }), one(1, { by: "semantic", fit: "wrong" })];
    const other = [one(1, {}), one(0, {})];
    const { shouldHits, wrongPerRequest } = streamDifference(first, other, "other");
    expect(shouldHits.value).toBe(0.5);
    expect(wrongPerRequest.value).toBe(0.5);
    expect(() => streamDifference(first, [], "none")).toThrow(RangeError);
  });

  test("every cost is subtracted from what hits saved, their input at the cached price", () => {
    const price = { name: "p", input: 2, cachedInput: 1, output: 10 };
    const costs = { operationsUsd: () => 1e-6, embeddingUsd: () => 2e-6 };
    const saving = netSaving(
      [one(0, { by: "exact" }), one(1, { by: "semantic", label: "second-call" })],
      price,
      costs,
    );
    // A call is 10 x 2 + 100 x 10 = 1,020 millionths; a saved one 10 x 1 + 1,000 = 1,010.
    expect(saving.withoutCacheUsd).toBeCloseTo(2_040e-6, 12);
    expect(saving.savedUsd).toBeCloseTo(2_020e-6, 12);
    expect(saving.labelUsd).toBeCloseTo(1_020e-6, 12);
    // Two orders: 2 x (300 + 10 + 200) x 2 + 2 x 10 x 10 = 2,240 millionths.
    expect(saving.judgeUsd).toBeCloseTo(2_240e-6, 12);
    expect(saving.netUsd).toBeCloseTo((2_020 - 2 - 4 - 1_020 - 2_240) * 1e-6, 12);
  });
});

describe("comparison", () => {
  test("the production pipeline runs beside the others on the same requests", async () => {
    const report = await compareStream({
      measured: towers(),
      calibration: null,
      seed: 1,
      scorer: null,
      lookUpUsd: 0,
      prices: [{ name: "p", input: 1, cachedInput: 1, output: 1 }],
      costs: { operationsUsd: () => 0, embeddingUsd: () => 0 },
    });
    const by = (name: string) => report.players.find(({ figures }) => figures.name === name)!;
    expect(by("velo").figures.exactHits).toBe(1);
    expect(by("velo").figures.wrongPerRequest.count).toBe(0);
    expect(by("GPTCache defaults").figures.wrongPerRequest.count).toBe(1);
    expect(by("always the model").savings[0]!.savedUsd).toBe(0);
    expect(by("velo").halves[0].requests + by("velo").halves[1].requests).toBe(5);
    expect(report.differences.map(({ against }) => against)).not.toContain("velo");
  });
});
