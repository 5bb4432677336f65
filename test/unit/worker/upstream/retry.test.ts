import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type FailedAttempt,
  RetryBudget,
  delayBeforeRetry,
  readRetryAfter,
} from "../../../../src/worker/upstream/retry.ts";
import { property } from "../property.ts";

const broken: FailedAttempt = { status: null, retryAfterMs: null, isFinal: false };
const always = { now: 0, random: () => 0.5 };

const delay = (
  attempt: Partial<FailedAttempt>,
  { retries = 0, remainingMs = 60_000, random = 0.5 } = {},
) =>
  delayBeforeRetry({ ...broken, ...attempt }, retries, remainingMs, new RetryBudget(), {
    now: 0,
    random: () => random,
  });

describe("what is repeated", () => {
  test.each([
    [null, 100],
    [500, 100],
    [502, 100],
    [503, 100],
    [400, null],
    [401, null],
    [404, null],
    [409, null],
    [501, null],
    [504, null],
    [429, null], // without retry-after
  ])("status %s: %s", (status, expected) => {
    expect(delay({ status })).toBe(expected);
  });

  test("at most twice", () => {
    expect(delay({}, { retries: 1 })).not.toBeNull();
    expect(delay({}, { retries: 2 })).toBeNull();
  });

  test("never when the upstream says that it is of no use", () => {
    expect(delay({ status: 503, isFinal: true })).toBeNull();
  });

  test("a limited request once, after the time the upstream asked for", () => {
    const limited = { status: 429, retryAfterMs: 1_000 };
    // 1000 + 0.5 * 200
    expect(delay(limited)).toBe(1_100);
    expect(delay(limited, { retries: 1 })).toBeNull();
    expect(delay(limited, { remainingMs: 1_000 })).toBeNull();
    expect(delay({ status: 429, retryAfterMs: 60_000 })).toBeNull();
  });
});

test("full jitter: uniform from 0 to a bound that doubles up to two seconds", () => {
  expect(delay({}, { random: 0 })).toBe(0);
  expect(delay({}, { random: 0.999 })).toBeCloseTo(199.8);
  expect(delay({}, { random: 0.999, retries: 1 })).toBeCloseTo(399.6);
});

test("a retry that would not fit the deadline is not made and takes nothing from the budget", () => {
  const budget = new RetryBudget();
  expect(delayBeforeRetry(broken, 0, 50, budget, always)).toBeNull();
  for (let i = 0; i < 3; i++) expect(budget.takeRetry(0)).toBe(true);
});

describe("the budget", () => {
  test("is 3 in a minute when there is little traffic", () => {
    const budget = new RetryBudget();
    budget.countRequest(0);
    expect([0, 1, 2, 3].map(() => budget.takeRetry(0))).toEqual([true, true, true, false]);
    expect(budget.takeRetry(59_999)).toBe(false);
    expect(budget.takeRetry(60_000)).toBe(true);
  });

  test("is a fifth of the last minute's requests when there is much", () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 100; i++) budget.countRequest(0);
    let taken = 0;
    while (budget.takeRetry(10_000)) taken++;
    expect(taken).toBe(20);
  });

  test("a busy upstream that always fails gets at most 1.2 calls per request", () =>
    property(
      "amplification",
      300,
      fc.property(
        // Requests per second, for up to five minutes; every one wants two retries.
        fc.array(fc.integer({ min: 15, max: 60 }), { minLength: 60, maxLength: 300 }),
        (load) => {
          const budget = new RetryBudget();
          let requests = 0;
          let retries = 0;
          for (const [second, count] of load.entries()) {
            for (let i = 0; i < count; i++) {
              const now = second * 1000 + (i * 1000) / count;
              budget.countRequest(now);
              requests++;
              for (let k = 0; k < 2; k++) {
                const taken = delayBeforeRetry(broken, k, 60_000, budget, { now, random: () => 0 });
                if (taken !== null) retries++;
              }
            }
          }
          // The floor of 3 can only be used before there are 15 requests.
          expect((requests + retries) / requests).toBeLessThanOrEqual(1.2 + 3 / requests);
          expect(retries).toBeGreaterThan(0);
        },
      ),
    ));

  test("bursts never take more than 20 % of requests plus 3 for each minute", () =>
    property(
      "bursts",
      1_000,
      fc.property(
        fc.array(fc.tuple(fc.nat(30_000), fc.nat(100), fc.nat(100)), { maxLength: 60 }),
        (bursts) => {
          const budget = new RetryBudget();
          let now = 0;
          let requests = 0;
          let retries = 0;
          for (const [pause, count, wanted] of bursts) {
            now += pause;
            for (let i = 0; i < count; i++) budget.countRequest(now);
            requests += count;
            for (let i = 0; i < wanted; i++) if (budget.takeRetry(now)) retries++;
          }
          expect(retries).toBeLessThanOrEqual(0.2 * requests + 3 * (now / 60_000 + 1));
        },
      ),
    ));

  test("429 answers may use half of it", () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 100; i++) budget.countRequest(0);
    const limited = { status: 429, retryAfterMs: 0, isFinal: false };
    let taken = 0;
    while (delayBeforeRetry(limited, 0, 60_000, budget, always) !== null) taken++;
    expect(taken).toBe(10);
  });
});

test.each([
  [{ "retry-after": "2" }, 2_000],
  [{ "retry-after": "0.5" }, 500],
  [{ "retry-after-ms": "250", "retry-after": "1" }, 250],
  [{ "retry-after": "Thu, 01 Jan 1970 00:00:10 GMT" }, 9_000],
  [{ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, 0],
  [{ "retry-after": "soon" }, null],
  [{}, null],
])("%j at second 1 is %s ms", (headers, expected) => {
  expect(readRetryAfter(new Headers(headers), 1_000)).toBe(expected);
});
