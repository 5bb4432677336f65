// What serves before anything has been published, and whenever nothing published can be had: the trained policies that lie
// in data/policies, and a fixed rule for whoever wants no network or whose embedder has no scale yet.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./modules.d.ts" />
import anyEmbedder from "../../data/policies/any-embedder.bin";
import subword from "../../data/policies/subword-768.bin";
import { Forward } from "../policy/network/forward.ts";
import { FIXED_RULE } from "../policy/network/greedy.ts";
import { NetworkPolicy } from "../policy/network/network-policy.ts";
import { actorModel } from "../policy/network/onnx-graph.ts";
import { unpackPolicy } from "../policy/network/packed-weights.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE, type Policy } from "../policy/network/policy.ts";
import { type GoldenNumbers } from "../policy/network/manifest-gate.ts";
import { policyFor } from "./choose-policy.ts";
import { type RuntimeModel } from "./published-policy.ts";

export interface BuiltInPolicy {
  readonly policy: Policy;
  /** How a runtime gets it: made when asked for, because it is several megabytes. */
  readonly model?: () => RuntimeModel;
}

/** @param wanted "greedy" takes the fixed rule whatever the embedder is */
export function builtInPolicy(embedder: string, wanted: string | undefined): BuiltInPolicy {
  if (wanted === "greedy") return { policy: FIXED_RULE };
  const chosen = policyFor(embedder, [unpack(subword), unpack(anyEmbedder)]);
  if (chosen === null) return { policy: FIXED_RULE };
  const { name, network, weights, input } = chosen;
  const forward = new Forward(network, weights);
  return {
    policy: new NetworkPolicy({ version: 0, name, forward, input }),
    model: () => ({ bytes: actorModel(network, weights), golden: [probe(forward)] }),
  };
}

const unpack = (file: ArrayBuffer) => unpackPolicy(new Uint8Array(file));

/** One input with its logits, for a runtime to reproduce. */
function probe(forward: Forward): GoldenNumbers {
  const { actions, steps } = forward.config;
  const wave = (size: number, scale: number) =>
    Float32Array.from({ length: size }, (_, i) => scale * Math.sin(1 + i));
  const f = wave(EMBEDDING_SIZE, Math.sqrt(2 / EMBEDDING_SIZE));
  const c = wave(CORRELATION_SIZE, 1);
  const noise = wave((steps + 1) * actions, 1);
  return { f, c, omega: -1, noise, logits: forward.run(f, c, -1, noise).logits };
}
