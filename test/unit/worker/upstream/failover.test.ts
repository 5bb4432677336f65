import { describe, expect, test } from "vitest";
import { CircuitBreaker } from "../../../../src/worker/upstream/breaker.ts";
import { type PlannedCall, callInOrder } from "../../../../src/worker/upstream/failover.ts";
import { RetryBudget } from "../../../../src/worker/upstream/retry.ts";
import { FakeClock } from "../fake-clock.ts";

type Reply = Response | Error | "hang";

/** Backends a, b, ... that always reply the same; `ask` is one request that is tried in this order. */
function world(replies: Readonly<Record<string, Reply>>, firstByteMs = 1_000) {
  const clock = new FakeClock();
  const calls: string[] = [];
  const failures: [number, string, boolean][] = [];
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
        onFailure: (place, why, isBlamed) => failures.push([place, why, isBlamed]),
      },
    );
  return { clock, calls, failures, budget, breakers, ask };
}

const ok = () => new Response("fine");
const status = (code: number) =>
  new Response(`error of ${code}`, { status: code, headers: { "x-ratelimit-limit": "7" } });
const textOf = (body: ReadableStream<Uint8Array> | null) => new Response(body).text();

describe("several backends for one request", () => {
  test.each([401, 403, 404, 408, 429, 500, 502, 503, 504])(
    "the next one is called once when the first answers %i",
    async (code) => {
      const { ask, calls, failures } = world({ a: status(code), b: ok() });
      const { response, place } = await ask("ab");
      expect([response.status, await textOf(response.body), place]).toEqual([200, "fine", 1]);
      expect(calls).toEqual(["a", "b"]);
      expect(failures).toEqual([[0, String(code), true]]);
    },
  );

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
    expect(slow.failures).toEqual([[0, "upstream_timeout", true]]);
    const hurried = world({ a: "hang", b: ok() });
    const failed = hurried.ask("ab", 300).catch((error: unknown) => error);
    await hurried.clock.advance(300);
    expect(await failed).toMatchObject({ status: 504 });
    // A caller in a hurry says nothing about a backend.
    expect([hurried.calls, hurried.failures]).toEqual([["a"], [[0, "upstream_timeout", false]]]);
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
