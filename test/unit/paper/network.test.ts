// The network of DLRS by hand: kernels, feature extractor, noise schedules and the reverse chain, with weights of zeros and
// ones so that a whole pass can be redone on paper.
import { describe, expect, it, test } from "vitest";
import {
  type Schedule,
  diffusion,
  stepCoefficients,
} from "../../../src/policy/network/diffusion.ts";
import { Forward } from "../../../src/policy/network/forward.ts";
import {
  apply,
  geluInPlace,
  mishInPlace,
  normalise,
  softmax,
} from "../../../src/policy/network/kernels.ts";
import {
  DEFAULT_NETWORK,
  type NetworkConfig,
  elements,
  parameterShapes,
  timeEmbedding,
} from "../../../src/policy/network/layout.ts";
import { operatorsOf } from "../../../src/trainer-node/graph/operators.ts";
import { evaluate } from "../../support/run-graph.ts";
import { near } from "../../support/near.ts";

const F = new Float32Array(768);
const C = new Float32Array(30);

/** beta = 0.5 twice: alphaBar = 0.5, 0.25. */
const TWO_STEPS: NetworkConfig = {
  ...DEFAULT_NETWORK,
  steps: 2,
  schedule: { kind: "linear", start: 0.5, end: 0.5 },
  tanhEps: false,
  clipX0: null,
};
/** alphaBar = 0.25: kappa_0 = 2 kappa_1 - sqrt 3 eps. */
const ONE_STEP: NetworkConfig = {
  ...TWO_STEPS,
  steps: 1,
  schedule: { kind: "linear", start: 0.75, end: 0.75 },
};

/** All parameters zero but these entries: [name, row of the matrix (0 for a vector), column, value]. */
type Entry = readonly [name: string, row: number, column: number, value: number];
function forwardOf(config: NetworkConfig, entries: readonly Entry[]): Forward {
  const shapes = parameterShapes(config);
  const weights = new Map(
    [...shapes].map(([name, dims]) => [name, new Float32Array(elements(dims))]),
  );
  for (const [name, row, column, value] of entries)
    weights.get(name)![row * shapes.get(name)!.at(-1)! + column] = value;
  return new Forward(config, weights);
}

const identity = (name: string, size: number): Entry[] =>
  Array.from({ length: size }, (_, i) => [name, i, i, 1]);
const ones = (name: string, size: number): Entry[] =>
  Array.from({ length: size }, (_, i) => [name, 0, i, 1]);
const mish = (x: number) => x * Math.tanh(Math.log(1 + Math.exp(x)));

