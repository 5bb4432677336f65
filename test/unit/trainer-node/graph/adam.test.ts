import { describe, expect, it } from "vitest";
import { type StateLayout, adamStep, momentsOf } from "../../../../src/trainer-node/graph/adam.ts";
import { type Device, openBackend } from "../../../../src/trainer-node/graph/backend.ts";
import { operatorsOf } from "../../../../src/trainer-node/graph/operators.ts";
import { elements } from "../../../../src/policy/network/layout.ts";
import { Random } from "../../../../src/policy/random.ts";
import { TensorGraph } from "../../../../src/trainer-node/graph/tensor-graph.ts";

const SEED = 4;
console.log(`seed ${SEED}`);

/**
 * L = sum(w slope) + sum(u slopeOfU) + offset, so that the gradients are what is fed; w is in group `one`, u in group
 * `other`. Learning rates 0.1 and 0.01.
 */
async function trainer(
  maxNorm: number,
  layout: StateLayout,
  device: Device = "cpu",
): Promise<{
  readonly reason: string;
  readonly step: (
    slope: readonly number[],
    slopeOfU?: number,
    offset?: number,
  ) => Promise<Record<string, number>>;
  readonly read: () => Promise<Record<string, readonly number[]>>;
}> {
  const graph = new TensorGraph({ precision: "float32" });
  const w = graph.parameter("w", [2]);
  const u = graph.parameter("u", [1]);
  const ops = operatorsOf(graph, () => w);
  const dot = (x: typeof w, slope: string) =>
    ops.sum(ops.multiply(x, graph.input(slope, x.dims)), [0]);
  const loss = ops.add(ops.add(dot(w, "slope"), dot(u, "slopeOfU")), graph.input("offset", []));
  const adam = adamStep(
    graph,
    ops,
    loss,
    [
      { name: "one", parameters: [w], maxNorm },
      { name: "other", parameters: [u], maxNorm: 1000 },
    ],
    { epsilon: 0, layout },
  );
  const backend = await openBackend(device, { threads: 1 });
  const computation = await backend.compile(graph.toOnnx(), adam);
  computation.writeState(
    new Map([
      ["w", Float32Array.of(1, 1)],
      ["u", Float32Array.of(1)],
      ...["w", "u"].flatMap((name) =>
        momentsOf(name).map((moment) => [moment, new Float32Array(name === "w" ? 2 : 1)] as const),
      ),
    ]),
  );
  let steps = 0;
  return {
    reason: backend.reason,
    step: async (slope, slopeOfU = 1, offset = 0) => {
      const results = await computation.run({
        slope: Float32Array.from(slope),
        slopeOfU: Float32Array.of(slopeOfU),
        offset: Float32Array.of(offset),
        step: Float32Array.of(steps + 1),
        "learningRate.one": Float32Array.of(0.1),
        "learningRate.other": Float32Array.of(0.01),
      });
      // A step that was thrown away does not count.
      steps += results["finite"]![0]!;
      return Object.fromEntries(Object.entries(results).map(([name, [value]]) => [name, value!]));
    },
    read: async () =>
      Object.fromEntries([...(await computation.readState())].map(([k, v]) => [k, [...v]])),
  };
}

