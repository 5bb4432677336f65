// Many identical questions at once: the model is asked once, everybody is answered, also when whoever was asking leaves.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { Random } from "../../src/policy/random.ts";
import {
  answerText,
  cacheResult,
  chat,
  post,
  printedSeed,
  quantile,
  unlikeWords,
} from "../support/gateway-client.ts";
import { type PlainModel, startPlainModel } from "../support/plain-model.ts";

const CLIENTS = 500;
const FIRST_BYTE_MS = 600;

const random = new Random(printedSeed("stampede"));
const uniform = () => random.uniform();

let gateway: Gateway;
let model: PlainModel;
beforeAll(async () => {
  model = await startPlainModel({ firstByteMs: FIRST_BYTE_MS, chunkMs: 20 });
  gateway = await startGateway({
    quiet: true,
    vars: { UPSTREAM_BASE_URL: model.url, VELO: '{"epsilon":0}' },
  });
});
afterAll(async () => {
  await gateway.stop();
  await model.stop();
});

const ask = (question: string, stream: boolean, leaveAfterMs?: number) =>
  post(`${gateway.url}/v1/chat/completions`, {
    body: chat("plain", question, stream),
    ...(leaveAfterMs !== undefined && { leaveAfterMs }),
  });

describe.each([
  ["whole", false],
  ["streamed", true],
] as const)("%s answers", (_, stream) => {
  test(`${CLIENTS} identical questions at once cost at most 2 calls and all get the same text`, async () => {
    const question = unlikeWords(uniform);
    const text = answerText(model.bytesFor(question, false));
    const replies = await Promise.all(Array.from({ length: CLIENTS }, () => ask(question, stream)));
    const results = new Map<string, number>();
    for (const reply of replies) {
      expect([reply.status, reply.end]).toEqual([200, "complete"]);
      expect(answerText(reply.bytes)).toBe(text);
      const result = cacheResult(reply);
      results.set(result, (results.get(result) ?? 0) + 1);
    }
    const times = replies.map(({ ms }) => ms);
    console.log(
      `${CLIENTS} clients: ${model.callsFor(question).length} calls, ` +
        `${[...results].map(([result, count]) => `${result} ${count}`).join(", ")}, ` +
        `p50 ${quantile(times, 0.5).toFixed(0)} ms, slowest ${Math.max(...times).toFixed(0)} ms`,
    );
    expect(model.callsFor(question).length).toBeLessThanOrEqual(2);
    expect(results.get("MISS")).toBe(model.callsFor(question).length);
  });

  test("followers of a caller who leaves before the first byte are answered by one more call", async () => {
    const question = unlikeWords(uniform);
    const leader = ask(question, stream, FIRST_BYTE_MS / 2);
    await expect.poll(() => model.callsFor(question).length, { interval: 5 }).toBe(1);
    const followers = Array.from({ length: 40 }, () => ask(question, stream));
    expect((await leader).end).toBe("left");
    for (const reply of await Promise.all(followers)) {
      expect([reply.status, reply.end]).toEqual([200, "complete"]);
      expect(answerText(reply.bytes)).toBe(answerText(model.bytesFor(question, false)));
    }
    expect(model.callsFor(question).length).toBe(2);
    expect(model.callsFor(question)[0]?.complete).toBe(false);
  });

  test("a question asked after a stampede is served from the cache", async () => {
    const question = unlikeWords(uniform);
    await ask(question, stream);
    expect(cacheResult(await ask(question, stream))).toBe("HIT-EXACT");
    expect(model.callsFor(question).length).toBe(1);
  });
});

test("a caller who leaves in mid-stream ends the streams that follow it with an error, and a new call answers the next", async () => {
  const question = unlikeWords(uniform);
  const leader = ask(question, true, FIRST_BYTE_MS + 150);
  await expect.poll(() => model.callsFor(question).length, { interval: 5 }).toBe(1);
  const followers = await Promise.all(Array.from({ length: 10 }, () => ask(question, true)));
  expect((await leader).end).toBe("left");
  for (const reply of followers) {
    expect(reply.end).toBe("complete");
    const text = reply.bytes.toString();
    // Whole, or told to be broken: never a part that looks whole.
    expect(text.includes("[DONE]")).toBe(!text.includes('"error"'));
  }
  const next = await ask(question, true);
  expect(next.bytes.toString()).toContain("[DONE]");
});