describe("kernels", () => {
  it("Mish: 1 tanh(ln(1 + e)) = 0.865098, and -0.303401 at -1", () => {
    // ln(1 + e) = 1.313262, tanh = 0.865098; ln(1 + 1/e) = 0.313262, tanh = 0.303401
    const x = Float32Array.of(1, 0, -1);
    mishInPlace(x);
    expect(Array.from(x)).toEqual(near([0.865098, 0, -0.303401]));
  });

  it("GELU in its tanh form: 0.841192 at 1, and x less than that of -x always", () => {
    // 0.5 (1 + tanh(0.797885 * 1.044715)) = 0.5 (1 + 0.682384); the exact one with erf is 0.841345.
    const x = Float32Array.of(1, 0, -1);
    geluInPlace(x);
    expect(Array.from(x)).toEqual(near([0.841192, 0, 0.841192 - 1]));
  });

  it("layer norm of (1, 2, 3): mean 2, variance 2/3, then gain and bias", () => {
    const out = new Float32Array(3);
    normalise(
      Float32Array.of(1, 2, 3),
      { gain: Float32Array.of(1, 2, 3), bias: Float32Array.of(0, 0, 1) },
      3,
      out,
    );
    // 1 / sqrt(2/3 + 1e-5) = 1.224736; 3 * 1.224736 + 1
    expect(Array.from(out)).toEqual(near([-1.224736, 0, 4.674207], 5));
  });

  it("a linear layer is x w + b, row by row, for sizes that do and do not fill its tiles", () => {
    // Five outputs of two inputs, three rows: y_o = x_0 + o x_1 + 10 o.
    const layer = {
      inputs: 2,
      outputs: 5,
      w: Float32Array.of(1, 0, 1, 1, 1, 2, 1, 3, 1, 4),
      b: Float32Array.of(0, 10, 20, 30, 40),
    };
    const out = new Float32Array(15);
    apply(layer, Float32Array.of(1, 2, 3, 4, 5, 6), out, 3);
    expect(Array.from(out)).toEqual(
      near([1, 13, 25, 37, 49, 3, 17, 31, 45, 59, 5, 21, 37, 53, 69]),
    );
  });

  it("softmax of (0, ln 3) is (1/4, 3/4), however large both are", () => {
    expect(Array.from(softmax(Float32Array.of(0, Math.log(3))))).toEqual(near([0.25, 0.75]));
    expect(Array.from(softmax(Float32Array.of(1000, 1000)))).toEqual(near([0.5, 0.5]));
  });

  it("the training graph has the same Mish, GELU and layer norm", async () => {
    const {
      mish: m,
      gelu,
      norm,
    } = await evaluate(
      {
        x: [[3], [1, 0, -1]],
        rows: [
          [1, 3],
          [1, 2, 3],
        ],
        gain: [[3], [1, 2, 3]],
        bias: [[3], [0, 0, 1]],
      },
      (graph, { x, rows, gain, bias }) => {
        const ops = operatorsOf(graph, () => x!);
        graph.output("mish", ops.mish(x!));
        graph.output("gelu", ops.gelu(x!));
        graph.output("norm", ops.layerNorm(rows!, gain!, bias!));
      },
    );
    expect(Array.from(m!)).toEqual(near([0.865098, 0, -0.303401]));
    expect(Array.from(gelu!)).toEqual(near([0.841192, 0, -0.158808]));
    expect(Array.from(norm!)).toEqual(near([-1.224736, 0, 4.674207], 5));
  });
});

