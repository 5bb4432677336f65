import { describe, expect, test } from "vitest";
import { CircuitBreaker } from "../../../../src/worker/upstream/breaker.ts";
import {
  type CallFailure,
  type FailoverLimits,
  type PlannedCall,
  callInOrder,
} from "../../../../src/worker/upstream/failover.ts";
import { RetryBudget } from "../../../../src/worker/upstream/retry.ts";
import { FakeClock } from "../fake-clock.ts";

type Reply = Response | Error | "hang";

/** Backends a, b, ... that always reply the same; `ask` is one request that is tried in this order. */
function world(
  replies: Readonly<Record<string, Reply>>,
  firstByteMs = 1_000,
  choices: Pick<FailoverLimits, "next" | "patienceMs"> = {},
) {
  const clock = new FakeClock();
  const calls: string[] = [];
  const failures: [number, CallFailure][] = [];
  const budget = new RetryBudget(5, 0.1);
  const caller = new AbortController();
  const breakers = Object.fromEntries(Object.keys(replies).map((n) => [n, new CircuitBreaker()]));
  const plan = (order: string): PlannedCall[] =>
    order.split("").map((name) => ({
      target: { name, baseUrl: `https://${name}.example/v1`, timeouts: { firstByteMs } },
      request: {
        path: "/chat/completions",
        body: null,
        headers: new Headers(),
        signal: caller.signal,
      },
      breaker: breakers[name]!,
    }));
  const ask = (order: string, deadlineMs: number | null = null) =>
    callInOrder(
      plan(order),
      {
        now: clock.now,
        wait: clock.wait,
        random: () => 0.5,
        fetch: async (url, { signal }) => {
          const name = new URL(url).hostname[0]!;
          calls.push(name);
          const reply = replies[name]!;
          if (reply instanceof Error) throw reply;
          if (reply !== "hang") return reply.clone();
          return new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(new Error("aborted")));
          });
        },
      },
      {
        budget,
        deadlineMs,
        onBegin: () => {},
        onFailure: (place, failure) => void failures.push([place, failure]),
        ...choices,
      },
    );
  return { clock, calls, failures, budget, breakers, ask };
}

const ok = () => new Response("fine");
const status = (code: number) =>
  new Response(`error of ${code}`, { status: code, headers: { "x-ratelimit-limit": "7" } });
const textOf = (body: ReadableStream<Uint8Array> | null) => new Response(body).text();

