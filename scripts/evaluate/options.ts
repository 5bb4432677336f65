import { parseArgs } from "node:util";
import {
  type FieldNames,
  OWN_NAMES,
  parseFieldNames,
} from "../../src/trainer-node/evaluation/pair-files.ts";

export const USAGE = `usage: npm run evaluate -- COMMAND [options]

  pairs FILE            labelled pairs of questions, JSONL or JSONL.gz: {id, a, b, same} and, where known, category, group, lang
    --map F=NAME,...    the file's own field names, as in a=question1,b=question2,same=is_duplicate
    --near-miss FILE    instead: rows {id, seed_id, change, question, seed_question, same_answer, same_problem}
    --suite adversarial instead: the bundled adversarial suite
    --train-on FILE     train the verifier on this file's pairs first; the same file means its calibration half
    --at P,P,...        more accepted shares of traps served, per cent, beside 1, 2 and 5
    --embedder NAME     subword (default) or hash
    --verifier V        built-in (default) or none
    --resamples N       draws of the bootstrap (1000)

options of all
    --json              print JSON
    --help              this text

Half of the pairs, chosen by a hash of what hangs together, gives the thresholds; the figures are of the other half.`;

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

export type EvaluateOptions = PairsOptions;

/** Throws UsageError. */
export function parseEvaluateArgs(args: readonly string[]): EvaluateOptions {
  const { values, positionals } = readFlags(args);
  const [command, ...files] = positionals;
  if (command !== "pairs")
    throw new UsageError(command === undefined ? "which command?" : `no command ${command}`);
  const inputs = [...files, values["near-miss"], values.suite].filter((one) => one !== undefined);
  if (inputs.length !== 1) throw new UsageError("pairs needs one of FILE, --near-miss and --suite");
  if (values.suite !== undefined) oneOf("suite", values.suite, ["adversarial"]);
  if (values.map !== undefined && files.length === 0) throw new UsageError("--map belongs to FILE");
  return {
    command,
    input:
      values.suite !== undefined
        ? { kind: "adversarial" }
        : { kind: files.length > 0 ? "file" : "near-miss", file: inputs[0]! },
    fields: fieldsOf(values.map),
    trainOn: values["train-on"],
    levels: levelsOf(values.at),
    embedder: oneOf("embedder", values.embedder ?? "subword", ["subword", "hash"]),
    verifier: oneOf("verifier", values.verifier ?? "built-in", ["built-in", "none"]),
    resamples: whole("resamples", values.resamples ?? "1000", 20, 100_000),
    json: values.json ?? false,
  };
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
