// What the graph router sees of a moment: views in units of the world become node features of about 1.
import { ABSENT, type GraphInputs, type GraphSize, NODE, inputShapes } from "./graph-network.ts";
import { elements } from "../../network/layout.ts";

/** A request that runs or waits. */
export interface RequestView {
  readonly promptTokens: number;
  readonly predictedScore: number;
  readonly predictedOutputTokens: number;
  /** Share of its expert's memory. */
  readonly kvShare: number;
  readonly tokensSoFar: number;
  /** Since its arrival, divided by its tokens so far. */
  readonly secondsPerToken: number;
}

/** An expert, and what the arrived request would be there. */
export interface ExpertView {
  /** Share of the memory in use. */
  readonly kvUse: number;
  readonly runningCount: number;
  readonly waitingCount: number;
  /** For the next token. */
  readonly decodeSeconds: number;
  readonly predictedScore: number;
  readonly predictedOutputTokens: number;
  readonly predictedSecondsPerToken: number;
  /** Scores of running requests that would be late because of it. */
  readonly predictedPenalty: number;
  /** Relative to a usual one; 0 where nobody pays. */
  readonly cost: number;
  /** May be chosen: context window, tenant, breaker. */
  readonly isOpen: boolean;
  /** Requests that are known one by one; may be fewer than the counts say. */
  readonly running: readonly RequestView[];
  readonly waiting: readonly RequestView[];
}

export interface FleetView {
  readonly promptTokens: number;
  /** Share of the allowed time that the fastest prediction leaves, at most 1. */
  readonly slack: number;
  readonly priority: number;
  /** At most 16. */
  readonly textFeatures: readonly number[];
  /** Seconds per output token. */
  readonly latencyLimit: number;
  readonly mayDrop: boolean;
  /** Requests of an expert with a node of their own: those with the most predicted work left. 16 unless told otherwise. */
  readonly mostRequests?: number;
  /** 1 to 16. */
  readonly experts: readonly ExpertView[];
}

/** Requests of one expert after another, features side by side. */
interface RequestNodes {
  /** [nodes, 6] */
  readonly features: Float32Array;
  /** ln of how many requests a node stands for. */
  readonly weights: Float32Array;
  /** Nodes of each expert. */
  readonly counts: Uint8Array;
}

/** A moment without padding: what is remembered of it. */
export interface GraphState {
  readonly arrived: Float32Array;
  /** [N, 10] */
  readonly experts: Float32Array;
  readonly running: RequestNodes;
  readonly waiting: RequestNodes;
  /** [N + 1], the last one for dropping: 1 where it may be chosen. */
  readonly open: Uint8Array;
}

export const MAX_EXPERTS = 16;
const TEXT_FEATURES = NODE.arrived - 3;
const MAX_REQUESTS = 16;

/** Seconds for a token that count as 1. */
const USUAL_DECODE_SECONDS = 0.03;

/** Null where a feature is no number. Throws without experts, and with too many. */
export function graphStateOf(view: FleetView): GraphState | null {
  const { experts, latencyLimit, textFeatures, mostRequests = MAX_REQUESTS } = view;
  if (experts.length === 0 || experts.length > MAX_EXPERTS)
    throw new RangeError(`1 to ${MAX_EXPERTS} experts, not ${experts.length}`);
  const arrived = new Float32Array(NODE.arrived);
  arrived.set([bounded(view.promptTokens / 1000), bounded(view.slack), bounded(view.priority)]);
  arrived.set(textFeatures.slice(0, TEXT_FEATURES).map(bounded), 3);
  const features = experts.map((each) => [
    bounded(each.kvUse),
    bounded(each.runningCount / 20),
    bounded(each.waitingCount / 20),
    bounded(each.decodeSeconds / USUAL_DECODE_SECONDS),
    bounded(view.promptTokens / 1000),
    bounded(each.predictedScore),
    bounded(each.predictedOutputTokens / 500),
    bounded(each.predictedSecondsPerToken / latencyLimit),
    bounded(each.predictedPenalty),
    bounded(each.cost),
  ]);
  const state = {
    arrived,
    experts: Float32Array.from(features.flat()),
    running: nodesOf(
      experts.map(({ running }) => running),
      latencyLimit,
      mostRequests,
    ),
    waiting: nodesOf(
      experts.map(({ waiting }) => waiting),
      latencyLimit,
      mostRequests,
    ),
    open: Uint8Array.from([...experts.map(({ isOpen }) => Number(isOpen)), Number(view.mayDrop)]),
  };
  const isSane = [
    state.arrived,
    state.experts,
    state.running.features,
    state.waiting.features,
  ].every((values) => values.every(Number.isFinite));
  return isSane ? state : null;
}

