// Upstream answers that break, through the whole gateway: what came goes on, nothing is made up, one call is made, and a
// part is never served again. SEED=n repeats a run; VELO_RUNS=10000 is the long one.
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { Random } from "../../src/policy/random.ts";
import { type FaultKind, type FaultServer, startFaultServer } from "../support/fault-server.ts";
import {
  cacheResult,
  chat,
  control,
  inParallel,
  post,
  printedSeed,
  type Reply,
  unlikeWords,
} from "../support/gateway-client.ts";

const RUNS = Number(process.env["VELO_RUNS"] ?? 200);
const IDLE_MS = 1_000;
const FIRST_BYTE_MS = 2_500;

/** Kinds that break after the first byte, each with the shapes of answer in which it does. */
const STREAMED: readonly FaultKind[] = [
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
const WHOLE: readonly FaultKind[] = [
  "reset",
  "fin",
  "fin-raw",
  "fin-chunked",
  "cut-json",
  "cut-utf8",
  "wrong-length",
  "short-length",
  "length",
  "content-filter",
  "error-event",
  "html",
];

const seed = printedSeed(`half streams, ${RUNS} runs`);
const random = new Random(seed);
const uniform = () => random.uniform();

let gateway: Gateway;
let upstream: FaultServer;
beforeAll(async () => {
  upstream = await startFaultServer({ seed, trickleMs: 1_400 });
  const base = { kind: "openai", firstByteTimeoutMs: FIRST_BYTE_MS };
  gateway = await startGateway({
    quiet: true,
    vars: {
      VELO: JSON.stringify({
        epsilon: 0,
        deadlines: { idleMs: IDLE_MS },
        upstreams: [
          { ...base, name: "broken", baseUrl: upstream.url, anyModel: true },
          // Breakers are per upstream: what never answers must not close the way to the others.
          { ...base, name: "silent", baseUrl: upstream.url, models: [{ id: "fault/hang" }] },
          { ...base, name: "dropping", baseUrl: upstream.url, models: [{ id: "fault/drop" }] },
          { ...base, name: "absent", baseUrl: upstream.refusedUrl, models: [{ id: "absent" }] },
        ],
      }),
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const throughGateway = (body: unknown): Promise<Reply> =>
  post(`${gateway.url}/v1/chat/completions`, { body });
const directly = (body: unknown): Promise<Reply> =>
  post(`${upstream.url}/chat/completions`, { body });

/** Ids and times are the only bytes in which two answers of the fault server differ; their lengths are fixed. */
const comparable = (bytes: Buffer): string =>
  bytes
    .toString("latin1")
    .replaceAll(/"id":"chatcmpl-[0-9a-f-]*/g, '"id":"chatcmpl-')
    .replaceAll(/"created":\d+/g, '"created":');

/** What the gateway may add at the end of a stream that broke: an event of its own that tells so. */
const OWN_ERROR =
  /\n\ndata: \{"error":\{"message":"[^"]*","type":"[a-z_]*","param":null,"code":"[a-z_]*"\}\}\n\n$/;

/** What a client of the gateway saw beside what a client of the upstream saw. */
function difference(
  truth: Reply,
  seen: Reply,
  stream: boolean,
): { readonly bytes: string; readonly end: string } {
  const sent = comparable(truth.bytes);
  const got = comparable(seen.bytes);
  const added = got.slice(sent.length);
  if (!got.startsWith(sent)) return { bytes: "other", end: seen.end };
  // A stream that broke ends with our own error; a whole body breaks for our client as it did for us.
  const isTold = truth.end === "broken" && stream;
  const end = isTold ? OWN_ERROR.test(added) : added === "" && seen.end === truth.end;
  return { bytes: "as sent", end: end ? "as it should" : `${seen.end} after ${added}` };
}

/** The gateway stored `count` answers, and goes on having no more. */
async function expectEntries(count: number): Promise<void> {
  const entries = async () => {
    const live = await control<{ regions: { entries: number }[] }>(gateway, "/admin/live");
    return live.regions.reduce((sum, region) => sum + region.entries, 0);
  };
  await expect.poll(entries, { timeout: 15_000, interval: 300 }).toBe(count);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await entries()).toBe(count);
}

test(
  "a broken answer arrives as far as it came, costs one call and is never served again; a complete one is",
  { timeout: 60_000 + RUNS * 100 },
  async () => {
    const kinds = new Map<string, number>();
    const complaints: string[] = [];
    let complete = 0;
    await inParallel(RUNS, 6, async (run) => {
      const stream = uniform() < 0.7;
      // Every fifth run is a good answer, so that "nothing is cached" cannot pass for want of a cache.
      const broken = stream ? STREAMED : WHOLE;
      const kind: FaultKind = run % 5 === 0 ? "none" : broken[random.next() % broken.length]!;
      const offset = 1 + Math.floor(uniform() * (stream ? 7_000 : 400));
      const question = unlikeWords(uniform);
      const body = chat(`fault/${kind}@${offset}`, question, stream);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (kind === "none") complete++;

      const truth = await directly(body);
      const seen = await throughGateway(body);
      const callsBefore = upstream.callsFor(question);
      const again = await throughGateway(body);
      const found = {
        status: seen.status,
        calls: callsBefore - 1,
        first: cacheResult(seen),
        second: cacheResult(again),
        callsForSecond: upstream.callsFor(question) - callsBefore,
        ...difference(truth, seen, stream),
      };
      const wanted = {
        status: truth.status,
        calls: 1,
        first: "MISS",
        second: kind === "none" ? "HIT-EXACT" : "MISS",
        callsForSecond: kind === "none" ? 0 : 1,
        bytes: "as sent",
        end: "as it should",
      };
      if (!isDeepStrictEqual(found, wanted)) {
        const where = `run ${run}, ${body.model} ${stream ? "streamed" : "whole"}`;
        complaints.push(`${where}: ${JSON.stringify(found)}`);
      }
    });
    console.log(`kinds: ${[...kinds].map(([kind, count]) => `${kind} ${count}`).join(", ")}`);
    expect(complaints).toEqual([]);
    expect(kinds.size).toBeGreaterThanOrEqual(9);
    await expectEntries(complete);
  },
);

test("a stream that stalls ends with an error event when it has been idle for too long", async () => {
  const question = unlikeWords(uniform);
  const body = chat("fault/stall@900", question, true);
  const seen = await throughGateway(body);
  expect(seen.end).toBe("complete");
  expect(seen.bytes.length).toBeGreaterThan(900);
  expect(comparable(seen.bytes)).toMatch(OWN_ERROR);
  expect(seen.bytes.includes("[DONE]")).toBe(false);
  expect(seen.ms).toBeGreaterThanOrEqual(IDLE_MS);
  await expect.poll(() => upstream.abandoned()).toBe(1);
  expect(cacheResult(await throughGateway(body))).toBe("MISS");
  expect(upstream.callsFor(question)).toBe(2);
});

test("bytes that come too slowly count as idle, however many there will be", async () => {
  const body = chat("fault/trickle", unlikeWords(uniform), true);
  const seen = await throughGateway(body);
  expect(seen.end).toBe("complete");
  expect(comparable(seen.bytes)).toMatch(OWN_ERROR);
  expect(seen.bytes.includes("[DONE]")).toBe(false);
});

test("an upstream that never answers is 504 at the deadline, after one call", async () => {
  const question = unlikeWords(uniform);
  const seen = await throughGateway(chat("fault/hang", question, true));
  expect([seen.status, seen.end]).toEqual([504, "complete"]);
  expect(JSON.parse(seen.bytes.toString())).toMatchObject({ error: { code: "upstream_timeout" } });
  expect(seen.ms).toBeGreaterThanOrEqual(FIRST_BYTE_MS);
  expect(upstream.callsFor(question)).toBe(1);
});

test("an upstream that drops the connection before its first byte is tried again twice at most, then 502", async () => {
  const question = unlikeWords(uniform);
  const seen = await throughGateway(chat("fault/drop", question));
  expect(seen.status).toBe(502);
  expect(JSON.parse(seen.bytes.toString())).toMatchObject({ error: { code: "upstream_error" } });
  expect(upstream.callsFor(question)).toBe(3);
});

test("an upstream that refuses connections is 502, and soon 503 without being called", async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) {
    statuses.push((await throughGateway(chat("absent", unlikeWords(uniform)))).status);
  }
  expect(statuses[0]).toBe(502);
  expect(statuses.at(-1)).toBe(503);
});
