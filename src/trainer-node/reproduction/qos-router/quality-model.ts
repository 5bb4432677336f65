// What the experts make of requests: how good, how long, and what a predictor would have said of both. Request i of a seed is
// the same whenever it comes and whoever answers it, so that routers and loads compare on equal requests.
import { type Random } from "../../../policy/random.ts";
import { type RoutingData } from "../../evaluation/routing-file.ts";
import { CHARS_PER_TOKEN } from "../../evaluation/routing-world.ts";
import { randomOf } from "../../simulator/random-of.ts";
import { type ExpertAnswer, type FleetRequest } from "./fleet.ts";
import { type ExpertSettings, LENGTHS, PREDICTION, QUALITY } from "./settings.ts";
import { type Arriving } from "./workloads.ts";

type Content = Pick<FleetRequest, "textFeatures" | "answers">;

/** What the i-th request is; lengths that a trace tells take the place of drawn ones. */
export type ContentOf = (index: number, arriving: Arriving) => Content;

/** Streams of randomness, one for each purpose. */
const [WORLD, REQUEST] = [1, 2];

export function requestsOf(
  arrivals: readonly Arriving[],
  contentOf: ContentOf,
): readonly FleetRequest[] {
  return arrivals.map((arriving, id) => {
    const { textFeatures, answers } = contentOf(id, arriving);
    return { id, at: arriving.at, textFeatures, answers };
  });
}

/**
 * Made-up requests of some topics. An expert's score is its skill + its affinity to the topic - the request's difficulty +
 * luck, within [0, 1]; predicted is the part that follows from expert and topic, with an error. Lengths are lognormal.
 */
export function syntheticContent(experts: readonly ExpertSettings[], seed: number): ContentOf {
  const world = randomOf(seed, 0, WORLD);
  const { topics, affinitySigma, difficultySigma, luckSigma, features, featureSigma } = QUALITY;
  const normals = (count: number, sigma: number, random: Random) =>
    Array.from({ length: count }, () => sigma * random.normal());
  // Topics of the first experts are the same in fleets of any size: they are drawn first.
  const pictures = Array.from({ length: topics }, () => normals(features, 1, world));
  const affinities = experts.map(() => normals(topics, affinitySigma, world));
  return (index, { promptTokens, outputTokens }) => {
    const random = randomOf(seed, index, REQUEST);
    const topic = Math.floor(random.uniform() * topics);
    const difficulty = difficultySigma * random.normal();
    const prompt = promptTokens ?? drawLength(LENGTHS.prompt, random);
    const output = outputTokens ?? drawLength(LENGTHS.output, random);
    const textFeatures = pictures[topic]!.map((value) => value + featureSigma * random.normal());
    const answers = experts.map(({ skill, verbosity }, e): ExpertAnswer => {
      const known = skill + affinities[e]![topic]!;
      const score = within(known - difficulty + luckSigma * random.normal());
      const lengths = lengthsOf(output * verbosity, random);
      return {
        promptTokens: prompt,
        score,
        predictedScore: within(known + PREDICTION.scoreSigma * random.normal()),
        ...lengths,
      };
    });
    return { textFeatures, answers };
  };
}

export interface FileContentOptions {
  readonly data: RoutingData;
  /** For each question the predicted score of every model, by something that has not seen its answers. */
  readonly predictedScores: readonly (readonly number[])[];
  readonly textFeatures: readonly (readonly number[])[];
  /** Model by expert. */
  readonly models: readonly string[];
  readonly experts: readonly ExpertSettings[];
  readonly seed: number;
}

/** Requests drawn, with replacement, from questions whose answers by real models were scored. */
export function fileContent(options: FileContentOptions): ContentOf {
  const { data, predictedScores, textFeatures, models, experts, seed } = options;
  const places = models.map((model) => {
    const place = data.models.indexOf(model);
    if (place < 0) throw new RangeError(`no answers of ${model}`);
    return place;
  });
  if (places.length !== experts.length) throw new RangeError("a model for each expert");
  return (index, { promptTokens, outputTokens }) => {
    const random = randomOf(seed, index, REQUEST);
    const q = Math.floor(random.uniform() * data.questions.length);
    const { question, answers } = data.questions[q]!;
    const drawn = outputTokens ?? drawLength(LENGTHS.output, random);
    return {
      textFeatures: textFeatures[q]!,
      answers: places.map((m, e): ExpertAnswer => {
        const { score, outputChars } = answers[m]!;
        const isTold = outputChars !== null && outputTokens === undefined;
        const mean = isTold ? outputChars / CHARS_PER_TOKEN : drawn * experts[e]!.verbosity;
        const lengths = lengthsOf(mean, random, isTold ? 0 : LENGTHS.expertSigma);
        return {
          promptTokens: promptTokens ?? Math.ceil(question.length / CHARS_PER_TOKEN),
          score,
          predictedScore: within(predictedScores[q]![m]!),
          outputTokens: lengths.outputTokens,
          predictedOutputTokens: lengths.predictedOutputTokens,
        };
      }),
    };
  };
}

const within = (score: number): number => Math.min(1, Math.max(0, score));

const wholeTokens = (tokens: number, most = Infinity): number =>
  Math.min(most, Math.max(1, Math.round(tokens)));

const drawLength = (
  { median, sigma, most }: (typeof LENGTHS)["prompt" | "output"],
  random: Random,
): number => wholeTokens(median * Math.exp(sigma * random.normal()), most);

function lengthsOf(
  mean: number,
  random: Random,
  sigma: number = LENGTHS.expertSigma,
): Pick<ExpertAnswer, "outputTokens" | "predictedOutputTokens"> {
  const outputTokens = wholeTokens(mean * Math.exp(sigma * random.normal()));
  const error = PREDICTION.lengthSigma * random.normal();
  return { outputTokens, predictedOutputTokens: wholeTokens(outputTokens * Math.exp(error)) };
}
