// Means over a half's questions of what a router's choices came to, with their intervals.
import { ComponentBootstrap, type Interval, percentileInterval } from "./operating-curve.ts";
import { type RoutedQuestion } from "./routing-file.ts";
import { type Outcomes } from "./routing-world.ts";

export interface Estimate {
  readonly value: number;
  /** 95 %, bootstrap over groups. */
  readonly interval: Interval;
}

/** Means over the measured half. */
export interface RouteFigures {
  readonly quality: Estimate;
  /** US dollars per 1,000 requests. */
  readonly cost: Estimate | null;
  /** Seconds, by a model of delays. */
  readonly delay: Estimate | null;
}

/** A half of the questions. */
export interface Side {
  readonly questions: readonly RoutedQuestion[];
  readonly outcomes: Outcomes;
  /** By question and model, in US dollars per 1,000 requests. */
  readonly expectedCosts: readonly (readonly number[])[];
}

/** One model for every question of a side, or shares of all models. */
export type Choices = readonly (readonly number[] | number)[];

type Values = Readonly<Record<keyof Outcomes, Float64Array | null>> & {
  readonly quality: Float64Array;
};

function valuesOf({ outcomes }: Side, choices: Choices): Values {
  const pick = (table: readonly (readonly number[])[]) =>
    Float64Array.from(table, (row, q) => {
      const choice = choices[q]!;
      if (typeof choice === "number") return row[choice]!;
      return choice.reduce((sum, share, m) => sum + share * row[m]!, 0);
    });
  return {
    quality: pick(outcomes.quality),
    cost: outcomes.cost && pick(outcomes.cost),
    delay: outcomes.delay && pick(outcomes.delay),
  };
}

/** Mean quality and cost; the cost null without prices. */
export function meansOf(side: Side, choices: Choices) {
  const mean = (values: Float64Array | null) =>
    values && values.reduce((sum, value) => sum + value, 0) / values.length;
  const { quality, cost } = valuesOf(side, choices);
  return { quality: mean(quality)!, cost: mean(cost) };
}

/** Means of the measured half with their intervals; every figure from the same draws. */
export class Meter {
  readonly #side: Side;
  /** How often each question counts. */
  readonly #draws: readonly Uint8Array[];

  constructor(side: Side, resamples: number) {
    this.#side = side;
    const groups = side.questions.map(({ group }) => group);
    const bootstrap = new ComponentBootstrap(groups);
    this.#draws = Array.from(bootstrap.weights(resamples), (weights) => Uint8Array.from(weights));
  }

  values(choices: Choices): Values {
    return valuesOf(this.#side, choices);
  }

  /** Of these values, or of what they are more than others. */
  figures(values: Values, less: Values | null = null): RouteFigures {
    const estimate = (of: keyof Outcomes): Estimate | null => {
      const own = values[of];
      if (own === null) return null;
      const other = less?.[of] ?? null;
      const each = other === null ? own : own.map((value, q) => value - other[q]!);
      const mean = (weights: Uint8Array | null) => {
        let [sum, count] = [0, 0];
        for (let q = 0; q < each.length; q++) {
          const weight = weights === null ? 1 : weights[q]!;
          sum += weight * each[q]!;
          count += weight;
        }
        return sum / count;
      };
      return { value: mean(null), interval: percentileInterval(this.#draws.map(mean)) };
    };
    return { quality: estimate("quality")!, cost: estimate("cost"), delay: estimate("delay") };
  }
}
