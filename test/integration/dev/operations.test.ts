// What the cost bench prices is what was called: one count per billed thing.
import { env } from "cloudflare:workers";
import { beforeEach, expect, test } from "vitest";
import { operationCounts, resetOperations, withCounting } from "../../../src/dev/operations.ts";
import { EMBEDDING_MODEL } from "../../../src/dev/local-ai.ts";

const counted = withCounting(env);
beforeEach(resetOperations);

test("counts a store's writes and reads apart, and deleting not at all", async () => {
  await counted.STORE.put("counted", "1");
  await counted.STORE.get("counted");
  await counted.STORE.head("counted");
  await counted.STORE.delete("counted");
  expect(operationCounts()).toMatchObject({ storeWrites: 1, storeReads: 2 });
});

test("counts texts and vectors, not only calls", async () => {
  await counted.AI.run(EMBEDDING_MODEL, { text: ["one", "two"] });
  const values = Array.from({ length: 768 }, (_, i) => (i === 0 ? 1 : 0));
  await counted.VECTORIZE.upsert([
    { id: "a", values },
    { id: "b", values },
    { id: "c", values },
  ]);
  await counted.VECTORIZE.query(values, { topK: 1 });
  expect(operationCounts()).toMatchObject({
    embedCalls: 1,
    embeddedTexts: 2,
    vectorWriteCalls: 1,
    vectorsWritten: 3,
    vectorQueries: 1,
  });
});

test("counts a region's call and the row that its report writes", async () => {
  const stub = counted.REGION.get(counted.REGION.idFromName("region/counted/0"));
  await stub.sync(0);
  // Opening the object wrote its schema.
  resetOperations();
  const empty = { experiences: [], outcomes: [], receipts: [], inserts: [], uses: [] };
  const label = {
    labelId: "l1",
    expId: "e1",
    tenant: "t1",
    source: "feedback",
    correct: 1,
    weight: 1,
  } as const;
  await stub.report({ ...empty, batchId: "b1", labels: [label], freshCursor: 0 });
  // One batch and the alarm that will apply it.
  expect(operationCounts()).toMatchObject({ regionCalls: 1, rowsWritten: 2 });
});
