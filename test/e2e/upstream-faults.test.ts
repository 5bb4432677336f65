// Upstreams that break on real sockets: what came is passed on, what is missing is told, and nothing partial is stored.
// RUNS=n runs per kind.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AnswerCollector, type Verdict } from "../../src/worker/openai/answer.ts";
import { GatewayError } from "../../src/worker/openai/errors.ts";
import { passThrough, type StreamEnd } from "../../src/worker/openai/pass-through.ts";
import { CircuitBreaker } from "../../src/worker/upstream/breaker.ts";
import { callUpstream, type UpstreamDeps } from "../../src/worker/upstream/call.ts";
import { waitFor } from "../../src/worker/upstream/deadline.ts";
import { RetryBudget } from "../../src/worker/upstream/retry.ts";
import { type UpstreamTimeouts } from "../../src/worker/upstream/target.ts";
import { type FaultKind } from "../support/broken-answers.ts";
import { type FaultServer, startFaultServer } from "../support/fault-server.ts";

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const runs = Number(process.env["RUNS"] ?? 20);

let server: FaultServer;
beforeAll(async () => {
  console.log(`fault server seed ${seed}, ${runs} runs per kind`);
  server = await startFaultServer({ seed, trickleMs: 20 });
});
afterAll(() => server.stop());

const deps: UpstreamDeps = {
  fetch: (url, init) => fetch(url, init),
  now: () => performance.now(),
  random: Math.random,
  wait: waitFor,
  // Of their own for each call: one broken kind must not hide the next one's faults.
  breakerFor: () => new CircuitBreaker({ failuresToOpen: 100 }),
  budgetFor: () => new RetryBudget(),
};

interface Seen {
  /** What the client received. */
  readonly text: string;
  readonly end: StreamEnd | null;
  /** Null when the body did not come to a clean end. */
  readonly verdict: Verdict | null;
}

/** One request as the gateway makes it: call, pass through, collect. */
async function relay(
  kind: FaultKind,
  prompt: string,
  {
    stream = true,
    hangUpAfter = Infinity,
    timeouts = {},
  }: {
    readonly stream?: boolean;
    readonly hangUpAfter?: number;
    readonly timeouts?: Partial<UpstreamTimeouts>;
  } = {},
): Promise<Seen> {
  const body = { model: `fault/${kind}`, stream, messages: [{ role: "user", content: prompt }] };
  const response = await callUpstream(
    { name: "fault", baseUrl: server.url, timeouts },
    {
      path: "/chat/completions",
      body: new TextEncoder().encode(JSON.stringify(body)),
      headers: new Headers(),
      signal: new AbortController().signal,
    },
    deps,
  );
  if (response.body === null) throw new Error("no body");
  const contentType = response.headers.get("content-type");
  const { status, contentLength } = response;
  const collector = new AnswerCollector({ status, contentType, contentLength });
  let end: StreamEnd | null = null;
  let verdict: Verdict | null = null;
  const reader = passThrough(response.body, {
    contentType,
    onChunk: (bytes) => collector.push(bytes),
    onEnd(kindOfEnd) {
      end = kindOfEnd;
      if (kindOfEnd === "done") verdict = collector.end();
    },
  }).getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let chunks = 0; ; chunks++) {
      if (chunks >= hangUpAfter) {
        await reader.cancel();
        break;
      }
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // A body that is no event stream can only break.
  }
  return { text, end, verdict };
}

const isStored = ({ verdict }: Seen) => verdict?.storable === true;

test("a good answer is stored, streamed or whole", async () => {
  for (const stream of [true, false]) {
    const prompt = `good ${stream}`;
    const { verdict, end } = await relay("none", prompt, { stream });
    expect(end).toBe("done");
    expect(verdict).toMatchObject({
      storable: true,
      answer: { text: server.answerTo(prompt), finishReason: "stop" },
    });
  }
});

