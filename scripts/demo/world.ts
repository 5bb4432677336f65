// What gateway and simulator have in common, and the simulator's form of a stream that the gateway gets over HTTP.
import { builtInEmbed, BUILT_IN_EMBEDDER } from "../../src/trainer-node/built-in-embedder.ts";
import { Environment } from "../../src/trainer-node/simulator/environment.ts";
import { type RequestSource, workloadSource } from "../../src/trainer-node/simulator/source.ts";
import { roughTokens } from "../local/chat-wire.ts";
import { type Stream } from "../replay/stream.ts";

export const REGIONS = ["us", "eu", "asia"] as const;

export const EMBEDDER = BUILT_IN_EMBEDDER;

/** Questions, answers and delays as over HTTP. */
export function simulated(stream: Stream, minDelayTokens: number): RequestSource {
  return workloadSource({
    requests: stream.requests,
    groups: stream.known,
    embedder: EMBEDDER,
    embed: builtInEmbed,
    answerTokens: (request) => roughTokens(stream.answerTo(request)).length,
    minDelayTokens,
  });
}

/** Always the same world: what is random about a request depends on the seed and its place in the stream alone. */
export function freshWorld(source: RequestSource, seed: number): Environment {
  return new Environment({ source, seed, regions: REGIONS });
}