describe("feature extractor (Eq. 8)", () => {
  it("Eq. 8: five layers with tanh after each, here of biases alone", () => {
    const forward = forwardOf(ONE_STEP, [
      ["fc0.b", 0, 0, 0.5],
      ...[1, 2, 3, 4].map((i): Entry => [`fc${i}.w`, 0, 0, 1]),
    ]);
    // tanh 0.5 = 0.462117, then 0.431808, 0.406831, 0.385779, 0.367716
    const feat = forward.run(F, C, 0, null).feat;
    expect(feat).toHaveLength(30);
    expect(feat[0]).toBeCloseTo(0.367716, 5);
    expect([...feat.subarray(1)].every((value) => value === 0)).toBe(true);
  });

  it("Eq. 8: attention of one head looks at the token that its query points to, the other heads at all alike", () => {
    // Token 0 is +1, -1, +1, ...; the other seven are 0. Its layer norm is itself. Values, keys and output are the identity;
    // the query is 4 along dimension 0 of head 0, so that its score for token 0 is 4 * 1 / sqrt 16 = 1, for the others 0.
    const forward = forwardOf(ONE_STEP, [
      ...ones("block0.norm1.gain", 96),
      ["block0.q.b", 0, 0, 4],
      ...["k", "v", "o"].flatMap((name) => identity(`block0.${name}.w`, 96)),
      ...ones("norm.gain", 768),
      // Entry 0 of token 0 and 1 (head 0), then entry 16 of both (head 1).
      ...[0, 96, 16, 112].map((from, to): Entry => ["fc0.w", from, to, 0.1]),
      ...[1, 2, 3, 4].flatMap((i) => identity(`fc${i}.w`, 4)),
    ]);
    const f = Float32Array.from({ length: 768 }, (_, i) => (i < 96 ? 1 - 2 * (i % 2) : 0));
    // Head 0 gives every token e / (e + 7) = 0.279708 of token 0, the other five heads 1/8.
    // The residual stream: 1.279708 and 0.279708 in head 0, 1.125 and 0.125 in the others, with signs.
    // Mean 0; variance (0.273164 + 5 * 0.171875) / 6 = 0.188756, deviation 0.434461.
    const five = (x: number) => [1, 2, 3, 4, 5].reduce((y) => Math.tanh(y), x);
    expect(Array.from(forward.run(f, C, 0, null).feat.subarray(0, 4))).toEqual(
      near(
        [1.279708, 0.279708, 1.125, 0.125].map((x) => five((0.1 * x) / 0.434461)),
        4,
      ),
    );
  });

  it("Eq. 8: the feed-forward layer adds GELU(1) = 0.841192 to every token, here by a bias of 1", () => {
    const forward = forwardOf(ONE_STEP, [
      ["block0.ffn.in.b", 0, 0, 1],
      ["block0.ffn.out.w", 0, 0, 1],
      ...ones("norm.gain", 768),
      ["fc0.w", 0, 0, 0.1],
      ...[1, 2, 3, 4].map((i): Entry => [`fc${i}.w`, 0, 0, 1]),
    ]);
    // Eight entries of 0.841192 and one of 1 among 768: mean 7.729536 / 768 = 0.010064,
    // variance 6.660832 / 768 - 0.000101 = 0.008572, (0.841192 - 0.010064) / sqrt(0.008572 + 1e-5) = 8.9718
    const five = [1, 2, 3, 4, 5].reduce((y) => Math.tanh(y), 0.89718);
    expect(forward.run(F.with(5, 1), C, 0, null).feat[0]).toBeCloseTo(five, 4);
  });

  it("Eq. 9: the state is [c 30 | f' 30 | log10 omega], in this order behind kappa and time", () => {
    // One hidden unit reads one input with weight 1: eps = mish(mish(input)), kappa_0 = -sqrt 3 eps.
    const read = (row: number) =>
      forwardOf(ONE_STEP, [
        ["fc0.b", 0, 0, 0.5],
        ...[1, 2, 3, 4].map((i): Entry => [`fc${i}.w`, 0, 0, 1]),
        ["eps.in.w", row, 0, 1],
        ["eps.mid.w", 0, 0, 1],
        ["eps.out.w", 0, 0, 1],
      ]).run(F, C.with(0, 0.3).with(29, 0.7), -1, null).logits[0]!;
    const wanted = (input: number) => -Math.sqrt(3) * mish(mish(input));
    const first = 2 + 16;
    expect(read(first)).toBeCloseTo(wanted(0.3), 5);
    expect(read(first + 29)).toBeCloseTo(wanted(0.7), 5);
    expect(read(first + 30)).toBeCloseTo(wanted(0.367716), 5);
    expect(read(first + 31)).toBeCloseTo(0, 12);
    expect(read(first + 60)).toBeCloseTo(wanted(-1), 5);
    expect([...parameterShapes(ONE_STEP).get("eps.in.w")!]).toEqual([first + 61, 256]);
  });
});

describe("multilayer head (LRS, MAPPO)", () => {
  it("is state -> Mish -> Mish -> logits, without noise or time", () => {
    const config: NetworkConfig = { ...DEFAULT_NETWORK, head: "mlp", steps: 0 };
    const forward = forwardOf(config, [
      ["head.in.w", 60, 0, 1],
      ["head.in.b", 0, 0, 2],
      ["head.mid.w", 0, 0, 1],
      ["head.out.w", 0, 1, 2],
      ["head.out.b", 0, 0, 0.5],
    ]);
    // omega -1: 2 - 1 = 1, mish 0.865098, mish 0.725479; logits (0.5, 2 * 0.725479)
    expect(Array.from(forward.run(F, C, -1, null).logits)).toEqual(near([0.5, 2 * 0.725479], 5));
  });
});

