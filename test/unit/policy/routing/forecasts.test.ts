import { describe, expect, it } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import { type Arrival, Forecasts, lengthClass } from "../../../../src/policy/routing/forecasts.ts";
import { stored } from "./made.ts";

/** Expected: 100 tokens in 2 s, by 4 s at the latest. */
const arrival = (changes: Partial<Arrival> = {}): Arrival => ({
  backend: "a",
  expected: { class: 0, tokens: 100, seconds: 2, upperSeconds: 4 },
  outputTokens: 100,
  isCut: false,
  seconds: 2,
  ...changes,
});
const after = (...arrivals: readonly Arrival[]): Forecasts => {
  const forecasts = new Forecasts();
  for (const each of arrivals) forecasts.observe(each);
  return forecasts;
};
const times = (count: number, one: Arrival): readonly Arrival[] =>
  Array.from({ length: count }, () => one);

describe("expected lengths", () => {
  it("go from the guess over the server's mean to that of the class", () => {
    expect(new Forecasts().tokens("a", 0, 300)).toBe(300);
    // One answer of 600: server (600 + 2 x 300) / 3 = 400; its class (600 + 5 x 400) / 6.
    const one = after(arrival({ outputTokens: 600 }));
    expect(one.tokens("a", 1, 300)).toBe(400);
    expect(one.tokens("a", 0, 300)).toBeCloseTo(2_600 / 6, 9);
    expect(one.tokens("b", 0, 300)).toBe(300);
    const short = arrival({ outputTokens: 10, expected: { ...arrival().expected, class: 3 } });
    const both = after(...times(20, arrival({ outputTokens: 600 })), ...times(20, short));
    // Server (20 x 600 + 20 x 10 + 2 x 300) / 42 = 304.76; (20 x 600 + 5 x 304.76) / 25 and the same with 10.
    expect(both.tokens("a", 0, 300)).toBeCloseTo(540.95, 2);
    expect(both.tokens("a", 3, 300)).toBeCloseTo(68.95, 2);
  });

  it("learn from an answer that was cut no more than that it is not shorter", () => {
    const cut = after(arrival({ outputTokens: 500 }), arrival({ outputTokens: 10, isCut: true }));
    expect(cut.view("a")!.meanTokens).toBe(500);
    const long = after(arrival({ outputTokens: 500 }), arrival({ outputTokens: 900, isCut: true }));
    expect(long.view("a")!.meanTokens).toBe(700);
  });

  it("tell apart short and long prompts, and requests that allow a few words alone", () => {
    const of = (promptTokens: number, maxTokens: number | null) =>
      lengthClass({ promptTokens, maxTokens });
    expect([of(10, null), of(128, null), of(1_024, null)]).toEqual([0, 2, 4]);
    expect([of(10, 127), of(10, 128), of(5_000, 1)]).toEqual([1, 0, 5]);
  });
});

