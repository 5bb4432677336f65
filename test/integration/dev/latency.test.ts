// Delays and faults reach every dependency the gateway has, and nothing else.
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test } from "vitest";
import { EMBEDDING_MODEL } from "../../../src/dev/local-ai.ts";
import { delays, EDGE_DELAYS, withLatency } from "../../../src/dev/latency.ts";
import {
  changeDevSettings,
  DEPENDENCIES,
  type Dependency,
  parseFaults,
} from "../../../src/dev/settings.ts";
import { axis } from "../../support/vectorize-contract.ts";

const wrapped = withLatency(env);

const CALLS: Readonly<Record<Dependency, () => Promise<unknown>>> = {
  embed: async () => await wrapped.AI.run(EMBEDDING_MODEL, { text: "one" }),
  vectors: async () => await wrapped.VECTORIZE.query(axis(0), { topK: 1 }),
  r2: async () => await wrapped.STORE.head("none"),
  region: async () => await wrapped.REGION.getByName("latency").sync(0),
  tenants: async () =>
    await wrapped.TENANTS.get(wrapped.TENANTS.idFromName("latency")).listTenants(),
};

const healthy = { profile: "none", faults: {} } as const;
afterEach(() => void changeDevSettings(env, healthy));

describe("faults", () => {
  test.for(DEPENDENCIES)("%s down fails its calls and no others", async (down) => {
    changeDevSettings(env, { faults: { [down]: { mode: "down", delayMs: 0 } } });
    const failing: string[] = [];
    for (const name of DEPENDENCIES) await CALLS[name]().catch(() => failing.push(name));
    expect(failing).toEqual([down]);
  });

  test("slow delays a call and lets it succeed", async () => {
    changeDevSettings(env, { faults: { r2: { mode: "slow", delayMs: 60 } } });
    const startedAt = Date.now();
    await CALLS.r2();
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(60);
  });

  test("down with a delay fails late, as a dependency that hangs", async () => {
    changeDevSettings(env, { faults: { r2: { mode: "down", delayMs: 60 } } });
    const startedAt = Date.now();
    await expect(CALLS.r2()).rejects.toThrow(/r2 is down/);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(60);
  });

  test("a plan is read strictly", () => {
    expect(parseFaults({ embed: { mode: "slow", delayMs: 5 } })).toEqual({
      embed: { mode: "slow", delayMs: 5 },
    });
    expect(() => parseFaults({ embed: { mode: "slow", delayMs: -1 } })).toThrow(/at least 0/);
    expect(() => parseFaults([])).toThrow(/JSON object/);
  });
});

describe("the edge profile", () => {
  test("makes every dependency wait", async () => {
    changeDevSettings(env, { profile: "edge" });
    for (const name of DEPENDENCIES) {
      const startedAt = Date.now();
      await CALLS[name]();
      // Even the fastest 1 in 10,000 of the fastest dependency takes 15 ms x (80 / 15)^(-3.72 / 2.33) = 1 ms.
      expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1);
    }
  });

  test("draws delays with the stated median and 99th percentile", () => {
    const drawn = Array.from({ length: 20_000 }, () => delays.lognormal(EDGE_DELAYS.vectors));
    const sorted = drawn.toSorted((a, b) => a - b);
    expect(sorted[10_000]! / 40).toBeCloseTo(1, 1);
    expect(sorted[19_800]! / 200).toBeCloseTo(1, 1);
  });
});
