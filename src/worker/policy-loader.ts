// The isolate's policies: a greedy rule until one has been published, then the published networks on onnxruntime.
import { type ServingPolicies } from "../durable/rollout.ts";
import { parsePublicKeys } from "../policy/network/manifest-gate.ts";
import { greedyPolicy } from "../policy/network/greedy.ts";
import { onnxRuntime } from "../policy/network/onnx-policy.ts";
import { type Policy } from "../policy/network/policy.ts";
import { type Env } from "./env.ts";
import { type PolicyStatus, PublishedPolicy } from "./published-policy.ts";
import { waitFor } from "./upstream/deadline.ts";

/** Proposes the cache for any row on the same topic (cosine 0.55); resolver and guards decide what may be served. */
const baseline = greedyPolicy(0.95);
const runtime = onnxRuntime(waitFor);
let published: PublishedPolicy | undefined;

/** The first of these versions that is loaded, else the stable policy. */
export const loadedPolicy = (versions: readonly number[]): Policy =>
  published?.firstOf(versions) ?? baseline;

/** Version, load problems by reason, and whether the runtime computes; null until a refresh has been asked for. */
export const policyStatus = (): PolicyStatus | null => published?.status() ?? null;

/** In the background: brings the isolate to the versions that the region names. Never throws. */
export async function refreshPolicies(
  serving: ServingPolicies | null,
  env: Pick<Env, "STORE" | "EMBEDDER" | "SIGNING_PUBLIC_KEYS">,
): Promise<void> {
  published ??= new PublishedPolicy({
    read: async (key) => {
      const object = await env.STORE.get(key);
      return object && new Uint8Array(await object.arrayBuffer());
    },
    now: Date.now,
    random: Math.random,
    subtle: crypto.subtle,
    keys: parsePublicKeys(env.SIGNING_PUBLIC_KEYS ?? ""),
    baseline,
    embedder: env.EMBEDDER,
    accelerator: runtime,
  });
  await published.refresh(serving?.stable ?? null, serving?.candidate);
}
