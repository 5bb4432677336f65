// Policies published to a running gateway as signed ONNX files: a good one comes into service, one that does the opposite
// is taken out and stays out, through a crash too, and the next good one is tried again.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { localSigner } from "../../scripts/local/signer.ts";
import { type RolloutView } from "../../src/durable/rollout.ts";
import { type Manifest } from "../../src/policy/network/manifest.ts";
import { Random } from "../../src/policy/random.ts";
import {
  cacheResult,
  chat,
  control,
  inParallel,
  post,
  printedSeed,
  unlikeWords,
} from "../support/gateway-client.ts";
import { testRelease } from "../support/golden-policy.ts";
import { inverted, near } from "../support/handmade-policies.ts";

const seed = printedSeed("rollout");
const random = new Random(seed);
const QUESTIONS = Array.from(
  { length: 20 },
  () => `What is ${unlikeWords(() => random.uniform(), 3)}?`,
);
/** Minutes of production in seconds; what counts as harm is production's. */
const ROLLOUT = {
  shares: [0.1, 0.5, 1],
  minDecisions: [40, 60, 60],
  minMs: [0, 0, 0],
  pointerEveryMs: 100,
};
const MAX_REQUESTS = 4_000;

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({
    quiet: true,
    vars: { DEMO_DELAY_SCALE: "0", ROLLOUT: JSON.stringify(ROLLOUT) },
  });
});
afterAll(() => gateway.stop());

/** Files first and the pointer last, as the trainer writes them. */
async function publishNext(
  { config, weights }: typeof near,
  previous: Manifest | null,
): Promise<Manifest> {
  const now = Date.now();
  const { files, manifest } = await testRelease(localSigner(gateway), {
    config,
    weights,
    version: (previous?.version ?? 0) + 1,
    previous,
    created: now,
    expires: now + 3_600_000,
  });
  for (const [key, body] of files) {
    const url = `${gateway.url}/__dev/store/${encodeURIComponent(key)}`;
    expect((await fetch(url, { method: "PUT", body })).status).toBe(200);
  }
  return manifest;
}

const rollout = async (): Promise<RolloutView> => {
  const { regions } = await control<{
    regions: readonly { readonly region: string; readonly rollout: RolloutView }[];
  }>(gateway, "/admin/live");
  return regions.find(({ region }) => region === "us")!.rollout;
};

/** What a request came to, and the version that decided it: null when none did. */
async function ask(text: string): Promise<{ result: string; version: number | null }> {
  const user = `user-${Math.floor(10_000 * random.uniform())}`;
  const reply = await post(`${gateway.url}/us/v1/chat/completions`, {
    body: { ...chat("velo-demo", text), user },
    headers: { "cache-control": "no-store" },
  });
  expect(reply.status).toBe(200);
  const version = /@(\d+)$/.exec(String(reply.headers["x-velo-policy"] ?? ""))?.[1];
  return { result: cacheResult(reply), version: version === undefined ? null : Number(version) };
}

/** Rephrasings of what the cache knows, and questions that it does not. */
const traffic = () =>
  random.uniform() < 0.6
    ? `${QUESTIONS[Math.floor(QUESTIONS.length * random.uniform())]!.slice(0, -1)}, please?`
    : unlikeWords(() => random.uniform());

/** Sends requests until the region says so; counts those that each version decided. */
async function askUntil(done: (view: RolloutView) => boolean): Promise<Map<number | null, number>> {
  const decided = new Map<number | null, number>();
  for (let sent = 0; sent < MAX_REQUESTS; sent += 40) {
    await inParallel(40, 8, async () => {
      const { version } = await ask(traffic());
      decided.set(version, (decided.get(version) ?? 0) + 1);
    });
    if (done(await rollout())) return decided;
  }
  throw new Error(`not within ${MAX_REQUESTS} requests: ${JSON.stringify(await rollout())}`);
}

test("a good policy comes into service by stages, a bad one is taken out and the last good one serves on", async () => {
  for (const question of QUESTIONS)
    await post(`${gateway.url}/us/v1/chat/completions`, { body: chat("velo-demo", question) });

  const first = await publishNext(near, null);
  const good = await askUntil(({ stable }) => stable === 1);
  console.log(`good: decisions by version ${JSON.stringify([...good])}`);
  expect(good.get(0)).toBeGreaterThan(0);
  expect(await rollout()).toMatchObject({ stable: 1, candidate: null, rolledBack: [] });

  const second = await publishNext(inverted, first);
  const startedAt = performance.now();
  const bad = await askUntil(({ rolledBack }) => rolledBack.length > 0);
  const { rolledBack } = await rollout();
  const all = [...bad.values()].reduce((a, b) => a + b, 0);
  console.log(
    `inverted: ${bad.get(2)} of ${all} requests in ${Math.round(performance.now() - startedAt)} ms, ` +
      JSON.stringify(rolledBack),
  );
  expect(rolledBack).toMatchObject([{ version: 2, kind: "rolled-back", reason: "fewer-hits" }]);
  const lines = gateway.logs().filter((line) => line.includes('"rolled-back"'));
  expect(lines.length).toBe(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ event: "rollout", object: "us/0", version: 2 });

  // Isolates hear of it with the next reply, a moment after the last of the traffic.
  await ask(traffic());
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const afterwards = async () => {
    const results: string[] = [];
    await inParallel(60, 4, async () => {
      const { result, version } = await ask(traffic());
      results.push(`${result} ${version}`);
    });
    return new Set(results);
  };
  for (const seen of await afterwards()) expect(seen).toMatch(/ 1$/);

  await gateway.kill();
  await gateway.restart();
  expect(await rollout()).toMatchObject({ stable: 1, candidate: null, rolledBack });
  const seen = await afterwards();
  // A new isolate begins with the greedy rule until version 1 is loaded.
  expect(seen.has("HIT-SEMANTIC 1")).toBe(true);
  expect([...seen].some((one) => one.endsWith(" 2"))).toBe(false);

  await publishNext(near, second);
  await askUntil(({ stable }) => stable === 3);
  expect((await rollout()).rolledBack.map(({ version }) => version)).toEqual([2]);
});
