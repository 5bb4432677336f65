// Fig. 6 and the question side of Table III: how far wordings of one request lie from each other, and from other requests,
// in the embedding space that the gateway ships. The paper shows a similarity matrix of eight requests and paraphrases.
import { builtInEmbed } from "../../built-in-embedder.ts";
import { meanOf } from "../../intervals.ts";

export const REQUESTS: readonly (readonly [request: string, paraphrase: string])[] = [
  ["How do I remove a wine stain from a carpet?", "What gets red wine out of carpet?"],
  ["Write a short poem about the sea in winter.", "Compose a brief poem on the winter sea."],
  [
    "What is the difference between a virus and a bacterium?",
    "How do viruses differ from bacteria?",
  ],
  [
    "Explain how a suspension bridge carries its load.",
    "How does a suspension bridge hold weight?",
  ],
  ["Give me a vegetarian recipe with chickpeas.", "Suggest a chickpea dish without meat."],
  ["Why is the sky red at sunset?", "What makes the evening sky turn red?"],
  ["How can I sort a list of dates in Python?", "Sorting dates in a Python list: how is it done?"],
  ["Plan a weekend in Lisbon for two people.", "Make a two-day Lisbon itinerary for a couple."],
];

/** One request in five languages, and restated: the six forms of Table III. */
const FORMS: readonly (readonly [form: string, text: string])[] = [
  ["EN", "How does a heat pump warm a house?"],
  ["ZH", "热泵如何给房子供暖？"],
  ["RU", "Как тепловой насос обогревает дом?"],
  ["DE", "Wie heizt eine Wärmepumpe ein Haus?"],
  ["ES", "¿Cómo calienta una casa una bomba de calor?"],
  ["restated", "In what way can a heat pump be used to heat a home?"],
];

export interface SimilarityResult {
  /** [request][paraphrase] L2 distance of unit vectors. */
  readonly matrix: readonly (readonly number[])[];
  readonly ownMean: number;
  readonly otherMean: number;
  /** Requests whose nearest paraphrase is their own. */
  readonly nearestIsOwn: number;
  /** Distance of each form to the English one. */
  readonly forms: readonly { readonly form: string; readonly distance: number }[];
}

export function similarity(): SimilarityResult {
  const requests = REQUESTS.map(([request]) => builtInEmbed(request));
  const paraphrases = REQUESTS.map(([, paraphrase]) => builtInEmbed(paraphrase));
  const matrix = requests.map((a) => paraphrases.map((b) => distanceOf(a, b)));
  const own = matrix.map((row, i) => row[i]!);
  const other = matrix.flatMap((row, i) => row.filter((_, j) => j !== i));
  const english = builtInEmbed(FORMS[0]![1]);
  return {
    matrix,
    ownMean: meanOf(own),
    otherMean: meanOf(other),
    nearestIsOwn: matrix.filter((row, i) => Math.min(...row) === row[i]).length,
    forms: FORMS.map(([form, text]) => ({
      form,
      distance: distanceOf(english, builtInEmbed(text)),
    })),
  };
}

/** sqrt(2 - 2 cos) of unit vectors. */
function distanceOf(a: Float32Array, b: Float32Array): number {
  let cosine = 0;
  for (let i = 0; i < a.length; i++) cosine += a[i]! * b[i]!;
  return Math.sqrt(Math.max(0, 2 - 2 * cosine));
}
