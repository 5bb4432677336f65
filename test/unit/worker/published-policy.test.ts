import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { greedyPolicy } from "../../../src/policy/network/greedy.ts";
import { POINTER_KEY, blobKey, manifestKey } from "../../../src/policy/network/manifest.ts";
import { goldenNumbers } from "../../../src/policy/network/manifest-gate.ts";
import { NetworkPolicy, type Session } from "../../../src/policy/network/network-policy.ts";
import { type Release, publish } from "../../../src/trainer-node/publish.ts";
import {
  type Accelerator,
  type PolicySource,
  PublishedPolicy,
} from "../../../src/worker/published-policy.ts";
import {
  RELEASED_AT,
  type TestSigner,
  goldenInputs,
  resealed,
  seededForward,
  testRelease,
  testSigner,
} from "../../support/golden-policy.ts";
import { type MemoryBucket, memoryBucket } from "../../support/memory-bucket.ts";

const observation = goldenInputs()[0]!;
const logitsOf = (seed: number) =>
  seededForward(seed).run(observation.f, observation.c, observation.omega, null).logits;

let signer: TestSigner;
let releases: readonly Release[];
beforeAll(async () => {
  signer = await testSigner("key-a");
  releases = await Promise.all(
    [1, 2, 3].map((version) => testRelease(signer, { version, seed: version })),
  );
});

let bucket: MemoryBucket;
let clock: number;
let reads: string[];
beforeEach(() => {
  bucket = memoryBucket();
  clock = RELEASED_AT;
  reads = [];
});

function loader(changes: Partial<PolicySource> = {}): PublishedPolicy {
  return new PublishedPolicy({
    read: (key) => {
      reads.push(key);
      return bucket.read(key);
    },
    now: () => clock,
    random: () => 0,
    subtle: crypto.subtle,
    keys: [signer.publicKey],
    baseline: greedyPolicy(0.95),
    embedder: "test-embedder",
    accelerator: null,
    ...changes,
  });
}

/** A runtime that computes with the seed's TypeScript pass plus `error`, and counts its sessions. */
function accelerator(seed: number, { error = 0, up = true } = {}) {
  const open = { sessions: 0, failing: false };
  const forward = seededForward(seed);
  const runtime: Accelerator = {
    up,
    createSession: () => {
      if (open.failing) return Promise.reject(new Error("no memory"));
      open.sessions++;
      const session: Session = {
        run: ({ f, c, omega }, noise) =>
          Promise.resolve({ logits: forward.run(f, c, omega, noise).logits.map((v) => v + error) }),
        release: () => {
          open.sessions--;
          return Promise.resolve();
        },
      };
      return Promise.resolve(session);
    },
  };
  return { runtime, open };
}

