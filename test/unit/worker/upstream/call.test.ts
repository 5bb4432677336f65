import { describe, expect, test } from "vitest";
import { CircuitBreaker } from "../../../../src/worker/upstream/breaker.ts";
import {
  type UpstreamDeps,
  type UpstreamRequest,
  callFirstAvailable,
  callUpstream,
} from "../../../../src/worker/upstream/call.ts";
import { RetryBudget } from "../../../../src/worker/upstream/retry.ts";
import { type UpstreamFetch, type UpstreamTarget } from "../../../../src/worker/upstream/target.ts";
import { FakeClock } from "../fake-clock.ts";

const target: UpstreamTarget = { name: "a", baseUrl: "https://a.example/v1", apiKey: "key-a" };
const other: UpstreamTarget = { name: "b", baseUrl: "https://b.example/v1" };

type Reply = Response | Error | "hang";

/** A world of fake upstreams: each call of a host takes that host's next reply; the last one repeats. */
function world(replies: Record<string, readonly Reply[]>) {
  const clock = new FakeClock();
  const calls: { url: string; headers: Headers; redirect: string; signal: AbortSignal }[] = [];
  const counts = new Map<string, number>();
  const fetch: UpstreamFetch = async (url, { headers, redirect, signal }) => {
    calls.push({ url, headers, redirect, signal });
    const name = new URL(url).hostname.split(".")[0] ?? "";
    const list = replies[name] ?? [];
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    const reply = list[Math.min(count, list.length - 1)] ?? new Error("no reply planned");
    if (reply instanceof Error) throw reply;
    if (reply === "hang") {
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      });
    }
    return reply.clone();
  };
  const breakers = new Map<string, CircuitBreaker>();
  const budget = new RetryBudget();
  const deps: UpstreamDeps = {
    fetch,
    now: clock.now,
    random: () => 0.5,
    wait: clock.wait,
    breakerFor({ name }) {
      const breaker = breakers.get(name) ?? new CircuitBreaker();
      breakers.set(name, breaker);
      return breaker;
    },
    budgetFor: () => budget,
  };
  const caller = new AbortController();
  const request: UpstreamRequest = {
    path: "/chat/completions",
    body: new TextEncoder().encode("{}"),
    headers: new Headers(),
    signal: caller.signal,
  };
  return { clock, calls, deps, caller, request };
}

const ok = () => new Response("answer", { headers: { "content-type": "text/plain" } });
const status = (code: number, headers: Record<string, string> = {}) =>
  new Response(`error ${code}`, { status: code, headers });

/** A body whose chunks come when the test says so. */
function slowBody() {
  let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller;
    },
    cancel() {
      cancelled = true;
    },
  });
  return {
    stream,
    send: (text: string) => feed?.enqueue(new TextEncoder().encode(text)),
    fail: (error: Error) => feed?.error(error),
    wasCancelled: () => cancelled,
  };
}

/** What the promise rejects with; null if it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );

/** A world whose only upstream answers with this body. */
function streaming(body: ReadableStream<Uint8Array>) {
  const made = world({});
  const deps: UpstreamDeps = { ...made.deps, fetch: async () => new Response(body) };
  return { ...made, deps };
}

