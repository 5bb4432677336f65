// The network and the inputs of the parity tests: all from one seed, so that Node and workerd make the same ones and only
// the expected logits need a fixture (test/fixtures/golden-policy.json, written by `node scripts/golden-policy.ts`).
import { Forward } from "../../src/policy/network/forward.ts";
import { initialWeights } from "../../src/policy/network/initial-weights.ts";
import {
  DEFAULT_NETWORK,
  type NetworkConfig,
  type Weights,
  completeNetwork,
} from "../../src/policy/network/layout.ts";
import { toHex } from "../../src/policy/network/bytes.ts";
import {
  type Manifest,
  POINTER_KEY,
  blobKey,
  canonicalBytes,
  manifestKey,
} from "../../src/policy/network/manifest.ts";
import { sha256 } from "../../src/policy/network/manifest-gate.ts";
import { Random } from "../../src/policy/random.ts";
import {
  type Release,
  type Signer,
  exampleInput,
  makeRelease,
} from "../../src/trainer-node/publish.ts";

export const GOLDEN_SEED = 20_261_120;
const GOLDEN_INPUTS = 100;

/** Orthogonal matrices take a second to make: each set is made once. */
const made = new Map<string, Weights>();

export function seededWeights(seed: number, config: NetworkConfig = DEFAULT_NETWORK): Weights {
  const { actions, head, extractor, hidden } = completeNetwork(config);
  const key = [seed, actions, head, extractor, hidden].join(" ");
  const random = new Random(seed);
  const weights =
    made.get(key) ?? initialWeights(config, { normal: () => random.normal(), headGain: 1 });
  made.set(key, weights);
  return weights;
}

export const seededForward = (seed: number, config: NetworkConfig = DEFAULT_NETWORK): Forward =>
  new Forward(config, seededWeights(seed, config));

export function goldenInputs(config: NetworkConfig = DEFAULT_NETWORK, count = GOLDEN_INPUTS) {
  const random = new Random(GOLDEN_SEED);
  return Array.from({ length: count }, () => exampleInput(random, config));
}

/** 2026-11-20, the day on which every test release is made. */
export const RELEASED_AT = Date.UTC(2026, 10, 20);

export interface TestSigner extends Signer {
  readonly publicKey: { readonly id: string; readonly publicKey: string };
}

/** A fresh Ed25519 key by WebCrypto, so that it works in Node and in workerd. */
export async function testSigner(id: string): Promise<TestSigner> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new TypeError("Ed25519 keys come in pairs");
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  if (!(raw instanceof ArrayBuffer)) throw new TypeError("a raw key is bytes");
  const hex = [...new Uint8Array(raw)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return {
    keyId: id,
    publicKey: { id, publicKey: hex },
    sign: async (bytes) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, bytes)),
  };
}

type ReleaseChanges = Partial<Parameters<typeof makeRelease>[0]> & { readonly seed?: number };

export function testRelease(signer: Signer, changes: ReleaseChanges = {}): Promise<Release> {
  const { seed = GOLDEN_SEED, ...options } = changes;
  const config = options.config ?? DEFAULT_NETWORK;
  return makeRelease({
    config,
    weights: options.weights ?? seededWeights(seed, config),
    version: 1,
    previous: null,
    name: `seed-${seed}`,
    embedder: "*",
    resolverVersion: 1,
    trainingEpoch: 0,
    created: RELEASED_AT,
    expires: RELEASED_AT + 90 * 86_400_000,
    random: new Random(seed),
    signer,
    subtle: crypto.subtle,
    ...options,
  });
}

/** The release with another file or other claims in it, signed again: what only somebody with the key could make. */
export async function resealed(
  release: Release,
  signer: Signer,
  changes: { readonly model?: Uint8Array<ArrayBuffer>; readonly manifest?: Partial<Manifest> },
): Promise<Release> {
  const model = changes.model ?? release.model;
  const manifest: Manifest = {
    ...release.manifest,
    blob: { sha256: await sha256(model, crypto.subtle), size: model.length },
    ...changes.manifest,
  };
  const signature = toHex(await signer.sign(canonicalBytes(manifest)));
  const envelope = { manifest, signatures: [{ keyId: signer.keyId, signature }] };
  const files = new Map([
    [blobKey(manifest.blob.sha256), model],
    [manifestKey(manifest.version), canonicalBytes(envelope)],
    [POINTER_KEY, canonicalBytes({ version: manifest.version })],
  ]);
  return { manifest, model, files };
}
