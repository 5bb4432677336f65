// What goes over the wire: experiences to the trainer, weights to the servers. Sizes are those of the objects that the
// production code writes.
import { generateKeyPairSync, sign } from "node:crypto";
import { RegionCore, REGION_SETTINGS } from "../../../durable/region-core.ts";
import { encodeFloats } from "../../../policy/half.ts";
import { type Experience, type Outcome } from "../../../policy/experience.ts";
import { type NetworkConfig } from "../../../policy/network/layout.ts";
import { RESOLVER_VERSION } from "../../../policy/cache/resolver.ts";
import { Random } from "../../../policy/random.ts";
import { initialActor } from "../../networks.ts";
import { makeRelease } from "../../publish.ts";
import { ExactIndex } from "../../simulator/index-search.ts";
import { memoryStore } from "../../simulator/memory-store.ts";

export interface Transfer {
  /** Bytes that one more experience adds to a pack, by the chains whose noise is stored with it; 0: the product's "zero". */
  readonly experienceBytes: readonly { readonly chains: number; readonly bytes: number }[];
  /** Bytes of its outcome, without which there is no reward. */
  readonly outcomeBytes: number;
  /** Blob, manifest and pointer of a published policy. */
  readonly updateBytes: number;
  readonly servers: number;
  /** Between two requests of a server. */
  readonly slotSeconds: number;
  /** Requests of each server between two updates. */
  readonly samplesPerAgent: number;
  /** 1,000 bytes a second: servers / slotSeconds (experience with one chain's noise + outcome). */
  readonly experiencesKBps: number;
  /** 1,000 bytes a second: servers updateBytes / (samplesPerAgent slotSeconds), on average over time. */
  readonly weightsKBps: number;
}

export interface TransferOptions {
  readonly network: NetworkConfig;
  readonly experiences: readonly Experience[];
  readonly outcomes: readonly Outcome[];
  readonly seed: number;
  readonly servers: number;
  readonly slotSeconds: number;
  readonly samplesPerAgent: number;
}

/** Numbers of chains that the paper and we run. */
const CHAINS = [0, 1, 16] as const;

export async function transfer(options: TransferOptions): Promise<Transfer> {
  const { network, experiences, outcomes, seed, servers, slotSeconds, samplesPerAgent } = options;
  const random = new Random(seed);
  const withNoise = (chains: number): readonly Experience[] =>
    Array.from(experiences, (experience) => ({
      ...experience,
      noise: noiseOf(network, chains, random),
    }));
  const experienceBytes: { readonly chains: number; readonly bytes: number }[] = [];
  for (const chains of CHAINS) {
    const bytes = await addedBytes(withNoise(chains), (records) => ({ experiences: records }));
    experienceBytes.push({ chains, bytes });
  }
  const outcomeBytes = await addedBytes(outcomes, (records) => ({ outcomes: records }));
  const updateBytes = await releaseBytes(network, seed);
  const withOneChain = experienceBytes.find(({ chains }) => chains === 1)!.bytes;
  return {
    experienceBytes,
    outcomeBytes,
    updateBytes,
    servers,
    slotSeconds,
    samplesPerAgent,
    experiencesKBps: ((servers / slotSeconds) * (withOneChain + outcomeBytes)) / 1000,
    weightsKBps: (servers * updateBytes) / (samplesPerAgent * slotSeconds) / 1000,
  };
}

function noiseOf({ steps, actions }: NetworkConfig, chains: number, random: Random): string {
  if (chains === 0) return "zero";
  const size = chains * (steps + 1) * actions;
  return encodeFloats(Float32Array.from({ length: size }, () => random.normal()));
}

interface PackRecords {
  readonly experiences?: readonly Experience[];
  readonly outcomes?: readonly Outcome[];
}

/** Mean bytes that each record after the first adds. */
async function addedBytes<T>(
  records: readonly T[],
  packOf: (records: readonly T[]) => PackRecords,
): Promise<number> {
  const one = await packBytes(packOf(records.slice(0, 1)));
  return ((await packBytes(packOf(records))) - one) / (records.length - 1);
}

/** Bytes of what a region object writes for the trainer when it is sent these records. */
export async function packBytes({ experiences = [], outcomes = [] }: PackRecords): Promise<number> {
  let bytes = 0;
  const core = new RegionCore({
    store: memoryStore(),
    index: new ExactIndex((embedding) => embedding),
    objects: {
      put(key, body) {
        // e/ has what is learnt from, r/ receipts.
        if (key.startsWith("e/")) bytes += Buffer.byteLength(body);
        return Promise.resolve(null);
      },
      get: () => Promise.resolve(null),
      has: () => Promise.resolve(false),
      delete: () => Promise.resolve(),
    },
    now: () => Date.UTC(2026, 10, 20),
    token: () => "0".repeat(32),
    onError(where, error) {
      throw new Error(`region, ${where}`, { cause: error });
    },
    region: "us",
    shard: "0",
    settings: { ...REGION_SETTINGS, pack: { experiences: 1, ageMs: 0 }, workDelayMs: 0 },
  });
  const { dropped } = core.report({
    batchId: "measured",
    experiences,
    outcomes,
    receipts: [],
    inserts: [],
    uses: [],
    labels: [],
    freshCursor: 0,
  });
  if (dropped !== undefined) throw new Error(`the region dropped ${dropped} records`);
  await core.work();
  return bytes;
}

/** Bytes of all files of a release, whose size does not depend on the weights. */
async function releaseBytes(network: NetworkConfig, seed: number): Promise<number> {
  const random = new Random(seed);
  const { privateKey } = generateKeyPairSync("ed25519");
  const { files } = await makeRelease({
    version: 1,
    name: "measured",
    embedder: "velo/subword-768",
    resolverVersion: RESOLVER_VERSION,
    trainingEpoch: 1,
    created: Date.UTC(2026, 10, 20),
    expires: Date.UTC(2027, 10, 20),
    config: network,
    weights: initialActor(network, random),
    previous: null,
    random,
    signer: {
      keyId: "0".repeat(16),
      sign: (bytes) => Promise.resolve(new Uint8Array(sign(null, bytes, privateKey))),
    },
    subtle: crypto.subtle,
  });
  return [...files.values()].reduce((sum, { length }) => sum + length, 0);
}
