// The graph router's network on one page, over any tensor type: a heterogeneous graph attention network (Wang et al. 2019) over
// the arrived request, the experts, and what runs and waits there (arXiv 2508.00234). Nothing in it depends on how many experts
// there are or on their order.
//
//   h_v = W_type(v) x_v, split into 8 heads of 8
//   alpha_uv = softmax_u( LeakyReLU_0.2( a_src h_u + a_dst h_v ) ),  z_v = ReLU( sum_u alpha_uv h_u )   for each kind of edge
//   beta = softmax over kinds of edges( mean_v q tanh( W_s z_v + b_s ) ),  the mean over the experts of one graph
//   x'_v = LayerNorm( sum_kinds beta z_v + residual x_v )
//
// Where a node has a single neighbour of a kind (the request at an expert, the expert of a running request), alpha is 1 and
// no parameter is spent on it; where edges of one kind alone end, so is beta.
import { type Operators } from "../../network/actor.ts";
import { type Shapes } from "../../network/layout.ts";

/** Sizes of the nodes' features. */
export const NODE = { arrived: 19, expert: 10, request: 6 } as const;
export const MODEL_SIZE = 64;
export const HEADS = 8;
export const HEAD_SIZE = MODEL_SIZE / HEADS;
export const LAYERS = 2;
/** Added to the score of what is not there, or must not be chosen: e^-10000 is 0. */
export const ABSENT = -10_000;

/** Places of a padded graph; the weights fit any. Those for requests include the one for the rest. */
export interface GraphSize {
  readonly experts: number;
  readonly running: number;
  readonly waiting: number;
}

export interface GraphOperators<T> extends Operators<T> {
  /** Broadcasts. */
  multiply(a: T, b: T): T;
}

/** Padded graphs: N, R and W places for experts and their running and waiting requests. Features of empty places are 0. */
export interface GraphInputs<T> {
  /** [B, 19] */
  readonly arrived: T;
  /** [B, N, 10] */
  readonly expert: T;
  /** [B, N]: 1 / experts of the graph; 0 where there is none. */
  readonly share: T;
  /** [B, N, R, 6] */
  readonly running: T;
  /** [B, N, R]: ln of how many requests the node stands for, ABSENT where there is none. */
  readonly runningWeight: T;
  readonly waiting: T;
  readonly waitingWeight: T;
}

/** Input -> dims without the batch, in the order of `GraphInputs`. */
export const inputShapes = ({ experts, running, waiting }: GraphSize) =>
  ({
    arrived: [NODE.arrived],
    expert: [experts, NODE.expert],
    share: [experts],
    running: [experts, running, NODE.request],
    runningWeight: [experts, running],
    waiting: [experts, waiting, NODE.request],
    waitingWeight: [experts, waiting],
  }) as const;

/** One value for each expert, then one for dropping the request: logits of an actor, Q of a critic. */
export type Head = "policy" | "q1" | "q2";

const REQUESTS = ["running", "waiting"] as const;
const TYPES = ["arrived", "expert", ...REQUESTS] as const;
type NodeType = (typeof TYPES)[number];
/** Kinds of edges whose nodes may have several neighbours. */
const ATTENTIONS = ["expert-arrived", "running-expert", "waiting-expert"] as const;

const featuresOf = (type: NodeType, layer: number): number =>
  layer > 0 ? MODEL_SIZE : NODE[type === "running" || type === "waiting" ? "request" : type];

/** The last layer's requests are not looked at. */
const typesAfter = (layer: number): readonly NodeType[] =>
  layer + 1 < LAYERS ? TYPES : ["arrived", "expert"];

