// What the gateway relies on in a vector index. Run against the local stand-in by test/integration/dev, and against the
// service by `npm run verify:cloudflare`. No test framework here: the suite also runs outside vitest.
import type { Vectorize, VectorizeQueryOptions } from "@cloudflare/workers-types";

interface ContractIndex {
  /** 768 dimensions, cosine, metadata indexes on `fp` (string) and `role` (number). */
  readonly index: Vectorize;
  /** Makes ids and namespaces of one run unique, at most 16 bytes. */
  readonly run: string;
  /** Resolves when the index shows the mutation. */
  readonly settled: (mutationId: string) => Promise<void>;
}

export interface ContractCase {
  readonly title: string;
  /** Rejects with what differed. */
  readonly check: (contract: ContractIndex) => Promise<void>;
}

export const DIMENSIONS = 768;

/** Unit vector in the plane of the axes `a` and `b`, at the given cosine to `a`. */
export function tilted(a: number, b: number, cosine: number): number[] {
  const values = Array.from({ length: DIMENSIONS }, () => 0);
  values[a] = cosine;
  values[b] = Math.sqrt(1 - cosine * cosine);
  return values;
}

export const axis = (a: number): number[] => tilted(a, a === 0 ? 1 : 0, 1);

export const VECTORIZE_CONTRACT: readonly ContractCase[] = [
  {
    title: "returns what was written, with the exact cosine when values are asked for",
    check: async ({ index, run, settled }) => {
      const namespace = `${run}-exact`;
      const written = [
        {
          id: `${run}-e1`,
          values: axis(0),
          namespace,
          metadata: { fp: "f1", role: 1, text: "one" },
        },
        { id: `${run}-e2`, values: tilted(0, 1, 0.6), namespace, metadata: { fp: "f2", role: 2 } },
      ];
      await settled((await index.upsert(written)).mutationId);
      const { matches, count } = await index.query(axis(0), {
        topK: 2,
        namespace,
        returnValues: true,
        returnMetadata: "all",
      });
      equal(count, 2, "count");
      equal(matches.map(({ id }) => id).join(), `${run}-e1,${run}-e2`, "order");
      near(matches[0]?.score, 1, "score of the same vector");
      near(matches[1]?.score, 0.6, "score at cosine 0.6");
      near(matches[1]?.values?.[1], 0.8, "stored value");
      equal(matches[0]?.namespace, namespace, "namespace");
      equal(matches[0]?.metadata?.["text"], "one", "metadata");
    },
  },
  {
    title: "shows a row to its own namespace and to queries without one, to no other namespace",
    check: async ({ index, run, settled }) => {
      const row = { id: `${run}-n1`, values: axis(2), namespace: `${run}-a` };
      await settled((await index.upsert([row])).mutationId);
      const ids = async (options: VectorizeQueryOptions) =>
        (await index.query(axis(2), { topK: 20, returnValues: true, ...options })).matches.map(
          ({ id }) => id,
        );
      equal((await ids({ namespace: `${run}-a` })).join(), row.id, "its namespace");
      equal((await ids({ namespace: `${run}-b` })).join(), "", "another namespace");
      equal((await ids({})).includes(row.id), true, "no namespace");
    },
  },
  {
    title: "ignores an insert of an id that exists, and replaces the whole row by an upsert",
    check: async ({ index, run, settled }) => {
      const id = `${run}-i1`;
      const metadata = async () => (await index.getByIds([id]))[0]?.metadata;
      const first = { id, values: axis(3), metadata: { fp: "first", role: 1 } };
      await settled((await index.insert([first])).mutationId);
      await settled(
        (await index.insert([{ ...first, metadata: { fp: "second", role: 1 } }])).mutationId,
      );
      equal((await metadata())?.["fp"], "first", "after the second insert");
      await settled((await index.upsert([{ ...first, metadata: { fp: "third" } }])).mutationId);
      equal((await metadata())?.["fp"], "third", "after the upsert");
      equal((await metadata())?.["role"], undefined, "a property that the upsert left out");
    },
  },
  {
    title: "filters by the indexed properties, all conditions together",
    check: async ({ index, run, settled }) => {
      const namespace = `${run}-filter`;
      const rows = [1, 2, 3].map((role) => ({
        id: `${run}-f${role}`,
        values: axis(4),
        namespace,
        metadata: { fp: role < 3 ? "low" : "high", role },
      }));
      await settled((await index.upsert(rows)).mutationId);
      const roles = async (filter: NonNullable<VectorizeQueryOptions["filter"]>) => {
        const { matches } = await index.query(axis(4), {
          topK: 20,
          namespace,
          filter,
          returnMetadata: "all",
          returnValues: true,
        });
        return matches
          .map(({ metadata }) => Number(metadata?.["role"]))
          .toSorted((a, b) => a - b)
          .join();
      };
      equal(await roles({ fp: "low" }), "1,2", "a bare value means $eq");
      equal(await roles({ fp: { $eq: "low" }, role: { $eq: 2 } }), "2", "two conditions");
      equal(await roles({ role: { $ne: 2 } }), "1,3", "$ne");
      equal(await roles({ role: { $gte: 2 } }), "2,3", "$gte");
      equal(await roles({ role: { $gt: 2 } }), "3", "$gt");
      equal(await roles({ role: { $lt: 2 } }), "1", "$lt");
      equal(await roles({ role: { $lte: 2 } }), "1,2", "$lte");
      equal(await roles({ role: { $in: [1, 3] } }), "1,3", "$in");
      equal(await roles({ role: { $nin: [1, 3] } }), "2", "$nin");
    },
  },
  {
    title: "indexes the first 64 bytes of a string: two that differ later match one filter",
    check: async ({ index, run, settled }) => {
      const namespace = `${run}-long`;
      const prefix = "p".repeat(64);
      const rows = ["a", "b"].map((end) => ({
        id: `${run}-l${end}`,
        values: axis(5),
        namespace,
        metadata: { fp: prefix + end },
      }));
      await settled((await index.upsert(rows)).mutationId);
      const { count } = await index.query(axis(5), {
        namespace,
        filter: { fp: prefix },
        returnValues: true,
      });
      equal(count, 2, "rows found by the first 64 bytes");
    },
  },
  {
    title: "returns no metadata, the indexed properties, or all of it",
    check: async ({ index, run, settled }) => {
      const namespace = `${run}-meta`;
      const row = {
        id: `${run}-m1`,
        values: axis(6),
        namespace,
        metadata: { fp: "f", role: 1, text: "t" },
      };
      await settled((await index.upsert([row])).mutationId);
      const keys = async (returnMetadata: "none" | "indexed" | "all") => {
        const { matches } = await index.query(axis(6), {
          namespace,
          returnMetadata,
          returnValues: true,
        });
        return Object.keys(matches[0]?.metadata ?? {})
          .toSorted()
          .join();
      };
      equal(await keys("none"), "", "none");
      equal(await keys("indexed"), "fp,role", "indexed");
      equal(await keys("all"), "fp,role,text", "all");
    },
  },
  {
    title: "deletes by id without a namespace",
    check: async ({ index, run, settled }) => {
      const id = `${run}-d1`;
      const row = { id, values: axis(7), namespace: `${run}-del` };
      await settled((await index.upsert([row])).mutationId);
      equal((await index.getByIds([id])).length, 1, "rows before");
      await settled((await index.deleteByIds([id])).mutationId);
      equal((await index.getByIds([id])).length, 0, "rows after");
    },
  },
  {
    title: "takes 20 matches with values, 100 without, and refuses one more",
    check: async ({ index }) => {
      await index.query(axis(8), { topK: 20, returnValues: true });
      await index.query(axis(8), { topK: 100 });
      await refused("21 with values", () => index.query(axis(8), { topK: 21, returnValues: true }));
      await refused("21 with metadata", () =>
        index.query(axis(8), { topK: 21, returnMetadata: "all" }),
      );
      await refused("101", () => index.query(axis(8), { topK: 101 }));
    },
  },
  {
    title: "refuses vectors, ids, namespaces, metadata and batches beyond its limits",
    check: async ({ index, run }) => {
      const row = { id: `${run}-x`, values: axis(9) };
      await refused("dimensions", () => index.upsert([{ ...row, values: [1, 0] }]));
      await refused("query dimensions", () => index.query([1, 0]));
      await refused("id of 65 bytes", () => index.upsert([{ ...row, id: "i".repeat(65) }]));
      await refused("namespace of 65 bytes", () =>
        index.upsert([{ ...row, namespace: "n".repeat(65) }]),
      );
      await refused("metadata of 11 KB", () =>
        index.upsert([{ ...row, metadata: { text: "t".repeat(11_000) } }]),
      );
      await refused("1,001 vectors", () =>
        index.upsert(Array.from({ length: 1001 }, (_, i) => ({ ...row, id: `${run}-${i}` }))),
      );
    },
  },
];

function equal(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) {
    throw new Error(`${what}: expected ${String(expected)}, got ${String(actual)}`);
  }
}

/** The service computes in float32: 1e-5 is far above its rounding and far below any distance that matters. */
function near(actual: number | undefined, expected: number, what: string): void {
  if (actual === undefined || Math.abs(actual - expected) > 1e-5) {
    throw new Error(`${what}: expected ${expected}, got ${String(actual)}`);
  }
}

async function refused(what: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch {
    return;
  }
  throw new Error(`${what}: was accepted`);
}
