import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import golden from "../../../fixtures/golden-policy.json" with { type: "json" };
import { Forward } from "../../../../src/policy/network/forward.ts";
import {
  DEFAULT_NETWORK,
  type NetworkConfig,
  elements,
  parameterShapes,
} from "../../../../src/policy/network/layout.ts";
import { actorModel, bootModel } from "../../../../src/policy/network/onnx-graph.ts";
import { Random } from "../../../../src/policy/random.ts";
import { GOLDEN_SEED, goldenInputs, seededWeights } from "../../../support/golden-policy.ts";
import { EVERY_HEAD, plainWeights } from "../../../support/networks.ts";

const SEED = 5;
console.log(`seed ${SEED}`);

/** alphaBar = 0.25 after one step: keep = 2, remove = sqrt 3. */
const ONE_STEP: NetworkConfig = {
  ...DEFAULT_NETWORK,
  steps: 1,
  schedule: { kind: "linear", start: 0.75, end: 0.75 },
  clipX0: null,
};
const F = new Float32Array(768).fill(1 / Math.sqrt(768));
const C = new Float32Array(30);

/** All zero, so that eps is the last layer's bias whatever comes in. */
function constantEps(config: NetworkConfig, eps: readonly number[]): Forward {
  const weights = new Map(
    [...parameterShapes(config)].map(([name, dims]) => [name, new Float32Array(elements(dims))]),
  );
  weights.set("eps.out.b", Float32Array.from(eps));
  return new Forward(config, weights);
}

const relative = (got: number, want: number) => Math.abs(got - want) / Math.max(1, Math.abs(want));

describe("the TypeScript pass", () => {
  it("computes Mish twice between three layers with the MLP head", () => {
    const config: NetworkConfig = { ...DEFAULT_NETWORK, head: "mlp", extractor: "raw", steps: 0 };
    const weights = new Map(
      [...parameterShapes(config)].map(([name, dims]) => [name, new Float32Array(elements(dims))]),
    );
    // omega is the last of 799 inputs; hidden unit 0 = mish(omega + 0.5), unit 1 = mish(2 unit 0), logits = [unit 1, -unit 1].
    weights.get("head.in.w")![798 * 256] = 1;
    weights.get("head.in.b")![0] = 0.5;
    weights.get("head.mid.w")![1] = 2;
    weights.get("head.out.w")!.set([1, -1], 2);
    const { logits } = new Forward(config, weights).run(F, C, -1, null);
    const mish = (x: number) => x * Math.tanh(Math.log(1 + Math.exp(x)));
    // mish(-0.5) = -0.5 tanh(0.4741) = -0.2207, mish(-0.4415) = -0.4415 tanh(0.4966) = -0.2028
    expect(mish(2 * mish(-0.5))).toBeCloseTo(-0.2028, 4);
    expect(logits[0]).toBeCloseTo(mish(2 * mish(-0.5)), 6);
    expect(logits[1]).toBeCloseTo(-mish(2 * mish(-0.5)), 6);
  });

  it("has almost as many weights with the MLP head as with the chain", () => {
    const countOf = (config: NetworkConfig) =>
      [...parameterShapes(config).values()].reduce((sum, dims) => sum + elements(dims), 0);
    for (const actions of [2, 3] as const) {
      const chain = countOf({ ...DEFAULT_NETWORK, actions });
      const mlp = countOf({ ...DEFAULT_NETWORK, actions, head: "mlp", steps: 0 });
      const missing = 1 - mlp / chain;
      console.log(`${actions} actions: ${chain} and ${mlp} weights, ${100 * missing} % fewer`);
      // The kappa rows, 16 time rows and the time embedding
      expect(chain - mlp).toBe((actions + 16) * 256 + 16 * 32 + 32 + 32 * 16 + 16);
      expect(missing).toBeLessThan(0.02);
    }
  });

  it("computes x0 = kappa / sqrt(alphaBar) - sqrt(1 / alphaBar - 1) eps", () => {
    const forward = constantEps(ONE_STEP, [0.5, -1]);
    // 2 * 0.1 - sqrt 3 * 0.5 = -0.666025; 2 * 0.2 + sqrt 3 = 2.132051
    const { logits, probs } = forward.run(F, C, -1, Float32Array.of(0.1, 0.2, 9, 9));
    expect(logits[0]).toBeCloseTo(0.2 - Math.sqrt(3) / 2, 6);
    expect(logits[1]).toBeCloseTo(0.4 + Math.sqrt(3), 6);
    expect(probs[0]! + probs[1]!).toBeCloseTo(1, 6);
    expect(Math.log(probs[1]! / probs[0]!)).toBeCloseTo(logits[1]! - logits[0]!, 5);
  });

  it("bounds eps by tanh and x0 by the clip where the configuration says so", () => {
    const tanh = constantEps({ ...ONE_STEP, tanhEps: true }, [1, 0]);
    expect(tanh.run(F, C, 0, null).logits[0]).toBeCloseTo(-Math.sqrt(3) * Math.tanh(1), 6);
    const clipped = constantEps({ ...ONE_STEP, clipX0: 3 }, [10, -10]);
    expect([...clipped.run(F, C, 0, null).logits]).toEqual([-3, 3]);
  });

  it("adds xi_2 of row 1 before the last of two steps and ignores the last row", () => {
    // beta = 0.5 twice: alphaBar = 0.5, 0.25; betaTilde_2 = 0.5 * 0.5 / 0.75 = 1/3.
    const config: NetworkConfig = {
      ...ONE_STEP,
      steps: 2,
      schedule: { kind: "linear", start: 0.5, end: 0.5 },
    };
    const forward = constantEps(config, [0, 0]);
    // eps = 0. Step 2: x0 = 2 k; mean = sqrt(0.5) 0.5 / 0.75 * 2 k + sqrt(0.5) 0.5 / 0.75 k = sqrt 2 k.
    // Step 1: x0 = sqrt 2 (sqrt 2 k + sqrt(1/3) xi) = 2 k + sqrt(2/3) xi.
    const { logits } = forward.run(F, C, 0, Float32Array.of(0.5, 0, 0, 1, 7, 7));
    expect(logits[0]).toBeCloseTo(1, 6);
    expect(logits[1]).toBeCloseTo(Math.sqrt(2 / 3), 6);
  });

  it("gives the same numbers for zero noise, however often it ran before", () => {
    const forward = new Forward(DEFAULT_NETWORK, seededWeights(1));
    const first = forward.run(F, C, -1, null);
    forward.run(
      new Float32Array(768),
      new Float32Array(30).fill(1),
      2,
      new Float32Array(22).fill(3),
    );
    const again = forward.run(F, C, -1, new Float32Array(22));
    expect(again).toEqual(first);
    expect(first.logits.every((value) => Math.abs(value) <= 3)).toBe(true);
  });

  it("lets every input move the logits", () => {
    const forward = new Forward(DEFAULT_NETWORK, seededWeights(2));
    const base = forward.run(F, C, -1, null).logits[0]!;
    const otherF = F.with(0, 0.5);
    const otherC = C.with(29, 1);
    for (const { logits } of [
      forward.run(otherF, C, -1, null),
      forward.run(F, otherC, -1, null),
      forward.run(F, C, 0, null),
      forward.run(F, C, -1, new Float32Array(22).with(0, 1)),
    ])
      expect(Math.abs(logits[0]! - base)).toBeGreaterThan(1e-4);
  });
});

