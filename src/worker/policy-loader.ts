// The isolate's policies: the built-in one until one has been published, then the published networks on onnxruntime.
import { type ServingPolicies } from "../durable/rollout.ts";
import { parsePublicKeys } from "../policy/network/manifest-gate.ts";
import { FIXED_RULE } from "../policy/network/greedy.ts";
import { onnxRuntime } from "../policy/network/onnx-policy.ts";
import { type Policy } from "../policy/network/policy.ts";
import { type BuiltInPolicy, builtInPolicy } from "./built-in-policy.ts";
import { type Env } from "./env.ts";
import { type PolicyStatus, PublishedPolicy } from "./published-policy.ts";
import { waitFor } from "./upstream/deadline.ts";

const runtime = onnxRuntime(waitFor);
let builtIn: BuiltInPolicy | undefined;
let published: PublishedPolicy | undefined;

type PolicyEnv = Pick<Env, "STORE" | "EMBEDDER" | "SIGNING_PUBLIC_KEYS" | "BASELINE">;

/** The first of these versions that is loaded, else the stable policy. */
export const loadedPolicy = (versions: readonly number[], env: PolicyEnv): Policy =>
  published?.firstOf(versions) ?? baselineOf(env).policy;

/** Unpacked with the first request: some milliseconds that a starting isolate need not spend. */
function baselineOf({ EMBEDDER, BASELINE }: PolicyEnv): BuiltInPolicy {
  try {
    return (builtIn ??= builtInPolicy(EMBEDDER, BASELINE));
  } catch (error) {
    // A damaged file in the bundle costs the network, not the gateway.
    logError("built_in_policy", error);
    return (builtIn = { policy: FIXED_RULE });
  }
}

/** Version, load problems by reason, and whether the runtime computes; null until a refresh has been asked for. */
export const policyStatus = (): PolicyStatus | null => published?.status() ?? null;

/** In the background: brings the isolate to the versions that the region names. Never throws. */
export async function refreshPolicies(
  serving: ServingPolicies | null,
  env: PolicyEnv,
): Promise<void> {
  const { policy: baseline, model: baselineModel } = baselineOf(env);
  published ??= new PublishedPolicy({
    read: async (key) => {
      const object = await env.STORE.get(key);
      return object && new Uint8Array(await object.arrayBuffer());
    },
    now: Date.now,
    random: Math.random,
    subtle: crypto.subtle,
    keys: signingKeys(env.SIGNING_PUBLIC_KEYS ?? ""),
    baseline,
    ...(baselineModel && { baselineModel }),
    embedder: env.EMBEDDER,
    accelerator: runtime,
  });
  await published.refresh(serving?.stable ?? null, serving?.candidate);
}

/** A setting that is no list of keys means that nothing published can be verified; the built-in policy serves. */
function signingKeys(setting: string): ReturnType<typeof parsePublicKeys> {
  try {
    return parsePublicKeys(setting);
  } catch (error) {
    logError("signing_keys", error);
    return [];
  }
}

function logError(event: string, error: unknown): void {
  // Workers Logs reads the console.
  // oxlint-disable-next-line no-console
  console.error(JSON.stringify({ event, error: String(error) }));
}
