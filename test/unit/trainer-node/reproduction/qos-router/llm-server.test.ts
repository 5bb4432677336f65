import { describe, expect, test } from "vitest";
import { Random } from "../../../../../src/policy/random.ts";
import {
  type Completion,
  LlmServer,
  type ServedRequest,
} from "../../../../../src/trainer-node/reproduction/qos-router/llm-server.ts";
import {
  KV_WATERMARK,
  MAX_PREFILL_TOKENS,
} from "../../../../../src/trainer-node/reproduction/qos-router/settings.ts";

/** Round numbers: an iteration takes 1 s, 0.1 s a running request, 0.001 s a token of context, 0.01 s a token read. */
const PACE = { tau0: 1, tau1: 0.1, k1: 0.01, k2: 0.001 };
const ROOMY = { slowness: 1, kvTokens: 10_000, maxRunning: 8 };

interface Named extends ServedRequest {
  readonly name: string;
}

const request = (name: string, promptTokens: number, outputTokens: number): Named => ({
  name,
  promptTokens,
  outputTokens,
});

describe("one server by hand", () => {
  test("a request alone: one iteration reads its prompt, the others its context", () => {
    const server = new LlmServer<Named>(ROOMY, PACE);
    server.advance(5);
    server.submit(request("a", 100, 3));
    // 1 + 0.1 + 100 x 0.01 = 2.1; then 1.1 + 0.101; then 1.1 + 0.102.
    const [done] = server.advance(Infinity);
    expect(done!.submittedAt).toBe(5);
    expect(done!.firstTokenAt).toBeCloseTo(7.1, 12);
    expect(done!.finishedAt).toBeCloseTo(7.1 + 1.201 + 1.202, 12);
    expect(server.busySeconds).toBeCloseTo(4.503, 12);
    expect(server.kvUse).toBe(0);
  });

  test("a second request waits for the border, then slows the first one by its prompt and its context", () => {
    const server = new LlmServer<Named>(ROOMY, PACE);
    server.submit(request("a", 100, 3));
    server.advance(1);
    server.submit(request("b", 50, 2));
    expect([server.running.length, server.waitingCount]).toEqual([1, 1]);
    server.advance(2.1);
    // The border is now: what comes in this moment would still be part of the iteration.
    expect([server.running.length, server.waitingCount]).toEqual([1, 1]);
    server.advance(2.2);
    expect([server.running.length, server.waitingCount]).toEqual([2, 0]);
    const done = server.advance(Infinity);
    // Both, b's 50 tokens read and a's 101 in context: 1.2 + 0.5 + 0.101; then both: 1.2 + 0.102 + 0.051.
    expect(done.map(({ request: { name } }) => name)).toEqual(["a", "b"]);
    expect(done[1]!.firstTokenAt).toBeCloseTo(2.1 + 1.801, 12);
    for (const { finishedAt } of done) expect(finishedAt).toBeCloseTo(2.1 + 1.801 + 1.353, 12);
  });

  test("when memory is used up the youngest goes back to the head of the queue and reads all anew", () => {
    const server = new LlmServer<Named>({ ...ROOMY, kvTokens: 24 }, PACE);
    for (const name of ["a", "b", "c"]) server.submit(request(name, 8, 6));
    // 8 + 1 and 8 + 1 fit below 24; c does not. After the 4 iterations that 24 tokens allow, b has to go.
    const prefill = 1.2 + 0.16;
    const decode = (generated: number) => 1.2 + 0.002 * (8 + generated);
    const border = prefill + decode(1) + decode(2) + decode(3);
    server.advance(border + 0.01);
    expect(server.running.map(({ request: { name } }) => name)).toEqual(["a"]);
    expect(server.waiting().map(({ request: { name } }) => name)).toEqual(["b", "c"]);
    expect(server.waiting(1)).toHaveLength(1);
    expect(server.waiting()[0]).toMatchObject({ generated: 4, preemptions: 1 });
    const done = server.advance(Infinity);
    expect(done.map(({ request: { name } }) => name)).toEqual(["a", "b", "c"]);
    expect(done.map(({ preemptions }) => preemptions)).toEqual([0, 1, 0]);
    const first = border + (1.1 + 0.012) + (1.1 + 0.013);
    expect(done[0]!.finishedAt).toBeCloseTo(first, 12);
    // b reads 8 + 4 tokens; c comes in beside it (12 + 8 + 2 tokens fit). Each gets a token, then b's last one.
    const second = first + (1.2 + 0.2);
    expect(done[1]!.finishedAt).toBeCloseTo(second + (1.2 + 0.001 * 22), 12);
    expect(done[1]!.firstTokenAt).toBeCloseTo(prefill, 12);
  });

  test("a request longer than the memory is refused, and one without whole tokens is an error", () => {
    const server = new LlmServer<Named>({ ...ROOMY, kvTokens: 10 }, PACE);
    expect(server.submit(request("a", 6, 5))).toBe(false);
    expect(server.submit(request("a", 5, 5))).toBe(true);
    expect(server.advance(Infinity)).toHaveLength(1);
    for (const [prompt, output] of [
      [1, 0],
      [1.5, 1],
      [-1, 1],
      [Number.NaN, 1],
    ] as const)
      expect(() => server.submit(request("a", prompt, output))).toThrow(RangeError);
  });
});