describe("the served graph", () => {
  it("agrees with the TypeScript pass and the fixture on 100 inputs", async () => {
    console.log(`seed ${GOLDEN_SEED}`);
    const weights = seededWeights(golden.seed);
    const forward = new Forward(DEFAULT_NETWORK, weights);
    const session = await InferenceSession.create(actorModel(DEFAULT_NETWORK, weights));
    let worst = 0;
    let worstOfFixture = 0;
    for (const [i, input] of goldenInputs().entries()) {
      const { f, c, omega, noise } = input;
      const output = await session.run(feeds({ f, c, omega, noise }, 1));
      const want = floats(output["logits"]);
      const got = forward.run(f, c, omega, noise);
      for (let a = 0; a < 2; a++) {
        worst = Math.max(worst, relative(got.logits[a]!, want[a]!));
        worstOfFixture = Math.max(worstOfFixture, relative(want[a]!, golden.logits[i]![a]!));
      }
      floats(output["probs"]).forEach((p, a) => expect(got.probs[a]).toBeCloseTo(p, 5));
      floats(output["feat"]).forEach((x, j) => expect(got.feat[j]).toBeCloseTo(x, 4));
    }
    console.log(`largest difference ${worst}, from the fixture ${worstOfFixture}`);
    expect(worst).toBeLessThanOrEqual(1e-5);
    expect(worstOfFixture).toBeLessThanOrEqual(1e-5);
  });

  it.each<[string, Partial<NetworkConfig>]>([
    ["three actions", { actions: 3 }],
    [
      "the paper's literal chain",
      { schedule: { kind: "linear", start: 1e-4, end: 2e-2 }, tanhEps: true, clipX0: null },
    ],
    ["VP with five steps", { steps: 5, schedule: { kind: "vp", min: 0.1, max: 10 } }],
  ])("agrees for %s", async (_, changes) => {
    const config = { ...DEFAULT_NETWORK, ...changes };
    const weights = seededWeights(3, config);
    const forward = new Forward(config, weights);
    const session = await InferenceSession.create(actorModel(config, weights));
    for (const input of goldenInputs(config, 5)) {
      const want = floats((await session.run(feeds(input, 1, config)))["logits"]);
      const { logits } = forward.run(input.f, input.c, input.omega, input.noise);
      logits.forEach((value, a) => expect(relative(value, want[a]!)).toBeLessThanOrEqual(1e-5));
    }
  });

  it.each(EVERY_HEAD)("agrees for a %s", async (_, config) => {
    const random = new Random(SEED);
    const weights = plainWeights(config, random);
    const forward = new Forward(config, weights);
    const session = await InferenceSession.create(actorModel(config, weights));
    for (const input of goldenInputs(config, 5)) {
      const output = await session.run(feeds(input, 1, config));
      const got = forward.run(input.f, input.c, input.omega, input.noise);
      for (const name of ["logits", "feat"] as const)
        for (const [i, want] of floats(output[name]).entries())
          expect(relative(got[name][i]!, want)).toBeLessThanOrEqual(1e-5);
    }
  });

  it.each(EVERY_HEAD)("has f' = 0 only where the head reads f itself: %s", async (_, config) => {
    const weights = plainWeights(config, new Random(SEED));
    const { feat } = new Forward(config, weights).run(
      F,
      C.map(() => 1),
      -1,
      null,
    );
    expect(feat.length).toBe(30);
    expect(feat.every((value) => value === 0)).toBe(config.extractor === "raw");
  });

  it("gives all chains of a request the same logits with the MLP head, whatever the noise", async () => {
    const config = { ...DEFAULT_NETWORK, head: "mlp", steps: 1 } as const;
    const weights = plainWeights(config, new Random(SEED));
    const session = await InferenceSession.create(actorModel(config, weights));
    const inputs = goldenInputs(config, 3);
    const { f, c, omega } = inputs[0]!;
    const noise = Float32Array.from(inputs.flatMap((input) => Array.from(input.noise)));
    const output = await session.run(feeds({ f, c, omega, noise }, 3, config));
    expect(output["feat"]!.dims).toEqual([1, 30]);
    expect(output["logits"]!.dims).toEqual([3, 2]);
    const [first, second] = new Forward(config, weights).run(f, c, omega, null).logits;
    const logits = floats(output["logits"]);
    for (let k = 0; k < 3; k++) {
      expect(relative(logits[2 * k]!, first!)).toBeLessThanOrEqual(1e-5);
      expect(relative(logits[2 * k + 1]!, second!)).toBeLessThanOrEqual(1e-5);
    }
    expect(Math.abs(first! - second!)).toBeGreaterThan(0.01);
  });

  it("runs K chains over the features of one request", async () => {
    const weights = seededWeights(4);
    const forward = new Forward(DEFAULT_NETWORK, weights);
    const session = await InferenceSession.create(actorModel(DEFAULT_NETWORK, weights));
    const inputs = goldenInputs(DEFAULT_NETWORK, 3);
    const { f, c, omega } = inputs[0]!;
    const noise = Float32Array.from(inputs.flatMap((input) => [...input.noise]));
    const output = await session.run(feeds({ f, c, omega, noise }, 3));
    expect(output["feat"]!.dims).toEqual([1, 30]);
    expect(output["logits"]!.dims).toEqual([3, 2]);
    const logits = floats(output["logits"]);
    for (const [k, input] of inputs.entries())
      forward
        .run(f, c, omega, input.noise)
        .logits.forEach((value, a) =>
          expect(relative(value, logits[2 * k + a]!)).toBeLessThanOrEqual(1e-5),
        );
  });

  it("has a boot model that hands its input through", async () => {
    const session = await InferenceSession.create(bootModel());
    const { y } = await session.run({ x: new Tensor("float32", [7], [1]) });
    expect(floats(y)).toEqual(Float32Array.of(7));
  });
});

interface Input {
  readonly f: Float32Array;
  readonly c: Float32Array;
  readonly omega: number;
  readonly noise: Float32Array;
}

function feeds({ f, c, omega, noise }: Input, chains: number, config = DEFAULT_NETWORK) {
  return {
    f: new Tensor("float32", f, [1, 768]),
    c: new Tensor("float32", c, [1, 30]),
    omega: new Tensor("float32", [omega], [1, 1]),
    noise: new Tensor("float32", noise, [chains, config.steps + 1, config.actions]),
  };
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new TypeError("not a float tensor");
  return tensor.data;
}