describe("time embedding", () => {
  it("is 8 sines, then 8 cosines of t 10000^(-i/7), t = tau - 1", () => {
    const table = timeEmbedding(2);
    expect(Array.from(table.subarray(0, 16))).toEqual(
      near([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]),
    );
    // sin 1, sin 0.268270 (= 10000^(-1/7)), ..., sin 0.0001
    expect(table[16]).toBeCloseTo(0.841471, 6);
    expect(table[17]).toBeCloseTo(Math.sin(0.26827), 5);
    expect(table[23]).toBeCloseTo(1e-4, 8);
    expect(table[24]).toBeCloseTo(0.540302, 6);
  });

  it("enters the chain at every step with its own t: here only sin t is heard, and sin 0 is 0", () => {
    // time.in, time.out, eps.in, eps.mid, eps.out pass on one number: mish three times. Step 2 has t = 1, step 1 t = 0.
    const forward = forwardOf(TWO_STEPS, [
      ["time.in.w", 0, 0, 1],
      ["time.out.w", 0, 0, 1],
      ["eps.in.w", 2, 0, 1],
      ["eps.mid.w", 0, 0, 1],
      ["eps.out.w", 0, 0, 1],
    ]);
    const eps = mish(mish(mish(Math.sin(1))));
    expect(eps).toBeCloseTo(0.431605, 6);
    // x0 = -sqrt 3 eps; kappa_1 = sqrt 2 / 3 x0; kappa_0 = sqrt 2 kappa_1 = -2 / sqrt 3 eps = -0.498375
    expect(forward.run(F, C, 0, null).logits[0]).toBeCloseTo(-0.498375, 5);
  });
});

describe("schedules with two steps", () => {
  const tables = (schedule: Schedule) => diffusion(schedule, 2);

  test("linear 0.1 ... 0.3: alphaBar 0.9, 0.63 and all five coefficients of the second step", () => {
    const linear = tables({ kind: "linear", start: 0.1, end: 0.3 });
    expect(Array.from(linear.beta)).toEqual(near([0.1, 0.3], 12));
    expect(Array.from(linear.alphaBar)).toEqual(near([0.9, 0.63], 12));
    // 0.3 * 0.1 / 0.37
    expect(Array.from(linear.betaTilde)).toEqual(near([0, 0.0810811]));
    const { keep, remove, toX0, toKappa, sigma } = stepCoefficients(linear, 2);
    // 1 / sqrt 0.63, sqrt(1 / 0.63 - 1), sqrt 0.9 * 0.3 / 0.37, sqrt 0.7 * 0.1 / 0.37, sqrt(0.03 / 0.37)
    expect(Array.from([keep, remove, toX0, toKappa, sigma])).toEqual(
      near([1.259882, 0.766356, 0.769203, 0.226124, 0.284747]),
    );
  });

  test("VP 0.1 ... 10: alpha exp(-1.2875), exp(-3.7625), together exp(-5.05)", () => {
    const vp = tables({ kind: "vp", min: 0.1, max: 10 });
    // 0.1 / 2 + 9.9 / 2 * 1 / 4 = 1.2875;  0.05 + 9.9 / 2 * 3 / 4 = 3.7625
    expect(Array.from(vp.alpha)).toEqual(near([0.27596, 0.0232256]));
    expect(Array.from(vp.alphaBar)).toEqual(near([0.27596, 0.00640933]));
    // 0.976774 * 0.72404 / 0.993591
    expect(Array.from(vp.betaTilde)).toEqual(near([0, 0.711786]));
  });

  test("cosine with offset 0.008: level 0.999845, 0.493767, 0 gives beta 0.506156 and the cap 0.999", () => {
    const cosine = tables({ kind: "cosine", offset: 0.008 });
    // cos^2(pi / 2 * 0.008 / 1.008), cos^2(pi / 2 * 0.508 / 1.008), cos^2(pi / 2)
    expect(Array.from(cosine.beta)).toEqual(near([1 - 0.493767 / 0.999845, 0.999], 5));
    expect(Array.from(cosine.alphaBar)).toEqual(near([0.493844, 0.000493844]));
  });
});

