import { expect, test } from "vitest";
import { serviceTimes } from "../../../../src/worker/upstream/service-time.ts";

const auto = { slots: 4, firstTokenSeconds: 0.5, secondsPerToken: 0.01 };

test("where slots are known a first byte later than twice the guess has waited", () => {
  const waited = { seconds: 9, firstTokenSeconds: 8, outputTokens: 100 };
  expect(serviceTimes(waited, auto)).toEqual({
    seconds: 2,
    firstTokenSeconds: 1,
    outputTokens: 100,
  });
  const usual = { seconds: 1.6, firstTokenSeconds: 0.6, outputTokens: 100 };
  expect(serviceTimes(usual, auto)).toEqual(usual);
});

test("a server that writes three times as slowly may be as slow to begin", () => {
  // 3 s for 100 tokens
  const slow = { seconds: 11, firstTokenSeconds: 8, outputTokens: 100 };
  expect(serviceTimes(slow, auto)).toEqual({
    seconds: 6,
    firstTokenSeconds: 3,
    outputTokens: 100,
  });
});

test("an answer in one piece says nothing there, and everything elsewhere", () => {
  const whole = { seconds: 9, firstTokenSeconds: null, outputTokens: 100 };
  expect(serviceTimes(whole, auto).outputTokens).toBe(0);
  expect(serviceTimes(whole, { ...auto, slots: null })).toEqual(whole);
});

test("guesses of nothing cut nothing off", () => {
  const call = { seconds: 9, firstTokenSeconds: 8, outputTokens: 100 };
  const none = { slots: 4, firstTokenSeconds: 0, secondsPerToken: 0 };
  expect(serviceTimes(call, none)).toEqual(call);
});
