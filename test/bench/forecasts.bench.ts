// npm run bench -- forecasts [--requests N] [--seed N] [--trace FILE] [--json]: how often answers come when they are expected. One
// server at a time, simulated or from a recorded trace; forecasts by the code that the gateway runs, told of a call when it
// has ended. FILE: lines {load_level, start_s, prompt_tokens, max_tokens, text_chars, ttft_s, total_s}, gzip or not.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { parseArgs } from "node:util";
import { NO_BACKENDS, afterCalls, believed, forecastsOf } from "../../src/durable/backend-state.ts";
import { Random } from "../../src/policy/random.ts";
import { conformalRange } from "../../src/policy/routing/conformal.ts";
import {
  type Expected,
  FORECAST_LEVELS,
  lengthClass,
  UPPER,
} from "../../src/policy/routing/forecasts.ts";
import { optionsFor } from "../../src/policy/routing/prediction.ts";
import { LlmServer } from "../../src/trainer-node/reproduction/qos-router/llm-server.ts";
import { poissonArrivals } from "../../src/trainer-node/reproduction/qos-router/workloads.ts";
import { type Table, option, publish, runSeed, say } from "./result.ts";

interface Call {
  readonly at: number;
  readonly promptTokens: number;
  readonly maxTokens: number | null;
  readonly outputTokens: number;
  readonly firstTokenSeconds: number;
  readonly seconds: number;
}

const SEED = runSeed();
const REQUESTS = option("requests", 1_500);
const { values } = parseArgs({ strict: false, options: { trace: { type: "string" } } });
/** Calls of which no figure is taken. */
const WARM_UP = 50;
/** What was configured before anything was measured: too slow by far, as such guesses are. */
const GUESS = { firstTokenSeconds: 1, secondsPerToken: 0.03 };
const GUESSED_TOKENS = 300;
const DEVIATIONS = 2;

/** A server of vLLM's kind: 12 ms an iteration, 16 running, slower by `slowdown` from the middle on. */
function simulated(rate: number, slowdown: number, random: Random): readonly Call[] {
  const begin = (slowness: number) =>
    new LlmServer<Asked>(
      { slowness, kvTokens: 100_000, maxRunning: 16 },
      { tau0: 0.012, tau1: 0.00015, k1: 7e-5, k2: 6e-7 },
    );
  const asked = poissonArrivals(rate, REQUESTS, random).map(({ at }): Asked => {
    // Short questions with middling answers, and long texts with short ones.
    const isLong = random.uniform() < 0.3;
    const about = (median: number, sigma: number) =>
      Math.max(1, Math.round(median * Math.exp(sigma * random.normal())));
    return {
      at,
      promptTokens: about(isLong ? 1_500 : 60, 0.4),
      outputTokens: about(isLong ? 80 : 250, 0.6),
    };
  });
  const half = asked[Math.floor(asked.length / 2)]!.at;
  return [asked.filter(({ at }) => at < half), asked.filter(({ at }) => at >= half)].flatMap(
    (some, part) => {
      const server = begin(part === 0 ? 1 : slowdown);
      const ended = some.flatMap((request) => {
        const finished = server.advance(request.at);
        server.submit(request);
        return finished;
      });
      return [...ended, ...server.advance(Infinity)].map(
        ({ request, firstTokenAt, finishedAt }): Call => ({
          at: request.at,
          promptTokens: request.promptTokens,
          outputTokens: request.outputTokens,
          maxTokens: null,
          firstTokenSeconds: firstTokenAt - request.at,
          seconds: finishedAt - request.at,
        }),
      );
    },
  );
}

interface Asked {
  readonly at: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** Calls of one load each. Answer tokens are a quarter of the text less the prompt, which the text repeats. */
function traced(file: string): ReadonlyMap<string, readonly Call[]> {
  const bytes = readFileSync(file);
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const loads = new Map<string, Call[]>();
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const row = JSON.parse(line) as Record<string, number>;
    const promptTokens = row["prompt_tokens"]!;
    const decoding = row["total_s"]! - row["ttft_s"]!;
    const told = Math.round(row["text_chars"]! / 4 - promptTokens);
    const outputTokens = decoding < 0.02 ? 1 : Math.min(row["max_tokens"]!, told);
    // Scripts with more characters to a token: what the answer was cannot be told.
    if (outputTokens < 1 || (outputTokens < 16 && decoding > 1)) continue;
    const calls = loads.get(`recorded, ${row["load_level"]}`) ?? [];
    loads.set(`recorded, ${row["load_level"]}`, calls);
    calls.push({
      at: row["start_s"]!,
      promptTokens,
      maxTokens: row["max_tokens"]!,
      outputTokens,
      firstTokenSeconds: row["ttft_s"]!,
      seconds: row["total_s"]!,
    });
  }
  return loads;
}

interface Score {
  calls: number;
  readonly tokens: number[];
  readonly seconds: number[];
  /** Calls that were there in time, and the bounds' sum, by rule. */
  readonly inTime: number[];
  readonly bounds: number[];
  readonly usual: { actual: number; expected: number };
}

/** By the mean, by so many deviations more, and calibrated. */
const RULES = ["the mean", `mean + ${DEVIATIONS} deviations`, "calibrated"] as const;