const BROKEN: readonly FaultKind[] = [
  "reset",
  "fin",
  "fin-raw",
  "fin-chunked",
  "done-no-finish",
  "finish-no-done",
  "cut-json",
  "cut-utf8",
  "wrong-length",
  "short-length",
  "length",
  "content-filter",
  "error-event",
  "html",
];

/** Runs of one kind that reached the client; a run that was cut before its first byte is a 502 and left out. */
async function relayMany(kind: FaultKind, name: string, hangsUp: boolean) {
  const all: (Seen & { readonly stream: boolean; readonly calls: number })[] = [];
  for (let run = 0; run < runs; run++) {
    // A whole body has no [DONE] to miss.
    const stream = hangsUp || run % 4 !== 3 || kind === "finish-no-done";
    const prompt = `${kind} ${name} ${run}`;
    try {
      const hangUpAfter = hangsUp ? 1 + (run % 3) : Infinity;
      const seen = await relay(kind, prompt, { stream, hangUpAfter });
      all.push({ ...seen, stream, calls: server.callsFor(prompt) });
    } catch (error) {
      if (!(error instanceof GatewayError && error.code === "upstream_error")) throw error;
    }
  }
  return all;
}

describe.each(BROKEN)("%s", (kind) => {
  test("is never stored, never called again after its first byte, and a break is told", async () => {
    const all = await relayMany(kind, "to the end", false);
    expect(all.length).toBeGreaterThan(0);
    expect(all.filter(isStored)).toEqual([]);
    expect(all.filter(({ text, calls }) => text !== "" && calls !== 1)).toEqual([]);
    const broken = all.filter(({ end, stream }) => end === "error" && stream);
    const lastLine = (text: string) => text.trimEnd().split("\n").at(-1) ?? "";
    expect(broken.filter(({ text }) => !lastLine(text).startsWith('data: {"error":'))).toEqual([]);
    // A body shorter than announced may hold the upstream's own [DONE]; no other break comes so late.
    const hasDone = broken.filter(({ text }) => text.includes("[DONE]"));
    expect(kind === "wrong-length" ? [] : hasDone).toEqual([]);
  });

  test("is never stored when the client hangs up either", async () => {
    const all = await relayMany(kind, "hang-up", true);
    expect(all.length).toBeGreaterThan(0);
    expect(all.filter(isStored)).toEqual([]);
  });
});

test("a reset in the middle of a stream is among the breaks that were told", async () => {
  const all = await relayMany("reset", "told", false);
  expect(all.filter(({ end, stream }) => end === "error" && stream).length).toBeGreaterThan(0);
});

test("a client that hangs up closes the upstream's connection", async () => {
  const before = server.abandoned();
  const seen = await relay("stall", "hang-up", { hangUpAfter: 1 });
  expect(seen.end).toBe("cancel");
  await expect.poll(() => server.abandoned(), { timeout: 1_000 }).toBe(before + 1);
});

test("an upstream that stalls is ended by the idle limit, one that trickles by the total limit", async () => {
  const stalled = await relay("stall", "idle", { timeouts: { idleMs: 200 } });
  expect(stalled.text).toContain('"code":"upstream_timeout"');
  const trickled = await relay("trickle", "total", { timeouts: { idleMs: 200, totalMs: 500 } });
  expect(trickled.text).toContain('"code":"upstream_timeout"');
  for (const seen of [stalled, trickled]) {
    expect(seen.end).toBe("error");
    expect(seen.text).not.toContain("[DONE]");
  }
});

test("an upstream that never answers is 504 at the deadline", async () => {
  await expect(relay("hang", "hang", { timeouts: { firstByteMs: 200 } })).rejects.toMatchObject({
    status: 504,
  });
});

test("a dropped connection is tried three times, a redirect is never followed", async () => {
  await expect(relay("drop", "drop")).rejects.toMatchObject({ status: 502 });
  expect(server.callsFor("drop")).toBe(3);
  await expect(relay("redirect", "redirect")).rejects.toMatchObject({ status: 502 });
  expect(server.callsFor("redirect")).toBe(1);
  expect(server.redirectsFollowed()).toBe(0);
});
