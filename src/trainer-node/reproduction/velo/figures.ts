// What a run of one algorithm leaves behind: plain numbers, the raw material of tables, plots and claims.

/** A frozen test of 500 requests, or whatever the scale says. Means over its requests. */
export interface TestFigures {
  readonly requests: number;
  /** 10 (q - omega d - phi3 [a = direct]), the paper's figures. */
  readonly reward: number;
  /** 10 (q - omega d): the same without the penalty of direct calls. */
  readonly qos: number;
  readonly satisfaction: number;
  readonly delay: number;
  readonly p95Delay: number;
  /** Share of decisions that called the model directly (paper: LLM direct request frequency). */
  readonly direct: number;
  /** Shares of requests answered by a stored answer, by a call with notes, by a plain call. */
  readonly served: number;
  readonly augmented: number;
  readonly called: number;
  /** Stored answers served that were wrong: of all requests, and of those served. */
  readonly wrongPerRequest: number;
  readonly wrongPerHit: number | null;
  /** Calls of the model, per request: with all servers asked at once more than one is possible. */
  readonly callsPerRequest: number;
  /** What the better action of every request, in the very same state, comes to; and without ever serving a wrong answer. */
  readonly oracleQos: number;
  readonly oracleReward: number;
  readonly feasibleQos: number;
  /** Requests that earned more than their oracle, or waited longer with all servers asked than with the nearest: 0. */
  readonly impossible: number;
}

/** A point of a training curve: means over the requests since the last one. */
export interface CurvePoint {
  /** Requests handled so far, over all servers. */
  readonly requests: number;
  readonly reward: number;
  readonly satisfaction: number;
  readonly delay: number;
  readonly direct: number;
}

export interface RunResult {
  readonly curve: readonly CurvePoint[];
  /** By test ("similar-nearest", ...) and execution ("sampled", "mean-argmax", ...), joined by a slash. */
  readonly tests: Readonly<Record<string, TestFigures>>;
  /** Shares of direct decisions that Greedy-0.1, 0.3 and 0.5 make in the state that this run ended in. */
  readonly greedyDirect: readonly number[];
  /** Demonstrations that it learnt from. */
  readonly demonstrations: number;
  /** Rows that each server's database held at the end. */
  readonly entries: readonly number[];
  /** 0 for rules. */
  readonly parameters: number;
  readonly trainingSeconds: number;
}

/** Numbers as they are stored: enough digits for any statement, few enough to read. */
export function rounded<T>(value: T): T {
  if (typeof value === "number")
    return (Number.isFinite(value) ? Number(value.toPrecision(6)) : null) as T;
  if (Array.isArray(value)) return value.map((each: unknown) => rounded(each)) as T;
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, each]: [string, unknown]) => [name, rounded(each)]),
    ) as T;
  return value;
}
