// The trainer as a service: Algorithm 1 on what running gateways decide. It waits for experiences, does one update, writes
// the checkpoint, acknowledges, and offers the new weights to the gate; whoever starts it again goes on from there.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RESOLVER_VERSION } from "../policy/cache/resolver.ts";
import { DEFAULT_NETWORK } from "../policy/network/layout.ts";
import { type PackedPolicy } from "../policy/network/packed-weights.ts";
import { Random } from "../policy/random.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { PRODUCT_TRAINING } from "./config.ts";
import { lockDirectory } from "./directory-lock.ts";
import { type EdgeClient } from "./edge-client.ts";
import { type Backend } from "./graph/backend.ts";
import { bucketOf, type Offer, Publisher, servingVersion } from "./live-policy.ts";
import { LiveRounds } from "./live-rounds.ts";
import { type LiveEvent, endLine, startLine, updateLine, watched } from "./live-lines.ts";
import { fromCheckpoint, type LiveTraining, NOTHING_YET, toCheckpoint } from "./live-state.ts";
import { Mappo, type MappoState } from "./mappo.ts";
import { MetricsFile, type TrainingMetrics } from "./metrics.ts";
import { initialActor, initialCritic } from "./networks.ts";
import { type Signer } from "./publish.ts";
import { keepLeases, packSources, type PullCounts, Puller } from "./pull.ts";
import { train } from "./train.ts";

export interface LiveOptions {
  /** One a region. */
  readonly edges: readonly EdgeClient[];
  /** Of each region. */
  readonly shards: number;
  /** Its name, for the regions' operators. */
  readonly trainer: string;
  /** Checkpoints, metrics and what the gate said last. */
  readonly directory: string;
  readonly signer: Signer;
  readonly backend: Backend;
  readonly once: boolean;
  /** Of each active region, for an update. */
  readonly minExperiences: number;
  readonly waitMs: number;
  /** How long a decision waits for its label. */
  readonly labelWaitMs: number;
  /** Weights to begin with when there is no checkpoint; null: seeded ones, for this embedder. */
  readonly from: PackedPolicy | null;
  readonly embedder: string;
  readonly builtIn: readonly PackedPolicy[];
  readonly seed: number;
  /** Finish what is under way, write, acknowledge, and end. */
  readonly signal: AbortSignal;
  readonly say: (event: LiveEvent) => void;
}

export interface LiveResult {
  /** Updates done altogether, by this process, and versions it published. */
  readonly update: number;
  readonly updates: number;
  readonly published: readonly number[];
  readonly counts: PullCounts;
  /** Not one place answered. */
  readonly isCutOff: boolean;
}

/** Longer than one place that does not answer can keep the heartbeats of the others waiting. */
const HOLD_MS = 180_000;

/** Resolves when `signal` says stop, or after one pass with `once`. */
export async function trainLive(options: LiveOptions): Promise<LiveResult> {
  const unlock = lockDirectory(options.directory);
  try {
    return await run(options);
  } finally {
    unlock();
  }
}

async function run(options: LiveOptions): Promise<LiveResult> {
  const { edges, shards, trainer, directory, backend, once, seed, signal, say } = options;
  const found = await readCheckpoint(directory, {
    onDamage: (text) => say({ event: "start", text }),
  });
  const began = found ? fromCheckpoint(found) : beginning(options);
  const { purpose } = began;
  let { published } = began;
  const hasCheckpoint = found !== null;
  say(
    startLine({ ...began, directory, from: options.from, backend: backend.reason, hasCheckpoint }),
  );

  const config = {
    ...PRODUCT_TRAINING,
    network: purpose.network,
    samplesPerAgent: options.minExperiences,
  };
  // Learning never ends here, so nothing is annealed.
  const mappo = await Mappo.create({ config, backend, seed, updates: 1, state: began.mappo });
  const answering = new Set<string>();
  const sources = edges
    .flatMap((edge) => packSources(edge, shards, trainer, HOLD_MS))
    .map((source) => watched(source, answering, say));
  const puller = new Puller({ sources, seen: began.seen });
  const write = async (seen: ReadonlySet<string>): Promise<void> =>
    writeCheckpoint(
      directory,
      toCheckpoint({ purpose, mappo: await mappo.state(), live: rounds.state, published, seen }),
    );
  const rounds = new LiveRounds({
    puller,
    state: began.live,
    settings: () => ({
      tenant: null,
      embedder: purpose.embedder,
      resolverVersion: RESOLVER_VERSION,
      // Behind what serves: a version on trial, or one that was taken out, makes no experience older.
      version: servingVersion(rounds.state.log),
      maxLag: config.maxLag,
      actions: purpose.network.actions,
      waitMs: options.labelWaitMs,
    }),
    perRegion: config.samplesPerAgent,
    atLeast: config.minibatchSize,
    waitMs: once ? 0 : options.waitMs,
    once,
    write,
    signal,
    sleep: (ms) => sleep(ms, undefined, { signal }).catch(() => {}),
  });
  const publisher = new Publisher({
    bucket: bucketOf(edges),
    signer: options.signer,
    purpose,
    builtIn: options.builtIn,
    seed,
  });

  const versions: number[] = [];
  const stopBeating = keepLeases(puller);
  try {
    const history = await train({
      mappo,
      source: rounds,
      updates: once ? mappo.updates + 1 : Infinity,
      metrics: new MetricsFile(join(directory, "metrics.jsonl")),
      checkpoint: (_, seen) => write(seen),
      isStopped: () => signal.aborted,
      onUpdate: async (metrics) => {
        const offer = await offered(metrics);
        if (offer.verdict !== null)
          await writeFile(join(directory, "gate.json"), `${JSON.stringify(offer, null, 2)}\n`);
        published = offer.newest ?? published;
        if (offer.published !== null) versions.push(offer.published);
        say(updateLine(metrics, offer, rounds.takeOmitted(), puller.counts));
      },
    });
    // What was published since belongs to it.
    if (versions.length > 0) await rounds.save(write);
    const result: LiveResult = {
      update: mappo.updates,
      updates: history.length,
      published: versions,
      counts: puller.counts,
      isCutOff: answering.size === 0 && !signal.aborted,
    };
    say(
      endLine(result, rounds.state, rounds.takeOmitted(), { directory, isStopped: signal.aborted }),
    );
    return result;
  } finally {
    stopBeating();
    await mappo.close();
  }

  async function offered({ status, update }: TrainingMetrics): Promise<Offer> {
    const nothing = { published: null, newest: null, against: null, verdict: null };
    if (status !== "updated") return { ...nothing, why: "the weights are as they were" };
    if (signal.aborted) return { ...nothing, why: "stopping" };
    return await publisher.offer(await mappo.actorWeights(), rounds.state.log, update);
  }
}

/** Without a checkpoint: the weights of a packed policy, or seeded ones. The critic is seeded either way. */
function beginning({ from, embedder, seed }: LiveOptions): LiveTraining {
  const purpose = from ?? {
    embedder,
    input: embedder === "*" ? ("quantiles" as const) : ("embedding" as const),
    network: DEFAULT_NETWORK,
  };
  const { network } = purpose;
  const random = new Random(seed);
  const tensors = new Map<string, Float32Array>([
    ...(from?.weights ?? initialActor(network, random)),
    ...initialCritic(random),
  ]);
  const values: MappoState["values"] = { mean: 0, meanSquare: 0, weight: 0 };
  return {
    purpose: { embedder: purpose.embedder, input: purpose.input, network },
    mappo: { tensors, update: 0, version: 0, steps: 0, values },
    live: NOTHING_YET,
    published: 0,
    seen: new Set(),
  };
}