describe("one call", () => {
  test("goes to the named upstream with its key and without redirects", async () => {
    const { deps, request, calls } = world({ a: [ok()] });
    const response = await callUpstream(target, request, deps);
    expect(response).toMatchObject({ upstream: "a", status: 200, attempts: 1, firstByteMs: 0 });
    expect(await new Response(response.body).text()).toBe("answer");
    expect(calls[0]).toMatchObject({
      url: "https://a.example/v1/chat/completions",
      redirect: "manual",
    });
    expect(calls[0]?.headers.get("authorization")).toBe("Bearer key-a");
  });

  test("passes the upstream's own error through unchanged", async () => {
    const { deps, request } = world({ a: [status(429, { "retry-after": "30" })] });
    const response = await callUpstream(target, request, deps);
    expect(response).toMatchObject({ status: 429, attempts: 1 });
    expect(response.headers.get("retry-after")).toBe("30");
    expect(await new Response(response.body).text()).toBe("error 429");
  });

  test("never follows a redirect", async () => {
    const { deps, request, calls } = world({
      a: [status(307, { location: "http://evil.example" })],
    });
    await expect(callUpstream(target, request, deps)).rejects.toMatchObject({
      status: 502,
      message: "The upstream 'a' answered with a redirect.",
    });
    expect(calls).toHaveLength(1);
  });

  test("says how long the body will be, unless it is compressed", async () => {
    const plain = world({ a: [new Response("12345", { headers: { "content-length": "5" } })] });
    expect((await callUpstream(target, plain.request, plain.deps)).contentLength).toBe(5);
    const headers = { "content-length": "5", "content-encoding": "gzip" };
    const packed = world({ a: [new Response("12345", { headers })] });
    expect((await callUpstream(target, packed.request, packed.deps)).contentLength).toBeNull();
  });
});

describe("retries before the first byte", () => {
  test("end with the first success", async () => {
    const { clock, deps, request } = world({ a: [new Error("refused"), status(503), ok()] });
    const response = await clock.run(callUpstream(target, request, deps));
    // Full jitter at 0.5: 100 ms, then 200 ms.
    expect(response).toMatchObject({ status: 200, attempts: 3, firstByteMs: 300 });
  });

  test("end after three calls with the upstream's own error", async () => {
    const { clock, deps, request, calls } = world({ a: [status(502)] });
    const response = await clock.run(callUpstream(target, request, deps));
    expect(response).toMatchObject({ status: 502, attempts: 3 });
    expect(await new Response(response.body).text()).toBe("error 502");
    expect(calls).toHaveLength(3);
  });

  test("end with our 502 when there was no response at all", async () => {
    const { clock, deps, request } = world({ a: [new Error("ECONNREFUSED 10.0.0.7")] });
    const call = callUpstream(target, request, deps);
    await expect(clock.run(call)).rejects.toMatchObject({
      status: 502,
      code: "upstream_error",
      message: "The upstream 'a' could not be reached.",
    });
  });

  test("cover a body that breaks before its first byte", async () => {
    const broken = slowBody();
    const made = world({});
    let calls = 0;
    const deps: UpstreamDeps = {
      ...made.deps,
      fetch: async () => (++calls === 1 ? new Response(broken.stream) : ok()),
    };
    broken.fail(new Error("reset"));
    const response = await made.clock.run(callUpstream(target, made.request, deps));
    expect(response).toMatchObject({ status: 200, attempts: 2 });
  });

  test("stop when the caller leaves", async () => {
    const { clock, deps, request, caller, calls } = world({ a: [status(503)] });
    const call = callUpstream(target, request, deps);
    const failed = failure(call);
    await clock.advance(0);
    caller.abort();
    await clock.advance(60_000);
    expect(await failed).toMatchObject({ code: "client_closed" });
    expect(calls).toHaveLength(1);
  });

  test("a busy upstream that always fails is called at most 1.2 times per request", async () => {
    const { clock, deps, request, calls } = world({ a: [status(500)] });
    // Without the breaker, which would stop even earlier.
    const noBreaker = { ...deps, breakerFor: () => new CircuitBreaker() };
    for (let i = 0; i < 300; i++) await clock.run(callUpstream(target, request, noBreaker));
    expect(calls.length / 300).toBeLessThanOrEqual(1.2);
    expect(calls.length).toBeGreaterThan(300);
  });
});

