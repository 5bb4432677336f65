// What models cost, and how fast they are where somebody says so.
import { readFile } from "node:fs/promises";
import { isRecord } from "../simulator/groups.ts";
import { InputError, jsonLines } from "./json-lines.ts";

export interface ModelPrice {
  /** US dollars per million tokens. */
  readonly input: number;
  readonly output: number;
  /** Null: the assumption of all models. */
  readonly firstTokenSeconds: number | null;
  readonly secondsPerToken: number | null;
}

/**
 * By model. Either lines {model, input, output}, or one object {model: {input_usd_per_million_tokens,
 * output_usd_per_million_tokens}}; both names may stand in both, and first_token_seconds and seconds_per_token beside them.
 * Throws InputError.
 */
export async function readModelPrices(file: string): Promise<ReadonlyMap<string, ModelPrice>> {
  const prices = new Map<string, ModelPrice>();
  const whole = await wholeObject(file);
  if (whole !== null)
    for (const [model, value] of Object.entries(whole))
      prices.set(model, priceOf(value, `${file}: ${model}`));
  else
    for await (const { value, place } of jsonLines(file)) {
      const { model } = value;
      if (typeof model !== "string") throw new InputError(`${place}: model must be a text`);
      prices.set(model, priceOf(value, place));
    }
  if (prices.size === 0) throw new InputError(`${file}: holds no prices`);
  return prices;
}

/** Null: no object of models, so lines. */
async function wholeObject(file: string): Promise<Readonly<Record<string, unknown>> | null> {
  if (file.endsWith(".gz")) return null;
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return isRecord(value) && typeof value["model"] !== "string" ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw new InputError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function priceOf(value: unknown, place: string): ModelPrice {
  const record = isRecord(value) ? value : {};
  const amount = (names: readonly string[], unit: string): number | null => {
    const found = names.find((name) => record[name] !== undefined);
    if (found === undefined) return null;
    const number = record[found];
    if (typeof number === "number" && number >= 0 && number < Infinity) return number;
    throw new InputError(`${place}: ${found} must be a number of ${unit}`);
  };
  const dollars = (side: "input" | "output"): number => {
    const price = amount([side, `${side}_usd_per_million_tokens`], "US dollars");
    if (price === null) throw new InputError(`${place}: no price of ${side} tokens`);
    return price;
  };
  return {
    input: dollars("input"),
    output: dollars("output"),
    firstTokenSeconds: amount(["first_token_seconds"], "seconds"),
    secondsPerToken: amount(["seconds_per_token"], "seconds"),
  };
}
