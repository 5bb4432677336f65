// Callers who hang up at any moment. Whoever waits with them is answered, the model is not paid on for nobody, and the
// next caller finds everything working. SEED=n repeats the moments; VELO_CALLERS=n sets how many.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { type Manifest } from "../../src/policy/network/manifest.ts";
import { Random } from "../../src/policy/random.ts";
import {
  answerText,
  cacheResult,
  chat,
  control,
  inParallel,
  post,
  printedSeed,
  quantile,
  type Reply,
  unlikeWords,
} from "../support/gateway-client.ts";
import { testRelease } from "../support/golden-policy.ts";
import { type PlainModel, startPlainModel } from "../support/plain-model.ts";
import { localSigner } from "../../scripts/local/signer.ts";

const CALLERS = Number(process.env["VELO_CALLERS"] ?? 600);
const WIDTH = 20;
/** An answer takes FIRST_BYTE_MS + 20 chunks of CHUNK_MS. */
const FIRST_BYTE_MS = 200;
const CHUNK_MS = 20;
/** Until the upstream's connection is closed. */
const CLOSED_WITHIN_MS = 1_000;

const random = new Random(printedSeed(`${CALLERS} callers who leave`));
const uniform = () => random.uniform();

let gateway: Gateway;
let model: PlainModel;
beforeAll(async () => {
  model = await startPlainModel({
    firstByteMs: FIRST_BYTE_MS,
    chunkMs: CHUNK_MS,
    words: () => 20,
  });
  gateway = await startGateway({
    quiet: true,
    vars: { UPSTREAM_BASE_URL: model.url, VELO: '{"epsilon":0}' },
  });
});
afterAll(async () => {
  await gateway.stop();
  await model.stop();
});

const ask = (question: string, stream: boolean, leave: Leave = {}): Promise<Reply> =>
  post(`${gateway.url}/v1/chat/completions`, { body: chat("plain", question, stream), ...leave });

interface Leave {
  readonly leaveAfterMs?: number;
  readonly leaveAfterBytes?: number;
}

/** Before the request is read, in the look-up, before the model's first byte, or in the middle of the stream. */
function momentToLeave(): Leave {
  const length = model.bytesFor("x".repeat(47), true).length;
  return uniform() < 0.3
    ? { leaveAfterBytes: 1 + Math.floor(0.8 * length * uniform()) }
    : { leaveAfterMs: uniform() * 1.5 * FIRST_BYTE_MS };
}

/** Milliseconds from a caller's leaving until its upstream call was closed; undefined when there was none to close. */
async function timeToClose(question: string, leftAt: number): Promise<number | undefined> {
  const call = model.callsFor(question)[0];
  if (call === undefined || call.complete) return undefined;
  await expect
    .poll(() => call.complete || call.abandonedAt !== undefined, { timeout: 15_000, interval: 20 })
    .toBe(true);
  return call.abandonedAt === undefined ? undefined : call.abandonedAt - leftAt;
}

async function expectNormalService(): Promise<void> {
  for (const stream of [false, true]) {
    const question = unlikeWords(uniform);
    const first = await ask(question, stream);
    expect([first.status, first.end, cacheResult(first)]).toEqual([200, "complete", "MISS"]);
    expect(first.bytes.equals(model.bytesFor(question, stream))).toBe(true);
    expect(cacheResult(await ask(question, stream))).toBe("HIT-EXACT");
  }
}

