// Publishes a policy to a local gateway the way the trainer does: files into the bucket, then the region is told.
import { type Gateway } from "../../scripts/local/gateway.ts";
import { localSigner } from "../../scripts/local/signer.ts";
import { type Manifest } from "../../src/policy/network/manifest.ts";
import { type Release } from "../../src/trainer-node/publish.ts";
import { control } from "./gateway-client.ts";
import { testRelease } from "./golden-policy.ts";

/** Publishes seeded weights as the next version; resolves when an isolate computes with them in onnxruntime. */
export async function publishSeeded(
  gateway: Gateway,
  seed: number,
  previous: Manifest | null,
  askOnce: () => Promise<unknown>,
): Promise<Manifest> {
  const now = Date.now();
  const { files, manifest }: Release = await testRelease(localSigner(gateway), {
    seed,
    version: (previous?.version ?? 0) + 1,
    previous,
    created: now,
    expires: now + 3_600_000,
  });
  for (const [key, body] of files) {
    const url = `${gateway.url}/__dev/store/${encodeURIComponent(key)}`;
    const { status } = await fetch(url, { method: "PUT", body });
    if (status !== 200) throw new Error(`storing ${key}: ${status}`);
  }
  const change = { method: "setPolicyVersion", args: [manifest.version] };
  await control(gateway, "/__dev/region", { object: "region/us/0", ...change });
  for (let tries = 0; tries < 50; tries++) {
    await askOnce();
    const { policy } = await control<LivePolicy>(gateway, "/admin/live");
    if (policy.version === manifest.version && policy.loading?.accelerated) return manifest;
  }
  throw new Error(`version ${manifest.version} is not in use`);
}

interface LivePolicy {
  readonly policy: {
    readonly version: number;
    readonly loading: { readonly accelerated: boolean } | null;
  };
}