/** Parameters of an encoder and its heads, their names behind `prefix`. */
export function graphParameters(heads: readonly Head[], prefix = ""): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const set = (name: string, dims: readonly number[]) => shapes.set(prefix + name, dims);
  const linear = (name: string, inputs: number, outputs: number) => {
    set(`${name}.w`, [inputs, outputs]);
    set(`${name}.b`, [outputs]);
  };
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = `layer${layer}`;
    for (const type of TYPES) set(`${at}.${type}.w`, [featuresOf(type, layer), MODEL_SIZE]);
    for (const edge of ATTENTIONS)
      for (const end of ["source", "target"]) set(`${at}.${edge}.${end}`, [HEADS, HEAD_SIZE, 1]);
    linear(`${at}.semantic`, MODEL_SIZE, MODEL_SIZE);
    set(`${at}.semantic.query`, [MODEL_SIZE, 1]);
    for (const type of typesAfter(layer)) {
      // From the second layer on sizes agree and the residual is x itself.
      if (layer === 0) linear(`${at}.${type}.residual`, featuresOf(type, layer), MODEL_SIZE);
      set(`${at}.${type}.norm.gain`, [MODEL_SIZE]);
      set(`${at}.${type}.norm.bias`, [MODEL_SIZE]);
    }
  }
  for (const head of heads)
    for (const choice of ["expert", "drop"]) {
      linear(`${head}.${choice}.in`, 2 * MODEL_SIZE, MODEL_SIZE);
      linear(`${head}.${choice}.mid`, MODEL_SIZE, MODEL_SIZE);
      linear(`${head}.${choice}.out`, MODEL_SIZE, 1);
    }
  return shapes;
}

/** [B, N + 1] for each head. Values of empty places mean nothing. */
export function graphNetwork<T>(
  ops: GraphOperators<T>,
  inputs: GraphInputs<T>,
  size: GraphSize,
  heads: readonly Head[],
  prefix = "",
): readonly T[] {
  const own = { ...ops, parameter: (name: string) => ops.parameter(prefix + name) };
  const network = new Network(own, size, inputs);
  let nodes: Nodes<T> = {
    arrived: inputs.arrived,
    expert: ops.reshape(inputs.expert, [-1, NODE.expert]),
    running: ops.reshape(inputs.running, [-1, NODE.request]),
    waiting: ops.reshape(inputs.waiting, [-1, NODE.request]),
  };
  for (let layer = 0; layer < LAYERS; layer++) nodes = network.layer(nodes, layer);
  return heads.map((head) => network.head(nodes, head));
}

/** Matrices: [B, .], [B N, .], [B N R, .] and [B N W, .]. */
type Nodes<T> = Readonly<Record<NodeType, T>>;

/** Of `places` neighbours; both broadcast over the heads. */
interface Presence<T> {
  readonly weight: T;
  readonly isThere: T;
}

class Network<T> {
  readonly #ops: GraphOperators<T>;
  readonly #size: GraphSize;
  /** [B, 1, N] */
  readonly #share: T;
  /** [B, 1, N] and [B N, 1, places]. */
  readonly #presence: Readonly<Record<"expert" | "running" | "waiting", Presence<T>>>;

