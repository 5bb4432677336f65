// Several models, and a rule for each question which of them to ask: is that better than one model for all? Whatever is learnt or
// chosen comes from the calibration half; figures are those of the other half.
import { createHash } from "node:crypto";
import { type Half, halfOf } from "../simulator/groups.ts";
import { InputError } from "./json-lines.ts";
import { type RoutedQuestion, type RoutingData } from "./routing-file.ts";
import {
  type Choices,
  type Estimate,
  meansOf,
  Meter,
  type RouteFigures,
  type Side,
} from "./routing-meter.ts";
import { describer } from "./question-form.ts";
import { type AnswerTrust, type LengthTrust, lengthTrust, scoreTrust } from "./routing-trust.ts";
import { fitPredictor, NEAREST_QUESTIONS, RIDGE } from "./routing-predictors.ts";
import { type ModelPrice } from "./routing-prices.ts";
import { expectedCosts, outcomesOf, type RoutingAssumptions } from "./routing-world.ts";

export interface CompareRoutingOptions {
  /** The file that the questions are from, as errors name it. */
  readonly source: string;
  readonly data: RoutingData;
  /** A price for every model, or null. */
  readonly prices: ReadonlyMap<string, ModelPrice> | null;
  readonly embed: (text: string) => Float32Array;
  readonly assumptions: RoutingAssumptions;
  readonly resamples: number;
}

interface RouterFigures {
  readonly name: string;
  /** What it says about the choice: a model, a setting. */
  readonly note: string;
  readonly figures: RouteFigures;
  /** Against the best single model, question by question. */
  readonly gain: RouteFigures;
}

interface CurvePoint {
  /** Quality that the difference between the dearest and the cheapest model is worth. */
  readonly worth: number;
  readonly figures: RouteFigures;
}

export interface Verdict {
  readonly router: string;
  readonly worth: number;
  readonly gain: RouteFigures;
  readonly costBefore: Estimate | null;
}

export interface RoutingReport {
  readonly calibration: HalfCounts;
  readonly measured: HalfCounts;
  readonly leftOut: RoutingData["leftOut"];
  /** Each model alone, best on the calibration half first. */
  readonly models: readonly { readonly name: string; readonly figures: RouteFigures }[];
  readonly routers: readonly RouterFigures[];
  readonly curves: readonly { readonly name: string; readonly points: readonly CurvePoint[] }[];
  /** The router that is best on the calibration half at no greater cost than the best single model. */
  readonly better: Verdict;
  /** The cheapest one that is no worse than the best single model there; null without prices. */
  readonly cheaper: Verdict | null;
  /** How far predicted scores and lengths hold on the measured half. */
  readonly trust: { readonly scores: AnswerTrust; readonly lengths: LengthTrust | null };
}

interface HalfCounts {
  readonly questions: number;
  readonly groups: number;
}

/** Quality that the dearest model's extra cost is worth: 0 asks for quality alone. */
const WORTHS = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5] as const;

/** Quality by which a cheaper choice may be worse and still counts as equal; fixed before anything was measured with it. */
export const NON_INFERIORITY_MARGIN = 0.01;

const FOLDS = 3;

const LEAST_QUESTIONS = 10;

interface LearnedRouter {
  readonly name: string;
  readonly note: string;
  /** Mean squared error on the calibration half, of predictors that have not seen the question. */
  readonly error: number;
  /** Predicted scores on both halves; those of the calibration half by predictors that have not seen the question's group. */
  readonly known: readonly (readonly number[])[];
  readonly unseen: readonly (readonly number[])[];
}

