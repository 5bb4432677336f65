import { describe, expect, test } from "vitest";
import { Random } from "../../../../src/policy/random.ts";
import { ExactIndex } from "../../../../src/trainer-node/simulator/index-search.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`index search seed ${seed}`);

const DIMENSIONS = 7;
const random = new Random(seed);
const vector = () => Float32Array.from({ length: DIMENSIONS }, () => random.normal());
const same = (embedding: Float32Array) => embedding;
const row = (id: string, values: Float32Array, namespace = "n", fp = "f") => ({
  id,
  values,
  namespace,
  metadata: { fp },
});
const inner = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

describe("the exact index", () => {
  test("finds what sorting all rows finds, also after rows have left and come back", async () => {
    const index = new ExactIndex(same);
    const kept = new Map<string, Float32Array>();
    for (let step = 0; step < 900; step++) {
      const id = `r${Math.floor(random.uniform() * 400)}`;
      if (random.uniform() < 0.3) {
        await index.deleteByIds([id]);
        kept.delete(id);
      } else {
        const values = vector();
        await index.upsert([row(id, values)]);
        kept.set(id, values);
      }
    }
    const asked = vector();
    const expected = [...kept]
      .map(([id, values]) => ({ id, cosine: inner(values, asked) }))
      .toSorted((a, b) => b.cosine - a.cosine)
      .slice(0, 10);
    const found = index.query(asked, { namespace: "n", fp: "f", count: 10 });
    expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    for (const [i, { cosine }] of found.entries())
      expect(cosine).toBeCloseTo(expected[i]!.cosine, 5);
  });

  test("shows rows of one namespace and fingerprint alone", async () => {
    const index = new ExactIndex(same);
    const values = vector();
    await index.upsert([row("a", values), row("b", values, "other"), row("c", values, "n", "g")]);
    const ids = (namespace: string, fp: string) =>
      index.query(values, { namespace, fp, count: 10 }).map(({ id }) => id);
    expect(ids("n", "f")).toEqual(["a"]);
    expect(ids("other", "f")).toEqual(["b"]);
    expect(ids("nobody", "f")).toEqual([]);
  });

  test("takes over what was learnt about a row whose vector stays", async () => {
    const index = new ExactIndex(same);
    const values = vector();
    await index.upsert([row("a", values)]);
    const [stored] = await index.getByIds(["a"]);
    await index.upsert([{ ...stored!, metadata: { fp: "f", n: 4 } }]);
    const [found] = index.query(values, { namespace: "n", fp: "f", count: 10 });
    expect(found!.metadata).toEqual({ fp: "f", n: 4 });
  });
});