describe.each<StateLayout>(["separate", "flat"])("Adam over %s state", (layout) => {
  it("takes three steps as computed by hand", async () => {
    const { step, read } = await trainer(1000, layout);
    const [m, v] = momentsOf("w");
    // m / (1 - 0.9^t) and v / (1 - 0.999^t) below are the corrected moments; epsilon is 0.
    // g = 1: m = 0.1, v = 0.001; 0.1 / 0.1 = 1, 0.001 / 0.001 = 1; w = 1 - 0.1 * 1 / 1 = 0.9
    await step([1, 1]);
    expect((await read())["w"]![0]).toBeCloseTo(0.9, 5);
    // g = 2: m = 0.09 + 0.2 = 0.29, v = 0.000999 + 0.004 = 0.004999; 0.29 / 0.19 = 1.526316,
    // 0.004999 / 0.001999 = 2.500750, root 1.581376; w = 0.9 - 0.1 * 0.965182 = 0.803482
    await step([2, 1]);
    expect((await read())["w"]![0]).toBeCloseTo(0.803482, 5);
    // g = -1: m = 0.261 - 0.1 = 0.161, v = 0.004994 + 0.001 = 0.005994; 0.161 / 0.271 = 0.594096,
    // 0.005994 / 0.002997 = 2.000000, root 1.414213; w = 0.803482 - 0.1 * 0.420089 = 0.761473
    await step([-1, 1]);
    const state = await read();
    expect(state["w"]![0]).toBeCloseTo(0.761473, 5);
    expect(state[m]![0]).toBeCloseTo(0.161, 6);
    expect(state[v]![0]).toBeCloseTo(0.005994, 6);
    // Slope 1 throughout: each step is the whole learning rate.
    expect(state["w"]![1]).toBeCloseTo(1 - 3 * 0.1, 5);
    expect(state["u"]![0]).toBeCloseTo(1 - 3 * 0.01, 5);
  });

  it("shortens a gradient of length 5 to length 0.5 and reports the length before", async () => {
    const { step, read } = await trainer(0.5, layout);
    // |(3, 4)| = 5 > 0.5: g = (0.3, 0.4), so m = 0.1 g = (0.03, 0.04), v = 0.001 g^2 = (0.00009, 0.00016)
    const { "gradientNorm.one": one, "gradientNorm.other": other, finite } = await step([3, 4], -2);
    const state = await read();
    const [m, v] = momentsOf("w");
    expect(one).toBeCloseTo(5, 5);
    expect(state[m]![0]).toBeCloseTo(0.03, 6);
    expect(state[m]![1]).toBeCloseTo(0.04, 6);
    expect(state[v]![0]).toBeCloseTo(0.000_09, 9);
    expect(state[v]![1]).toBeCloseTo(0.000_16, 9);
    // The other group has its own limit: m = 0.1 * -2
    expect(other).toBeCloseTo(2, 6);
    expect(state[momentsOf("u")[0]]![0]).toBeCloseTo(-0.2, 6);
    expect(finite).toBe(1);
  });

  it("leaves a gradient alone that is shorter than the limit", async () => {
    const { step, read } = await trainer(6, layout);
    await step([3, 4]);
    expect((await read())[momentsOf("w")[0]]![1]).toBeCloseTo(0.4, 6);
  });

  it.each([
    ["a gradient that is not a number", [Number.NaN, 1], 1, 0],
    ["an infinite gradient", [1, Infinity], 1, 0],
    ["an infinite gradient of the other group", [1, 1], -Infinity, 0],
    ["a loss that is not a number", [1, 1], 1, Number.NaN],
  ] as const)("throws a step away because of %s", async (_, slope, slopeOfU, offset) => {
    const { step, read } = await trainer(1, layout);
    await step([1, 2]);
    const before = await read();
    const { finite } = await step(slope, slopeOfU, offset);
    expect(finite).toBe(0);
    expect(await read()).toEqual(before);
    // The next finite step goes on from there.
    expect((await step([1, 2]))["finite"]).toBe(1);
    expect((await read())["w"]![0]).toBeLessThan(before["w"]![0]!);
  });
});

describe("Adam", () => {
  it("moves weights that lie side by side as it moves each for itself", async () => {
    const random = new Random(SEED);
    const shapes = new Map([
      ["a", [2, 3]],
      ["b", [5]],
      ["c", [4, 1]],
    ]);
    const drawn = (count: number) => Float32Array.from({ length: count }, () => random.normal());
    const start = [...shapes].flatMap(([name, dims]) =>
      [name, ...momentsOf(name)].map(
        (each) => [each, drawn(elements(dims)).map(Math.abs)] as const,
      ),
    );
    const slope = [...shapes].map(([name, dims]) => [`d${name}`, drawn(elements(dims))] as const);
    const backend = await openBackend("cpu", { threads: 1 });
    const train = async (layout: StateLayout) => {
      const graph = new TensorGraph({ precision: "float32" });
      const parameters = [...shapes].map(([name, dims]) => graph.parameter(name, dims));
      const ops = operatorsOf(graph, () => parameters[0]!);
      const loss = parameters
        .map((x) => ops.multiply(x, graph.input(`d${x.name}`, x.dims)))
        .map((x) => ops.sum(x, [...x.dims.keys()]))
        .reduce((sum, x) => ops.add(sum, x));
      const groups = [{ name: "all", parameters, maxNorm: 0.5 }];
      const adam = adamStep(graph, ops, loss, groups, { layout });
      const computation = await backend.compile(graph.toOnnx(), adam);
      computation.writeState(new Map(start));
      for (let step = 1; step <= 3; step++)
        await computation.run({
          ...Object.fromEntries(slope),
          step: Float32Array.of(step),
          "learningRate.all": Float32Array.of(0.1),
        });
      return computation.readState();
    };
    const flat = await train("flat");
    const separate = await train("separate");
    expect([...flat.keys()].toSorted()).toEqual([...separate.keys()].toSorted());
    for (const [name, values] of separate)
      values.forEach((value, i) => expect(flat.get(name)![i]).toBeCloseTo(value, 6));
    expect(flat.get("a")).not.toEqual(start[0]![1]);
  });

  it("does all this on WebGPU too, where there is a GPU or a software one", async () => {
    const { reason, step, read } = await trainer(0.5, "separate", "webgpu");
    console.log(reason);
    const { "gradientNorm.one": norm } = await step([3, 4]);
    const before = await read();
    expect(norm).toBeCloseTo(5, 5);
    expect(before[momentsOf("w")[0]]![1]).toBeCloseTo(0.04, 6);
    expect((await step([Number.NaN, 1]))["finite"]).toBe(0);
    expect(await read()).toEqual(before);
    expect((await step([3, 4]))["finite"]).toBe(1);
    // The same direction twice: two whole learning rates.
    expect((await read())["w"]![0]).toBeCloseTo(1 - 2 * 0.1, 4);
  });
});