/** Throws InputError where a half has too few questions. */
export function compareRouting(options: CompareRoutingOptions): RoutingReport {
  const { source, data, prices, assumptions, embed, resamples } = options;
  const known = partOf(data, "calibration");
  const unseen = partOf(data, "measured");
  if (Math.min(known.questions.length, unseen.questions.length) < LEAST_QUESTIONS)
    throw new InputError(
      `${source}: each half needs ${LEAST_QUESTIONS} questions at least: ${known.questions.length} to learn from, ${unseen.questions.length} to measure on`,
    );
  const costsOf = expectedCosts(known, prices, assumptions);
  const sideOf = (part: RoutingData): Side => ({
    questions: part.questions,
    outcomes: outcomesOf(part, prices, assumptions),
    expectedCosts: part.questions.map(costsOf),
  });
  const [calibration, measured] = [sideOf(known), sideOf(unseen)];
  const spread = costSpread(calibration);
  const meter = new Meter(measured, resamples);

  const alone = data.models.map((_, m) => meansOf(calibration, same(calibration, m)));
  const order = data.models
    .map((_, m) => m)
    .toSorted(
      (a, b) =>
        alone[b]!.quality - alone[a]!.quality ||
        (alone[a]!.cost ?? 0) - (alone[b]!.cost ?? 0) ||
        a - b,
    );
  const best = order[0]!;
  const cheapest = order.toSorted((a, b) => (alone[a]!.cost ?? 0) - (alone[b]!.cost ?? 0))[0]!;
  const single = meter.values(same(measured, best));

  const texts = (side: Side) => side.questions.map(({ question }) => question);
  const embedded = [calibration, measured].map((side) => texts(side).map(embed));
  const describe = describer(texts(calibration), embed);
  const described = [calibration, measured].map((side) => texts(side).map(describe));
  const folds = foldsOf(known.questions);
  const learners = [
    { name: NEAREST_QUESTIONS.name, family: NEAREST_QUESTIONS, vectors: embedded },
    { name: RIDGE.name, family: RIDGE, vectors: embedded },
    { name: "form and meaning", family: RIDGE, vectors: described },
  ] as const;
  const learned = learners.map(({ name, family, vectors }): LearnedRouter => {
    const lessons = { vectors: vectors[0]!, scores: calibration.outcomes.quality };
    const fitted = fitPredictor(family, lessons, folds, FOLDS);
    return {
      name,
      note: `${family.settingName} = ${fitted.setting}`,
      error: fitted.error,
      known: fitted.crossFitted,
      unseen: fitted.predict(vectors[1]!),
    };
  });
  const worths = prices === null || spread === 0 ? [0] : WORTHS;
  const routed = (side: Side, predicted: readonly (readonly number[])[], worth: number) =>
    predicted.map((scores, q) => bestOf(scores, side.expectedCosts[q]!, worthOf(worth, spread)));
  const tried = learned.flatMap((router) =>
    worths.map((worth) => ({
      router,
      worth,
      known: meansOf(calibration, routed(calibration, router.known, worth)),
    })),
  );
  const verdictOf = ({ router, worth }: (typeof tried)[number]): Verdict => {
    const values = meter.values(routed(measured, router.unseen, worth));
    return {
      router: router.name,
      worth,
      gain: meter.figures(values, single),
      costBefore: meter.figures(single).cost,
    };
  };
  const bestCost = alone[best]!.cost ?? 0;
  const withinCost = tried.filter(({ known: { cost } }) => (cost ?? 0) <= bestCost);
  const goodEnough = tried.filter(({ known: { quality } }) => quality >= alone[best]!.quality);
  const by =
    (key: (one: (typeof tried)[number]) => number) =>
    (a: (typeof tried)[number], b: (typeof tried)[number]) =>
      key(a) - key(b);

  const routers: readonly (readonly [name: string, note: string, choices: Choices])[] = [
    ["best single model", data.models[best]!, same(measured, best)],
    ...(prices === null
      ? []
      : [["cheapest model", data.models[cheapest]!, same(measured, cheapest)] as const]),
    [
      "random model",
      "",
      measured.questions.map(() => data.models.map(() => 1 / data.models.length)),
    ],
    ...learned.map(
      ({ name, note, unseen: predicted }) => [name, note, routed(measured, predicted, 0)] as const,
    ),
    ["always right choice", "", oracle(measured, 0, spread)],
  ];
  const curves = [
    {
      name: "one model",
      choices: (worth: number) => {
        const price = worthOf(worth, spread);
        const costs = alone.map(({ cost }) => cost ?? 0);
        return same(
          measured,
          bestOf(
            alone.map(({ quality }) => quality),
            costs,
            price,
          ),
        );
      },
    },
    ...learned.map(({ name, unseen: predicted }) => ({
      name,
      choices: (worth: number) => routed(measured, predicted, worth),
    })),
    { name: "always right choice", choices: (worth: number) => oracle(measured, worth, spread) },
  ];
  return {
    calibration: countsOf(known),
    measured: countsOf(unseen),
    leftOut: data.leftOut,
    models: order.map((m) => ({
      name: data.models[m]!,
      figures: meter.figures(meter.values(same(measured, m))),
    })),
    routers: routers.map(([name, note, choices]) => {
      const values = meter.values(choices);
      return { name, note, figures: meter.figures(values), gain: meter.figures(values, single) };
    }),
    curves: curves.map(({ name, choices }) => ({
      name,
      points: worths.map((worth) => ({
        worth,
        figures: meter.figures(meter.values(choices(worth))),
      })),
    })),
    better: verdictOf(
      withinCost.toSorted(by(({ known: { quality } }) => -quality))[0] ??
        tried.toSorted(by(({ known: { cost } }) => cost ?? 0))[0]!,
    ),
    cheaper:
      prices === null || goodEnough.length === 0
        ? null
        : verdictOf(goodEnough.toSorted(by(({ known: { cost } }) => cost ?? 0))[0]!),
    trust: {
      scores: scoreTrust(
        data.models,
        learned.toSorted((a, b) => a.error - b.error)[0]!,
        [calibration, measured].map(({ outcomes }) => outcomes.quality),
      ),
      lengths: lengthTrust([known, unseen], learners, folds, FOLDS),
    },
  };
}

