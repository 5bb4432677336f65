import { describe, expect, it } from "vitest";
import { operatorsOf } from "../../../../src/trainer-node/graph/operators.ts";
import { TensorGraph } from "../../../../src/trainer-node/graph/tensor-graph.ts";
import { evaluate } from "../../../support/run-graph.ts";

const opsOf = (graph: TensorGraph) =>
  operatorsOf(graph, (name) => {
    throw new Error(`no parameter ${name}`);
  });

describe("a graph of tensors", () => {
  it("sums what reaches a tensor on several ways", async () => {
    // L = x y + x: dL/dx = y + 1, dL/dy = x, at x = 3, y = 5
    const results = await evaluate({ x: [[], [3]], y: [[], [5]] }, (graph, { x, y }) => {
      const ops = opsOf(graph);
      const loss = ops.add(ops.multiply(x!, y!), x!);
      const [dx, dy] = graph.gradients(loss, [x!, y!]);
      graph.output("loss", loss);
      graph.output("dx", dx!);
      graph.output("dy", dy!);
    });
    expect(results).toEqual({ loss: [18], dx: [6], dy: [3] });
  });

  it("gives zeros for a tensor that the loss does not use, and takes gradients in the middle", async () => {
    const results = await evaluate({ x: [[], [3]], unused: [[2], [7, 7]] }, (graph, tensors) => {
      const ops = opsOf(graph);
      const middle = ops.square(tensors["x"]!);
      const loss = ops.scale(middle, 4);
      const [ofMiddle, ofUnused] = graph.gradients(loss, [middle, tensors["unused"]!]);
      graph.output("middle", ofMiddle!);
      graph.output("unusedGradient", ofUnused!);
    });
    expect(results).toEqual({ middle: [4], unusedGradient: [0, 0] });
  });

  it("gives one tensor under two names, and an input as an output", async () => {
    const results = await evaluate({ x: [[2], [1, 2]] }, (graph, { x }) => {
      const y = opsOf(graph).negate(x!);
      graph.output("y", y);
      graph.output("again", y);
      graph.output("same", x!);
    });
    expect(results).toEqual({ y: [-1, -2], again: [-1, -2], same: [1, 2] });
  });

  it("writes only what its outputs need, and each constant once", () => {
    const written = (extra: boolean) => {
      const graph = new TensorGraph({ precision: "float32" });
      const ops = opsOf(graph);
      const x = graph.input("x", [2]);
      if (extra) graph.gradients(ops.mean(ops.exp(x)), [x]);
      graph.output("y", ops.scale(ops.scale(x, 0.125), 0.125));
      return graph.toOnnx();
    };
    // The unused part changes nothing but the numbers in names: "~0" becomes "~12".
    expect(Math.abs(written(true).length - written(false).length)).toBeLessThan(10);
    const file = Buffer.from(written(false));
    const constant = Buffer.from(Float32Array.of(0.125).buffer);
    expect(file.indexOf(constant)).toBe(file.lastIndexOf(constant));
    expect(file.includes(constant)).toBe(true);
  });

  it("refuses a name that is taken and a loss that is no scalar", () => {
    const graph = new TensorGraph({ precision: "float32" });
    const x = graph.input("x", [2]);
    expect(() => graph.parameter("x", [1])).toThrow("two inputs or outputs are called x");
    expect(() => graph.output("x", x)).toThrow("two inputs or outputs are called x");
    expect(() => graph.gradients(x, [x])).toThrow("a loss is a scalar, not [2]");
    expect(() => graph.constant([3], [1, 2])).toThrow("2 values for [3]");
  });
});
