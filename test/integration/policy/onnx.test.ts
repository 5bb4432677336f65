import { beforeAll, describe, expect, it } from "vitest";
import golden from "../../fixtures/golden-policy.json" with { type: "json" };
import { greedyPolicy } from "../../../src/policy/network/greedy.ts";
import { DEFAULT_NETWORK } from "../../../src/policy/network/layout.ts";
import { blobKey, manifestKey } from "../../../src/policy/network/manifest.ts";
import { type Session } from "../../../src/policy/network/network-policy.ts";
import { actorModel } from "../../../src/policy/network/onnx-graph.ts";
import { type OnnxRuntime, onnxRuntime } from "../../../src/policy/network/onnx-policy.ts";
import { PublishedPolicy } from "../../../src/worker/published-policy.ts";
import { waitFor } from "../../../src/worker/upstream/deadline.ts";
import { type Bucket, type Release, publish } from "../../../src/trainer-node/publish.ts";
import { env } from "cloudflare:workers";
import {
  RELEASED_AT,
  type TestSigner,
  goldenInputs,
  resealed,
  seededForward,
  seededWeights,
  testRelease,
  testSigner,
} from "../../support/golden-policy.ts";

/** Of 500 runs each; VITE_ROUNDS=100 is the long version (two minutes). */
const ROUNDS = Number(import.meta.env["VITE_ROUNDS"] ?? 4);

const inputs = goldenInputs();
const store: R2Bucket & Bucket = env.STORE;
let runtime: OnnxRuntime;
let session: Session;
let upAtStart: boolean;
let instantiateBefore: typeof WebAssembly.instantiate;

const relative = (got: number, want: number) => Math.abs(got - want) / Math.max(1, Math.abs(want));

beforeAll(async () => {
  runtime = onnxRuntime(waitFor);
  upAtStart = runtime.up;
  instantiateBefore = WebAssembly.instantiate;
  session = await runtime.createSession(actorModel(DEFAULT_NETWORK, seededWeights(golden.seed)));
});

describe("onnxruntime inside workerd", () => {
  it("boots with the first session and restores WebAssembly.instantiate", () => {
    expect(upAtStart).toBe(false);
    expect(navigator.userAgent).toBe("Cloudflare-Workers");
    expect(runtime.up).toBe(true);
    expect(runtime.memoryBytes).toBeGreaterThan(1 << 20);
    expect(WebAssembly.instantiate).toBe(instantiateBefore);
  });

  it("computes what onnxruntime-node and the TypeScript pass compute, on 100 inputs", async () => {
    const forward = seededForward(golden.seed);
    let fromNode = 0;
    let fromForward = 0;
    for (const [i, input] of inputs.entries()) {
      const { logits } = await session.run(input, input.noise);
      const own = forward.run(input.f, input.c, input.omega, input.noise).logits;
      for (let a = 0; a < 2; a++) {
        fromNode = Math.max(fromNode, relative(logits[a]!, golden.logits[i]![a]!));
        fromForward = Math.max(fromForward, relative(own[a]!, logits[a]!));
      }
    }
    console.log(`from onnxruntime-node ${fromNode}, from the TypeScript pass ${fromForward}`);
    expect(fromNode).toBeLessThanOrEqual(1e-5);
    expect(fromForward).toBeLessThanOrEqual(1e-5);
  });

  it(
    `answers ${ROUNDS * 500} overlapping runs, each with its own logits`,
    { timeout: 300_000 },
    async () => {
      const want = await Promise.all(inputs.map((input) => session.run(input, input.noise)));
      const before = runtime.memoryBytes;
      let wrong = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const runs = Array.from({ length: 500 }, async (_, i) => {
          const input = inputs[i % inputs.length]!;
          const { logits } = await session.run(input, input.noise);
          const expected = want[i % inputs.length]!.logits;
          if (logits[0] !== expected[0] || logits[1] !== expected[1]) wrong++;
        });
        await Promise.all(runs);
      }
      expect(wrong).toBe(0);
      expect(runtime.takeovers).toBe(0);
      expect(runtime.memoryBytes).toBe(before);
    },
  );

  it("refuses a file that is no model and goes on", async () => {
    await expect(async () => runtime.createSession(new Uint8Array(1000))).rejects.toThrow(
      /protobuf/i,
    );
    const { logits } = await session.run(inputs[0]!, inputs[0]!.noise);
    expect(relative(logits[0]!, golden.logits[0]![0]!)).toBeLessThanOrEqual(1e-5);
  });
});

