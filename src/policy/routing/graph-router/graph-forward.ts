// The graph network in plain TypeScript, node by node and without padding: what runtimes are checked against, and fast enough
// to serve. The formulas stand in graph-network.ts.
import {
  type Dense,
  type Norm,
  apply,
  normOf,
  normalise,
  valuesOf,
} from "../../network/kernels.ts";
import { type Weights } from "../../network/layout.ts";
import { HEADS, HEAD_SIZE, LAYERS, MODEL_SIZE, NODE, graphParameters } from "./graph-network.ts";
import { type GraphState } from "./graph-state.ts";

type NodeType = "arrived" | "expert" | "running" | "waiting";
type Nodes = Readonly<Record<NodeType, Float32Array>>;

export class GraphForward {
  readonly #weights: Weights;
  /** Matrices turned for the inner loops, by name. */
  readonly #dense = new Map<string, Dense>();

  /** Throws when a weight is missing. */
  constructor(weights: Weights) {
    this.#weights = weights;
    for (const [name, dims] of graphParameters(["policy"])) {
      const values = valuesOf(weights, name);
      if (dims.length === 2) this.#dense.set(name, denseOf(values, dims, biasOf(weights, name)));
    }
  }

  /** [N + 1]: a value for each expert, then for dropping, whether or not it may be chosen. */
  values(state: GraphState): Float32Array {
    const experts = state.experts.length / NODE.expert;
    let nodes: Nodes = {
      arrived: state.arrived,
      expert: state.experts,
      running: state.running.features,
      waiting: state.waiting.features,
    };
    for (let layer = 0; layer < LAYERS; layer++) nodes = this.#layer(nodes, state, layer);

    const values = new Float32Array(experts + 1);
    const input = new Float32Array((experts + 1) * 2 * MODEL_SIZE);
    const mean = (experts * 2 + 1) * MODEL_SIZE;
    for (let j = 0; j <= experts; j++) input.set(nodes.arrived, j * 2 * MODEL_SIZE);
    for (let j = 0; j < experts; j++)
      for (let i = 0; i < MODEL_SIZE; i++) {
        const value = nodes.expert[j * MODEL_SIZE + i]!;
        input[(2 * j + 1) * MODEL_SIZE + i] = value;
        input[mean + i]! += value / experts;
      }
    values.set(this.#multilayer("expert", input.subarray(0, experts * 2 * MODEL_SIZE)));
    values.set(this.#multilayer("drop", input.subarray(experts * 2 * MODEL_SIZE)), experts);
    return values;
  }

  #layer(nodes: Nodes, state: GraphState, layer: number): Nodes {
    const at = `layer${layer}.`;
    const h = {
      arrived: this.#linear(`${at}arrived.w`, nodes.arrived),
      expert: this.#linear(`${at}expert.w`, nodes.expert),
      running: this.#linear(`${at}running.w`, nodes.running),
      waiting: this.#linear(`${at}waiting.w`, nodes.waiting),
    };
    const experts = h.expert.length / MODEL_SIZE;
    const all = { counts: [experts], weights: new Float32Array(experts) };
    const ofArrived = new Float32Array(experts * MODEL_SIZE);
    for (let j = 0; j < experts; j++) ofArrived.set(relu(h.arrived), j * MODEL_SIZE);
    const atExperts = this.#semantic(at, [
      ofArrived,
      this.#attend(`${at}running-expert`, h.running, h.expert, state.running),
      this.#attend(`${at}waiting-expert`, h.waiting, h.expert, state.waiting),
    ]);
    const atArrived = this.#attend(`${at}expert-arrived`, h.expert, h.arrived, all);
    const next = {
      arrived: this.#joined(nodes, layer, "arrived", atArrived),
      expert: this.#joined(nodes, layer, "expert", atExperts),
    };
    if (layer + 1 === LAYERS) return { ...nodes, ...next };
    const fromExpert = relu(h.expert);
    const ofRequests = (type: "running" | "waiting") => {
      const z = new Float32Array(h[type].length);
      let node = 0;
      for (const [expert, count] of state[type].counts.entries())
        for (let i = 0; i < count; i++)
          z.set(
            fromExpert.subarray(expert * MODEL_SIZE, (expert + 1) * MODEL_SIZE),
            node++ * MODEL_SIZE,
          );
      return this.#joined(nodes, layer, type, z);
    };
    return { ...next, running: ofRequests("running"), waiting: ofRequests("waiting") };
  }

  /** z of each target, whose sources lie one group after another. */
  #attend(
    edge: string,
    sources: Float32Array,
    targets: Float32Array,
    { counts, weights }: { readonly counts: ArrayLike<number>; readonly weights: Float32Array },
  ): Float32Array {
    const ofSources = valuesOf(this.#weights, `${edge}.source`);
    const ofTargets = valuesOf(this.#weights, `${edge}.target`);
    const z = new Float32Array(targets.length);
    let first = 0;
    for (let target = 0; target < counts.length; target++) {
      const count = counts[target]!;
      for (let head = 0; head < HEADS; head++) {
        const place = target * MODEL_SIZE + head * HEAD_SIZE;
        const known = dot(ofTargets, head * HEAD_SIZE, targets, place);
        const scores = new Float64Array(count);
        let highest = -Infinity;
        for (let u = 0; u < count; u++) {
          const from = (first + u) * MODEL_SIZE + head * HEAD_SIZE;
          const score = known + dot(ofSources, head * HEAD_SIZE, sources, from);
          scores[u] = (score > 0 ? score : 0.2 * score) + weights[first + u]!;
          highest = Math.max(highest, scores[u]!);
        }
        let sum = 0;
        for (let u = 0; u < count; u++) sum += scores[u] = Math.exp(scores[u]! - highest);
        for (let i = 0; i < HEAD_SIZE; i++) {
          let value = 0;
          for (let u = 0; u < count; u++)
            value += (scores[u]! / sum) * sources[(first + u) * MODEL_SIZE + head * HEAD_SIZE + i]!;
          z[place + i] = value < 0 ? 0 : value;
        }
      }
      first += count;
    }
    return z;
  }

  #semantic(at: string, kinds: readonly Float32Array[]): Float32Array {
    const scores = kinds.map((z) => {
      const hidden = this.#linear(`${at}semantic.w`, z).map(Math.tanh);
      const each = this.#linear(`${at}semantic.query`, hidden);
      return each.reduce((sum, value) => sum + value, 0) / each.length;
    });
    const highest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - highest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    const z = new Float32Array(kinds[0]!.length);
    for (const [k, kind] of kinds.entries())
      for (let i = 0; i < z.length; i++) z[i]! += (powers[k]! / total) * kind[i]!;
    return z;
  }

  /** LayerNorm(z + residual x) */
  #joined(nodes: Nodes, layer: number, type: NodeType, z: Float32Array): Float32Array {
    const residual =
      layer === 0 ? this.#linear(`layer0.${type}.residual.w`, nodes[type]) : nodes[type];
    const sum = z.map((value, i) => value + residual[i]!);
    const norm: Norm = normOf(this.#weights, `layer${layer}.${type}.norm`);
    normalise(sum, norm, MODEL_SIZE, sum);
    return sum;
  }

  #multilayer(choice: "expert" | "drop", x: Float32Array): Float32Array {
    const name = `policy.${choice}`;
    const first = relu(this.#linear(`${name}.in.w`, x));
    return this.#linear(`${name}.out.w`, relu(this.#linear(`${name}.mid.w`, first)));
  }

  #linear(name: string, x: Float32Array): Float32Array {
    const dense = this.#dense.get(name)!;
    const rows = x.length / dense.inputs;
    const out = new Float32Array(rows * dense.outputs);
    apply(dense, x, out, rows);
    return out;
  }
}

/** NaN stays NaN. */
const relu = (x: Float32Array): Float32Array => x.map((value) => (value < 0 ? 0 : value));

function dot(a: Float32Array, atA: number, b: Float32Array, atB: number): number {
  let sum = 0;
  for (let i = 0; i < HEAD_SIZE; i++) sum += a[atA + i]! * b[atB + i]!;
  return sum;
}

const biasOf = (weights: Weights, matrix: string): Float32Array | undefined =>
  matrix.endsWith(".w") ? weights.get(`${matrix.slice(0, -1)}b`) : undefined;

function denseOf(
  values: Float32Array,
  dims: readonly number[],
  bias: Float32Array | undefined,
): Dense {
  const [inputs, outputs] = dims as readonly [number, number];
  const w = new Float32Array(values.length);
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++) w[o * inputs + i] = values[i * outputs + o]!;
  return { inputs, outputs, w, b: bias ?? new Float32Array(outputs) };
}