interface Timed extends ServedRequest {
  readonly at: number;
}

/** The same server, one iteration and one token at a time, without any shortcut. */
function stepByStep(
  requests: readonly Timed[],
  { kvTokens, maxRunning, slowness }: typeof ROOMY,
): { request: Timed; firstTokenAt: number; finishedAt: number; preemptions: number }[] {
  type One = { request: Timed; got: number; firstTokenAt: number; preemptions: number };
  const coming = requests.map((each) => ({
    request: each,
    got: 0,
    firstTokenAt: -1,
    preemptions: 0,
  }));
  const waiting: One[] = [];
  const running: One[] = [];
  const done: ReturnType<typeof stepByStep> = [];
  const size = ({ request: { promptTokens }, got }: One) => promptTokens + got;
  const used = () => running.reduce((sum, one) => sum + size(one), 0);
  let now = 0;
  while (coming.length > 0 || waiting.length > 0 || running.length > 0) {
    if (waiting.length === 0 && running.length === 0) now = Math.max(now, coming[0]!.request.at);
    while (coming.length > 0 && coming[0]!.request.at <= now) waiting.push(coming.shift()!);
    const before = running.length;
    while (used() + running.length > kvTokens) {
      const youngest = running.pop()!;
      youngest.preemptions++;
      waiting.unshift(youngest);
    }
    let prefill = 0;
    while (running.length >= before && waiting.length > 0 && running.length < maxRunning) {
      const next = waiting[0]!;
      if (prefill > 0 && prefill + size(next) > MAX_PREFILL_TOKENS) break;
      const needed = used() + size(next) + running.length + 1;
      if (running.length > 0 && needed > (1 - KV_WATERMARK) * kvTokens) break;
      prefill += size(next);
      running.push(waiting.shift()!);
    }
    const { tau0, tau1, k1, k2 } = PACE;
    now += slowness * (tau0 + tau1 * running.length + k2 * (used() - prefill) + k1 * prefill);
    for (const one of running) if (one.got++ === 0) one.firstTokenAt = now;
    const ended = running.filter(({ got, request: { outputTokens } }) => got === outputTokens);
    for (const one of ended) {
      running.splice(running.indexOf(one), 1);
      const { request: finished, firstTokenAt, preemptions } = one;
      done.push({ request: finished, firstTokenAt, finishedAt: now, preemptions });
    }
  }
  return done;
}

describe("against a server that computes every iteration", () => {
  test.for([
    [1, 10_000, 0.05],
    [2, 900, 0.05],
    [3, 500, 0.2],
    [4, 500, 0.02],
    [5, 20_000, 0.5],
  ] as const)("seed %d, memory %d, %f requests a second", ([seed, kvTokens, rate]) => {
    const random = new Random(seed);
    let at = 0;
    const requests = Array.from({ length: 150 }, (): Timed => {
      at += -Math.log(1 - random.uniform()) / rate;
      const prompt = Math.floor(random.uniform() * 200);
      return { at, promptTokens: prompt, outputTokens: 1 + Math.floor(random.uniform() * 90) };
    });
    const settings = { slowness: 0.7, kvTokens, maxRunning: 6 };
    const server = new LlmServer<Timed>(settings, PACE);
    const done: Completion<Timed>[] = [];
    for (const [i, each] of requests.entries()) {
      done.push(...server.advance(each.at));
      server.submit(each);
      // Looking at it in between changes nothing.
      const gap = (requests[i + 1]?.at ?? each.at) - each.at;
      done.push(...server.advance(each.at + gap * random.uniform()));
    }
    done.push(...server.advance(Infinity));
    const byTime = (a: { finishedAt: number; request: Timed }, b: typeof a) =>
      a.finishedAt - b.finishedAt || a.request.at - b.request.at;
    const expected = stepByStep(requests, settings).toSorted(byTime);
    expect(done).toHaveLength(requests.length);
    for (const [i, one] of done.toSorted(byTime).entries()) {
      expect(one.request).toBe(expected[i]!.request);
      expect(one.finishedAt).toBeCloseTo(expected[i]!.finishedAt, 6);
      expect(one.firstTokenAt).toBeCloseTo(expected[i]!.firstTokenAt, 6);
      expect(one.preemptions).toBe(expected[i]!.preemptions);
    }
    expect(done.some(({ preemptions }) => preemptions > 0)).toBe(kvTokens < 1000);
    expect(server.kvUse).toBe(0);
  });
});
