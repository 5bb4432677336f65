// When requests come: at random, in bursts, or as a trace says.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { type Random } from "../../../policy/random.ts";
import { InputError, type JsonLine, jsonLines } from "../../evaluation/json-lines.ts";
import { BURSTS } from "./settings.ts";

/** A request's time in seconds and, where a trace tells them, its lengths. */
export interface Arriving {
  readonly at: number;
  readonly promptTokens?: number;
  readonly outputTokens?: number;
}

/** Independent exponential gaps with mean 1 / rate seconds. */
export function poissonArrivals(rate: number, count: number, random: Random): readonly Arriving[] {
  let at = 0;
  return Array.from({ length: count }, () => ({ at: (at += exponential(1 / rate, random)) }));
}

/**
 * A Poisson process that changes between two rates, after exponential times: bursts at `factor` times the mean rate, and
 * in quiet times what leaves the mean as it is.
 */
export function burstyArrivals(
  rate: number,
  count: number,
  random: Random,
  { factor, quietSeconds, burstSeconds }: Readonly<Record<keyof typeof BURSTS, number>> = BURSTS,
): readonly Arriving[] {
  const rates = [
    (rate * (quietSeconds + burstSeconds - factor * burstSeconds)) / quietSeconds,
    rate * factor,
  ] as const;
  if (!(rates[0] >= 0)) throw new RangeError("bursts hold more than all requests");
  const periods = [quietSeconds, burstSeconds] as const;
  let isBurst: 0 | 1 = random.uniform() < burstSeconds / (quietSeconds + burstSeconds) ? 1 : 0;
  let periodEnd = exponential(periods[isBurst], random);
  let at = 0;
  const arrivals: Arriving[] = [];
  while (arrivals.length < count) {
    const next = at + exponential(1 / rates[isBurst], random);
    // What has not come by the end of a period is drawn anew at the other rate: exponential gaps have no memory.
    if (next <= periodEnd) arrivals.push({ at: (at = next) });
    else {
      at = periodEnd;
      isBurst = isBurst === 1 ? 0 : 1;
      periodEnd += exponential(periods[isBurst], random);
    }
  }
  return arrivals;
}

const exponential = (mean: number, random: Random): number =>
  -mean * Math.log(1 - random.uniform());

/**
 * A trace, in the order of its times, which begin at 0. `.csv`, `.csv.gz`: TIMESTAMP,ContextTokens,GeneratedTokens, as the
 * Azure LLM inference traces have it. Others: JSON lines {t, prompt_tokens, output_tokens}, t in seconds. Requests without an
 * output token are left out. Throws InputError with file and line.
 */
export async function readTrace(file: string): Promise<readonly Required<Arriving>[]> {
  const isTable = /\.csv(?:\.gz)?$/.test(file);
  const rows = isTable ? await readTable(file) : await readLines(file);
  const answered = rows
    .filter(({ outputTokens }) => outputTokens > 0)
    .toSorted((a, b) => a.at - b.at);
  const [first] = answered;
  if (first === undefined) throw new InputError(`${file}: holds no requests`);
  return answered.map(({ at, promptTokens, outputTokens }) => ({
    at: at - first.at,
    promptTokens,
    outputTokens,
  }));
}

/** The trace played faster or slower, so that requests come at this mean rate. */
export function atRate<A extends Arriving>(trace: readonly A[], rate: number): readonly A[] {
  const last = trace.at(-1);
  if (last === undefined || last.at === 0) throw new RangeError("a trace without a duration");
  const factor = (trace.length - 1) / (rate * last.at);
  return trace.map((each) => ({ ...each, at: each.at * factor }));
}

/** `count` requests of a trace in a row, others for each seed from 1 on while it is long enough; all of a shorter one. */
export function windowOf(
  trace: readonly Required<Arriving>[],
  seed: number,
  count: number,
): readonly Required<Arriving>[] {
  const windows = Math.max(1, Math.floor(trace.length / count));
  const from = ((seed - 1) % windows) * count;
  const first = trace[from]?.at ?? 0;
  return trace
    .slice(from, from + count)
    .map(({ at, promptTokens, outputTokens }) => ({ at: at - first, promptTokens, outputTokens }));
}

async function readLines(file: string): Promise<Required<Arriving>[]> {
  const rows: Required<Arriving>[] = [];
  for await (const line of jsonLines(file))
    rows.push({
      at: numberIn(line, "t"),
      promptTokens: wholeIn(line, "prompt_tokens"),
      outputTokens: wholeIn(line, "output_tokens"),
    });
  return rows;
}

function numberIn({ value, place }: JsonLine, field: string): number {
  const number = value[field];
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new InputError(`${place}: ${field} must be a number`);
}

function wholeIn(line: JsonLine, field: string): number {
  const number = numberIn(line, field);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new InputError(`${line.place}: ${field} must be a whole number`);
}

const ROW = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d(?:\.\d+)?)[^,]*,(\d+),(\d+)$/;

async function readTable(file: string): Promise<Required<Arriving>[]> {
  const raw = createReadStream(file);
  const input = file.endsWith(".gz") ? raw.pipe(createGunzip()) : raw;
  // An error of the file does not travel through a pipe by itself.
  if (input !== raw) raw.on("error", (error) => input.destroy(error));
  const rows: Required<Arriving>[] = [];
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      line++;
      if (line === 1 || text.trim() === "") continue;
      const parts = ROW.exec(text.trim())?.slice(1).map(Number);
      if (parts === undefined)
        throw new InputError(`${file}:${line}: not TIMESTAMP,ContextTokens,GeneratedTokens`);
      const [year, month, day, hour, minute, second, promptTokens, outputTokens] = parts;
      // Fractions of a second are finer than a date's milliseconds.
      const minutes = Date.UTC(year!, month! - 1, day, hour, minute) / 1000;
      rows.push({
        at: minutes + second!,
        promptTokens: promptTokens!,
        outputTokens: outputTokens!,
      });
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return rows;
}