function score(calls: readonly Call[]): Score {
  const id = "one";
  const sum: Score = {
    calls: 0,
    tokens: FORECAST_LEVELS.map(() => 0),
    seconds: FORECAST_LEVELS.map(() => 0),
    inTime: RULES.map(() => 0),
    bounds: RULES.map(() => 0),
    usual: { actual: 0, expected: 0 },
  };
  let state = NO_BACKENDS;
  const ratios = { tokens: [] as number[], seconds: [] as number[] };
  const underWay: {
    readonly call: Call;
    readonly expected: Omit<Expected, "class">;
  }[] = [];
  const sorted = calls.toSorted((a, b) => a.at - b.at);
  for (const [index, call] of sorted.entries()) {
    const ended = underWay
      .filter((each) => each.call.at + each.call.seconds <= call.at)
      .toSorted((a, b) => a.call.at + a.call.seconds - b.call.at - b.call.seconds);
    for (const each of ended) {
      underWay.splice(underWay.indexOf(each), 1);
      const { seconds, firstTokenSeconds, outputTokens } = each.call;
      const arrival = {
        expected: { class: lengthClass(each.call), ...each.expected },
        isCut: false,
        seconds,
      };
      const told = { backend: id, tenant: "t", succeeded: true, seconds, firstTokenSeconds };
      state = afterCalls(state, [{ ...told, outputTokens, arrival }], 1000 * call.at);
      ratios.tokens.push(Math.log(outputTokens / each.expected.tokens));
      ratios.seconds.push(Math.log(seconds / each.expected.seconds));
    }
    const forecasts = forecastsOf(state);
    const { firstTokenSeconds, secondsPerToken, failureShare } = believed(
      state,
      id,
      GUESS,
      1000 * call.at,
    );
    const tokens = Math.min(
      call.maxTokens ?? Infinity,
      forecasts.tokens(id, lengthClass(call), GUESSED_TOKENS),
    );
    const upperFactor = forecasts.upperFactor(id);
    const estimate = { outputTokens: tokens, quality: null };
    const [forecast] = optionsFor(
      {
        id: String(index),
        class: 0,
        promptTokens: call.promptTokens,
        estimates: { [id]: { ...estimate, ...(upperFactor !== null && { upperFactor }) } },
        deadlineSeconds: null,
        budgetUsd: null,
        only: null,
        draw: 0,
        embedding: null,
      },
      [
        {
          id,
          kind: "provider",
          inputPrice: 0,
          outputPrice: 0,
          energy: null,
          contextWindow: null,
          maxConcurrent: null,
          slots: null,
          throughput: null,
          load: null,
          ownInFlight: underWay.length,
          firstTokenSeconds,
          secondsPerToken,
          failureShare,
          breaker: "closed",
        },
      ],
    );
    const { seconds, upperSeconds } = forecast!;
    underWay.push({ call, expected: { tokens, seconds, upperSeconds } });
    if (index < WARM_UP) continue;
    sum.calls++;
    sum.usual.actual += call.seconds;
    sum.usual.expected += seconds;
    for (const [what, actual] of [
      ["tokens", Math.log(call.outputTokens / tokens)],
      ["seconds", Math.log(call.seconds / seconds)],
    ] as const) {
      const last = ratios[what].slice(-40).toSorted((a, b) => a - b);
      for (const [l, level] of FORECAST_LEVELS.entries()) {
        const { low, high } = conformalRange(last, level);
        if (actual >= low && actual <= high) sum[what][l]!++;
      }
    }
    const far = firstTokenSeconds!.deviation ** 2 + (tokens * secondsPerToken!.deviation) ** 2;
    const bounds = [seconds, seconds + DEVIATIONS * Math.sqrt(far), upperSeconds];
    for (const [r, bound] of bounds.entries()) {
      sum.bounds[r]! += bound;
      if (call.seconds <= bound) sum.inTime[r]!++;
    }
  }
  return sum;
}

const random = new Random(SEED);
const worlds = new Map<string, readonly Call[]>([
  ["simulated, 1 request/s", simulated(1, 1, random)],
  ["simulated, 3 requests/s", simulated(3, 1, random)],
  ["simulated, 4.5 requests/s", simulated(4.5, 1, random)],
  ["simulated, 2 requests/s, 1.5 times slower half-way", simulated(2, 1.5, random)],
]);
if (typeof values.trace === "string")
  for (const [name, calls] of traced(values.trace)) worlds.set(name, calls);

const percentOf = (count: number, of: number): string => ((100 * count) / of).toFixed(1);
const levels = FORECAST_LEVELS.map((level) => `${100 * level} %`);
const coverage: string[][] = [];
const deadlines: string[][] = [];
for (const [name, calls] of worlds) {
  say(name);
  const { calls: count, tokens, seconds, inTime, bounds, usual } = score(calls);
  coverage.push([
    name,
    (usual.actual / count).toFixed(2),
    (usual.expected / count).toFixed(2),
    ...tokens.map((inside) => percentOf(inside, count)),
    ...seconds.map((inside) => percentOf(inside, count)),
  ]);
  deadlines.push([
    name,
    ...RULES.flatMap((_, r) => [
      percentOf(inTime[r]!, count),
      (bounds[r]! / usual.actual).toFixed(2),
    ]),
  ]);
}
const tables: readonly Table[] = [
  {
    title: "Share of the calls inside the interval (%)",
    columns: [
      "server",
      "mean seconds",
      "expected",
      ...levels.map((level) => `tokens ${level}`),
      ...levels.map((level) => `seconds ${level}`),
    ],
    rows: coverage,
  },
  {
    title: `Share in time by an upper bound (%), nominal ${100 * UPPER}, and the bound as a multiple of the mean`,
    columns: ["server", ...RULES.flatMap((rule) => [rule, "bound"])],
    rows: deadlines,
  },
];
publish({
  bench: "forecasts",
  seed: SEED,
  settings: { requests: REQUESTS, warmUp: WARM_UP },
  tables,
  targets: [],
  notes: ["Lengths of recorded answers are a quarter of their characters."],
});
