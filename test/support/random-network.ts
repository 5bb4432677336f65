import { type NetworkConfig, elements, parameterShapes } from "../../src/policy/network/layout.ts";
import { Random } from "../../src/policy/random.ts";
import { ServedActor } from "../../src/trainer-node/served-actor.ts";

/** An untrained network with opinions: its weights are large enough that requests get different actions. */
export function randomActor(network: NetworkConfig, seed: number): Promise<ServedActor> {
  const random = new Random(seed);
  const weights = new Map<string, Float32Array>();
  for (const [name, dims] of parameterShapes(network)) {
    const size = name.endsWith(".gain") ? 0 : 1.5 / Math.sqrt(dims[0]!);
    const centre = name.endsWith(".gain") ? 1 : 0;
    weights.set(
      name,
      Float32Array.from({ length: elements(dims) }, () => centre + size * random.normal()),
    );
  }
  return ServedActor.open(network, weights);
}