describe("PublishedPolicy", () => {
  it("serves the greedy rule until a policy is published, and reads nothing for it", async () => {
    const policy = loader();
    await policy.refresh(null);
    await policy.refresh(0);
    expect(policy.current.name).toBe("greedy-0.95");
    expect(reads).toEqual([]);
  });

  it("knows from the manifest what a policy is fed", async () => {
    const policy = loader();
    await publish(releases[0]!, bucket);
    await policy.refresh(1);
    expect(policy.current.input).toBe("embedding");
    await publish(await testRelease(signer, { version: 2, input: "quantiles" }), bucket);
    await policy.refresh(2);
    expect(policy.current).toMatchObject({ version: 2, input: "quantiles" });
  });

  it("loads the version that the region names, once", async () => {
    await publish(releases[0]!, bucket);
    const policy = loader();
    await policy.refresh(1);
    await policy.refresh(1);
    expect(policy.status()).toMatchObject({
      version: 1,
      name: "seed-1",
      swaps: 1,
      lastProblem: null,
    });
    expect((await policy.current.infer(observation)).logits).toEqual(logitsOf(1));
    expect(reads).toEqual([manifestKey(1), blobKey(releases[0]!.manifest.blob.sha256)]);
  });

  it("keeps the policy that serves when the next one cannot be taken, each time with its reason", async () => {
    const [one, two] = [releases[0]!, releases[1]!];
    await publish(one, bucket);
    await publish(two, bucket);
    const good = new Map(bucket.objects);
    const blob = blobKey(two.manifest.blob.sha256);
    const put = (key: string, bytes: Uint8Array<ArrayBuffer>) =>
      bucket.objects.set(key, { bytes, etag: "x" });
    const sealed = async (changes: Parameters<typeof resealed>[2]) => {
      for (const [key, bytes] of (await resealed(two, signer, changes)).files) put(key, bytes);
    };
    const damage: Record<string, () => unknown> = {
      "manifest-missing": () => bucket.objects.delete(manifestKey(2)),
      "blob-missing": () => bucket.objects.delete(blob),
      "blob-size": () => put(blob, two.model.slice(0, -1)),
      "blob-hash": () => put(blob, two.model.with(100_000, two.model[100_000]! ^ 1)),
      "manifest-malformed": () => put(manifestKey(2), Uint8Array.of(0x7b)),
      "manifest-of-other-version": async () =>
        put(
          manifestKey(2),
          (await resealed(two, signer, { manifest: { version: 3 } })).files.get(manifestKey(3))!,
        ),
      "version-not-newer": () => put(manifestKey(2), one.files.get(manifestKey(1))!),
      "other-embedder": () => sealed({ manifest: { embedder: "another" } }),
      "not-a-release": () => sealed({ manifest: { role: "candidate" } }),
      expired: () => sealed({ manifest: { expires: RELEASED_AT - 1 } }),
      "read-failed": () =>
        bucket.objects.set(manifestKey(2), {
          etag: "x",
          get bytes(): never {
            throw new Error("503");
          },
        }),
    };
    for (const [reason, spoil] of Object.entries(damage)) {
      bucket.objects.clear();
      for (const [key, object] of good) bucket.objects.set(key, object);
      const policy = loader();
      await policy.refresh(1);
      await spoil();
      await policy.refresh(2);
      expect(policy.status()).toMatchObject({
        version: 1,
        swaps: 1,
        lastProblem: reason,
        problems: { [reason]: 1 },
      });
      expect((await policy.current.infer(observation)).logits).toEqual(logitsOf(1));
    }
  });

  it("has the policy of the pointer's version or waits when the pointer was there before the blob", async () => {
    await publish(releases[0]!, bucket);
    bucket.objects.set(POINTER_KEY, { bytes: releases[1]!.files.get(POINTER_KEY)!, etag: "x" });
    const policy = loader();
    await policy.refresh(1);
    await policy.refresh(2);
    expect(policy.current.version).toBe(1);
    for (const [key, bytes] of releases[1]!.files) bucket.objects.set(key, { bytes, etag: "y" });
    clock += 1_000;
    await policy.refresh(2);
    expect(policy.current.version).toBe(2);
  });

  it("waits longer after each failure, with jitter, and not for a newer version", async () => {
    const policy = loader();
    await policy.refresh(1);
    const delays: number[] = [];
    for (let failure = 1; failure <= 12; failure++) {
      const before = reads.length;
      const since = clock;
      while (reads.length === before) {
        clock += 500;
        await policy.refresh(1);
      }
      delays.push((clock - since) / 1000);
    }
    // random() = 0 gives half of 1, 2, 4, ... 256, 300, 300, 300 s.
    expect(delays).toEqual([0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150]);
    await publish(releases[0]!, bucket);
    await publish(releases[1]!, bucket);
    await policy.refresh(2);
    expect(policy.current.version).toBe(2);
    const jittered = loader({ random: () => 1 });
    bucket.objects.clear();
    await jittered.refresh(1);
    const before = reads.length;
    clock += 999;
    await jittered.refresh(1);
    expect(reads.length).toBe(before);
    clock += 1;
    await jittered.refresh(1);
    expect(reads.length).toBe(before + 1);
  });

  it("loads once for many requests, and again when the request that loaded has vanished", async () => {
    await publish(releases[0]!, bucket);
    let hang = true;
    const policy = loader({
      read: (key) => {
        reads.push(key);
        return hang ? new Promise(() => {}) : bucket.read(key);
      },
    });
    void policy.refresh(1);
    for (let i = 0; i < 20; i++) await policy.refresh(1);
    expect(reads.length).toBe(1);
    hang = false;
    clock += 30_000;
    await policy.refresh(1);
    expect(policy.current.version).toBe(1);
  });

  it("does not let a load that was given up swap later", async () => {
    await publish(releases[0]!, bucket);
    await publish(releases[1]!, bucket);
    let release = () => {};
    const policy = loader({
      read: async (key) => {
        if (key === manifestKey(1)) await new Promise<void>((resolve) => (release = resolve));
        return bucket.read(key);
      },
    });
    const late = policy.refresh(1);
    clock += 30_000;
    await policy.refresh(2);
    expect(policy.current.version).toBe(2);
    release();
    await late;
    expect(policy.current.version).toBe(2);
  });

  it("goes to whatever version the region names, an older one or the baseline among them", async () => {
    for (const release of releases) await publish(release, bucket);
    const policy = loader();
    for (const version of [1, 2, 3]) await policy.refresh(version);
    const loaded = reads.length;
    await policy.refresh(2);
    expect(policy.current.version).toBe(2);
    await policy.refresh(0);
    expect(policy.current.name).toBe("greedy-0.95");
    // All of them were asked for within the last minute and are still here.
    expect(reads.length).toBe(loaded);
    clock += 60_000;
    await policy.refresh(0);
    expect(policy.status().loaded).toEqual([]);
    await policy.refresh(1);
    expect(policy.current.version).toBe(1);
  });

  describe("with a candidate beside the stable policy", () => {
    it("has both, and the stable one serves until the candidate is there", async () => {
      await publish(releases[0]!, bucket);
      const policy = loader();
      await policy.refresh(1, 2);
      expect(policy.firstOf([2, 1]).version).toBe(1);
      expect(policy.status()).toMatchObject({ version: 1, lastProblem: "manifest-missing" });
      await publish(releases[1]!, bucket);
      clock += 500;
      await policy.refresh(1, 2);
      expect(policy.firstOf([2, 1]).version).toBe(2);
      expect(policy.firstOf([1]).version).toBe(1);
      expect(policy.current.version).toBe(1);
    });

    it("takes a candidate into service without loading it again", async () => {
      for (const release of releases) await publish(release, bucket);
      const policy = loader();
      await policy.refresh(1, 2);
      const loaded = reads.length;
      await policy.refresh(2);
      expect([policy.current.version, reads.length]).toEqual([2, loaded]);
    });

    it("lets go of a candidate that was taken out, after the requests that use it", async () => {
      for (const release of releases) await publish(release, bucket);
      const each = [1, 2].map((seed) => accelerator(seed));
      let next = 0;
      const policy = loader({
        accelerator: {
          up: true,
          createSession: (model) => each[next++]!.runtime.createSession(model),
        },
      });
      await policy.refresh(1, 2);
      const taken = policy.firstOf([2, 1]);
      clock += 60_000;
      await policy.refresh(1);
      expect(each.map((one) => one.open.sessions)).toEqual([1, 0]);
      expect((await taken.infer(observation)).logits).toEqual(logitsOf(2));
    });

    it("serves shards at different points of a rollout without loading in turns", async () => {
      for (const release of releases) await publish(release, bucket);
      const policy = loader();
      for (let i = 0; i < 20; i++) {
        await policy.refresh(1, 2);
        await policy.refresh(2, 3);
        clock += 1_000;
      }
      // A manifest and a blob each.
      expect(reads.length).toBe(6);
      expect(policy.status().problems).toEqual({});
    });
  });

  describe("with a built-in network", () => {
    const baseline = () =>
      new NetworkPolicy({ version: 0, name: "built-in", forward: seededForward(9) });
    const baselineModel = () => {
      const numbers = goldenNumbers(releases[0]!.manifest.golden[0]!);
      const { logits } = seededForward(9).run(numbers.f, numbers.c, numbers.omega, numbers.noise);
      return { bytes: new Uint8Array(), golden: [{ ...numbers, logits }] };
    };

    it("serves it at once, and by the runtime from the first refresh on", async () => {
      const { runtime, open } = accelerator(9);
      const policy = loader({ baseline: baseline(), baselineModel, accelerator: runtime });
      expect(policy.current.name).toBe("built-in");
      expect(policy.status().accelerated).toBe(false);
      await policy.refresh(null);
      expect(policy.status()).toMatchObject({ version: 0, accelerated: true });
      expect(open.sessions).toBe(1);
      expect(reads).toEqual([]);
      const { logits } = await policy.current.infer(observation);
      expect(logits).toEqual(logitsOf(9));
    });

    it("keeps it beside published ones, however long nobody asks for it", async () => {
      const { runtime } = accelerator(9);
      const built = baseline();
      const policy = loader({ baseline: built, baselineModel, accelerator: runtime });
      await policy.refresh(0);
      for (const release of releases) await publish(release, bucket);
      await policy.refresh(1);
      clock += 600_000;
      await policy.refresh(1);
      await policy.refresh(0);
      expect(policy.current).toBe(built);
      expect(policy.status().accelerated).toBe(true);
    });

    it("computes it in TypeScript when the runtime does not reproduce it", async () => {
      const { runtime, open } = accelerator(9, { error: 0.01 });
      const policy = loader({ baseline: baseline(), baselineModel, accelerator: runtime });
      await policy.refresh(null);
      expect(policy.status()).toMatchObject({
        version: 0,
        accelerated: false,
        problems: { "accelerator-disagrees": 1 },
      });
      expect(open.sessions).toBe(0);
    });
  });

  describe("with an accelerator", () => {
    it("makes the session before the swap when the runtime is up", async () => {
      await publish(releases[0]!, bucket);
      const { runtime, open } = accelerator(1);
      const policy = loader({ accelerator: runtime });
      await policy.refresh(1);
      expect(policy.status()).toMatchObject({ version: 1, accelerated: true });
      expect(open.sessions).toBe(1);
    });

    it("releases policies that nobody has asked for during a minute", async () => {
      for (const release of releases) await publish(release, bucket);
      const { open } = accelerator(1);
      const each = [1, 2, 3].map((seed) => accelerator(seed));
      let next = 0;
      const policy = loader({
        accelerator: {
          up: true,
          createSession: (model) => each[next++]!.runtime.createSession(model),
        },
      });
      for (const version of [1, 2, 3]) {
        clock += 30_000;
        await policy.refresh(version);
      }
      expect(each.map((one) => one.open.sessions)).toEqual([0, 1, 1]);
      expect(open.sessions).toBe(0);
    });

    it("swaps to the TypeScript pass first when the runtime has yet to boot", async () => {
      await publish(releases[0]!, bucket);
      const { runtime, open } = accelerator(1, { up: false });
      let versionAtBoot = -1;
      const policy: PublishedPolicy = loader({
        accelerator: {
          up: false,
          createSession: (model) => {
            versionAtBoot = policy.current.version;
            return runtime.createSession(model);
          },
        },
      });
      await policy.refresh(1);
      expect(versionAtBoot).toBe(1);
      expect(policy.status().accelerated).toBe(true);
      expect(open.sessions).toBe(1);
    });

    it("stays with the TypeScript pass after three failed boots", async () => {
      await publish(releases[0]!, bucket);
      const { runtime, open } = accelerator(1, { up: false });
      open.failing = true;
      const policy = loader({ accelerator: runtime });
      for (let i = 0; i < 6; i++) {
        await policy.refresh(1);
        clock += 600_000;
      }
      expect(policy.status()).toMatchObject({
        version: 1,
        accelerated: false,
        problems: { "accelerator-failed": 3 },
      });
      expect((await policy.current.infer(observation)).logits).toEqual(logitsOf(1));
    });

    it("serves a new version by the TypeScript pass when the running runtime has broken", async () => {
      await publish(releases[0]!, bucket);
      const { runtime, open } = accelerator(1);
      open.failing = true;
      const policy = loader({ accelerator: runtime });
      await policy.refresh(1);
      expect(policy.status()).toMatchObject({
        version: 1,
        accelerated: false,
        lastProblem: "accelerator-failed",
      });
    });

    it("does not swap to a policy that the running runtime computes differently", async () => {
      await publish(releases[0]!, bucket);
      const { runtime, open } = accelerator(1, { error: 1e-3 });
      const policy = loader({ accelerator: runtime });
      await policy.refresh(1);
      expect(policy.status()).toMatchObject({ version: 0, lastProblem: "accelerator-disagrees" });
      expect(open.sessions).toBe(0);
    });
  });
});
