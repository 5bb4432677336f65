import { describe, expect, test } from "vitest";
import { type Candidate } from "../../../../src/policy/cache/candidate.ts";
import { Random } from "../../../../src/policy/random.ts";
import { type Ended, type StoredRow } from "../../../../src/trainer-node/simulator/agent-region.ts";
import { type Branch } from "../../../../src/trainer-node/simulator/executed.ts";
import { PaperRegion } from "../../../../src/trainer-node/simulator/paper-region.ts";
import {
  type PaperCacheOptions,
  PaperRows,
} from "../../../../src/trainer-node/simulator/paper-rows.ts";
import { type SimulatedRequest } from "../../../../src/trainer-node/simulator/source.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`paper region seed ${seed}`);

const request = (id: string): SimulatedRequest => ({
  id,
  index: 0,
  t: 0,
  region: "us",
  kind: "new",
  group: id,
  family: id,
  question: id,
  lang: "en",
  fp: "f",
  text: id,
  level: "semantic",
  tokensIn: 1,
  tokensOut: 1,
});

/** A unit vector in the plane, so many degrees from (1, 0). */
const at = (degrees: number): Float32Array =>
  Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));

const row = (id: string, degrees: number, role: 1 | 2 = 1, createdAt = 0): StoredRow => ({
  request: request(id),
  role,
  ansId: id,
  namespace: "us",
  createdAt,
  expiresAt: Infinity,
  vector: at(degrees),
});

function world(options: PaperCacheOptions = {}) {
  const gone: string[] = [];
  const database = new PaperRows(options, (ansId) => gone.push(ansId));
  const region = new PaperRegion({ now: 0, database, vectorOf: () => at(0) });
  const values = () => Object.fromEntries(region.rows().map(({ id, value }) => [id, value]));
  const counts = () => Object.fromEntries(region.rows().map(({ id, useCount }) => [id, useCount]));
  return { database, region, gone, values, counts };
}

function ended(
  handling: Branch["handling"],
  quality: number,
  delaySeconds: number,
  rows: {
    served?: Candidate;
    notes?: readonly Candidate[];
    candidates?: readonly Candidate[];
  } = {},
): Ended {
  const { served = null, notes = [], candidates = [] } = rows;
  const utility = quality - 0.1 * delaySeconds;
  const branch = { handling, reason: "", correct: true, quality, delaySeconds, utility };
  const outcome = {} as Ended["outcome"];
  return { outcome, branch, served, notes, candidates };
}

describe("an edge database of the paper", () => {
  test("shows a row at once, nearest first, both roles mixed, with exact distances", () => {
    const { region } = world();
    region.insert(row("far", 90));
    region.insert(row("near", 60));
    region.insert(row("near", 36.87, 2));
    const found = region.nearest(request("asked"));
    expect(found.map(({ id }) => id)).toEqual(["w-near", "v-near", "v-far"]);
    // ||a - b|| = 2 sin(angle / 2): 1 at 60 degrees, sqrt 2 at 90; sqrt(2 - 2 * 0.8) at the angle of 4 / 5.
    expect(found[0]!.distance).toBeCloseTo(Math.sqrt(0.4), 4);
    expect(found[1]!.distance).toBeCloseTo(1, 6);
    expect(found[2]!.distance).toBeCloseTo(Math.SQRT2, 6);
    expect(found.map(({ role, ansId }) => [role, ansId])).toEqual([
      [2, "near"],
      [1, "near"],
      [1, "far"],
    ]);
  });

  test("finds what sorting finds, also after rows have left", () => {
    const random = new Random(seed);
    const { database } = world();
    const kept = new Map<string, number>();
    for (let i = 0; i < 400; i++) {
      const degrees = 180 * random.uniform();
      database.insert(row(`r${i}`, degrees));
      kept.set(`v-r${i}`, degrees);
      if (i % 100 !== 99) continue;
      for (let j = i - 60; j < i; j += 2) {
        database.use(`v-r${j}`, ended("A", -2, 10).branch);
        kept.delete(`v-r${j}`);
      }
      database.evict(0);
    }
    const expected = [...kept].toSorted((a, b) => a[1] - b[1]).slice(0, 10);
    expect(database.nearest(at(0)).map(({ id }) => id)).toEqual(expected.map(([id]) => id));
  });
});

