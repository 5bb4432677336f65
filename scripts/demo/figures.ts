// One request's result in the same words for HTTP and simulator, and from many of them what the tables show.
import { Random } from "../../src/policy/random.ts";
import { PRODUCT_WEIGHTS, utility } from "../../src/policy/reward.ts";
import { type RequestKind, REQUEST_KINDS } from "../../src/trainer-node/simulator/request.ts";
import { type Outcome } from "../replay/run.ts";
import { type HttpReplay } from "./http-replay.ts";
import { meanOf, quantile } from "../../src/trainer-node/intervals.ts";
import { type Share, shareOf } from "../replay/summary.ts";

export interface Judged {
  readonly id: string;
  readonly group: string;
  readonly kind: RequestKind;
  readonly served: "exact" | "semantic" | "notes" | "model";
  readonly right: boolean;
  readonly delaySeconds: number;
  /** Product utility U, at most 0. */
  readonly reward: number;
}

export interface Mean {
  readonly mean: number;
  /** 95 % interval by bootstrap over groups: requests of one group are not independent. */
  readonly low: number;
  readonly high: number;
}

export interface Figures {
  readonly requests: number;
  readonly exactHits: number;
  readonly semanticHits: number;
  readonly semanticByKind: Readonly<Partial<Record<RequestKind, number>>>;
  /** Requests that a stored answer was right for: repeats apart, then those in other words, by what the words share. */
  readonly repeatsServed: Share;
  readonly rephrasingsServed: Share;
  readonly translationsServed: Share;
  readonly wrongPerRequest: Share;
  readonly wrongPerSemanticHit: Share;
  readonly delayMean: number;
  readonly delayP95: number;
  readonly modelCalls: number;
  readonly tokens: number;
  readonly reward: Mean;
}

export function figuresOf(
  judged: readonly Judged[],
  { modelCalls, tokens, seed }: { modelCalls: number; tokens: number; seed: number },
): Figures {
  const semantic = judged.filter(({ served }) => served === "semantic");
  const isHit = ({ served }: Judged) => served === "exact" || served === "semantic";
  const servedRightly = (kind: RequestKind) =>
    shareOf(
      judged.filter((request) => request.kind === kind),
      (request) => isHit(request) && request.right,
    );
  const isWrong = (request: Judged) => isHit(request) && !request.right;
  const delays = judged.map(({ delaySeconds }) => delaySeconds);
  return {
    requests: judged.length,
    exactHits: judged.filter(({ served }) => served === "exact").length,
    semanticHits: semantic.length,
    semanticByKind: Object.fromEntries(
      REQUEST_KINDS.flatMap((kind) => {
        const count = semantic.filter((request) => request.kind === kind).length;
        return count === 0 ? [] : [[kind, count]];
      }),
    ),
    repeatsServed: servedRightly("repeat"),
    rephrasingsServed: servedRightly("rephrase"),
    translationsServed: servedRightly("translation"),
    wrongPerRequest: shareOf(judged, isWrong),
    wrongPerSemanticHit: shareOf(semantic, isWrong),
    delayMean: meanOf(delays),
    delayP95: quantile(delays, 0.95),
    modelCalls,
    tokens,
    reward: bootstrapMean(
      judged.map(({ group, reward }) => ({ group, value: reward })),
      seed,
    ),
  };
}

/** Mean of a - b over the requests of one stream; the pairs make most of the noise cancel. */
export function pairedDifference(a: readonly Judged[], b: readonly Judged[], seed: number): Mean {
  const other = new Map(b.map(({ id, reward }) => [id, reward]));
  const values = a.flatMap(({ id, group, reward }) => {
    const paired = other.get(id);
    return paired === undefined ? [] : [{ group, value: reward - paired }];
  });
  return bootstrapMean(values, seed);
}

export function figuresOverHttp({ outcomes, model }: HttpReplay, seed: number): Figures {
  const { calls, promptTokens, completionTokens } = model;
  return figuresOf(judgedOverHttp(outcomes), {
    modelCalls: calls,
    tokens: promptTokens + completionTokens,
    seed,
  });
}

/** What HTTP showed. Delays are those that users would have seen: the model's as assumed, the rest as measured. */
function judgedOverHttp(outcomes: readonly Outcome[]): Judged[] {
  const served = { "HIT-EXACT": "exact", "HIT-SEMANTIC": "semantic", AUGMENTED: "notes" } as const;
  return outcomes.map(({ cache, delaySeconds, failure, request, servedGroup }) => {
    const right = failure === undefined && servedGroup === request.group;
    const quality = right ? PRODUCT_WEIGHTS.acceptedQuality : PRODUCT_WEIGHTS.wrongQuality;
    return {
      id: request.id,
      group: request.group,
      kind: request.kind,
      served:
        cache === "HIT-EXACT" || cache === "HIT-SEMANTIC" || cache === "AUGMENTED"
          ? served[cache]
          : "model",
      right,
      delaySeconds,
      reward: utility(quality, delaySeconds),
    };
  });
}

const RESAMPLES = 1_000;

/** Percentile bootstrap: whole groups are drawn with replacement. */
function bootstrapMean(
  values: readonly { readonly group: string; readonly value: number }[],
  seed: number,
): Mean {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const { group, value } of values) {
    const at = sums.get(group) ?? { sum: 0, count: 0 };
    sums.set(group, { sum: at.sum + value, count: at.count + 1 });
  }
  const groups = [...sums.values()];
  const random = new Random(seed);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < groups.length; i++) {
      const drawn = groups[Math.floor(random.uniform() * groups.length)]!;
      sum += drawn.sum;
      count += drawn.count;
    }
    return sum / count;
  });
  const total = groups.reduce((sum, group) => sum + group.sum, 0);
  return {
    mean: total / values.length,
    low: quantile(means, 0.025),
    high: quantile(means, 0.975),
  };
}