test(
  `${CALLERS} callers leave, each from a question of its own: the model's connections close, and the next are served`,
  { timeout: 60_000 + CALLERS * 100 },
  async () => {
    const closed: number[] = [];
    let left = 0;
    let paidOn = 0;
    /** Callers of a whole answer who left long before its first byte, when nothing is written that could fail. */
    const early = { closed: 0, paidOn: 0 };
    await inParallel(CALLERS, WIDTH, async () => {
      const question = unlikeWords(uniform);
      const stream = uniform() < 0.6;
      const moment = momentToLeave();
      const reply = await ask(question, stream, moment);
      if (reply.end !== "left") return;
      left++;
      const ms = await timeToClose(question, performance.now());
      const isEarly = !stream && (moment.leaveAfterMs ?? Infinity) < FIRST_BYTE_MS / 2;
      if (ms !== undefined) {
        closed.push(ms);
        if (isEarly) early.closed++;
      } else if (model.callsFor(question)[0]?.complete) {
        paidOn++;
        if (isEarly) early.paidOn++;
      }
    });
    console.log(
      `${left} left, ${closed.length} of their model calls were closed, after p50 ${quantile(closed, 0.5).toFixed(0)} ms, ` +
        `p99 ${quantile(closed, 0.99).toFixed(0)} ms, slowest ${Math.max(...closed).toFixed(0)} ms; ${paidOn} ran to their end; ` +
        `of whole answers left early ${early.closed} were closed, ${early.paidOn} ran on`,
    );
    expect(left).toBeGreaterThan(CALLERS / 2);
    expect(closed.length).toBeGreaterThan(CALLERS / 4);
    expect(quantile(closed, 0.99)).toBeLessThanOrEqual(CLOSED_WITHIN_MS);
    expect(early.closed).toBeGreaterThan(0);
    expect(early.paidOn).toBeLessThanOrEqual(early.closed / 5);
    await expect.poll(() => model.open(), { timeout: 5_000 }).toBe(0);
    await expectNormalService();
  },
);

test("callers of one question are answered when those before them leave, at any moment", async () => {
  const groups = Math.ceil(CALLERS / 20);
  const times: number[] = [];
  await inParallel(groups, 4, async () => {
    const question = unlikeWords(uniform);
    const leaving = Array.from({ length: 3 }, () => ask(question, false, momentToLeave()));
    const staying = Array.from({ length: 3 }, () => ask(question, false));
    for (const reply of await Promise.all(staying)) {
      expect([reply.status, reply.end]).toEqual([200, "complete"]);
      expect(answerText(reply.bytes)).toBe(answerText(model.bytesFor(question, false)));
      times.push(reply.ms);
    }
    await Promise.all(leaving);
  });
  console.log(
    `${times.length} stayed: p50 ${quantile(times, 0.5).toFixed(0)} ms, slowest ${Math.max(...times).toFixed(0)} ms`,
  );
  expect(Math.max(...times)).toBeLessThan(10_000);
  await expectNormalService();
});

test("a policy still boots, and decisions still queue for it, when callers leave in the middle of both", async () => {
  const now = Date.now();
  const { files, manifest } = await testRelease(localSigner(gateway), {
    created: now,
    expires: now + 3_600_000,
  });
  for (const [key, bytes] of files)
    await fetch(`${gateway.url}/__dev/store/${encodeURIComponent(key)}`, {
      method: "PUT",
      body: bytes,
    });
  await control(gateway, "/__dev/region", {
    object: "region/us/0",
    method: "setPolicyVersion",
    args: [manifest.version],
  });
  const policyOf = ({ headers }: Reply) => String(headers["x-velo-policy"]);
  const wanted = policyHeader(manifest);

  // Callers leave while the model is read, checked and brought into the runtime, until somebody is served by it.
  let waves = 0;
  await expect
    .poll(
      async () => {
        waves++;
        await Promise.all(
          Array.from({ length: 10 }, () =>
            ask(unlikeWords(uniform), true, { leaveAfterMs: uniform() * 200 }),
          ),
        );
        return policyOf(await ask(unlikeWords(uniform), false));
      },
      { timeout: 60_000, interval: 1 },
    )
    .toBe(wanted);
  console.log(`policy ${wanted} served after ${waves} waves of 10 callers who left`);

  await inParallel(100, 20, async () => {
    await ask(unlikeWords(uniform), uniform() < 0.5, { leaveAfterMs: uniform() * 40 });
  });
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => ask(unlikeWords(uniform), false)),
  );
  expect(replies.map((reply) => [reply.status, policyOf(reply)])).toEqual(
    replies.map(() => [200, wanted]),
  );
});

const policyHeader = ({ name, version }: Manifest): string => `${name}@${version}`;