  constructor(ops: GraphOperators<T>, size: GraphSize, inputs: GraphInputs<T>) {
    const { experts, running, waiting } = size;
    this.#ops = ops;
    this.#size = size;
    this.#share = ops.reshape(inputs.share, [-1, 1, experts]);
    const one = ops.constant([1], Float32Array.of(1));
    // A share is at least 1 / 16 where an expert is.
    const isExpert = ops.clip(ops.scale(this.#share, 1000), 0, 1);
    const presenceOf = (weight: T): Presence<T> => ({
      weight,
      isThere: ops.clip(ops.add(ops.scale(weight, -2 / ABSENT), one), 0, 1),
    });
    this.#presence = {
      expert: { weight: ops.scale(ops.subtract(isExpert, one), -ABSENT), isThere: isExpert },
      running: presenceOf(ops.reshape(inputs.runningWeight, [-1, 1, running])),
      waiting: presenceOf(ops.reshape(inputs.waitingWeight, [-1, 1, waiting])),
    };
  }

  layer(nodes: Nodes<T>, layer: number): Nodes<T> {
    const ops = this.#ops;
    const { experts } = this.#size;
    const at = `layer${layer}`;
    const fromExpert = relu(ops, this.#times(nodes.expert, `${at}.expert.w`, MODEL_SIZE));
    const fromArrived = relu(ops, this.#times(nodes.arrived, `${at}.arrived.w`, MODEL_SIZE));

    const arrived = this.#attend(nodes, layer, "expert", "arrived");
    const spread = ops.multiply(
      ops.reshape(fromArrived, [-1, 1, MODEL_SIZE]),
      ops.constant([1, experts, 1], new Float32Array(experts).fill(1)),
    );
    const expert = this.#semantic(at, [
      ops.reshape(spread, [-1, MODEL_SIZE]),
      this.#attend(nodes, layer, "running", "expert"),
      this.#attend(nodes, layer, "waiting", "expert"),
    ]);
    const next = {
      arrived: this.#joined(nodes, layer, "arrived", arrived),
      expert: this.#joined(nodes, layer, "expert", expert),
    };
    if (layer + 1 === LAYERS) return { ...nodes, ...next };
    const ofRequests = (type: "running" | "waiting") => {
      const residual = ops.reshape(this.#residual(nodes, layer, type), [
        -1,
        this.#size[type],
        MODEL_SIZE,
      ]);
      const sum = ops.add(residual, ops.reshape(fromExpert, [-1, 1, MODEL_SIZE]));
      return this.#norm(`${at}.${type}.norm`, ops.reshape(sum, [-1, MODEL_SIZE]));
    };
    return { ...next, running: ofRequests("running"), waiting: ofRequests("waiting") };
  }

  /** MLP([arrived, expert_j]) for each expert; MLP([arrived, mean of the experts]) for dropping. */
  head({ arrived, expert }: Nodes<T>, head: Head): T {
    const ops = this.#ops;
    const { experts } = this.#size;
    const name = `${head}.expert`;
    const w = ops.parameter(`${name}.in.w`);
    const ofArrived = ops.linear(
      arrived,
      ops.rows(w, 0, MODEL_SIZE),
      ops.parameter(`${name}.in.b`),
    );
    const ofExpert = ops.linear(
      expert,
      ops.rows(w, MODEL_SIZE, 2 * MODEL_SIZE),
      this.#zeros(MODEL_SIZE),
    );
    const first = ops.add(
      ops.reshape(ofExpert, [-1, experts, MODEL_SIZE]),
      ops.reshape(ofArrived, [-1, 1, MODEL_SIZE]),
    );
    const values = this.#rest(name, ops.reshape(first, [-1, MODEL_SIZE]));
    const mean = ops.matmul(this.#share, ops.reshape(expert, [-1, experts, MODEL_SIZE]));
    const both = ops.concat([arrived, ops.reshape(mean, [-1, MODEL_SIZE])], 1);
    const drop = this.#rest(`${head}.drop`, this.#dense(`${head}.drop.in`, both));
    return ops.concat([ops.reshape(values, [-1, experts]), drop], 1);
  }

  #rest(name: string, first: T): T {
    const ops = this.#ops;
    const second = relu(ops, this.#dense(`${name}.mid`, relu(ops, first)));
    return this.#dense(`${name}.out`, second);
  }

  /**
   * z of the edges from `source` to `target`, [targets, 64]. The attention is linear in x up to its scores, so neighbours are
   * summed before they are multiplied by W, one product for each target instead of one for each neighbour:
   *   a h_u = x_u (W a),  sum_u alpha_u h_u = (sum_u alpha_u x_u) W
   */
  #attend(
    nodes: Nodes<T>,
    layer: number,
    source: "expert" | "running" | "waiting",
    target: "arrived" | "expert",
  ): T {
    const ops = this.#ops;
    const places = source === "expert" ? this.#size.experts : this.#size[source];
    const edge = `layer${layer}.${source}-${target}`;
    const size = featuresOf(source, layer);
    const w = this.#headsOf(`layer${layer}.${source}.w`, size);
    const scoresOf = (type: NodeType, end: "source" | "target") => {
      const features = featuresOf(type, layer);
      const heads = this.#headsOf(`layer${layer}.${type}.w`, features);
      const directions = ops.matmul(heads, ops.parameter(`${edge}.${end}`));
      const directed = ops.transpose(ops.reshape(directions, [HEADS, features]), [1, 0]);
      return ops.linear(nodes[type], directed, this.#zeros(HEADS));
    };
    const ofSources = ops.transpose(
      ops.reshape(scoresOf(source, "source"), [-1, places, HEADS]),
      [0, 2, 1],
    );
    const ofTargets = ops.reshape(scoresOf(target, "target"), [-1, HEADS, 1]);
    const { weight, isThere } = this.#presence[source];
    const scores = ops.add(leakyRelu(ops, ops.add(ofSources, ofTargets)), weight);
    // Where no neighbour is there, all get the same: nothing, then.
    const alpha = ops.multiply(ops.softmax(scores), isThere);
    const sums = ops.matmul(alpha, ops.reshape(nodes[source], [-1, places, size]));
    const byHead = ops.matmul(ops.transpose(sums, [1, 0, 2]), w);
    const z = ops.reshape(ops.transpose(byHead, [1, 0, 2]), [-1, MODEL_SIZE]);
    return relu(ops, z);
  }

  /** W [features, 64] as [heads, features, 8]. */
  #headsOf(name: string, features: number): T {
    const ops = this.#ops;
    const split = ops.reshape(ops.parameter(name), [features, HEADS, HEAD_SIZE]);
    return ops.transpose(split, [1, 0, 2]);
  }

