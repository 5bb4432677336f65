// What a question looks like, whatever it is about: its length, its digits, its marks. Sums, code and small talk differ more
// in form than a sentence embedding shows, and models differ in which of them they are good at.
import { Random } from "../../policy/random.ts";

/** Figures of one text; the units do not matter, they are standardised. */
export function formOf(text: string): readonly number[] {
  const { length } = text;
  const words = text.split(/\s+/u).filter((word) => word !== "");
  const share = (pattern: RegExp): number => countOf(text, pattern) / Math.max(1, length);
  const end = text.trimEnd().at(-1);
  return [
    Math.log1p(length),
    Math.log1p(words.length),
    words.reduce((sum, word) => sum + word.length, 0) / Math.max(1, words.length),
    share(/\p{N}/gu),
    share(/\p{Lu}/gu),
    share(/[^\p{L}\p{N}\s]/gu),
    Number(end === "?"),
    Number(end === "."),
    countOf(text, /\n/gu) / Math.sqrt(Math.max(1, length)),
    Number(/[\\$]/u.test(text)),
    Math.log1p(countOf(text, /\p{N}/gu)),
  ];
}

const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

export interface DescriptionOptions {
  /** Random cosines of the form: with many of them a linear rule on them is one with a Gaussian kernel. */
  readonly features?: number;
  /** Length of the embedding beside a form of length 1. */
  readonly meaning?: number;
  readonly seed?: number;
}

/**
 * A text as [form | meaning]: sqrt(2/D) cos(Wx + b) of its standardised form x (Rahimi and Recht 2007, "Random features for
 * large-scale kernel machines"), kernel exp(-|x - y|^2 / F) over F figures, and its embedding. Scales are those of `known`.
 */
export function describer(
  known: readonly string[],
  embed: (text: string) => Float32Array,
  { features = 256, meaning = 0.5, seed = 1 }: DescriptionOptions = {},
): (text: string) => Float32Array {
  const forms = known.map(formOf);
  const size = formOf("").length;
  const places = Array.from({ length: size }, (_, i) => i);
  const means = places.map((i) => forms.reduce((sum, form) => sum + form[i]!, 0) / forms.length);
  const deviations = places.map((i) =>
    Math.sqrt(forms.reduce((sum, form) => sum + (form[i]! - means[i]!) ** 2, 0) / forms.length),
  );
  const random = new Random(seed);
  const directions = Array.from({ length: features }, () =>
    places.map(() => random.normal() * Math.sqrt(2 / size)),
  );
  const phases = directions.map(() => 2 * Math.PI * random.uniform());
  const scale = Math.sqrt(2 / features);
  return (text) => {
    const form = formOf(text).map((figure, i) =>
      deviations[i]! > 0 ? (figure - means[i]!) / deviations[i]! : 0,
    );
    const embedding = embed(text);
    const vector = new Float32Array(features + embedding.length);
    for (const [d, direction] of directions.entries()) {
      let sum = phases[d]!;
      for (let i = 0; i < size; i++) sum += direction[i]! * form[i]!;
      vector[d] = scale * Math.cos(sum);
    }
    for (let i = 0; i < embedding.length; i++) vector[features + i] = meaning * embedding[i]!;
    return vector;
  };
}
