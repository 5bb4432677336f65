// The actor network's sizes, parameters and options: the one description that the served graph, the TypeScript pass and
// the trainer share. DLRS Table II; the 6-head transformer runs over 8 patches of the request embedding.
import { type Schedule } from "./diffusion.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE, FEATURE_SIZE } from "./policy.ts";

export interface NetworkConfig {
  /** A: 2 = direct | cache, 3 = B | C | A. */
  readonly actions: 2 | 3;
  /** T: denoising steps. The MLP head has none: there T is only the size of the noise, and may be 0. */
  readonly steps: number;
  readonly schedule: Schedule;
  /** Bound eps by tanh, as the paper does (Eq. 15); such a chain cannot represent a confident policy. */
  readonly tanhEps: boolean;
  /** Clip x0 to [-clipX0, clipX0]: bounds the logits too. null: no clip. */
  readonly clipX0: number | null;
  /**
   * What turns the state into logits. "diffusion" (default): the reverse chain of DLRS. "mlp": two hidden layers with Mish,
   * as in LRS and MAPPO; schedule, tanhEps and clipX0 then mean nothing, and noise is taken and has no effect.
   */
  readonly head?: "diffusion" | "mlp";
  /**
   * What the head sees of the request's embedding f. "transformer" (default): the 30 features f' = T[f]. "raw": f itself, as
   * in MAPPO; f' is then all zeros, so that the critic of such a network sees the correlations c alone.
   */
  readonly extractor?: "transformer" | "raw";
  /** Width of both hidden layers of the head; 256 by default. */
  readonly hidden?: 256 | 384;
}

/** A configuration with nothing left out. Files never hold it: what is left out there keeps their bytes as they were. */
export const completeNetwork = (config: NetworkConfig): Required<NetworkConfig> => ({
  head: "diffusion",
  extractor: "transformer",
  hidden: HIDDEN,
  ...config,
});

/** "Uniformly increasing" like the paper's schedule, but steep enough to forget the start noise. */
export const DEFAULT_NETWORK: NetworkConfig = {
  actions: 2,
  steps: 10,
  schedule: { kind: "linear", start: 0.05, end: 0.5 },
  tanhEps: false,
  clipX0: 3,
};

export const TOKENS = 8;
export const MODEL_SIZE = EMBEDDING_SIZE / TOKENS;
export const HEADS = 6;
export const HEAD_SIZE = MODEL_SIZE / HEADS;
export const BLOCKS = 2;
export const FFN_SIZE = 192;
/** Widths of the five fully connected layers behind the transformer, tanh after each. */
export const FC_SIZES = [EMBEDDING_SIZE, 384, 192, 96, 48, FEATURE_SIZE] as const;
export const TIME_SIZE = 16;
export const TIME_HIDDEN = 32;
export const HIDDEN = 256;
export const LAYER_NORM_EPSILON = 1e-5;

/** Parameter name -> dims; matrices are [in, out]. Insertion order is the order of initialisation and of the file. */
export type Shapes = ReadonlyMap<string, readonly number[]>;
/** Parameter name -> row-major values. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** Of [c 30 | f' 30 or f 768 | omega 1]: what the head is conditioned on, in this order. */
export const stateSize = (config: NetworkConfig): number =>
  CORRELATION_SIZE +
  (completeNetwork(config).extractor === "raw" ? EMBEDDING_SIZE : FEATURE_SIZE) +
  1;

/**
 * Every parameter of the actor. The input of `eps.in` is [kappa A | time 16 | state], that of `head.in` the state alone: an
 * MLP head has 18 * 256 + 1,072 weights fewer than a chain with two actions, 0.9 % of the network.
 */
export function parameterShapes(config: NetworkConfig): Shapes {
  const { head, extractor, hidden, actions } = completeNetwork(config);
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, inputs: number, outputs: number) => {
    shapes.set(`${name}.w`, [inputs, outputs]).set(`${name}.b`, [outputs]);
  };
  const norm = (name: string, size: number) => {
    shapes.set(`${name}.gain`, [size]).set(`${name}.bias`, [size]);
  };
  if (extractor === "transformer") {
    shapes.set("position", [TOKENS, MODEL_SIZE]);
    for (let i = 0; i < BLOCKS; i++) {
      norm(`block${i}.norm1`, MODEL_SIZE);
      for (const part of ["q", "k", "v", "o"]) linear(`block${i}.${part}`, MODEL_SIZE, MODEL_SIZE);
      norm(`block${i}.norm2`, MODEL_SIZE);
      linear(`block${i}.ffn.in`, MODEL_SIZE, FFN_SIZE);
      linear(`block${i}.ffn.out`, FFN_SIZE, MODEL_SIZE);
    }
    norm("norm", EMBEDDING_SIZE);
    for (let i = 0; i + 1 < FC_SIZES.length; i++) linear(`fc${i}`, FC_SIZES[i]!, FC_SIZES[i + 1]!);
  }
  let inputs = stateSize(config);
  if (head === "diffusion") {
    linear("time.in", TIME_SIZE, TIME_HIDDEN);
    linear("time.out", TIME_HIDDEN, TIME_SIZE);
    inputs += actions + TIME_SIZE;
  }
  const name = head === "diffusion" ? "eps" : "head";
  linear(`${name}.in`, inputs, hidden);
  linear(`${name}.mid`, hidden, hidden);
  linear(`${name}.out`, hidden, actions);
  return shapes;
}

/**
 * Inputs and outputs of the served graph. B = requests; N = chains: N = B, or B = 1 and N = K chains over one request,
 * whose features are then computed once. Row 0 of the noise is kappa_T; row i in 1..T-1 is the noise xi_{i+1} added after
 * step i + 1; the last row is reserved and has no effect.
 */
export function graphShapes(config: NetworkConfig): Readonly<Record<string, string>> {
  const { actions, steps } = config;
  return {
    f: `B,${EMBEDDING_SIZE}`,
    c: `B,${CORRELATION_SIZE}`,
    omega: "B,1",
    noise: `N,${steps + 1},${actions}`,
    logits: `N,${actions}`,
    probs: `N,${actions}`,
    feat: `B,${FEATURE_SIZE}`,
  };
}

/** [T, 16] sinusoidal embedding of the time index tau - 1: 8 sines, then 8 cosines, frequencies 10000^(-i/7). */
export function timeEmbedding(steps: number): Float32Array {
  const half = TIME_SIZE / 2;
  const table = new Float32Array(steps * TIME_SIZE);
  for (let t = 0; t < steps; t++)
    for (let i = 0; i < half; i++) {
      const angle = t * Math.exp((-i * Math.log(10_000)) / (half - 1));
      table[t * TIME_SIZE + i] = Math.sin(angle);
      table[t * TIME_SIZE + half + i] = Math.cos(angle);
    }
  return table;
}

export const elements = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);
