// How well scores and lengths of answers are known before a model is asked: calibrated on one half, counted on the other.
import {
  calibrationError,
  type Coverage,
  type PredictedPart,
  scoreCoverage,
  typicalError,
  valueCoverage,
} from "./routing-coverage.ts";
import { fitPredictor, MEANS, type PredictorFamily } from "./routing-predictors.ts";
import { type RoutingData } from "./routing-file.ts";

/** Predicted by question and model on the calibration half, without having seen the question, and on the measured half. */
interface Predictions {
  readonly name: string;
  readonly known: readonly (readonly number[])[];
  readonly unseen: readonly (readonly number[])[];
}

export interface AnswerTrust {
  /** The predictor with the least squared error on the calibration half. */
  readonly predictor: string;
  readonly models: readonly {
    readonly name: string;
    readonly coverage: Coverage;
    readonly calibrationError: number;
  }[];
}

export interface LengthTrust {
  readonly predictor: string;
  readonly models: readonly {
    readonly name: string;
    readonly coverage: Coverage;
    /** Root mean squared error of ln(length) of the predictor, and of the model's mean alone. */
    readonly error: number;
    readonly errorOfMean: number;
  }[];
}

export function scoreTrust(
  names: readonly string[],
  { name, known, unseen }: Predictions,
  [before, after]: readonly (readonly (readonly number[])[])[],
): AnswerTrust {
  const seen: PredictedPart = { predicted: known, actual: before! };
  const measured: PredictedPart = { predicted: unseen, actual: after! };
  return {
    predictor: name,
    models: names.map((model, m) => ({
      name: model,
      coverage: scoreCoverage(seen, measured, m),
      calibrationError: calibrationError(measured, m),
    })),
  };
}

interface Learner {
  readonly name: string;
  readonly family: PredictorFamily;
  /** Of the questions of either half. */
  readonly vectors: readonly (readonly Float32Array[])[];
}

/** In ln(1 + characters), by the learner with the least squared error; null where the file does not tell every length. */
export function lengthTrust(
  [known, unseen]: readonly RoutingData[],
  learners: readonly Learner[],
  folds: readonly number[],
  foldCount: number,
): LengthTrust | null {
  const [before, after] = [known!, unseen!].map(logLengths);
  if (before === null || after === null) return null;
  const fitted = [{ ...learners[0]!, name: MEANS.name, family: MEANS }, ...learners].map(
    ({ name, family, vectors }) => {
      const lessons = { vectors: vectors[0]!, scores: before! };
      const { crossFitted, error, predict } = fitPredictor(family, lessons, folds, foldCount);
      return { name, error, known: crossFitted, unseen: predict(vectors[1]!) };
    },
  );
  const best = fitted.toSorted((a, b) => a.error - b.error)[0]!;
  const seen: PredictedPart = { predicted: best.known, actual: before! };
  const measured: PredictedPart = { predicted: best.unseen, actual: after! };
  return {
    predictor: best.name,
    models: known!.models.map((name, m) => ({
      name,
      coverage: valueCoverage(seen, measured, m),
      error: typicalError(measured, m),
      errorOfMean: typicalError({ predicted: fitted[0]!.unseen, actual: after! }, m),
    })),
  };
}

function logLengths({ questions }: RoutingData): readonly (readonly number[])[] | null {
  const isTold = questions.every(({ answers }) =>
    answers.every(({ outputChars }) => outputChars !== null),
  );
  return isTold
    ? questions.map(({ answers }) => answers.map(({ outputChars }) => Math.log1p(outputChars!)))
    : null;
}
