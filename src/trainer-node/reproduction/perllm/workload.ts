// The requests of a run. The i-th request is the same for every algorithm, whoever asks it and whenever: common random
// numbers, so that algorithms differ by what they decide alone.
import { serviceClass } from "../../../policy/routing/service-class.ts";
import { randomOf } from "../../simulator/random-of.ts";
import { CLASS_EDGES, type WorldSettings } from "./settings.ts";

export interface ServiceRequest {
  readonly index: number;
  readonly megabits: number;
  readonly promptTokens: number;
  readonly deadlineSeconds: number;
  /** Output tokens and inference seconds relative to their means. No scheduler sees it. */
  readonly relativeLength: number;
  /** Three uniform draws for whoever decides by chance. */
  readonly draws: readonly [number, number, number];
}

const WORKLOAD = 1;

export function workload(world: WorldSettings, seed: number): readonly ServiceRequest[] {
  const { payload, lengthSigma, deadline, promptTokens, requests } = world;
  const random = randomOf(seed, 0, WORKLOAD);
  // exp(sigma z - sigma^2 / 2) has the mean 1.
  const relative = (sigma: number) => random.lognormal({ mu: (-sigma * sigma) / 2, sigma });
  return Array.from({ length: requests }, (_, index) => {
    const size = relative(payload.sigma);
    return {
      index,
      megabits: 8 * payload.megabytes * size,
      promptTokens: Math.max(1, Math.round(promptTokens * size)),
      deadlineSeconds: deadline[0] + (deadline[1] - deadline[0]) * random.uniform(),
      relativeLength: relative(lengthSigma),
      draws: [random.uniform(), random.uniform(), random.uniform()],
    };
  });
}

/** Four bins of deadlines by three of prompt lengths: k of PerLLM. */
export const classOf = (
  request: Pick<ServiceRequest, "deadlineSeconds" | "promptTokens">,
): number => serviceClass(request, CLASS_EDGES);
export const CLASSES = (CLASS_EDGES.deadline.length + 1) * (CLASS_EDGES.prompt.length + 1);
