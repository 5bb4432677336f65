// Several experts behind one router: requests come at their times, the router sends each to an expert or drops it, and what the
// experts finish is worth its score when it came in time.
//
//   QoS_i = s_i [ l_i <= L ],  l_i = seconds from arrival to finish / output tokens
import { quantile } from "../../intervals.ts";
import { LlmServer, type Sequence, type ServedRequest } from "./llm-server.ts";
import { type ExpertSettings, LATENCY_LIMIT, PAPER_PACE, type Pace } from "./settings.ts";

/** What one expert would make of a request. Routers see the predictions only. */
export interface ExpertAnswer extends ServedRequest {
  /** In [0, 1]. */
  readonly score: number;
  readonly predictedScore: number;
  readonly predictedOutputTokens: number;
}

export interface FleetRequest {
  readonly id: number;
  /** Seconds. */
  readonly at: number;
  /** What a router sees of the text. */
  readonly textFeatures: readonly number[];
  /** By expert. */
  readonly answers: readonly ExpertAnswer[];
}

/** A request that runs or waits, as a router sees it. */
export interface RequestState {
  readonly promptTokens: number;
  readonly predictedScore: number;
  readonly predictedOutputTokens: number;
  /** Share of its expert's memory. */
  readonly kvShare: number;
  readonly tokensSoFar: number;
  /** Since its arrival, divided by its tokens so far; of one without tokens by those predicted. */
  readonly secondsPerToken: number;
}

interface ExpertState {
  readonly name: string;
  /** Share of the memory in use. */
  readonly kvUse: number;
  readonly runningCount: number;
  readonly waitingCount: number;
  /** Of the next iteration, which gives each running request a token. */
  readonly decodeSeconds: number;
  /** With the expert's slowness in it. */
  readonly pace: Pace;
  readonly kvTokens: number;
  readonly maxRunning: number;
  /** Those that came first first. Made when asked for: queues may be long. */
  readonly running: (most?: number) => readonly RequestState[];
  readonly waiting: (most?: number) => readonly RequestState[];
}

/** What is decided on. */
export interface Arrival {
  readonly at: number;
  readonly latencyLimit: number;
  readonly textFeatures: readonly number[];
  /** By expert. */
  readonly predictions: readonly Pick<
    ExpertAnswer,
    "promptTokens" | "predictedScore" | "predictedOutputTokens"
  >[];
  readonly experts: readonly ExpertState[];
  /** What no router can know: for oracles and for rewards in training. */
  readonly truth: {
    readonly request: FleetRequest;
    readonly running: readonly (readonly Sequence<Placed>[])[];
  };
}

/** A request at the expert that it was sent to. */
interface Placed extends ServedRequest {
  readonly request: FleetRequest;
  readonly answer: ExpertAnswer;
}

export interface FleetRouter {
  readonly name: string;
  /** Index of an expert; null drops the request. */
  choose(arrival: Arrival): number | null;
  /** Hears of every request that finished. */
  finished?(outcome: Outcome): void;
}

/** How a request ended. Refused: sent to an expert whose memory is smaller than the request. */
export type Outcome =
  | { readonly kind: "dropped" | "refused"; readonly request: FleetRequest; readonly qos: 0 }
  | {
      readonly kind: "finished";
      readonly request: FleetRequest;
      readonly expert: number;
      readonly firstTokenAt: number;
      readonly finishedAt: number;
      readonly secondsPerToken: number;
      readonly isLate: boolean;
      readonly preemptions: number;
      readonly score: number;
      readonly qos: number;
    };

export type Finished = Extract<Outcome, { kind: "finished" }>;

export interface FleetOptions {
  readonly experts: readonly ExpertSettings[];
  readonly pace?: Pace;
  readonly latencyLimit?: number;
}

/** The experts of a simulation, moved on by whoever decides. */
export class Fleet {
  readonly latencyLimit: number;
  readonly #settings: readonly ExpertSettings[];
  readonly #servers: readonly LlmServer<Placed>[];

  constructor({ experts, pace = PAPER_PACE, latencyLimit = LATENCY_LIMIT }: FleetOptions) {
    this.latencyLimit = latencyLimit;
    this.#settings = experts;
    this.#servers = experts.map((each) => new LlmServer<Placed>(each, pace));
  }

