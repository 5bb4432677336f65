// How long a decision takes: the network alone, and everything from the neighbours found to the answer chosen.
import { InferenceSession, Tensor } from "onnxruntime-node";
import { TWO_WAY } from "../../../policy/action.ts";
import { type Candidate } from "../../../policy/cache/candidate.ts";
import { type GuardedRequest } from "../../../policy/cache/guards.ts";
import { type ResolverLimits } from "../../../policy/cache/resolver.ts";
import { decide } from "../../../policy/decide.ts";
import { Forward } from "../../../policy/network/forward.ts";
import {
  type NetworkConfig,
  type Weights,
  completeNetwork,
} from "../../../policy/network/layout.ts";
import { actorModel } from "../../../policy/network/onnx-graph.ts";
import {
  CORRELATION_SIZE,
  EMBEDDING_SIZE,
  NEIGHBOURS,
  type Observation,
  type PolicyOutput,
} from "../../../policy/network/policy.ts";
import { buildObservation } from "../../../policy/observation.ts";
import { Random } from "../../../policy/random.ts";
import { verifierLimits } from "../../../policy/verifier/pair-scorer.ts";
import { BUILT_IN_EMBEDDER } from "../../built-in-embedder.ts";
import { initialActor } from "../../networks.ts";
import { loadParaphrases } from "../../paraphrases.ts";
import { type Pending } from "../../simulator/executed.ts";
import { shippedScorer } from "../../verifier/shipped.ts";
import { type Delay, delayOf } from "./vector-count.ts";

export interface DecisionTimes {
  readonly algorithm: string;
  /** Chains whose probabilities are averaged. */
  readonly chains: number;
  readonly runtime: "onnxruntime-node" | "typescript";
  /** The network. */
  readonly network: Delay;
  /** Noise, observation, network, choice among ten candidates: as the paper does it. */
  readonly paper: Delay;
  /** The same with what the product adds: guards, verifier, error budget, on ten candidates with texts. */
  readonly product: Delay;
}

export interface DecisionTimesOptions {
  readonly networks: Readonly<Record<string, NetworkConfig>>;
  /** With ten candidates. */
  readonly pendings: readonly Pending[];
  readonly seed: number;
  /** Of one chain; a quarter as many of sixteen. */
  readonly decisions: number;
}

/** Of a chain; a head without one takes no noise and is asked once. */
const CHAINS = [1, 16] as const;
/** Decisions before those that are counted. */
const WARM_UP = 20;

/** One thread. In onnxruntime chains share the features of the request; the TypeScript pass has no such axis. */
export async function decisionTimes(
  options: DecisionTimesOptions,
): Promise<readonly DecisionTimes[]> {
  const rows: DecisionTimes[] = [];
  for (const [algorithm, config] of Object.entries(options.networks)) {
    const weights = initialActor(config, new Random(options.seed));
    for (const chains of completeNetwork(config).head === "mlp" ? [1] : CHAINS)
      for (const open of [openSession, openForward]) {
        const network = await open(config, chains, weights);
        const times = await timesOf(network, config, chains, options);
        rows.push({ algorithm, chains, runtime: network.runtime, ...times });
        await network.close();
      }
  }
  return rows;
}

interface Network {
  readonly runtime: DecisionTimes["runtime"];
  /** @param noise [chains, T+1, A] @returns [chains, A] probabilities */
  run(observation: Observation, noise: Float32Array): Promise<Float32Array> | Float32Array;
  close(): Promise<void>;
}

async function openSession(
  config: NetworkConfig,
  chains: number,
  weights: Weights,
): Promise<Network> {
  const model = actorModel(config, weights);
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const dims = [chains, config.steps + 1, config.actions];
  return {
    runtime: "onnxruntime-node",
    async run({ f, c, omega }, noise) {
      const out = await session.run({
        f: new Tensor("float32", f, [1, EMBEDDING_SIZE]),
        c: new Tensor("float32", c, [1, CORRELATION_SIZE]),
        omega: new Tensor("float32", Float32Array.of(omega), [1, 1]),
        noise: new Tensor("float32", noise, dims),
      });
      return out["probs"]!.data as Float32Array;
    },
    close: () => session.release(),
  };
}