describe("a policy published in R2", () => {
  let signer: TestSigner;
  let releases: readonly Release[];
  beforeAll(async () => {
    signer = await testSigner("key-a");
    const versions = Array.from({ length: 4 }, (_, i) => i + 1);
    releases = await Promise.all(
      versions.map((version) => testRelease(signer, { version, seed: version })),
    );
  });

  const loader = () =>
    new PublishedPolicy({
      read: async (key) => {
        const object = await store.get(key);
        return object && new Uint8Array(await object.arrayBuffer());
      },
      now: () => RELEASED_AT,
      random: () => 0,
      subtle: crypto.subtle,
      keys: [signer.publicKey],
      baseline: greedyPolicy(0.95),
      embedder: "velo/hash-ngram-768",
      accelerator: runtime,
    });

  it("is written in order by conditional puts and taken up on onnxruntime", async () => {
    expect(await publish(releases[0]!, store)).toBe("published");
    expect(await publish(releases[0]!, store)).toBe("version-does-not-follow");
    expect(await publish(releases[1]!, store)).toBe("published");
    const policy = loader();
    await policy.refresh(2);
    expect(policy.status()).toMatchObject({ version: 2, accelerated: true, lastProblem: null });
    const { f, c, omega } = inputs[0]!;
    const { logits } = await policy.current.infer({ f, c, omega });
    const want = seededForward(2).run(f, c, omega, null).logits;
    for (let a = 0; a < 2; a++) expect(relative(logits[a]!, want[a]!)).toBeLessThanOrEqual(1e-5);
  });

  it("stays on the old policy for every file that is damaged or forged", async () => {
    const [one, two] = [releases[0]!, releases[1]!];
    for (const [key, bytes] of one.files) await store.put(key, bytes);
    const weights = new Map(seededWeights(2)).set("fc0.b", new Float32Array(384).fill(NaN));
    const stranger = await testSigner("key-a");
    const bad = await resealed(two, signer, { model: actorModel(DEFAULT_NETWORK, weights) });
    const forged = await resealed(two, stranger, {});
    const good = two.model;
    const attempts: readonly (readonly [string, Release, Uint8Array])[] = [
      ["blob-hash", two, good.with(1_000_000, good[1_000_000]! ^ 4)],
      ["blob-size", two, good.subarray(0, 2_000_000)],
      ["weights-not-finite", bad, bad.model],
      ["signature-wrong", forged, forged.model],
    ];
    const { f, c, omega } = inputs[0]!;
    const want = seededForward(1).run(f, c, omega, null).logits;
    for (const [reason, release, model] of attempts) {
      await store.put(manifestKey(2), release.files.get(manifestKey(2))!);
      await store.put(blobKey(release.manifest.blob.sha256), model);
      const policy = loader();
      await policy.refresh(1);
      await policy.refresh(2);
      expect(policy.status()).toMatchObject({ version: 1, swaps: 1, lastProblem: reason });
      const { logits } = await policy.current.infer({ f, c, omega });
      expect(relative(logits[0]!, want[0]!)).toBeLessThanOrEqual(1e-5);
    }
  });

  it("is swapped under load without an error or a wrong answer", { timeout: 120_000 }, async () => {
    for (const release of releases)
      for (const [key, bytes] of release.files) await store.put(key, bytes);
    const { f, c, omega } = inputs[5]!;
    const want = releases.map((_, i) => seededForward(i + 1).run(f, c, omega, null).logits);
    const policy = loader();
    await policy.refresh(1);
    const until = { stop: false };
    let wrong = 0;
    const answered = [0, 0, 0, 0];
    const load = Array.from({ length: 8 }, async () => {
      while (!until.stop) {
        const taken = policy.current;
        await waitFor(0);
        const { logits } = await taken.infer({ f, c, omega });
        const expected = want[taken.version - 1]!;
        if (relative(logits[0]!, expected[0]!) > 1e-5 || relative(logits[1]!, expected[1]!) > 1e-5)
          wrong++;
        answered[taken.version - 1]!++;
      }
    });
    // Versions 1 to 4, and then back and forth between the last two, which the isolate keeps.
    for (let swap = 0; swap < 30; swap++) {
      await waitFor(100);
      await policy.refresh(swap < 3 ? swap + 2 : 3 + (swap % 2));
    }
    until.stop = true;
    await Promise.all(load);
    console.log(`answers by version ${answered.join(", ")}; ${policy.status().swaps} swaps`);
    expect(wrong).toBe(0);
    expect(policy.status()).toMatchObject({ lastProblem: null, accelerated: true });
    expect(policy.status().swaps).toBeGreaterThan(25);
    expect(Math.min(...answered)).toBeGreaterThan(0);
  });
});