  /** Kinds of edges that end at experts, [B N, 64] each, weighed graph by graph. */
  #semantic(at: string, kinds: readonly T[]): T {
    const ops = this.#ops;
    const { experts } = this.#size;
    const scores = kinds.map((z) => {
      const each = this.#times(
        ops.tanh(this.#dense(`${at}.semantic`, z)),
        `${at}.semantic.query`,
        1,
      );
      return ops.matmul(this.#share, ops.reshape(each, [-1, experts, 1]));
    });
    const beta = ops.softmax(ops.concat(scores, 2));
    const stacked = ops.concat(
      kinds.map((z) => ops.reshape(z, [-1, 1, experts * MODEL_SIZE])),
      1,
    );
    return ops.reshape(ops.matmul(beta, stacked), [-1, MODEL_SIZE]);
  }

  #joined(nodes: Nodes<T>, layer: number, type: NodeType, z: T): T {
    const sum = this.#ops.add(z, this.#residual(nodes, layer, type));
    return this.#norm(`layer${layer}.${type}.norm`, sum);
  }

  #residual(nodes: Nodes<T>, layer: number, type: NodeType): T {
    return layer === 0 ? this.#dense(`layer0.${type}.residual`, nodes[type]) : nodes[type];
  }

  #norm(name: string, x: T): T {
    const ops = this.#ops;
    return ops.layerNorm(x, ops.parameter(`${name}.gain`), ops.parameter(`${name}.bias`));
  }

  #dense(name: string, x: T): T {
    return this.#ops.linear(x, this.#ops.parameter(`${name}.w`), this.#ops.parameter(`${name}.b`));
  }

  #times(x: T, name: string, outputs: number): T {
    return this.#ops.linear(x, this.#ops.parameter(name), this.#zeros(outputs));
  }

  #zeros(size: number): T {
    return this.#ops.constant([size], new Float32Array(size));
  }
}

/** Higher than any value here. */
const HIGH = 1e9;

const relu = <T>(ops: Operators<T>, x: T): T => ops.clip(x, 0, HIGH);

const leakyRelu = <T>(ops: Operators<T>, x: T): T =>
  ops.add(ops.scale(x, 0.2), ops.scale(relu(ops, x), 0.8));
