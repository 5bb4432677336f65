import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Breakers, CircuitBreaker, guarded } from "../../../../src/worker/upstream/breaker.ts";
import { property } from "../property.ts";

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/** Makes the breaker see `count` failing calls at one moment; calls it refuses are not made. */
function failTimes(breaker: CircuitBreaker, count: number, now: number): void {
  for (let i = 0; i < count; i++) {
    const permit = breaker.enter(now);
    if (permit !== null) breaker.failed(permit, now);
  }
}

function probe(breaker: CircuitBreaker, now: number) {
  const permit = breaker.enter(now);
  if (permit === null) throw new Error(`no probe at ${now} ms`);
  return permit;
}

describe("five failures in a row open it for 30 seconds", () => {
  test("a success of a call that began before the last failed one does not break a row of failures", () => {
    const breaker = new CircuitBreaker();
    const early = breaker.enter(0)!;
    for (let i = 1; i <= 4; i++) breaker.failed(breaker.enter(i)!, i);
    breaker.succeeded(early, 5);
    breaker.failed(breaker.enter(6)!, 6);
    expect(breaker.state(6)).toBe("open");
    const other = new CircuitBreaker();
    for (let i = 1; i <= 4; i++) other.failed(other.enter(i)!, i);
    other.succeeded(other.enter(5)!, 5);
    other.failed(other.enter(6)!, 6);
    expect(other.state(6)).toBe("closed");
  });

  test("and not four", () => {
    const breaker = new CircuitBreaker();
    failTimes(breaker, 4, 0);
    expect(breaker.enter(0)).not.toBeNull();
    failTimes(breaker, 1, 0);
    expect(breaker.enter(0)).toBeNull();
    expect(breaker.retryInMs(0)).toBe(30_000);
    expect(breaker.enter(29_999)).toBeNull();
    expect(breaker.enter(30_000)).not.toBeNull();
  });

  test("a success in between starts the count anew", () => {
    const breaker = new CircuitBreaker();
    failTimes(breaker, 4, 0);
    breaker.succeeded(probe(breaker, 0), 0);
    failTimes(breaker, 4, 0);
    expect(breaker.enter(0)).not.toBeNull();
  });
});

describe("half-open", () => {
  const open = () => {
    const breaker = new CircuitBreaker();
    failTimes(breaker, 5, 0);
    return breaker;
  };

  test("one probe at a time; its success closes", () => {
    const breaker = open();
    const permit = probe(breaker, 30_000);
    expect(breaker.enter(30_000)).toBeNull();
    breaker.succeeded(permit, 30_100);
    expect(breaker.enter(30_100)).not.toBeNull();
    expect(breaker.enter(30_100)).not.toBeNull();
  });

  test("its failure opens for twice, three times, ... at most ten times as long", () => {
    const breaker = open();
    let now = 0;
    const pauses: number[] = [];
    for (let i = 0; i < 12; i++) {
      pauses.push(breaker.retryInMs(now));
      now += breaker.retryInMs(now);
      breaker.failed(probe(breaker, now), now);
    }
    expect(pauses.map((ms) => ms / 30_000)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]);
  });

  test("a probe that never reports lets the next one go after a second", () => {
    const breaker = open();
    probe(breaker, 30_000);
    expect(breaker.enter(30_999)).toBeNull();
    expect(breaker.enter(31_000)).not.toBeNull();
  });

  test("calls begun before it opened decide nothing", () => {
    const breaker = new CircuitBreaker();
    const old = probe(breaker, 0);
    failTimes(breaker, 5, 0);
    breaker.succeeded(old, 30_000);
    expect(breaker.enter(29_000)).toBeNull();
    const permit = probe(breaker, 30_000);
    breaker.failed(old, 30_000);
    breaker.succeeded(permit, 30_000);
    expect(breaker.enter(30_000)).not.toBeNull();
  });
});

test("health forgives: after 30 quiet seconds the next opening is a first one again", () => {
  const breaker = new CircuitBreaker();
  failTimes(breaker, 5, 0);
  breaker.succeeded(probe(breaker, 30_000), 30_000);
  failTimes(breaker, 5, 30_000);
  expect(breaker.retryInMs(30_000)).toBe(60_000);
  breaker.succeeded(probe(breaker, 90_000), 90_000);
  failTimes(breaker, 5, 150_000);
  expect(breaker.retryInMs(150_000)).toBe(30_000);
});

test("laws over any sequence of calls, outcomes and times", () => {
  let openings = 0;
  void property(
    "breaker",
    2_000,
    fc.property(
      fc.array(
        fc.tuple(fc.nat(20_000), fc.constantFrom("ok", "fail", "fail", "fail", "fail", "lost")),
        { maxLength: 200 },
      ),
      (steps) => {
        const breaker = new CircuitBreaker();
        let now = 0;
        let failures = 0;
        let openUntil = 0;
        for (const [pause, outcome] of steps) {
          now += pause;
          const permit = breaker.enter(now);
          // Never a call while open; always a call while closed.
          check(now >= openUntil || permit === null, `a call at ${now} while open`);
          check(openUntil > 0 || permit !== null, `no call at ${now} while closed`);
          if (permit === null || outcome === "lost") continue;
          if (outcome === "ok") {
            breaker.succeeded(permit, now);
            failures = 0;
            openUntil = 0;
          } else {
            breaker.failed(permit, now);
            failures++;
          }
          const pauseMs = breaker.retryInMs(now);
          if (pauseMs > 0) {
            // Only 5 failures in a row open it, or 1 while half-open, and never for longer than 300 s.
            check(openUntil > 0 || failures >= 5, `open after ${failures} failures`);
            check(pauseMs >= 30_000 && pauseMs <= 300_000, `open for ${pauseMs} ms`);
            openings++;
            openUntil = now + pauseMs;
          }
        }
      },
    ),
  );
  expect(openings).toBeGreaterThan(100);
});

describe("guarded", () => {
  const failing = async () => ({ ok: false, reason: "error", error: "x" }) as const;

  test("counts errors and timeouts, and says open without calling", async () => {
    const breaker = new CircuitBreaker({ failuresToOpen: 2 });
    let calls = 0;
    const attempt = () => {
      calls++;
      return failing();
    };
    for (let i = 0; i < 3; i++) await guarded(breaker, () => 0, attempt);
    expect(await guarded(breaker, () => 0, attempt)).toEqual({ ok: false, reason: "open" });
    expect(calls).toBe(2);
  });

  test("closes again on a success", async () => {
    const breaker = new CircuitBreaker({ failuresToOpen: 1 });
    await guarded(breaker, () => 0, failing);
    const success = async () => ({ ok: true, value: 1 }) as const;
    expect(await guarded(breaker, () => 30_000, success)).toEqual({ ok: true, value: 1 });
    expect(await guarded(breaker, () => 30_000, success)).toEqual({ ok: true, value: 1 });
  });
});

test("breakers are kept by key, and the one unused for longest is forgotten first", () => {
  const breakers = new Breakers({}, 2);
  const a = breakers.for("a");
  breakers.for("b");
  expect(breakers.for("a")).toBe(a);
  breakers.for("c"); // forgets b
  expect(breakers.for("a")).toBe(a);
  const b = breakers.for("b"); // forgets c
  expect(breakers.for("b")).toBe(b);
});