  /** What finished until then, in the order of time; Infinity: until all are idle. */
  advance(until: number): readonly Finished[] {
    const finished: Finished[] = [];
    for (const [expert, server] of this.#servers.entries())
      for (const completion of server.advance(until)) {
        const { request, answer } = completion.request;
        const secondsPerToken = (completion.finishedAt - request.at) / answer.outputTokens;
        const isLate = secondsPerToken > this.latencyLimit;
        finished.push({
          kind: "finished",
          request,
          expert,
          firstTokenAt: completion.firstTokenAt,
          finishedAt: completion.finishedAt,
          secondsPerToken,
          isLate,
          preemptions: completion.preemptions,
          score: answer.score,
          qos: isLate ? 0 : answer.score,
        });
      }
    return finished.toSorted((a, b) => a.finishedAt - b.finishedAt || a.expert - b.expert);
  }

  /** The fleet has been advanced to its time. */
  arrivalOf(request: FleetRequest): Arrival {
    return {
      at: request.at,
      latencyLimit: this.latencyLimit,
      textFeatures: request.textFeatures,
      predictions: request.answers,
      experts: this.#servers.map((server, i) => stateOf(this.#settings[i]!, server, request.at)),
      truth: { request, running: this.#servers.map(({ running }) => running) },
    };
  }

  /** False: refused. */
  send(request: FleetRequest, expert: number): boolean {
    const answer = request.answers[expert];
    const server = this.#servers[expert];
    if (answer === undefined || server === undefined) throw new RangeError(`no expert ${expert}`);
    const { promptTokens, outputTokens } = answer;
    return server.submit({ request, answer, promptTokens, outputTokens });
  }

  /** Seconds of computing, times the cards that compute. */
  get gpuSeconds(): number {
    return this.#servers.reduce(
      (sum, { busySeconds }, i) => sum + busySeconds * this.#settings[i]!.gpus,
      0,
    );
  }

  get gpus(): number {
    return this.#settings.reduce((sum, { gpus }) => sum + gpus, 0);
  }
}

function stateOf(
  { name, maxRunning }: ExpertSettings,
  server: LlmServer<Placed>,
  now: number,
): ExpertState {
  const stateOfRequest = ({ request, generated }: Sequence<Placed>): RequestState => {
    const { predictedScore, predictedOutputTokens, promptTokens } = request.answer;
    const tokens = generated > 0 ? generated : predictedOutputTokens;
    return {
      promptTokens,
      predictedScore,
      predictedOutputTokens,
      kvShare: (promptTokens + generated) / server.kvTokens,
      tokensSoFar: generated,
      secondsPerToken: (now - request.request.at) / tokens,
    };
  };
  return {
    name,
    kvUse: server.kvUse,
    runningCount: server.running.length,
    waitingCount: server.waitingCount,
    decodeSeconds: server.decodeSeconds,
    pace: server.pace,
    kvTokens: server.kvTokens,
    maxRunning,
    running: (most = Infinity) => server.running.slice(0, most).map(stateOfRequest),
    waiting: (most) => server.waiting(most).map(stateOfRequest),
  };
}

export interface FleetFigures {
  readonly router: string;
  readonly requests: number;
  /** Over all requests: those dropped, refused or late have none. */
  readonly meanQos: number;
  /** Of the answers that finished, late or not. */
  readonly meanScore: number;
  /** Sum of QoS per second of a card's computing. */
  readonly qosPerGpuSecond: number;
  /** Share of the cards' time that they computed. */
  readonly utilisation: number;
  /** Finished too late, or refused; share of all requests. */
  readonly violations: number;
  readonly dropped: number;
  readonly refused: number;
  readonly meanSecondsPerToken: number;
  readonly firstTokenP50Seconds: number;
  readonly firstTokenP95Seconds: number;
  readonly preemptions: number;
  /** Of all requests, by expert. */
  readonly shares: readonly number[];
}

/** Runs a router through requests in the order of their times. The same requests give the same outcomes. */
export function simulate(
  options: FleetOptions,
  requests: readonly FleetRequest[],
  router: FleetRouter,
): { readonly figures: FleetFigures; readonly outcomes: readonly Outcome[] } {
  const fleet = new Fleet(options);
  const outcomes: Outcome[] = [];
  const take = (finished: readonly Finished[]) => {
    for (const each of finished) {
      outcomes.push(each);
      router.finished?.(each);
    }
  };
  for (const request of requests) {
    take(fleet.advance(request.at));
    const expert = router.choose(fleet.arrivalOf(request));
    if (expert === null) outcomes.push({ kind: "dropped", request, qos: 0 });
    else if (!fleet.send(request, expert)) outcomes.push({ kind: "refused", request, qos: 0 });
  }
  take(fleet.advance(Infinity));
  return { figures: figuresOf(router.name, fleet, options.experts.length, outcomes), outcomes };
}

function figuresOf(
  router: string,
  fleet: Fleet,
  experts: number,
  outcomes: readonly Outcome[],
): FleetFigures {
  const finished = outcomes.filter((each) => each.kind === "finished");
  const count = outcomes.length;
  const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const qos = sumOf(outcomes.map((each) => each.qos));
  const refused = outcomes.filter(({ kind }) => kind === "refused").length;
  const late = finished.filter(({ isLate }) => isLate).length;
  const waits = finished.map(({ firstTokenAt, request }) => firstTokenAt - request.at);
  const ends = [
    ...finished.map(({ finishedAt }) => finishedAt),
    ...outcomes.map(({ request }) => request.at),
  ];
  const seconds = ends.reduce((latest, end) => Math.max(latest, end), 0);
  const none = Number.NaN;
  return {
    router,
    requests: count,
    meanQos: qos / count,
    meanScore: sumOf(finished.map(({ score }) => score)) / finished.length,
    qosPerGpuSecond: qos / fleet.gpuSeconds,
    utilisation: fleet.gpuSeconds / (fleet.gpus * seconds),
    violations: (late + refused) / count,
    dropped: outcomes.filter(({ kind }) => kind === "dropped").length / count,
    refused: refused / count,
    meanSecondsPerToken:
      sumOf(finished.map(({ secondsPerToken }) => secondsPerToken)) / finished.length,
    firstTokenP50Seconds: waits.length === 0 ? none : quantile(waits, 0.5),
    firstTokenP95Seconds: waits.length === 0 ? none : quantile(waits, 0.95),
    preemptions: sumOf(finished.map(({ preemptions }) => preemptions)),
    shares: Array.from(
      { length: experts },
      (_, expert) => finished.filter((each) => each.expert === expert).length / count,
    ),
  };
}
