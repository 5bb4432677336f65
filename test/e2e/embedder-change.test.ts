// A change of the embedder on a gateway that has a cache, over real processes, storage and cron.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { cacheResult, chat, post } from "../support/gateway-client.ts";

const QUESTION = "Which city is the capital of Australia?";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({
    quiet: true,
    vars: { DEMO_DELAY_SCALE: "0", EMBEDDER: "@cf/google/embeddinggemma-300m" },
  });
});
afterAll(() => gateway.stop());

const ask = async (question: string): Promise<string> =>
  cacheResult(
    await post(`${gateway.url}/us/v1/chat/completions`, { body: chat("velo-demo", question) }),
  );
interface Region {
  readonly region: string;
  readonly entries: number;
  readonly reembedding: unknown;
}
const region = async (): Promise<Region | undefined> => {
  const response = await fetch(`${gateway.url}/us/admin/live`, {
    headers: { authorization: `Bearer ${gateway.adminToken}` },
  });
  const { regions } = (await response.json()) as { readonly regions: readonly Region[] };
  return regions.find((each) => each.region === "us");
};

test("what was cached with one embedder is served with the next one, once cron has moved it", async () => {
  expect(await ask(QUESTION)).toBe("MISS");
  await expect.poll(() => ask(QUESTION)).toBe("HIT-EXACT");
  // The row is reported a moment after the answer was stored.
  await expect.poll(async () => (await region())?.entries, { timeout: 10_000 }).toBe(1);
  await gateway.kill();
  await gateway.restart({ EMBEDDER: "velo/subword-768" });

  const cron = await fetch(`${gateway.url}/cdn-cgi/local/scheduled`);
  expect(cron.status).toBe(200);
  expect((await region())?.reembedding).toMatchObject({ moved: 1, evicted: 0 });
  expect(await ask(QUESTION)).toBe("HIT-EXACT");
});