describe("the chain", () => {
  /** Constant eps: all weights zero, the last bias not. */
  const chain = (eps: number, changes: Partial<NetworkConfig> = {}) =>
    forwardOf({ ...TWO_STEPS, ...changes }, [["eps.out.b", 0, 0, eps]]);
  /** kappa_2 = 0.4 and xi_2 = 0.3 for action 0. */
  const noise = Float32Array.of(0.4, 0, 0.3, 0, 9, 9);

  test("Eq. 15, 16 and 18 with tanh, two steps by hand: kappa_0 = -0.032401", () => {
    // e = tanh(0.549306) = 0.5.
    // Step 2: x0 = 0.8 - sqrt 3 * 0.5 = -0.066025;  mu = sqrt 2 / 3 (x0 + 0.4) = 0.157437
    //         kappa_1 = 0.157437 + sqrt(1/3) * 0.3 = 0.330642
    // Step 1: x0 = sqrt 2 * 0.330642 - 0.5 = -0.032401 = kappa_0
    const { logits, probs } = chain(Math.atanh(0.5), { tanhEps: true }).run(F, C, 0, noise);
    expect(logits[0]).toBeCloseTo(-0.032401, 5);
    expect(logits[1]).toBe(0);
    // e^-0.032401 / (1 + e^-0.032401)
    expect(probs[0]).toBeCloseTo(0.4919, 5);
  });

  test("Eq. 15 without tanh takes eps as it is", () => {
    // x0 = 0.8 - sqrt 3 * 0.549306 = -0.151426; kappa_1 = sqrt 2 / 3 * 0.248574 + 0.173205 = 0.290384
    // kappa_0 = sqrt 2 * 0.290384 - 0.549306 = -0.138641
    expect(chain(Math.atanh(0.5)).run(F, C, 0, noise).logits[0]).toBeCloseTo(-0.138641, 5);
  });

  test("Eq. 16: at the last step the coefficients are 1 and 0, so that kappa_0 is the last x0", () => {
    for (const schedule of [
      { kind: "linear", start: 1e-4, end: 0.02 },
      { kind: "vp", min: 0.1, max: 10 },
      { kind: "cosine", offset: 0.008 },
    ] as const)
      for (const steps of [1, 2, 10])
        expect(stepCoefficients(diffusion(schedule, steps), 1)).toMatchObject({
          toX0: 1,
          toKappa: 0,
          sigma: 0,
        });
    // Clipped at 0.2, the last x0 is what comes out: e = 1 asks for less than -0.2 at both steps.
    expect(chain(1, { clipX0: 0.2 }).run(F, C, 0, noise).logits[0]).toBeCloseTo(-0.2, 6);
  });

  test("Eq. 17 is Eq. 16 as long as x0 is not clipped, and another number when it is", () => {
    const { keep, remove, toX0, toKappa } = stepCoefficients(diffusion(TWO_STEPS.schedule, 2), 2);
    const [kappa, e] = [0.4, 0.5];
    const x0 = keep * kappa - remove * e;
    // (kappa - beta / sqrt(1 - alphaBar) e) / sqrt alpha = (0.4 - 0.5 / 0.866025 * 0.5) / 0.707107 = 0.157437
    expect(toX0 * x0 + toKappa * kappa).toBeCloseTo(0.157437, 6);
    // Clipped at 0.05: sqrt 2 / 3 (-0.05 + 0.4) = 0.164992
    expect(toX0 * Math.max(-0.05, x0) + toKappa * kappa).toBeCloseTo(0.164992, 6);
  });

  test("Eq. 18: the noise has the deviation sqrt(betaTilde), 0.57735 here, not (betaTilde / 2)^2", () => {
    const { sigma } = stepCoefficients(diffusion(TWO_STEPS.schedule, 2), 2);
    expect(sigma).toBeCloseTo(Math.sqrt(1 / 3), 12);
    // kappa_0 = sqrt 2 sigma xi when nothing else is there.
    const alone = chain(0).run(F, C, 0, Float32Array.of(0, 0, 1, 0, 0, 0)).logits[0]!;
    expect(alone).toBeCloseTo(Math.SQRT2 * 0.57735, 5);
  });

  test("Eq. 13 to 15: noise added forward with the table and taken away with Eq. 15 gives x0 back", () => {
    // kappa_2 = sqrt 0.25 * 1.2 + sqrt 0.75 * e with e = -0.4: 0.253590
    const kappa = 0.5 * 1.2 + Math.sqrt(0.75) * -0.4;
    const { keep, remove } = stepCoefficients(diffusion(TWO_STEPS.schedule, 2), 2);
    expect(keep * kappa - remove * -0.4).toBeCloseTo(1.2, 12);
  });
});