describe("Eq. 5, literally", () => {
  test("moves the row that was served, from -1: (-1 - 0.5 - 0.1) / 2 = -0.8", () => {
    const { region, values, counts } = world();
    region.insert(row("a", 10));
    region.insert(row("b", 20));
    const candidates = region.nearest(request("asked"));
    region.end(ended("A", -0.5, 0.1, { served: candidates[0]!, candidates }));
    expect(values()["v-a"]).toBeCloseTo(-0.8, 12);
    expect(values()["v-b"]).toBe(-1);
    expect(counts()).toEqual({ "v-a": 2, "v-b": 1 });
    // The next request is fed the new count.
    expect(region.nearest(request("asked")).map(({ useCount }) => useCount)).toEqual([2, 1]);
  });

  test("moves the chosen row of a call with notes, (-1 - 0.25 - 11) / 2, and counts every note", () => {
    const { region, values, counts } = world();
    for (const [id, degrees] of [
      ["a", 70],
      ["b", 71],
      ["c", 72],
      ["d", 73],
    ] as const)
      region.insert(row(id, degrees));
    const candidates = region.nearest(request("asked"));
    region.end(ended("C", -0.25, 11, { notes: candidates.slice(0, 3), candidates }));
    expect(values()["v-a"]).toBeCloseTo(-6.125, 12);
    expect([values()["v-b"], values()["v-c"], values()["v-d"]]).toEqual([-1, -1, -1]);
    expect(counts()).toEqual({ "v-a": 2, "v-b": 2, "v-c": 2, "v-d": 1 });
  });

  test("leaves values alone where the model was called", () => {
    const { region, values, counts } = world();
    region.insert(row("a", 70));
    region.end(ended("B", -0.5, 8, { candidates: region.nearest(request("asked")) }));
    expect([values(), counts()]).toEqual([{ "v-a": -1 }, { "v-a": 1 }]);
  });

  test("starts new rows from the mean: (-0.8 - 1) / 2 = -0.9 after one use among two rows", () => {
    const { region, values } = world();
    region.insert(row("a", 10));
    region.insert(row("b", 20));
    const candidates = region.nearest(request("asked"));
    region.end(ended("A", -0.5, 0.1, { served: candidates[0]!, candidates }));
    region.insert(row("c", 30));
    expect(values()["v-c"]).toBeCloseTo(-0.9, 12);
  });
});

describe("eviction", () => {
  const used = (options: PaperCacheOptions) => {
    const made = world(options);
    for (const [i, id] of ["a", "b", "c"].entries()) {
      made.region.insert(row(id, 10 * i, 1, i));
      made.region.insert(row(id, 10 * i + 5, 2, i));
    }
    // Wrong answers at once: (-1 - 1.2 - 0.1) / 2 = -1.15, then (-1.15 - 1.3) / 2 = -1.225.
    for (let uses = 0; uses < 2; uses++)
      for (const id of ["v-a", "w-a"]) made.database.use(id, ended("A", -1.2, 0.1).branch);
    return made;
  };

  test("by the paper's rule drops whatever is below the mean; an answer goes with the last row of its pair", () => {
    const { region, gone } = used({});
    expect(region.evict()).toBe(2);
    expect(new Set(region.rows().map(({ ansId }) => ansId))).toEqual(new Set(["b", "c"]));
    expect(gone).toEqual(["a"]);
    // All values are equal now: nobody is below the mean.
    expect(region.evict()).toBe(0);
  });

  test("keeps the answer of a pair of which one row is left", () => {
    const { database, region, gone } = used({});
    database.use("w-b", ended("C", -0.5, 30).branch);
    // Mean (2 * -1.225 - 15.75 - 3) / 6 = -3.53: only w-b lies below it.
    expect(region.evict()).toBe(1);
    expect(gone).toEqual([]);
    expect(region.rows().filter(({ ansId }) => ansId === "b")).toMatchObject([{ role: 1 }]);
  });

  test("by the product's rule waits for the high-water mark, and never happens where there is none", () => {
    // 6 rows of 100 and of 6: above 0.95 * 6 = 5.7 one goes, down to floor(0.85 * 6) = 5: a row that was used twice.
    expect(used({ eviction: "watermark", capacity: 100, graceMs: 0 }).region.evict()).toBe(0);
    const full = used({ eviction: "watermark", capacity: 6, graceMs: 0 });
    expect(full.region.evict()).toBe(1);
    expect(full.region.rows().filter(({ ansId }) => ansId === "a")).toHaveLength(1);
    expect(used({ eviction: "none" }).region.evict()).toBe(0);
  });
});

test("the product's value measures a use against direct calls: U_A - b_B = -0.51 + 1.34 = 0.83", () => {
  const { region, values } = world({ value: "relative" });
  region.insert(row("a", 10));
  region.end(ended("B", -0.54, 8));
  const candidates = region.nearest(request("asked"));
  region.end(ended("A", -0.5, 0.1, { served: candidates[0]!, candidates }));
  expect(values()["v-a"]).toBeCloseTo(0.83, 12);
});