describe("the deadline until the first byte", () => {
  test("is 60 seconds, then 504, and closes the connection without a retry", async () => {
    const { clock, deps, request, calls } = world({ a: ["hang"] });
    const call = callUpstream(target, request, deps);
    const failed = failure(call);
    await clock.advance(59_999);
    expect(calls[0]?.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(await failed).toMatchObject({ status: 504, code: "upstream_timeout" });
    expect(calls).toHaveLength(1);
    expect(calls[0]?.signal.aborted).toBe(true);
  });

  test("covers headers without a body", async () => {
    const body = slowBody();
    const { clock, deps, request } = streaming(body.stream);
    const call = callUpstream(target, request, deps);
    const failed = failure(call);
    await clock.advance(60_000);
    expect(await failed).toMatchObject({ status: 504 });
  });

  test("can be shortened by the caller, which does not count against the upstream", async () => {
    const { clock, deps, request } = world({ a: ["hang"] });
    for (let i = 0; i < 10; i++) {
      const call = callUpstream(target, { ...request, deadlineMs: 50 }, deps);
      await expect(clock.run(call)).rejects.toMatchObject({ status: 504 });
    }
    expect(deps.breakerFor(target).retryInMs(clock.now())).toBe(0);
  });

  test("is shared by all retries", async () => {
    const { clock, deps, request } = world({ a: [status(503), "hang"] });
    const call = callUpstream(target, { ...request, deadlineMs: 5_000 }, deps);
    await expect(clock.run(call)).rejects.toMatchObject({ status: 504 });
    expect(clock.now()).toBe(5_000);
  });
});

describe("after the first byte", () => {
  const begin = async (timeouts: UpstreamTarget["timeouts"] = {}) => {
    const body = slowBody();
    const made = streaming(body.stream);
    const call = callUpstream({ ...target, timeouts }, made.request, made.deps);
    body.send("a");
    const response = await call;
    if (response.body === null) throw new Error("the fake upstream has a body");
    const reader = response.body.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("a");
    return { ...made, body, reader };
  };

  test("30 idle seconds end it with a timeout and close the connection", async () => {
    const { clock, reader, body } = await begin();
    const failed = failure(reader.read());
    await clock.advance(29_999);
    expect(body.wasCancelled()).toBe(false);
    await clock.advance(1);
    expect(await failed).toMatchObject({ code: "upstream_timeout" });
    expect(body.wasCancelled()).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test("a slow reader is not an idle upstream", async () => {
    const { clock, reader, body } = await begin();
    await clock.advance(45_000);
    const reading = reader.read();
    await clock.advance(29_000);
    body.send("b");
    expect(new TextDecoder().decode((await reading).value)).toBe("b");
  });

  test("a trickle ends at the total limit", async () => {
    const { clock, reader, body } = await begin({ totalMs: 100_000 });
    let chunks = 0;
    const failed = failure(
      (async () => {
        for (;;) {
          await reader.read();
          chunks++;
        }
      })(),
    );
    for (let second = 0; second < 100; second += 10) {
      body.send(".");
      await clock.advance(10_000);
    }
    expect(await failed).toMatchObject({ code: "upstream_timeout" });
    expect(chunks).toBe(10);
  });

  test("a break is an error and never a second call", async () => {
    const { reader, body, clock } = await begin();
    const failed = failure(reader.read());
    body.fail(new Error("reset"));
    expect(await failed).toMatchObject({
      code: "upstream_error",
      message: "The upstream 'a' broke off its answer.",
    });
    expect(clock.pending).toBe(0);
  });

  test("a caller who leaves closes the connection, by signal or by cancel", async () => {
    const first = await begin();
    const failed = failure(first.reader.read());
    first.caller.abort();
    expect(await failed).toMatchObject({ code: "client_closed" });
    expect(first.body.wasCancelled()).toBe(true);

    const second = await begin();
    await second.reader.cancel();
    expect(second.body.wasCancelled()).toBe(true);
    await second.clock.advance(0);
    expect(second.clock.pending).toBe(0);
  });
});

describe("the breaker", () => {
  test("opens after five failures in a row and spares the upstream", async () => {
    const { clock, deps, request, calls } = world({ a: [status(500)] });
    // Three calls for the first request; the second one's second failure is the fifth.
    await clock.run(callUpstream(target, request, deps));
    await clock.run(callUpstream(target, request, deps));
    expect(calls).toHaveLength(5);
    await expect(callUpstream(target, request, deps)).rejects.toMatchObject({
      status: 503,
      code: "breaker_open",
      retryAfterSeconds: 30,
    });
    expect(calls).toHaveLength(5);
  });

  test.each([501, 504, 520, 522, 524, 529, 530])(
    "counts a %i, which is not tried again here, as a failure too",
    async (code) => {
      const { clock, deps, request, calls } = world({ a: [status(code)] });
      for (let i = 0; i < 5; i++) await callUpstream(target, request, deps);
      expect(calls).toHaveLength(5);
      expect(deps.breakerFor(target).retryInMs(clock.now())).toBe(30_000);
    },
  );

  test("does not count what the caller did wrong", async () => {
    const { clock, deps, request } = world({ a: [status(400)] });
    for (let i = 0; i < 10; i++) await callUpstream(target, request, deps);
    expect(deps.breakerFor(target).retryInMs(clock.now())).toBe(0);
  });
});

describe("several upstreams", () => {
  const call = (made: ReturnType<typeof world>) =>
    made.clock.run(callFirstAvailable([target, other], () => made.request, made.deps));

  test("the next one answers when the first one fails before its first byte", async () => {
    const made = world({ a: [status(503)], b: [ok()] });
    expect(await call(made)).toMatchObject({ upstream: "b", status: 200 });
    expect(made.calls.map(({ url }) => new URL(url).hostname[0])).toEqual(["a", "a", "a", "b"]);
  });

  test.each([501, 520, 522, 524, 530])("the next one answers after a %i", async (code) => {
    const made = world({ a: [status(code)], b: [ok()] });
    expect(await call(made)).toMatchObject({ upstream: "b", status: 200 });
    expect(made.calls).toHaveLength(2);
  });

  test("another upstream never gets the first one's key", async () => {
    const made = world({ a: [new Error("refused")], b: [ok()] });
    await call(made);
    expect(made.calls.at(-1)?.headers.has("authorization")).toBe(false);
  });

  test("an open breaker is passed over without a call", async () => {
    const made = world({ a: [status(503)], b: [ok()] });
    await call(made);
    await call(made);
    const before = made.calls.length;
    expect(await call(made)).toMatchObject({ upstream: "b" });
    expect(made.calls.length).toBe(before + 1);
  });

  test("the caller's mistakes are not tried elsewhere", async () => {
    const made = world({ a: [status(400)], b: [ok()] });
    expect(await call(made)).toMatchObject({ upstream: "a", status: 400 });
  });

  test("when all fail, the last response is passed on", async () => {
    const made = world({ a: [status(503)], b: [new Error("refused")] });
    const response = await call(made);
    expect(response).toMatchObject({ upstream: "a", status: 503 });
    expect(await new Response(response.body).text()).toBe("error 503");
  });

  test("when there is no response at all, the last error is thrown", async () => {
    const made = world({ a: [new Error("refused")], b: [new Error("refused")] });
    await expect(call(made)).rejects.toMatchObject({
      status: 502,
      message: "The upstream 'b' could not be reached.",
    });
  });

  test("all share one deadline", async () => {
    const made = world({ a: ["hang"], b: ["hang"] });
    const quick = { ...target, timeouts: { firstByteMs: 20_000 } };
    const both = callFirstAvailable([quick, other], () => made.request, made.deps);
    await expect(made.clock.run(both)).rejects.toMatchObject({ status: 504 });
    expect(made.clock.now()).toBe(60_000);
    expect(made.calls).toHaveLength(2);
  });

  test("none at all is 503", async () => {
    const { deps, request } = world({});
    await expect(callFirstAvailable([], () => request, deps)).rejects.toMatchObject({
      status: 503,
      code: "unavailable",
    });
  });
});
