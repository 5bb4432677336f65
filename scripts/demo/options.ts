import { readFlags, refuse } from "../local/flags.ts";

export interface DemoOptions {
  readonly data: string | undefined;
  readonly requests: number;
  readonly seed: number;
  /** Rounds of simulated training, one request per region and round. */
  readonly rounds: number;
  /** A model call takes at least as long as an answer of so many tokens. */
  readonly answerTokens: number;
  readonly json: boolean;
  /** Where weights, checkpoints, metrics and the report stay; undefined: nothing stays. */
  readonly out: string | undefined;
}

/** Public data supports this many with the usual mix of kinds; the bundled questions support fewer. */
const REQUESTS = { data: 3_000, bundled: 1_400 };

const USAGE = `usage: npm run demo -- [options]
  --data DIR      question groups from a data directory instead of data/workload
  --requests N    length of each stream (${REQUESTS.bundled}; ${REQUESTS.data} with --data)
  --rounds N      rounds of training in the simulator (3000)
  --answer-tokens N
                  a call takes as long as an answer of at least N tokens (200): the workloads hold bare
                  results, models explain them; 0: as long as the stored answer
  --seed S        seed of streams, delays and training (1)
  --out DIR       keep weights, checkpoints, metrics and the report there
  --json          print one JSON document instead of the tables`;

/** Reads the command line; ends the process on --help and on mistakes. */
export function demoOptions(): DemoOptions {
  const values = readFlags(USAGE, {
    data: { type: "string" },
    requests: { type: "string" },
    rounds: { type: "string", default: "3000" },
    "answer-tokens": { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    out: { type: "string" },
    json: { type: "boolean", default: false },
  });
  const { data, out, json } = values;
  const requests = values.requests ?? String(data === undefined ? REQUESTS.bundled : REQUESTS.data);
  return {
    data,
    out,
    json,
    requests: whole("requests", requests, 50, 100_000),
    rounds: whole("rounds", values.rounds, 10, 1_000_000),
    answerTokens: whole("answer-tokens", values["answer-tokens"], 0, 10_000),
    seed: whole("seed", values.seed, 0, 0xffffffff),
  };
}

function whole(name: string, value: string, least: number, most: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  return refuse(`--${name} must be a whole number from ${least} to ${most}, got ${value}`, USAGE);
}