describe("expected times", () => {
  it("are promised by nearly the worst of the last forty calls, once there are nine", () => {
    const slow = (ratio: number) => arrival({ seconds: 2 * ratio });
    const eight = times(8, slow(1));
    expect(after(...eight).upperFactor("a")).toBeNull();
    // Each kept promise takes 0.02 x 0.03 from the level of 0.97, and the second worst of nine is 8/10: e^(0.9646 - 0.8) on top.
    const nine = after(...eight, slow(1.5));
    expect(nine.upperFactor("a")).toBeCloseTo(Math.exp(0.1646), 3);
    expect(after(...times(7, slow(1)), slow(1.5), slow(1.5)).upperFactor("a")).toBeCloseTo(
      1.5 * Math.exp(0.1646),
      1,
    );
    // The second worst of forty: ceil(41 x 0.945)
    expect(after(slow(1.5), slow(1.2), ...times(38, slow(1))).upperFactor("a")).toBeCloseTo(1.2, 2);
    expect(after(...times(60, slow(0.5))).upperFactor("a")).toBeCloseTo(0.5, 2);
  });

  it("promise more than the worst of late where promises keep being broken", () => {
    const factor = (broken: number) =>
      after(...times(broken, arrival({ seconds: 5 }))).upperFactor("a")!;
    // The level rises by 0.02 x 0.97 each time.
    expect(factor(9)).toBeCloseTo(2.5 * Math.exp(0.97 + 9 * 0.0194 - 0.8), 1);
    expect(factor(40)).toBeGreaterThan(1.3 * factor(9));
    // And are not for ever afraid: e^(2 - 39/41) at most.
    expect(factor(500)).toBeCloseTo(2.5 * Math.exp(2 - 39 / 41), 1);
  });

  it("are not moved by one call among many that took very long, and by several to four times the usual at most", () => {
    const calls = (long: number) =>
      after(...times(39 - long, arrival()), ...times(long, arrival({ seconds: 200 })));
    expect(calls(1).upperFactor("a")).toBeLessThan(1.1);
    for (const long of [2, 10, 19]) expect(calls(long).upperFactor("a")).toBeCloseTo(4, 9);
    // Where that is the usual, so it is.
    expect(calls(30).upperFactor("a")).toBeGreaterThan(50);
  });

  const seed = 7;
  it(`are kept by 97 calls of 100, also after the server has become slower (seed ${seed})`, () => {
    const random = new Random(seed);
    const forecasts = new Forecasts();
    let kept = 0;
    for (let i = 0; i < 3_000; i++) {
      const usual = i < 1_500 ? 2 : 7;
      const upperSeconds = 2 * (forecasts.upperFactor("a") ?? 1);
      const seconds = usual * Math.exp(0.5 * random.normal());
      if (seconds <= upperSeconds) kept++;
      const expected = { class: 0, tokens: 100, seconds: 2, upperSeconds };
      forecasts.observe(arrival({ expected, seconds }));
    }
    expect(Math.abs(kept / 3_000 - 0.97)).toBeLessThan(0.01);
    const { inTime, secondsInside, seconds, expectedSeconds } = forecasts.view("a")!;
    expect(Math.abs(inTime! - 0.97)).toBeLessThan(0.05);
    for (const [l, level] of [0.5, 0.8, 0.9].entries())
      expect(Math.abs(secondsInside![l]! - level)).toBeLessThan(0.12);
    // 7 e^(0.5^2 / 2) = 7.9
    expect(seconds).toBeGreaterThan(6.5);
    expect(expectedSeconds).toBeCloseTo(2, 9);
  });

  it("take no number that no call can have", () => {
    const forecasts = new Forecasts();
    for (const bad of [NaN, Infinity, -1]) {
      forecasts.observe(arrival({ seconds: bad }));
      forecasts.observe(arrival({ outputTokens: bad }));
      forecasts.observe(arrival({ expected: { ...arrival().expected, seconds: bad } }));
      forecasts.observe(arrival({ expected: { ...arrival().expected, upperSeconds: bad } }));
    }
    forecasts.observe(arrival({ expected: { ...arrival().expected, seconds: 0 } }));
    expect(forecasts.view("a")).toBeNull();
    const odd = after(arrival({ seconds: 0, outputTokens: 0 }));
    expect(Number.isFinite(odd.tokens("a", 0, 300))).toBe(true);
    expect(odd.tokens("a", 77, 300)).toBe(200);
  });
});

describe("forecasts", () => {
  it("are the same from storage but for rounding, and keep what they have when it is not theirs", () => {
    const forecasts = after(...times(12, arrival({ seconds: 3, outputTokens: 123 })));
    const restored = new Forecasts();
    expect(restored.restore(stored(forecasts.snapshot()))).toBe(true);
    expect(restored.upperFactor("a")).toBeCloseTo(forecasts.upperFactor("a")!, 3);
    expect(restored.tokens("a", 0, 300)).toBeCloseTo(forecasts.tokens("a", 0, 300), 6);
    expect(restored.view("a")!.calls).toBe(12);
    for (const state of [null, 3, [["a", {}]], [["a", null]], [["a"]]])
      expect(restored.restore(state)).toBe(false);
    expect(restored.upperFactor("a")).toBeCloseTo(forecasts.upperFactor("a")!, 3);
  });

  it("are bounded: the server unheard of for longest is forgotten, and each takes less than 1.2 kB", () => {
    const forecasts = new Forecasts({ maxServers: 2 });
    for (const backend of ["a", "b", "a", "c"]) forecasts.observe(arrival({ backend }));
    expect(forecasts.view("b")).toBeNull();
    expect(forecasts.view("a")).not.toBeNull();
    const random = new Random(1);
    for (let i = 0; i < 500; i++) {
      const outputTokens = Math.round(1_000 * random.uniform());
      const expected = { ...arrival().expected, class: i % 6 };
      forecasts.observe(arrival({ expected, outputTokens, seconds: 20 * random.uniform() }));
    }
    const [[, track]] = (forecasts.snapshot() as [string, unknown][]).filter(
      ([id]) => id === "a",
    ) as [[string, unknown]];
    expect(JSON.stringify(track).length).toBeLessThan(1_200);
  });
});
