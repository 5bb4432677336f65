// From trained weights to the policy that serves: the gate looks at what the log says of them, then they are signed,
// written over the trainer's routes, and tried on 1 %, 10 % and all of the users.
import { RESOLVER_VERSION } from "../../src/policy/cache/resolver.ts";
import { DEFAULT_NETWORK, type Weights } from "../../src/policy/network/layout.ts";
import { Random } from "../../src/policy/random.ts";
import { type RolloutView } from "../../src/durable/rollout.ts";
import { type EdgeClient } from "../../src/trainer-node/edge-client.ts";
import { type GateVerdict } from "../../src/trainer-node/gate.ts";
import { httpBucket } from "../../src/trainer-node/http-bucket.ts";
import { answersOfRule, judge } from "../../src/trainer-node/judge.ts";
import { type Lesson } from "../../src/trainer-node/lessons.ts";
import { makeRelease, publish, type Release } from "../../src/trainer-node/publish.ts";
import { type Gateway } from "../local/gateway.ts";
import { localSigner } from "../local/signer.ts";
import { EMBEDDER } from "./world.ts";

const { subtle } = globalThis.crypto;
const DAY_MS = 86_400_000;

/** What the log says of the trained policy beside the rule that made it. */
export const passGate = (
  weights: Weights,
  lessons: readonly Lesson[],
  seed: number,
): Promise<GateVerdict> =>
  judge({ network: DEFAULT_NETWORK, weights }, answersOfRule, lessons, seed);

/** Throws when the bucket refuses it. */
export async function publishPolicy(
  weights: Weights,
  {
    gateway,
    edge,
    verdict,
    update,
    seed,
  }: {
    readonly gateway: Gateway;
    readonly edge: EdgeClient;
    readonly verdict: GateVerdict;
    /** Updates of the weights. */
    readonly update: number;
    readonly seed: number;
  },
): Promise<Release> {
  const created = Date.now();
  const release = await makeRelease({
    config: DEFAULT_NETWORK,
    weights,
    version: 1,
    previous: null,
    name: "dlrs",
    embedder: EMBEDDER.id,
    resolverVersion: RESOLVER_VERSION,
    trainingEpoch: update,
    created,
    expires: created + 90 * DAY_MS,
    gate: verdict.report,
    random: new Random(seed),
    signer: localSigner(gateway),
    subtle,
  });
  const outcome = await publish(release, httpBucket(edge));
  if (outcome !== "published") throw new Error(`the policy could not be published: ${outcome}`);
  return release;
}

/** Where each region's trial stands. */
export async function rolloutsOf({ url, adminToken }: Gateway): Promise<readonly RegionRollout[]> {
  const response = await fetch(`${url}/admin/live`, {
    headers: { authorization: `Bearer ${adminToken}` },
  });
  if (!response.ok) throw new Error(`/admin/live: status ${response.status}`);
  const { regions } = (await response.json()) as { readonly regions: readonly RegionRollout[] };
  return regions;
}

export interface RegionRollout {
  readonly region: string;
  readonly rollout: RolloutView;
}
