// The router without a graph: two hidden layers over all features of a padded state side by side, as the authors' code has them
// without its encoder. Fits one size of fleet and one order of experts.
import { type Operators } from "../../../policy/network/actor.ts";
import { apply, denseOf } from "../../../policy/network/kernels.ts";
import { type Shapes, type Weights, elements } from "../../../policy/network/layout.ts";
import {
  type GraphInputs,
  type GraphSize,
  type Head,
  inputShapes,
} from "../../../policy/routing/graph-router/graph-network.ts";
import { type GraphValues } from "../../../policy/routing/graph-router/graph-router.ts";
import { type GraphState, PaddedGraphs } from "../../../policy/routing/graph-router/graph-state.ts";
import { SAC } from "./settings.ts";

/** What of a padded state is read, in this order. */
const READ = ["arrived", "expert", "running", "waiting"] as const;
/** Higher than any value here. */
const HIGH = 1e9;

const inputsOf = (size: GraphSize): number => {
  const shapes = inputShapes(size);
  return READ.reduce((sum, name) => sum + elements(shapes[name]), 0);
};

const layersOf = (size: GraphSize, head: Head): readonly (readonly [string, number, number])[] => [
  [`flat.${head}.in`, inputsOf(size), SAC.hidden[0]],
  [`flat.${head}.mid`, SAC.hidden[0], SAC.hidden[1]],
  [`flat.${head}.out`, SAC.hidden[1], size.experts + 1],
];

export function flatParameters(size: GraphSize, heads: readonly Head[], prefix = ""): Shapes {
  const shapes = new Map<string, readonly number[]>();
  for (const head of heads)
    for (const [name, inputs, outputs] of layersOf(size, head))
      shapes.set(`${prefix}${name}.w`, [inputs, outputs]).set(`${prefix}${name}.b`, [outputs]);
  return shapes;
}

/** [B, N + 1] for each head. */
export function flatNetwork<T>(
  ops: Operators<T>,
  inputs: GraphInputs<T>,
  size: GraphSize,
  heads: readonly Head[],
  prefix = "",
): readonly T[] {
  const shapes = inputShapes(size);
  const x = ops.concat(
    READ.map((name) => ops.reshape(inputs[name], [-1, elements(shapes[name])])),
    1,
  );
  return heads.map((head) => {
    let value = x;
    for (const [i, [name]] of layersOf(size, head).entries()) {
      const relu = i === 0 ? value : ops.clip(value, 0, HIGH);
      const [w, b] = [ops.parameter(`${prefix}${name}.w`), ops.parameter(`${prefix}${name}.b`)];
      value = ops.linear(relu, w, b);
    }
    return value;
  });
}

/** The policy in plain TypeScript. Throws when a weight is missing. */
export function flatForward(weights: Weights, size: GraphSize): GraphValues {
  const layers = layersOf(size, "policy").map(([name, inputs, outputs]) =>
    denseOf(weights, name, [inputs, outputs]),
  );
  const padded = new PaddedGraphs(size, 1);
  return {
    values: (state: GraphState) => {
      padded.set(0, state);
      let x = new Float32Array(inputsOf(size));
      let at = 0;
      for (const name of READ) {
        x.set(padded.arrays[name], at);
        at += padded.arrays[name].length;
      }
      for (const [i, layer] of layers.entries()) {
        const relu = i === 0 ? x : x.map((value) => (value < 0 ? 0 : value));
        x = new Float32Array(layer.outputs);
        apply(layer, relu, x, 1);
      }
      const experts = state.open.length - 1;
      return Float32Array.of(...x.subarray(0, experts), x[size.experts]!);
    },
  };
}