describe("several backends for one request", () => {
  test.each([401, 402, 403, 404, 408, 500, 501, 502, 503, 504, 520, 522, 524, 529, 530])(
    "the next one is called once when the first answers %i",
    async (code) => {
      const { ask, calls, failures } = world({ a: status(code), b: ok() });
      const { response, place } = await ask("ab");
      expect([response.status, await textOf(response.body), place]).toEqual([200, "fine", 1]);
      expect(calls).toEqual(["a", "b"]);
      expect(failures).toEqual([[0, { why: String(code), isBlamed: true }]]);
    },
  );

  test("a full one is left too, with the time after which it wants to be asked again, and not blamed", async () => {
    const full = new Response("slow down", { status: 429, headers: { "retry-after": "7" } });
    const { ask, calls, failures } = world({ a: full, b: ok() });
    expect((await ask("ab")).place).toBe(1);
    expect(calls).toEqual(["a", "b"]);
    expect(failures).toEqual([
      [0, { why: "429", isBlamed: false, rateLimit: { retryAfterMs: 7_000 } }],
    ]);
  });

  test("which one is next depends on the time that is left", async () => {
    const asked: number[] = [];
    const { ask, calls } = world({ a: status(500), b: ok(), c: ok() }, 1_000, {
      next: (tried, leftMs) => {
        asked.push(leftMs);
        return tried.size === 0 ? 0 : 2;
      },
    });
    expect((await ask("abc", 800)).place).toBe(2);
    expect(calls).toEqual(["a", "c"]);
    expect(asked).toEqual([800, 800]);
  });

  test("one without a first byte is left while the next can still meet the deadline", async () => {
    const { ask, calls, failures, clock, budget } = world({ a: "hang", b: ok() }, 60_000, {
      patienceMs: (_place, _tried, leftMs) => leftMs - 300,
    });
    const answered = ask("ab", 1_000);
    await clock.advance(699);
    expect(calls).toEqual(["a"]);
    await clock.advance(1);
    expect((await answered).place).toBe(1);
    expect(calls).toEqual(["a", "b"]);
    expect(failures).toEqual([[0, { why: "slow", isBlamed: false }]]);
    // One of the five extra calls was taken, not two.
    let left = 0;
    while (budget.takeRetry(clock.now())) left++;
    expect(left).toBe(4);
  });

  test("without room in the budget it is waited for", async () => {
    const { ask, calls, clock, budget } = world({ a: "hang", b: ok() }, 60_000, {
      patienceMs: () => 100,
    });
    for (let i = 0; i < 5; i++) budget.takeRetry(clock.now());
    const failed = ask("ab", 1_000).catch((error: unknown) => error);
    await clock.advance(1_000);
    expect(await failed).toMatchObject({ status: 504 });
    expect(calls).toEqual(["a"]);
  });

  test("it is waited for where nobody else may be called, now or when it would be left", async () => {
    const blocked: (readonly number[])[] = [];
    const { ask, calls, clock, budget, breakers } = world({ a: "hang", b: ok(), c: ok() }, 60_000, {
      patienceMs: (_place, shut) => {
        blocked.push([...shut]);
        return 100;
      },
    });
    const shut = (name: string) => {
      for (let i = 0; i < 5; i++)
        breakers[name]!.failed(breakers[name]!.enter(clock.now())!, clock.now());
    };
    shut("b");
    const failed = ask("abc", 1_000).catch((error: unknown) => error);
    await clock.advance(50);
    shut("c");
    await clock.advance(950);
    expect(await failed).toMatchObject({ status: 504 });
    expect([calls, blocked]).toEqual([["a"], [[0, 1]]]);
    // None of the five extra calls was taken.
    let left = 0;
    while (budget.takeRetry(clock.now())) left++;
    expect(left).toBe(5);
  });

  test("at most three are called", async () => {
    const { ask, calls } = world({ a: status(500), b: status(500), c: status(503), d: ok() });
    expect((await ask("abcd")).response.status).toBe(503);
    expect(calls).toEqual(["a", "b", "c"]);
  });

  test.each([400, 409, 413, 422])(
    "an error of the request's own, %i, is the answer",
    async (code) => {
      const { ask, calls, failures } = world({ a: status(code), b: ok() });
      expect((await ask("ab")).response.status).toBe(code);
      expect([calls, failures]).toEqual([["a"], []]);
    },
  );

  test("a connection that fails goes on too; the last upstream's own error is passed on as it came", async () => {
    const { ask, calls } = world({ a: new Error("refused"), b: status(503) });
    const { response, place } = await ask("ab");
    expect([response.status, await textOf(response.body), place]).toEqual([503, "error of 503", 1]);
    expect(response.headers.get("x-ratelimit-limit")).toBe("7");
    expect(calls).toEqual(["a", "b"]);
  });

  test("without any response the error is velo's", async () => {
    const { ask } = world({ a: new Error("refused"), b: new Error("refused") });
    await expect(ask("ab")).rejects.toMatchObject({ status: 502, code: "upstream_error" });
  });

  test("a backend whose breaker is open costs no call; alone it says so", async () => {
    const { ask, calls, breakers, clock, budget } = world({ a: ok(), b: ok() });
    for (let i = 0; i < 5; i++)
      breakers["a"]!.failed(breakers["a"]!.enter(clock.now())!, clock.now());
    for (let i = 0; i < 5; i++) budget.takeRetry(clock.now());
    expect((await ask("ab")).place).toBe(1);
    expect(calls).toEqual(["b"]);
    await expect(ask("a")).rejects.toMatchObject({ code: "breaker_open" });
  });

  test("one that hangs is left after its own limit, and the deadline ends it all", async () => {
    const slow = world({ a: "hang", b: ok() });
    const answered = slow.ask("ab");
    await slow.clock.advance(1_000);
    expect((await answered).place).toBe(1);
    expect(slow.failures).toEqual([[0, { why: "upstream_timeout", isBlamed: true }]]);
    const hurried = world({ a: "hang", b: ok() });
    const failed = hurried.ask("ab", 300).catch((error: unknown) => error);
    await hurried.clock.advance(300);
    expect(await failed).toMatchObject({ status: 504 });
    // A caller in a hurry says nothing about a backend.
    expect(hurried.calls).toEqual(["a"]);
    expect(hurried.failures).toEqual([[0, { why: "upstream_timeout", isBlamed: false }]]);
  });

  test("beyond the budget a failure is the answer", async () => {
    const { ask, calls, budget, clock } = world({ a: status(500), b: ok() });
    for (let i = 0; i < 5; i++) budget.takeRetry(clock.now());
    expect((await ask("ab")).response.status).toBe(500);
    expect(calls).toEqual(["a"]);
  });

  test.each([
    ["one of two is down", { a: status(503), b: ok() }, 6],
    ["both are down", { a: status(503), b: status(503) }, 1_000],
  ])("%s: at most 1.2 calls per request", async (_, replies, mayFail) => {
    const { ask, calls, clock } = world(replies);
    let failed = 0;
    for (let i = 0; i < 600; i++) {
      const answered = await ask("ab").then(
        ({ response }) => response.status === 200,
        () => false,
      );
      if (!answered) failed++;
      await clock.advance(200);
    }
    console.log(`${calls.length} calls, ${failed} of 600 failed`);
    expect(calls.length).toBeLessThanOrEqual(720);
    expect(failed).toBeLessThanOrEqual(mayFail);
  });
});
