import { parseArgs } from "node:util";
import { type Mix, zeroCounts } from "../../src/trainer-node/simulator/mix.ts";
import { REQUEST_KINDS, type RequestKind } from "../../src/trainer-node/simulator/request.ts";
import { type PricePoint } from "../../src/trainer-node/evaluation/net-saving.ts";
import {
  type FieldNames,
  OWN_NAMES,
  parseFieldNames,
} from "../../src/trainer-node/evaluation/pair-files.ts";

/** Bad arguments; the message is for the person who typed them. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface PairsOptions {
  readonly command: "pairs";
  readonly input:
    | { readonly kind: "file" | "near-miss"; readonly file: string }
    | { readonly kind: "adversarial" };
  readonly fields: FieldNames;
  readonly trainOn: string | undefined;
  /** Shares of traps, ascending. */
  readonly levels: readonly number[];
  readonly embedder: EmbedderName;
  readonly verifier: "built-in" | "none";
  readonly resamples: number;
  readonly json: boolean;
}

/** The built-in embedder, or the one before it. */
export type EmbedderName = "subword" | "hash";

export type EvaluateOptions = PairsOptions | StreamOptions | LogOptions | RoutingOptions;

export interface StreamOptions {
  readonly command: "stream";
  /** A stream that `write` wrote; else one is drawn from `data`, or from the bundled questions. */
  readonly file: string | undefined;
  readonly data: string | undefined;
  readonly write: string | undefined;
  readonly requests: number;
  readonly seed: number;
  readonly shift: boolean;
  readonly mix: Mix | undefined;
  readonly answerTokens: number;
  readonly embedder: EmbedderName;
  readonly verifier: "built-in" | "none";
  readonly price: PricePoint | undefined;
  /** US dollars per million tokens. */
  readonly embeddingPrice: number;
  readonly json: boolean;
}

export interface LogOptions {
  readonly command: "log";
  readonly file: string;
  /** Verdicts of people, by hit. */
  readonly judged: string | undefined;
  /** Where hits go that the comparison is unsure of. */
  readonly unsure: string | undefined;
  readonly prices: string | undefined;
  readonly price: PricePoint | undefined;
  readonly embeddingPrice: number;
  readonly cacheSampled: boolean;
  readonly userScope: boolean;
  readonly embedder: EmbedderName;
  readonly verifier: "built-in" | "none";
  readonly json: boolean;
}

export interface RoutingOptions {
  readonly command: "routing";
  readonly file: string;
  /** FIELD=NAME,..., the name of a known format, or a file. */
  readonly map: string | undefined;
  readonly prices: string | undefined;
  /** Of answers whose length the file does not tell. */
  readonly answerTokens: number;
  readonly embedder: EmbedderName;
  readonly resamples: number;
  readonly json: boolean;
}

/** Throws UsageError. */
export function parseEvaluateArgs(args: readonly string[]): EvaluateOptions {
  const { values, positionals } = readFlags(args);
  const [command, ...files] = positionals;
  switch (command) {
    case "pairs":
      return pairsOptions(values, files);
    case "stream":
      return streamOptions(values, files);
    case "log":
      return logOptions(values, files);
    case "routing":
      return routingOptions(values, files);
    case undefined:
      throw new UsageError("which command?");
    default:
      throw new UsageError(`no command ${command}`);
  }
}

type Flags = ReturnType<typeof readFlags>["values"];

function pairsOptions(values: Flags, files: readonly string[]): PairsOptions {
  refuseOthers("pairs", values, [
    "map",
    "near-miss",
    "suite",
    "train-on",
    "at",
    "embedder",
    "verifier",
    "resamples",
  ]);
  const inputs = [...files, values["near-miss"], values.suite].filter((one) => one !== undefined);
  if (inputs.length !== 1) throw new UsageError("pairs needs one of FILE, --near-miss and --suite");
  if (values.suite !== undefined) oneOf("suite", values.suite, ["adversarial"]);
  if (values.map !== undefined && files.length === 0) throw new UsageError("--map belongs to FILE");
  return {
    command: "pairs",
    input:
      values.suite !== undefined
        ? { kind: "adversarial" }
        : { kind: files.length > 0 ? "file" : "near-miss", file: inputs[0]! },
    fields: fieldsOf(values.map),
    trainOn: values["train-on"],
    levels: levelsOf(values.at),
    ...modelsOf(values),
    resamples: whole("resamples", values.resamples ?? "1000", 20, 100_000),
    json: values.json ?? false,
  };
}

function streamOptions(values: Flags, files: readonly string[]): StreamOptions {
  const own = ["data", "write", "requests", "seed", "shift", "mix"] as const;
  refuseOthers("stream", values, [
    ...own,
    "embedder",
    "verifier",
    "answer-tokens",
    "price",
    "embedding-price",
  ]);
  if (files.length > 1) throw new UsageError("stream takes one FILE at most");
  const set = own.find((name) => name !== "seed" && values[name] !== undefined);
  if (files.length === 1 && set !== undefined)
    throw new UsageError(`--${set} draws a stream, and FILE is one already`);
  return {
    command: "stream",
    file: files[0],
    data: values.data,
    write: values.write,
    requests: whole("requests", values.requests ?? "20000", 100, 1_000_000),
    seed: whole("seed", values.seed ?? "1", 0, 0xffffffff),
    shift: values.shift ?? false,
    mix: values.mix === undefined ? undefined : mixOf(values.mix),
    answerTokens: whole("answer-tokens", values["answer-tokens"] ?? "200", 0, 100_000),
    ...modelsOf(values),
    price: values.price === undefined ? undefined : priceOf(values.price),
    embeddingPrice: amount("embedding-price", values["embedding-price"] ?? "0"),
    json: values.json ?? false,
  };
}

