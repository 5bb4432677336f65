import { describe, expect, test } from "vitest";
import { flooredProbabilities } from "../../../src/policy/decide.ts";
import { DEFAULT_NETWORK, type Weights } from "../../../src/policy/network/layout.ts";
import {
  type Manifest,
  POINTER_KEY,
  canonicalBytes,
  manifestKey,
  parseAscii,
  parseEnvelope,
} from "../../../src/policy/network/manifest.ts";
import { FIXED_RULE } from "../../../src/policy/network/greedy.ts";
import { sha256 } from "../../../src/policy/network/manifest-gate.ts";
import { Random } from "../../../src/policy/random.ts";
import { EdgeError } from "../../../src/trainer-node/edge-client.ts";
import { type Lesson } from "../../../src/trainer-node/lessons.ts";
import { Publisher, servingVersion } from "../../../src/trainer-node/live-policy.ts";
import { type Bucket, publish } from "../../../src/trainer-node/publish.ts";
import { seededWeights, testRelease, testSigner } from "../../support/golden-policy.ts";
import { inverted, near } from "../../support/handmade-policies.ts";
import { memoryBucket } from "../../support/memory-bucket.ts";

const SEED = 7;
const NOW = Date.UTC(2026, 10, 21);
const EMBEDDER = "test/embedder";

/**
 * What the fixed rule logged: rows lie 0 to 1.5 away and are right, a call takes 3 s. Every second hit has a label. The
 * gate wants 500 decisions, and 0.77 % wrong cannot be ruled out with 220 labels that are all good: it allows 1 %.
 */
async function logOf(policyVersion: number, count = 700): Promise<readonly Lesson[]> {
  const random = new Random(SEED);
  const lessons: Lesson[] = [];
  for (let i = 0; i < count; i++) {
    const c = new Float32Array(30).fill(2, 0, 10);
    c[0] = 1.5 * random.uniform();
    c[10] = -0.5;
    const f = new Float32Array(768);
    const probs = [...(await FIXED_RULE.infer({ f, c, omega: -1 })).probs];
    const pi = flooredProbabilities(probs, [true, true], 0.02);
    const action = random.uniform() < pi[0]! ? 0 : 1;
    const label = action === 1 && random.uniform() < 0.5;
    lessons.push({
      f,
      c,
      omega: -1,
      noise: null,
      action,
      mu: pi[action]!,
      probs,
      reward: 0,
      region: i % 2 === 0 ? "us" : "eu",
      at: NOW + i,
      policyVersion,
      expId: `e${i}`,
      tenant: "acme",
      group: `g${i}`,
      share: true,
      resolverVersion: 1,
      handling: action === 1 ? "A" : "B",
      delaySeconds: action === 1 ? 0.1 : 3,
      acceptance: 1,
      label: label ? { correct: 1, samplingProbability: 0.5 } : null,
    });
  }
  return lessons;
}

const signer = await testSigner("key-a");
const byRule = await logOf(0);

const publisherOn = (bucket: Bucket) =>
  new Publisher({
    bucket,
    signer,
    purpose: { embedder: EMBEDDER, input: "embedding", network: DEFAULT_NETWORK },
    builtIn: [
      {
        name: "brought-along",
        embedder: EMBEDDER,
        input: "embedding",
        network: DEFAULT_NETWORK,
        weights: seededWeights(3),
      },
    ],
    seed: SEED,
    now: () => NOW,
  });

const offer = (
  bucket: Bucket,
  { weights }: { weights: Weights } = near,
  log = byRule,
  update = 1,
) => publisherOn(bucket).offer(weights, log, update);

async function manifestIn(bucket: Bucket, version: number): Promise<Manifest> {
  const object = await bucket.get(manifestKey(version));
  return parseEnvelope(parseAscii(new Uint8Array(await object!.arrayBuffer())))!.manifest;
}

const releaseOf = (version: number, seed: number) =>
  testRelease(signer, { version, seed, created: NOW, expires: NOW + 1_000 });

describe("an offer", () => {
  test("is published when it passes, and compared with what decided before: at first the rule whose probabilities were logged", async () => {
    const bucket = memoryBucket();
    expect(await offer(bucket)).toMatchObject({
      published: 1,
      newest: 1,
      why: "",
      against: "greedy-0.95@0",
    });
    const first = await manifestIn(bucket, 1);
    expect(first).toMatchObject({ previous: null, embedder: EMBEDDER, trainingEpoch: 1 });
    expect(first.gate["verdict"]).toBe("accepted");

    const next = await offer(bucket, near, await logOf(1), 2);
    expect(next).toMatchObject({ published: 2, against: "dlrs-1@1" });
    const second = await manifestIn(bucket, 2);
    expect(second.previous).toBe(await sha256(canonicalBytes(first), crypto.subtle));
  });

  test("that is worse is refused with the gate's reasons, and nothing is written", async () => {
    const bucket = memoryBucket();
    const refused = await offer(bucket, inverted);
    expect(refused).toMatchObject({ published: null, newest: 0 });
    expect(refused.why).toMatch(/^the gate refuses it: .*probes: uses the cache for .* near by/);
    expect(bucket.objects.size).toBe(0);
  });

  test("loses against a trainer that publishes at the same moment, and says so", async () => {
    const inner = memoryBucket();
    const other = await releaseOf(1, 5);
    const bucket: Bucket = {
      get: (key) => inner.get(key),
      put: async (key, value, options) => {
        // Ours is about to be written.
        if (inner.objects.size === 0) await publish(other, inner);
        return await inner.put(key, value, options);
      },
    };
    expect(await offer(bucket)).toMatchObject({
      published: null,
      newest: 1,
      why: "another trainer published version 1 meanwhile",
    });
    expect(await manifestIn(inner, 1)).toEqual(other.manifest);
  });

  test("passes over a number that a trainer took and never pointed at", async () => {
    const bucket = memoryBucket();
    const { files } = await releaseOf(1, 5);
    for (const [key, bytes] of files)
      if (key !== POINTER_KEY) await bucket.put(key, bytes, { onlyIf: { etagDoesNotMatch: "*" } });
    expect(await offer(bucket)).toMatchObject({ published: 2, newest: 2 });
  });

  test("counts as published when only the reply was lost", async () => {
    const inner = memoryBucket();
    const bucket: Bucket = {
      get: (key) => inner.get(key),
      put: async (key, value, options) => {
        const written = await inner.put(key, value, options);
        return key === POINTER_KEY ? null : written;
      },
    };
    expect(await offer(bucket)).toMatchObject({ published: 1, why: "" });
  });

  test("is put off when no gateway answers", async () => {
    const gone = async () => {
      throw new EdgeError("https://edge does not answer", 0, true);
    };
    expect(await offer({ get: gone, put: gone })).toMatchObject({
      published: null,
      newest: null,
      why: "https://edge does not answer",
    });
  });
});

test("what serves is what decided most of the newest 200: not a canary, and not what was taken out", () => {
  const decided = (policyVersion: number, at: number) => ({ ...byRule[0]!, policyVersion, at });
  const log = [
    ...Array.from({ length: 500 }, (_, i) => decided(4, i)),
    // Version 5 had a tenth of the users, then everybody is back with version 3.
    ...Array.from({ length: 200 }, (_, i) => decided(i % 10 === 0 ? 5 : 3, 1_000 + i)),
  ];
  expect(servingVersion(log)).toBe(3);
  expect(servingVersion([])).toBe(0);
});
