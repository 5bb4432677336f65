// The stand-in keeps the contract of the service, and imitates what makes the service hard to use: writes that show
// late, and scores that are not exact.
import { env } from "cloudflare:workers";
import { evictDurableObject, reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { changeDevSettings } from "../../../src/dev/settings.ts";
import { axis, DIMENSIONS, tilted, VECTORIZE_CONTRACT } from "../../support/vectorize-contract.ts";

const index = env.VECTORIZE;

/** A rejected RPC promise fails the run even when it is caught by `rejects`; a native promise does not. */
const native = async <T>(call: () => Promise<T>): Promise<T> => await call();

/** Deterministic unit vectors (xorshift32, seed fixed). */
function randomUnits(count: number, seed: number): number[][] {
  let state = seed;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
  return Array.from({ length: count }, () => {
    const values = Array.from({ length: DIMENSIONS }, next);
    const norm = Math.hypot(...values);
    return values.map((value) => value / norm);
  });
}

beforeEach(() => void changeDevSettings(env, { lagMs: 0 }));
afterEach(reset);

describe("contract of a vector index", () => {
  test.for(VECTORIZE_CONTRACT)("$title", async ({ check }) => {
    const settled = async () => undefined; // without lag a write shows at once
    await expect(check({ index, run: "local", settled })).resolves.toBeUndefined();
  });
});

describe("lag", () => {
  test("a write shows in queries, reads and the description only after the lag", async () => {
    changeDevSettings(env, { lagMs: 300 });
    const { mutationId } = await index.upsert([{ id: "a", values: axis(0) }]);
    expect(await index.getByIds(["a"])).toEqual([]);
    expect((await index.query(axis(0), { returnValues: true })).count).toBe(0);
    expect(await index.describe()).toMatchObject({ vectorCount: 0, processedUpToMutation: "" });
    await scheduler.wait(350);
    expect((await index.query(axis(0), { returnValues: true })).count).toBe(1);
    expect(await index.describe()).toMatchObject({
      vectorCount: 1,
      dimensions: DIMENSIONS,
      processedUpToMutation: mutationId,
    });
  });

  test("writes show in the order in which they were accepted", async () => {
    changeDevSettings(env, { lagMs: 100 });
    await index.upsert([{ id: "a", values: axis(0), metadata: { fp: "old" } }]);
    await index.deleteByIds(["a"]);
    await index.insert([{ id: "a", values: axis(1), metadata: { fp: "new" } }]);
    await scheduler.wait(150);
    const [row] = await index.getByIds(["a"]);
    expect(row?.metadata).toEqual({ fp: "new" });
    expect(row?.values[1]).toBe(1);
  });

  test("an accepted write survives a restart of the object before it shows", async () => {
    changeDevSettings(env, { lagMs: 200 });
    await index.upsert([{ id: "a", values: axis(0) }]);
    await evictDurableObject(env.LOCAL_VECTOR_STORE.getByName("default"));
    expect(await index.getByIds(["a"])).toEqual([]);
    await scheduler.wait(250);
    expect(await index.getByIds(["a"])).toHaveLength(1);
  });
});

describe("scores", () => {
  test("are exact with values; without, they err by up to 0.01 and some rows are not found", async () => {
    const seed = 7;
    const rows = randomUnits(400, seed).map((values, i) => ({ id: `r${i}`, values }));
    await index.upsert(rows);
    const query = rows[0]!.values;
    const cosine = new Map(
      rows.map(({ id, values }) => [id, values.reduce((sum, v, i) => sum + v * query[i]!, 0)]),
    );
    const best = [...cosine].toSorted((a, b) => b[1] - a[1]).map(([id]) => id);

    const exact = await index.query(query, { topK: 20, returnValues: true });
    expect(exact.matches.map(({ id }) => id)).toEqual(best.slice(0, 20));
    for (const { id, score } of exact.matches) expect(score).toBeCloseTo(cosine.get(id)!, 5);

    const approximate = await index.query(query, { topK: 100 });
    const errors = approximate.matches.map(({ id, score }) => Math.abs(score - cosine.get(id)!));
    expect(Math.max(...errors)).toBeLessThanOrEqual(0.0101);
    expect(Math.max(...errors)).toBeGreaterThan(0.005);
    const found = new Set(approximate.matches.map(({ id }) => id));
    const recall = best.slice(0, 100).filter((id) => found.has(id)).length / 100;
    expect(recall).toBeLessThan(1);
    expect(recall).toBeGreaterThan(0.7);

    const again = await index.query(query, { topK: 100 });
    expect(again.matches).toEqual(approximate.matches);
  });
});

describe("storage", () => {
  test("rows of several blocks, deleted rows and reused places come back after a restart", async () => {
    const namespace = "blocks";
    const units = randomUnits(300, 11);
    await index.upsert(units.map((values, i) => ({ id: `r${i}`, values, namespace })));
    await index.deleteByIds(["r3", "r200"]);
    await index.upsert([{ id: "late", values: axis(0), namespace, metadata: { role: 2 } }]);
    await evictDurableObject(env.LOCAL_VECTOR_STORE.getByName("default"));

    expect(await index.describe()).toMatchObject({ vectorCount: 299 });
    expect(await index.getByIds(["r3", "r200"])).toEqual([]);
    const options = { topK: 1, namespace, returnValues: true } as const;
    for (const i of [0, 127, 128, 299]) {
      const [match] = (await index.query(units[i]!, options)).matches;
      expect(match?.id).toBe(`r${i}`);
      expect(match?.score).toBeCloseTo(1, 5);
    }
    const late = await index.query(axis(0), { ...options, filter: { role: 2 } });
    expect(late.matches[0]?.id).toBe("late");
  });

  test("a query by id uses the stored vector", async () => {
    await index.upsert([
      { id: "a", values: axis(0) },
      { id: "b", values: tilted(0, 1, 0.8) },
    ]);
    const { matches } = await index.queryById("b", { returnValues: true });
    expect(matches.map(({ id }) => id)).toEqual(["b", "a"]);
    await expect(native(() => index.queryById("c"))).rejects.toThrow(/not found/);
  });
});

describe("misuse that the service would answer with nothing", () => {
  test("a filter on a property without a metadata index is refused", async () => {
    await expect(native(() => index.query(axis(0), { filter: { lang: "en" } }))).rejects.toThrow(
      /no metadata index on "lang"/,
    );
  });

  test("an unknown operator, an empty batch and a vector that is not finite are refused", async () => {
    const like: VectorizeVectorMetadataFilter = JSON.parse('{"role":{"$like":"x"}}');
    await expect(native(() => index.query(axis(0), { filter: like }))).rejects.toThrow(/\$like/);
    await expect(native(() => index.upsert([]))).rejects.toThrow(/1 to 1000/);
    const values = axis(0).with(5, Number.NaN);
    await expect(native(() => index.upsert([{ id: "a", values }]))).rejects.toThrow(/finite/);
  });
});
