import { beforeAll, describe, expect, it } from "vitest";
import {
  POINTER_KEY,
  blobKey,
  manifestKey,
  pointerVersion,
} from "../../../src/policy/network/manifest.ts";
import { sha256, verifyBlob, verifyManifest } from "../../../src/policy/network/manifest-gate.ts";
import { canonicalBytes } from "../../../src/policy/network/manifest.ts";
import { type Release, publish } from "../../../src/trainer-node/publish.ts";
import {
  RELEASED_AT,
  type TestSigner,
  testRelease,
  testSigner,
} from "../../support/golden-policy.ts";
import { type MemoryBucket, memoryBucket } from "../../support/memory-bucket.ts";

let signer: TestSigner;
let first: Release;
let second: Release;
beforeAll(async () => {
  signer = await testSigner("key-a");
  first = await testRelease(signer, { version: 1, seed: 1 });
  second = await testRelease(signer, { version: 2, seed: 2, previous: first.manifest });
});

/** What a reader that trusts the pointer finds: the version, or why it is not complete. */
async function readable(bucket: MemoryBucket): Promise<number | string> {
  const pointer = await bucket.read(POINTER_KEY);
  if (pointer === null) return "nothing";
  const version = pointerVersion(pointer)!;
  const bytes = await bucket.read(manifestKey(version));
  if (bytes === null) return "manifest missing";
  const { subtle } = crypto;
  const checked = await verifyManifest(bytes, {
    subtle,
    keys: [signer.publicKey],
    known: { version: 0 },
    now: RELEASED_AT,
  });
  if (!checked.ok) return checked.reason;
  const blob = await bucket.read(blobKey(checked.value.blob.sha256));
  if (blob === null) return "blob missing";
  const loaded = await verifyBlob(blob, checked.value, subtle);
  return loaded.ok ? version : loaded.reason;
}

describe("publish", () => {
  it("writes blob, manifest, pointer, and chains manifests by hash", async () => {
    const bucket = memoryBucket();
    expect(await publish(first, bucket)).toBe("published");
    expect([...bucket.objects.keys()]).toEqual([
      blobKey(first.manifest.blob.sha256),
      "m/1.json",
      "current.json",
    ]);
    expect(await publish(second, bucket)).toBe("published");
    expect(await readable(bucket)).toBe(2);
    expect(second.manifest.previous).toBe(
      await sha256(canonicalBytes(first.manifest), crypto.subtle),
    );
  });

  it("leaves a complete version whatever operation it dies at, and can be repeated", async () => {
    const seen: (number | string)[] = [];
    for (let at = 0; ; at++) {
      const bucket = memoryBucket();
      await publish(first, bucket);
      bucket.failAt(at);
      const outcome = await publish(second, bucket).catch(() => "died");
      bucket.failAt(Infinity);
      seen.push(await readable(bucket));
      if (outcome === "published") break;
      expect(outcome).toBe("died");
      expect(await publish(second, bucket)).toBe("published");
      expect(await readable(bucket)).toBe(2);
    }
    // Read of the pointer, blob, manifest, pointer: dead at any of the four, the old version is whole.
    expect(seen).toEqual([1, 1, 1, 1, 2]);
  });

  it("lets one of two publishers win and shows the loser why", async () => {
    const bucket = memoryBucket();
    await publish(first, bucket);
    const rival = await testRelease(signer, { version: 2, seed: 3, previous: first.manifest });
    const racing: MemoryBucket = {
      ...bucket,
      put: async (key, value, options) => {
        if (key === POINTER_KEY)
          await publish(await testRelease(signer, { version: 3, seed: 3 }), bucket);
        return bucket.put(key, value, options);
      },
    };
    expect(await publish(second, racing)).toBe("pointer-moved");
    expect(await readable(bucket)).toBe(3);
    expect(await publish(rival, bucket)).toBe("version-does-not-follow");
  });

  it("never overwrites a manifest or a broken pointer", async () => {
    const bucket = memoryBucket();
    await publish(first, bucket);
    bucket.objects.set("m/2.json", { bytes: Uint8Array.of(1), etag: "x" });
    expect(await publish(second, bucket)).toBe("version-taken");
    bucket.objects.set(POINTER_KEY, { bytes: Uint8Array.of(1), etag: "y" });
    expect(await publish(second, bucket)).toBe("pointer-unreadable");
  });

  it("does not jump further than a reader would follow", async () => {
    const bucket = memoryBucket();
    const far = await testRelease(signer, { version: 1002, seed: 1 });
    await publish(first, bucket);
    expect(await publish(far, bucket)).toBe("version-does-not-follow");
  });
});
