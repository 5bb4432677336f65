// The Worker that `npm run verify:cloudflare` runs, here on the stand-ins: what the script would send to an account is
// proved to arrive, and the contract holds over HTTP as it does over the binding.
import { env } from "cloudflare:workers";
import { reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EMBEDDING_MODEL } from "../../../src/dev/local-ai.ts";
import remote from "../../../src/dev/remote.ts";
import { changeDevSettings } from "../../../src/dev/settings.ts";
import { VECTORIZE_CONTRACT } from "../../support/vectorize-contract.ts";
import { callWorkerWith, settledBy, vectorizeOverHttp } from "../../support/vectorize-over-http.ts";

/** Production's embedder, as that Worker is configured. */
const remoteEnv = { ...env, EMBEDDER: EMBEDDING_MODEL };
const call = callWorkerWith((path, init) =>
  remote.fetch(new Request(`http://verify${path}`, init), remoteEnv),
);
const index = vectorizeOverHttp(call);

beforeEach(() => void changeDevSettings(env, { lagMs: 30 }));
afterEach(reset);

test.for(VECTORIZE_CONTRACT)("$title", async ({ check }) => {
  const settled = settledBy(index, { timeoutMs: 2000, pollMs: 10 });
  await expect(check({ index, run: "http", settled })).resolves.toBeUndefined();
});

test("tells apart a mutation that shows from one that does not", async () => {
  const settled = settledBy(index, { timeoutMs: 50, pollMs: 10 });
  await expect(settled("00000000-0000-4000-8000-000000000000")).rejects.toThrow(/did not show/);
});

test("embeds, times both bindings and boots onnxruntime", async () => {
  expect(await call("/embed", ["one", "two"])).toMatchObject({ shape: [2, 768] });
  const delays = { embed: expect.any(Array), vectors: expect.any(Array) };
  expect(await call("/delays?rounds=3")).toEqual(delays);
  expect(await call("/onnx")).toEqual([0, 0]);
});

test("refuses a method that an index does not have", async () => {
  await expect(call("/index", { method: "constructor", args: [] })).rejects.toThrow(/no method/);
});
