// A published network as a policy. A runtime (ONNX) computes when it is up; until then, or when it fails, the TypeScript
// pass runs the same weights; when even that has no finite answer, the model is called.
import { THREE_WAY, TWO_WAY } from "../action.ts";
import { type Forward, type ForwardOutput } from "./forward.ts";
import { softmax } from "./kernels.ts";
import { type Observation, type Policy, type PolicyInput, type PolicyOutput } from "./policy.ts";

/** A file loaded into a runtime. Inputs are of one request; noise is [T+1, A]. */
export interface Session {
  run(observation: Observation, noise: Float32Array): Promise<Pick<ForwardOutput, "logits">>;
  release(): Promise<void>;
}

/** Consecutive failures after which a runtime is not asked again. */
const MAX_FAILURES = 5;

/** Confidently "call the model", and finite, so that what is logged stays a proper distribution. */
const DIRECT_LOGIT = 20;

export class NetworkPolicy implements Policy {
  readonly version: number;
  readonly name: string;
  readonly actions: typeof TWO_WAY | typeof THREE_WAY;
  readonly input: PolicyInput;
  /** How answers came about since this policy was made. */
  readonly counts = { session: 0, forward: 0, direct: 0, failures: 0 };
  readonly #forward: Forward;
  readonly #zeroNoise: Float32Array;
  #session: Session | null = null;
  #consecutiveFailures = 0;
  #users = 0;
  #retired = false;

  constructor(options: {
    readonly version: number;
    readonly name: string;
    readonly forward: Forward;
    readonly input?: PolicyInput;
  }) {
    const { actions, steps } = options.forward.config;
    this.version = options.version;
    this.name = options.name;
    this.actions = actions === 2 ? TWO_WAY : THREE_WAY;
    this.input = options.input ?? "embedding";
    this.#forward = options.forward;
    this.#zeroNoise = new Float32Array((steps + 1) * actions);
  }

  get accelerated(): boolean {
    return this.#session !== null && this.#consecutiveFailures < MAX_FAILURES;
  }

  /** From now on `session` computes. */
  accelerate(session: Session): void {
    this.#session = session;
    this.#consecutiveFailures = 0;
  }

  /** The session is released when its last user is done; the policy itself still answers whoever holds it. */
  async retire(): Promise<void> {
    this.#retired = true;
    if (this.#users === 0) await this.#release();
  }

  async infer(observation: Observation): Promise<PolicyOutput> {
    const logits = (await this.#bySession(observation)) ?? this.#byForward(observation);
    if (logits !== null) return { logits, probs: softmax(logits) };
    this.counts.direct++;
    const direct = Float32Array.from(this.actions, (_, index) => (index === 0 ? DIRECT_LOGIT : 0));
    return { logits: direct, probs: softmax(direct), isSubstitute: true };
  }

  async #bySession(observation: Observation): Promise<Float32Array | null> {
    const session = this.#session;
    if (session === null || this.#consecutiveFailures >= MAX_FAILURES) return null;
    this.#users++;
    try {
      const { logits } = await session.run(observation, this.#zeroNoise);
      if (logits.every(Number.isFinite)) {
        this.#consecutiveFailures = 0;
        this.counts.session++;
        return logits;
      }
      this.#fail();
    } catch {
      this.#fail();
    } finally {
      this.#users--;
      if (this.#retired && this.#users === 0) await this.#release();
    }
    return null;
  }

  #byForward({ f, c, omega }: Observation): Float32Array | null {
    const { logits } = this.#forward.run(f, c, omega, null);
    if (!logits.every(Number.isFinite)) return null;
    this.counts.forward++;
    return logits;
  }

  #fail(): void {
    this.#consecutiveFailures++;
    this.counts.failures++;
  }

  async #release(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.release();
  }
}
