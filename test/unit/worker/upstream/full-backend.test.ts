// Backends that say 429: what a selection and the calls along its order make of them together.
import { expect, test } from "vitest";
import { NO_BACKENDS } from "../../../../src/durable/backend-state.ts";
import { parseConfig } from "../../../../src/worker/config.ts";
import { backendsOf } from "../../../../src/worker/upstream/backends.ts";
import { CircuitBreaker } from "../../../../src/worker/upstream/breaker.ts";
import { callInOrder } from "../../../../src/worker/upstream/failover.ts";
import { nextPlace, patienceMs } from "../../../../src/worker/upstream/prospects.ts";
import { Selection } from "../../../../src/worker/upstream/selection.ts";
import { FakeClock } from "../fake-clock.ts";

const upstream = (name: string, quality: number) => ({
  name,
  kind: "openai",
  baseUrl: `https://${name}.example.com/v1`,
  models: [
    {
      id: "m",
      inputUsdPerMillionTokens: 1,
      outputUsdPerMillionTokens: 1,
      auto: { quality, firstTokenSeconds: 0.5, secondsPerToken: 0.01 },
    },
  ],
});

/** One request after another to a good backend that answers so, and to a worse one that is always well. */
function world(good: () => Response) {
  const config = parseConfig(
    { upstreams: [upstream("good", 0.9), upstream("other", 0.5)] },
    { environment: "production" },
  );
  const selection = new Selection(config.routing, backendsOf(config.upstreams));
  const clock = new FakeClock();
  const breakers = new Map<string, CircuitBreaker>();
  const called = { good: 0, other: 0 };
  let count = 0;
  return async (): Promise<{ readonly status: number; readonly called: typeof called }> => {
    const ask = {
      id: `r${count++}`,
      tenant: "t",
      stream: true,
      promptTokens: 10,
      maxTokens: null,
      deadlineSeconds: null,
      budgetUsd: null,
      draw: 0.5,
    };
    const { order, prospects } = selection.rank(
      ask,
      { state: NO_BACKENDS, ageMs: null },
      clock.now(),
    );
    const plan = order.map(({ id }) => {
      const breaker = breakers.get(id) ?? new CircuitBreaker();
      breakers.set(id, breaker);
      return {
        target: { name: id, baseUrl: `https://${id.replace("/m", "")}.example.com/v1` },
        request: {
          path: "/x",
          body: null,
          headers: new Headers(),
          signal: new AbortController().signal,
        },
        breaker,
      };
    });
    const { response } = await callInOrder(
      plan,
      {
        now: clock.now,
        wait: clock.wait,
        random: () => 0.5,
        fetch: (url) => {
          const isGood = url.includes("good");
          called[isGood ? "good" : "other"]++;
          return Promise.resolve(isGood ? good() : new Response("fine"));
        },
      },
      {
        budget: selection.budget,
        deadlineMs: null,
        onBegin: (place) =>
          selection.begin(ask, order[place]!, prospects[place]!.dueSeconds, clock.now()),
        onFailure: (place, { isBlamed, rateLimit }) => {
          selection.end(ask.id, isBlamed ? false : null, clock.now());
          if (rateLimit) selection.limited(order[place]!, rateLimit.retryAfterMs, clock.now());
        },
        next: (tried, leftMs) => nextPlace(prospects, tried, leftMs),
        patienceMs: (place, blocked, leftMs) => patienceMs(prospects, place, blocked, leftMs),
      },
    );
    selection.end(ask.id, response.status === 200 ? true : null, clock.now());
    await clock.advance(1_000);
    return { status: response.status, called };
  };
}

test.each([
  ["without a date", {}],
  ["with a date of a second", { "retry-after": "1" }],
])("no request fails while the best one is full for five minutes, %s", async (_, headers) => {
  const ask = world(() => new Response("full", { status: 429, headers }));
  const statuses: number[] = [];
  let called = 0;
  for (let i = 0; i < 300; i++) {
    const reply = await ask();
    statuses.push(reply.status);
    called = reply.called.good;
  }
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  // After 1, 2, 4, 8, 16 and 32 s, then once a minute.
  expect(called).toBe(10);
});

test("it is called again for each request as soon as it has answered one", async () => {
  let isFull = true;
  const ask = world(() => new Response("", { status: isFull ? 429 : 200 }));
  for (let i = 0; i < 10; i++) await ask();
  isFull = false;
  const { called } = await ask();
  const before = called.good;
  // The fourth refusal came at 7 s: the next call is at 15 s.
  for (let i = 11; i < 30; i++) await ask();
  expect(before).toBe(4);
  expect(called.good).toBe(4 + 15);
});