function logOptions(values: Flags, files: readonly string[]): LogOptions {
  refuseOthers("log", values, [
    "judged",
    "unsure",
    "prices",
    "price",
    "embedding-price",
    "only-unsampled",
    "user-scope",
    "embedder",
    "verifier",
  ]);
  if (files.length !== 1) throw new UsageError("log takes one FILE");
  if (values.price !== undefined && values.prices !== undefined)
    throw new UsageError("--price and --prices exclude each other");
  return {
    command: "log",
    file: files[0]!,
    judged: values.judged,
    unsure: values.unsure,
    prices: values.prices,
    price: values.price === undefined ? undefined : priceOf(values.price),
    embeddingPrice: amount("embedding-price", values["embedding-price"] ?? "0"),
    cacheSampled: !(values["only-unsampled"] ?? false),
    userScope: values["user-scope"] ?? false,
    ...modelsOf(values),
    json: values.json ?? false,
  };
}

function routingOptions(values: Flags, files: readonly string[]): RoutingOptions {
  refuseOthers("routing", values, ["map", "prices", "answer-tokens", "embedder", "resamples"]);
  if (files.length !== 1) throw new UsageError("routing takes one FILE");
  return {
    command: "routing",
    file: files[0]!,
    map: values.map,
    prices: values.prices,
    answerTokens: whole("answer-tokens", values["answer-tokens"] ?? "200", 0, 100_000),
    embedder: modelsOf(values).embedder,
    resamples: whole("resamples", values.resamples ?? "1000", 20, 100_000),
    json: values.json ?? false,
  };
}

const modelsOf = (values: Flags) => ({
  embedder: oneOf("embedder", values.embedder ?? "subword", ["subword", "hash"]),
  verifier: oneOf("verifier", values.verifier ?? "built-in", ["built-in", "none"]),
});

function refuseOthers(command: string, values: Flags, own: readonly (keyof Flags)[]): void {
  const other = Object.keys(values).find(
    (name) => name !== "json" && name !== "help" && !own.includes(name as keyof Flags),
  );
  if (other !== undefined) throw new UsageError(`--${other} is no option of ${command}`);
}

/** "new=80,repeat=20": shares of kinds, the others 0. */
function mixOf(text: string): Mix {
  const mix: Record<RequestKind, number> = zeroCounts();
  for (const part of text.split(",")) {
    const [name, share] = part.split("=");
    const kind = REQUEST_KINDS.find((known) => known === name && known !== "follow-up");
    const number = Number(share);
    if (kind === undefined || !(number >= 0 && number < Infinity))
      throw new UsageError(`--mix takes KIND=SHARE,..., got ${part}`);
    mix[kind] = number;
  }
  if (Object.values(mix).every((share) => share === 0))
    throw new UsageError("--mix has no share above 0");
  return mix;
}

/** "0.15,0.075,0.6": input, cached input, output. */
function priceOf(text: string): PricePoint {
  const [input, cachedInput, output, ...rest] = text.split(",").map((one) => amount("price", one));
  if (output === undefined || rest.length > 0)
    throw new UsageError(`--price takes INPUT,CACHED,OUTPUT, got ${text}`);
  return { name: "own", input: input!, cachedInput: cachedInput!, output };
}

function amount(name: string, text: string): number {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (number >= 0 && number < Infinity) return number;
  throw new UsageError(`--${name} takes US dollars per million tokens, got ${text}`);
}

function readFlags(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        map: text,
        "near-miss": text,
        suite: text,
        "train-on": text,
        at: text,
        embedder: text,
        verifier: text,
        resamples: text,
        data: text,
        write: text,
        requests: text,
        seed: text,
        shift: { type: "boolean" },
        mix: text,
        price: text,
        "answer-tokens": text,
        "embedding-price": text,
        judged: text,
        unsure: text,
        prices: text,
        "only-unsampled": { type: "boolean" },
        "user-scope": { type: "boolean" },
        json: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function fieldsOf(map: string | undefined): FieldNames {
  if (map === undefined) return OWN_NAMES;
  try {
    return parseFieldNames(map);
  } catch (error) {
    throw new UsageError(`--map: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const USUAL_LEVELS = [1, 2, 5];

function levelsOf(at: string | undefined): readonly number[] {
  const more = at === undefined ? [] : at.split(",").map(Number);
  const wrong = more.find((level) => !(level > 0 && level < 100));
  if (wrong !== undefined)
    throw new UsageError(`--at takes per cents between 0 and 100, got ${at ?? ""}`);
  return [...new Set([...USUAL_LEVELS, ...more])]
    .toSorted((a, b) => a - b)
    .map((each) => each / 100);
}

function whole(name: string, value: string, least: number, most: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, got ${value}`);
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} must be one of ${allowed.join(", ")}, got ${value}`);
}
