import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, expect, it } from "vitest";
import { type Region } from "../../../src/durable/region.ts";
import { POINTER_KEY } from "../../../src/policy/network/manifest.ts";

afterEach(reset);

const publish = (version: unknown) => env.STORE.put(POINTER_KEY, JSON.stringify({ version }));
const versionAfterCron = async (region: DurableObjectStub<Region>) => {
  await region.evict();
  const { stable, candidate } = (await region.sync(0)).policy;
  return candidate ?? stable;
};

it("takes over later policy versions from the bucket and nothing else", async () => {
  const region = env.REGION.get(env.REGION.idFromName("region/eu/0"));
  expect(await versionAfterCron(region)).toBe(0);
  await publish(3);
  expect(await versionAfterCron(region)).toBe(3);
  // Rollback, fast-forward and a damaged pointer change nothing.
  for (const bad of [2, 0, -1, 1_000_004, "4", 3.5]) {
    await publish(bad);
    expect(await versionAfterCron(region)).toBe(3);
  }
  await env.STORE.put(POINTER_KEY, "{");
  expect(await versionAfterCron(region)).toBe(3);
  await publish(4);
  expect(await versionAfterCron(region)).toBe(4);
});