function partOf(data: RoutingData, half: Half): RoutingData {
  return { ...data, questions: data.questions.filter(({ group }) => halfOf(group) === half) };
}

const countsOf = ({ questions }: RoutingData): HalfCounts => ({
  questions: questions.length,
  groups: new Set(questions.map(({ group }) => group)).size,
});

/** Groups in the order of a hash of their names, dealt out: equal sizes, whatever the order of the questions. */
function foldsOf(questions: readonly RoutedQuestion[]): readonly number[] {
  const groups = [...new Set(questions.map(({ group }) => group))];
  const hashes = new Map(
    groups.map((group) => [group, createHash("sha256").update(`fold ${group}`).digest("hex")]),
  );
  const sorted = groups.toSorted((a, b) => (hashes.get(a)! < hashes.get(b)! ? -1 : 1));
  const fold = new Map(sorted.map((group, place) => [group, place % FOLDS]));
  return questions.map(({ group }) => fold.get(group)!);
}

const same = ({ questions }: Side, model: number): Choices => questions.map(() => model);

/** Quality per US dollar and 1,000 requests. */
const worthOf = (worth: number, spread: number): number => (worth === 0 ? 0 : worth / spread);

/** Highest predicted score less what the cost is worth; ties go to the cheaper one, then to the first. */
function bestOf(scores: readonly number[], costs: readonly number[], price: number): number {
  let best = 0;
  for (let m = 1; m < scores.length; m++) {
    const more = scores[m]! - price * costs[m]! - (scores[best]! - price * costs[best]!);
    if (more > 0 || (more === 0 && costs[m]! < costs[best]!)) best = m;
  }
  return best;
}

const oracle = (
  { outcomes, expectedCosts: expected }: Side,
  worth: number,
  spread: number,
): Choices =>
  outcomes.quality.map((scores, q) =>
    bestOf(scores, outcomes.cost?.[q] ?? expected[q]!, worthOf(worth, spread)),
  );

/** Mean expected cost of the dearest model less that of the cheapest. */
function costSpread({ expectedCosts: rows }: Side): number {
  const means = rows[0]!.map((_, m) => rows.reduce((sum, row) => sum + row[m]!, 0) / rows.length);
  return Math.max(...means) - Math.min(...means);
}