function openForward(config: NetworkConfig, chains: number, weights: Weights): Promise<Network> {
  const forward = new Forward(config, weights);
  const size = (config.steps + 1) * config.actions;
  const probs = new Float32Array(chains * config.actions);
  return Promise.resolve({
    runtime: "typescript",
    run({ f, c, omega }, noise) {
      for (let k = 0; k < chains; k++) {
        const own = noise.subarray(k * size, (k + 1) * size);
        probs.set(forward.run(f, c, omega, own).probs, k * config.actions);
      }
      return probs;
    },
    close: () => Promise.resolve(),
  });
}

async function timesOf(
  network: Network,
  { steps, actions }: NetworkConfig,
  chains: number,
  { pendings, seed, decisions }: DecisionTimesOptions,
): Promise<Pick<DecisionTimes, "network" | "paper" | "product">> {
  const random = new Random(seed);
  const noise = () =>
    Float32Array.from({ length: chains * (steps + 1) * actions }, () => random.normal());
  const still = noise();
  const reading = new Reading(random);
  const count = Math.ceil(chains === 1 ? decisions : decisions / 4);
  const warmUp = Math.min(count, WARM_UP);
  const times = (run: (i: number) => Promise<unknown>) => timed(count, warmUp, run);
  const pendingOf = (i: number) => pendings[i % pendings.length]!;
  const whole = async (
    pending: Pending,
    request: GuardedRequest,
    candidates: readonly Candidate[],
    mode: "paper" | "product",
  ) => {
    const { f, omega } = pending.observation;
    const observation = buildObservation(f, candidates, omega, mode);
    const output = meanOf(await network.run(observation, noise()), chains);
    return decide({
      request,
      candidates,
      output,
      actions: TWO_WAY,
      explore: { epsilon: mode === "paper" ? 0 : 0.02, draw: random.uniform() },
      limits: reading.limits,
      allow: { serve: true, augment: mode === "paper" },
      mode,
    });
  };
  return {
    network: await times(async (i) => network.run(pendingOf(i).observation, still)),
    paper: await times((i) => {
      const pending = pendingOf(i);
      const { question: text, lang, fp } = pending.request;
      return whole(pending, { text, lang, fp, now: pending.at }, pending.candidates, "paper");
    }),
    product: await times((i) => {
      const { request, candidates } = reading.asked(i);
      return whole(pendingOf(i), request, candidates, "product");
    }),
  };
}

function meanOf(probs: Float32Array, chains: number): PolicyOutput {
  const actions = probs.length / chains;
  const mean = new Float32Array(actions);
  for (const [i, p] of probs.entries()) mean[i % actions]! += p / chains;
  return { logits: mean.map((p) => Math.log(p)), probs: mean };
}

/** Requests with words, each new, and ten rows that were read before: what guards and verifier have most work with. */
class Reading {
  readonly limits: ResolverLimits;
  readonly #texts: readonly string[];
  readonly #distances: readonly number[];

  constructor(random: Random) {
    const { id, coldStartDistance, noteDistance } = BUILT_IN_EMBEDDER;
    this.limits = {
      coldStartDistance,
      noteDistance,
      deltaHit: 0.02,
      deltaRequest: 0.01,
      ...verifierLimits(shippedScorer(), id),
    };
    this.#texts = loadParaphrases()
      .groups.filter(({ lang }) => lang === "en")
      .flatMap(({ same }) => same);
    this.#distances = Array.from({ length: NEIGHBOURS }, () => 0.9 * random.uniform()).toSorted(
      (a, b) => a - b,
    );
  }

  asked(i: number): {
    readonly request: GuardedRequest;
    readonly candidates: readonly Candidate[];
  } {
    const text = (at: number) => this.#texts[at % this.#texts.length]!;
    const common = { fp: "f", lang: "en" };
    return {
      request: { ...common, text: `${text(31 * i)} ${i}`, now: 1 },
      candidates: this.#distances.map((distance, k) => ({
        ...common,
        id: `row-${k}`,
        ansId: `answer-${k}`,
        role: 1,
        distance,
        useCount: 1 + k,
        question: text(7 * (i % 8) + 3 * k),
        createdAt: 0,
        expiresAt: 2,
      })),
    };
  }
}

async function timed(
  count: number,
  warmUp: number,
  run: (i: number) => Promise<unknown>,
): Promise<Delay> {
  for (let i = 0; i < warmUp; i++) await run(i);
  const before = process.threadCpuUsage();
  const seconds: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await run(warmUp + i);
    seconds.push((performance.now() - start) / 1000);
  }
  return delayOf(seconds, process.threadCpuUsage(before));
}
