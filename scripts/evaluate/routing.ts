// Which model should answer which question, and what that is worth.
import { readFile } from "node:fs/promises";
import { InputError } from "../../src/trainer-node/evaluation/json-lines.ts";
import { compareRouting } from "../../src/trainer-node/evaluation/routing.ts";
import {
  KNOWN_ROUTING_FIELDS,
  onlyModels,
  OWN_ROUTING_FIELDS,
  readRouting,
  type RoutingData,
  routingFields,
  type RoutingFields,
} from "../../src/trainer-node/evaluation/routing-file.ts";
import {
  type ModelPrice,
  readModelPrices,
} from "../../src/trainer-node/evaluation/routing-prices.ts";
import { DEFAULT_DELAYS } from "../../src/trainer-node/simulator/delays.ts";
import { isRecord } from "../../src/trainer-node/simulator/groups.ts";
import { estimateTokens } from "../../src/worker/upstream/notes.ts";
import { currentCommit } from "../replay/progress.ts";
import { openEmbedder } from "./built-in.ts";
import { type RoutingOptions, UsageError } from "./options.ts";
import { type RoutingFigures } from "./routing-table.ts";

/** Throws InputError and UsageError. */
export async function evaluateRouting(options: RoutingOptions): Promise<RoutingFigures> {
  const begin = performance.now();
  const all = await readRouting(options.file, await fieldsOf(options.map));
  const prices = options.prices === undefined ? null : await readModelPrices(options.prices);
  const { data, unpriced } = withPrices(all, prices, options);
  const { profile, embed } = await openEmbedder(options.embedder);
  const report = compareRouting({
    source: options.file,
    data,
    prices,
    embed,
    resamples: options.resamples,
    assumptions: {
      answerTokens: options.answerTokens,
      tokensOf: estimateTokens,
      firstTokenSeconds: DEFAULT_DELAYS.firstTokenP50Seconds,
      secondsPerToken: DEFAULT_DELAYS.perTokenP50Seconds,
    },
  });
  return {
    source: options.file,
    embedder: profile.id,
    commit: currentCommit(),
    seconds: (performance.now() - begin) / 1000,
    answerTokens: options.answerTokens,
    hasLengths: data.questions.some(({ answers }) =>
      answers.some(({ outputChars }) => outputChars !== null),
    ),
    unpriced,
    ...report,
  };
}

async function fieldsOf(map: string | undefined): Promise<RoutingFields> {
  if (map === undefined) return OWN_ROUTING_FIELDS;
  if (Object.hasOwn(KNOWN_ROUTING_FIELDS, map)) return KNOWN_ROUTING_FIELDS[map]!;
  try {
    if (map.includes("="))
      return routingFields(
        Object.fromEntries(
          map.split(",").map((part) => part.split("=").map((word) => word.trim())),
        ),
      );
    const names: unknown = JSON.parse(await readFile(map, "utf8"));
    if (!isRecord(names)) throw new RangeError(`${map}: not an object`);
    return routingFields(names);
  } catch (error) {
    throw new UsageError(`--map: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Where prices are given, models without one cannot be compared. */
function withPrices(
  data: RoutingData,
  prices: ReadonlyMap<string, ModelPrice> | null,
  { prices: file }: RoutingOptions,
): { readonly data: RoutingData; readonly unpriced: readonly string[] } {
  if (prices === null) return { data, unpriced: [] };
  const unpriced = data.models.filter((model) => !prices.has(model));
  if (data.models.length - unpriced.length < 2)
    throw new InputError(
      `${file!}: needs prices for two of the models at least, and has none for ${unpriced.length} of ${data.models.length}: ${unpriced.slice(0, 5).join(", ")}${unpriced.length > 5 ? ", ..." : ""}`,
    );
  return { data: onlyModels(data, (model) => prices.has(model)), unpriced };
}