/** What is 10 times the usual is as far out as anything may be; NaN stays. */
const bounded = (value: number): number => Math.max(-10, Math.min(10, value));

function nodesOf(
  byExpert: readonly (readonly RequestView[])[],
  latencyLimit: number,
  most: number,
): RequestNodes {
  const features: number[] = [];
  const weights: number[] = [];
  const counts = byExpert.map((requests) => {
    const isShort = requests.length <= most;
    const ordered = isShort ? requests : requests.toSorted((a, b) => workLeft(b) - workLeft(a));
    const single = ordered.slice(0, most).map((each) => featuresOf(each, latencyLimit));
    for (const row of single) features.push(...row);
    weights.push(...single.map(() => 0));
    if (isShort) return single.length;
    const rest = ordered.slice(most).map((each) => featuresOf(each, latencyLimit));
    features.push(...meanOf(rest));
    // As many nodes like it would weigh as much.
    weights.push(Math.log(rest.length));
    return single.length + 1;
  });
  return {
    features: Float32Array.from(features),
    weights: Float32Array.from(weights),
    counts: Uint8Array.from(counts),
  };
}

const workLeft = ({ predictedOutputTokens, tokensSoFar }: RequestView): number =>
  predictedOutputTokens - tokensSoFar;

const featuresOf = (request: RequestView, latencyLimit: number): readonly number[] => [
  bounded(request.promptTokens / 1000),
  bounded(request.predictedScore),
  bounded(request.predictedOutputTokens / 500),
  bounded(request.kvShare),
  bounded(request.tokensSoFar / 500),
  bounded(request.secondsPerToken / latencyLimit),
];

const meanOf = (rows: readonly (readonly number[])[]): readonly number[] =>
  Array.from(
    { length: NODE.request },
    (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length,
  );

type Arrays = { readonly [K in keyof GraphInputs<unknown>]: Float32Array } & {
  /** [B, N + 1]: 0 where it may be chosen, ABSENT elsewhere. */
  readonly closed: Float32Array;
};

/** Arrays for a batch of padded graphs, to be filled state by state. */
export class PaddedGraphs {
  readonly arrays: Arrays;
  readonly #size: GraphSize;

  constructor(size: GraphSize, batch: number) {
    const shapes = inputShapes(size);
    const array = (dims: readonly number[]) => new Float32Array(batch * elements(dims));
    this.#size = size;
    this.arrays = {
      arrived: array(shapes.arrived),
      expert: array(shapes.expert),
      share: array(shapes.share),
      running: array(shapes.running),
      runningWeight: array(shapes.runningWeight),
      waiting: array(shapes.waiting),
      waitingWeight: array(shapes.waitingWeight),
      closed: array([size.experts + 1]),
    };
  }

  /** Throws when the state has more nodes than places. */
  set(row: number, state: GraphState): void {
    const { experts } = this.#size;
    const { arrived, expert, share, closed } = this.arrays;
    const count = state.open.length - 1;
    if (count > experts) throw new RangeError(`${count} experts for ${experts} places`);
    arrived.set(state.arrived, row * NODE.arrived);
    const from = row * experts * NODE.expert;
    expert.fill(0, from, from + experts * NODE.expert).set(state.experts, from);
    share.fill(0, row * experts, (row + 1) * experts);
    share.fill(1 / count, row * experts, row * experts + count);
    const choices = row * (experts + 1);
    closed.fill(ABSENT, choices, choices + experts + 1);
    for (let i = 0; i < count; i++) if (state.open[i] === 1) closed[choices + i] = 0;
    if (state.open[count] === 1) closed[choices + experts] = 0;
    this.#setRequests(row, "running", state.running);
    this.#setRequests(row, "waiting", state.waiting);
  }

  #setRequests(row: number, kind: "running" | "waiting", nodes: RequestNodes): void {
    const { experts } = this.#size;
    const places = this.#size[kind];
    const features = this.arrays[kind];
    const weights = this.arrays[`${kind}Weight`];
    const first = row * experts * places;
    features.fill(0, first * NODE.request, (first + experts * places) * NODE.request);
    weights.fill(ABSENT, first, first + experts * places);
    let taken = 0;
    for (const [expert, count] of nodes.counts.entries()) {
      if (count > places) throw new RangeError(`${count} ${kind} requests for ${places} places`);
      const at = first + expert * places;
      const end = taken + count;
      features.set(
        nodes.features.subarray(taken * NODE.request, end * NODE.request),
        at * NODE.request,
      );
      weights.set(nodes.weights.subarray(taken, end), at);
      taken = end;
    }
  }
}
