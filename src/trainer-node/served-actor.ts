// The policy as it is served, for many requests at once: the file that is published, run by ONNX Runtime on the CPU. It
// acts in the simulator and tells an update where it began and where it ended.
import { InferenceSession, Tensor } from "onnxruntime-node";
import { THREE_WAY, TWO_WAY } from "../policy/action.ts";
import { type NetworkConfig, type Weights } from "../policy/network/layout.ts";
import { actorModel } from "../policy/network/onnx-graph.ts";
import {
  CORRELATION_SIZE,
  EMBEDDING_SIZE,
  FEATURE_SIZE,
  type Observation,
  type Policy,
  type PolicyOutput,
} from "../policy/network/policy.ts";

export interface ActorRequest extends Observation {
  /** [T+1, A]; null = all zero. */
  readonly noise: Float32Array | null;
}

export interface ActorAnswer extends PolicyOutput {
  /** [30] f' */
  readonly feat: Float32Array;
}

export class ServedActor implements Policy {
  readonly version: number;
  readonly name: string;
  readonly actions: typeof TWO_WAY | typeof THREE_WAY;
  readonly #config: NetworkConfig;
  readonly #session: InferenceSession;

  private constructor(version: number, config: NetworkConfig, session: InferenceSession) {
    this.version = version;
    this.name = `dlrs-${version}`;
    this.actions = config.actions === 2 ? TWO_WAY : THREE_WAY;
    this.#config = config;
    this.#session = session;
  }

  static async open(
    config: NetworkConfig,
    weights: Weights,
    { version = 0, threads = 1 }: { readonly version?: number; readonly threads?: number } = {},
  ): Promise<ServedActor> {
    const session = await InferenceSession.create(actorModel(config, weights), {
      intraOpNumThreads: threads,
    });
    return new ServedActor(version, config, session);
  }

  /** One run for all of them. */
  async inferAll(requests: readonly ActorRequest[]): Promise<readonly ActorAnswer[]> {
    if (requests.length === 0) return [];
    const { actions, steps } = this.#config;
    const count = requests.length;
    const noiseSize = (steps + 1) * actions;
    const f = new Float32Array(count * EMBEDDING_SIZE);
    const c = new Float32Array(count * CORRELATION_SIZE);
    const noise = new Float32Array(count * noiseSize);
    for (const [i, request] of requests.entries()) {
      f.set(request.f, i * EMBEDDING_SIZE);
      c.set(request.c, i * CORRELATION_SIZE);
      if (request.noise !== null) noise.set(request.noise, i * noiseSize);
    }
    const omega = Float32Array.from(requests, (request) => request.omega);
    const out = await this.#session.run({
      f: new Tensor("float32", f, [count, EMBEDDING_SIZE]),
      c: new Tensor("float32", c, [count, CORRELATION_SIZE]),
      omega: new Tensor("float32", omega, [count, 1]),
      noise: new Tensor("float32", noise, [count, steps + 1, actions]),
    });
    const rowsOf = (name: string, width: number) => {
      const values = out[name]!.data as Float32Array;
      return (i: number) => values.slice(i * width, (i + 1) * width);
    };
    const logits = rowsOf("logits", actions);
    const probs = rowsOf("probs", actions);
    const feat = rowsOf("feat", FEATURE_SIZE);
    return requests.map((_, i) => ({ logits: logits(i), probs: probs(i), feat: feat(i) }));
  }

  async infer(observation: Observation): Promise<PolicyOutput> {
    const [answer] = await this.inferAll([{ ...observation, noise: null }]);
    return answer!;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
