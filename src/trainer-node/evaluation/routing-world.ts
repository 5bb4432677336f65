// What every model's answer to every question was worth, cost and took, and what a router may know of that beforehand.
import { type ModelPrice } from "./routing-prices.ts";
import { type RoutingData, type RoutedQuestion } from "./routing-file.ts";

/** Characters of a token, where only an answer's length in characters is known. */
export const CHARS_PER_TOKEN = 4;

export interface RoutingAssumptions {
  /** Of answers whose length the file does not tell. */
  readonly answerTokens: number;
  readonly tokensOf: (text: string) => number;
  /** Of models for which the prices say nothing else. */
  readonly firstTokenSeconds: number;
  readonly secondsPerToken: number;
}

/** Parts of a question's outcome under one choice. */
export interface Outcomes {
  /** By question and model. */
  readonly quality: readonly (readonly number[])[];
  /** US dollars per 1,000 requests. Null: without prices. */
  readonly cost: readonly (readonly number[])[] | null;
  /** Seconds. Null: neither lengths nor speeds are known, so that all models would take the same. */
  readonly delay: readonly (readonly number[])[] | null;
}

/** Actual outcomes, and mean answer tokens by model, which is what a router knows of the length in advance. */
export function outcomesOf(
  data: RoutingData,
  prices: ReadonlyMap<string, ModelPrice> | null,
  assumptions: RoutingAssumptions,
): Outcomes {
  const { questions, models } = data;
  const own = models.map((model) => prices?.get(model) ?? null);
  const hasLengths = questions.some(({ answers }) =>
    answers.some(({ outputChars }) => outputChars !== null),
  );
  const hasSpeeds = own.some(
    (price) => (price?.firstTokenSeconds ?? price?.secondsPerToken) != null,
  );
  const tokens = questions.map((question) => outputTokens(question, assumptions));
  return {
    quality: questions.map(({ answers }) => answers.map(({ score }) => score)),
    cost:
      prices === null
        ? null
        : questions.map((question, q) => costs(question, own, tokens[q]!, assumptions)),
    delay:
      hasLengths || hasSpeeds
        ? tokens.map((counts) =>
            counts.map(
              (count, m) =>
                (own[m]?.firstTokenSeconds ?? assumptions.firstTokenSeconds) +
                count * (own[m]?.secondsPerToken ?? assumptions.secondsPerToken),
            ),
          )
        : null,
  };
}

/** Expected costs: with each model's mean answer on the questions that it is known of. Zeros without prices. */
export function expectedCosts(
  known: RoutingData,
  prices: ReadonlyMap<string, ModelPrice> | null,
  assumptions: RoutingAssumptions,
): (question: RoutedQuestion) => readonly number[] {
  const own = known.models.map((model) => prices?.get(model) ?? null);
  const means = known.models.map(() => 0);
  for (const question of known.questions)
    for (const [m, count] of outputTokens(question, assumptions).entries())
      means[m]! += count / known.questions.length;
  return (question) => costs(question, own, means, assumptions);
}

const outputTokens = (
  { answers }: RoutedQuestion,
  { answerTokens }: RoutingAssumptions,
): readonly number[] =>
  answers.map(({ outputChars }) =>
    outputChars === null ? answerTokens : outputChars / CHARS_PER_TOKEN,
  );

/** 1,000 requests at a price per million tokens. */
function costs(
  { question }: RoutedQuestion,
  prices: readonly (ModelPrice | null)[],
  tokens: readonly number[],
  { tokensOf }: RoutingAssumptions,
): readonly number[] {
  const promptTokens = tokensOf(question);
  return prices.map((price, m) =>
    price === null ? 0 : (promptTokens * price.input + tokens[m]! * price.output) / 1000,
  );
}
