// How well a policy does on a stream: what it served, what of that was wrong, how long people waited, what it was worth.
import { type ActionNames } from "../../policy/action.ts";
import { type PolicyOutput } from "../../policy/network/policy.ts";
import { Random } from "../../policy/random.ts";
import { meanOf, quantile, wilsonUpper } from "../intervals.ts";
import { type Environment } from "./environment.ts";
import { type Executed, type Pending } from "./executed.ts";
import { REQUEST_KINDS, type RequestKind } from "./request.ts";

/** Chooses for one request at a time; `act` takes the likeliest action of its output. */
export interface Player {
  readonly name: string;
  readonly actions: ActionNames;
  choose(pending: Pending): PolicyOutput | Promise<PolicyOutput>;
}

/** A share with the upper end of its one-sided 95 % Wilson interval; null when `of` is 0. */
export interface Share {
  readonly count: number;
  readonly of: number;
  readonly share: number | null;
  readonly upper95: number | null;
}

export interface KindScore {
  readonly kind: RequestKind;
  readonly requests: number;
  readonly exactHits: number;
  readonly semanticHits: number;
  readonly wrong: number;
  readonly modelCalls: number;
}

export interface Score {
  readonly player: string;
  readonly requests: number;
  readonly kinds: readonly KindScore[];
  readonly exactHits: number;
  readonly semanticHits: number;
  readonly augmented: number;
  readonly modelCalls: number;
  /** Of rephrasings, and of repeats that have no exact answer: served rightly. */
  readonly shouldHits: Share;
  readonly wrongPerRequest: Share;
  readonly wrongPerSemanticHit: Share;
  readonly delaySeconds: { readonly mean: number; readonly p95: number };
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** US dollars paid to the model for answers, and for answers that only gave labels. */
  readonly costUsd: number;
  readonly labelUsd: number;
  readonly labels: number;
  readonly meanUtility: number;
  /** 95 % interval by bootstrap over families of groups. */
  readonly utilityInterval: Interval;
  /** Utility and family of every request, by its place in the stream, for paired differences. */
  readonly utilities: Float64Array;
  readonly families: readonly string[];
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** What a score is made of, in a simulated world or over HTTP; a stream's experiences would fill the memory. */
export interface Scored extends Pick<Executed, "kind" | "correct" | "utility" | "delaySeconds"> {
  readonly request: Pick<Executed["request"], "index" | "kind" | "family">;
  readonly outcome: Pick<Executed["outcome"], "tokensIn" | "tokensOut" | "costUsd">;
  readonly shadow: Pick<NonNullable<Executed["shadow"]>, "costUsd"> | null;
}

/** Runs a whole stream, taking the likeliest action each time. */
export async function play(environment: Environment, player: Player): Promise<Score> {
  const all: Scored[] = [];
  const unsubscribe = environment.subscribe((executed) => all.push(scored(executed)));
  for (let slot = await environment.next(); slot !== null; slot = await environment.next())
    for (const pending of slot)
      environment.act(pending, await player.choose(pending), player.actions, { greedy: true });
  unsubscribe();
  return scoreOf(player.name, all);
}

const scored = ({
  request,
  kind,
  correct,
  utility,
  delaySeconds,
  outcome,
  shadow,
}: Executed): Scored => ({ request, kind, correct, utility, delaySeconds, outcome, shadow });

/** `executed`: every request of a stream. */
export function scoreOf(player: string, executed: readonly Scored[]): Score {
  const count = (of: readonly Scored[], test: (one: Scored) => boolean) =>
    of.reduce((sum, one) => sum + Number(test(one)), 0);
  const sum = (of: (one: Scored) => number) => executed.reduce((total, one) => total + of(one), 0);
  const shareOf = (of: readonly Scored[], test: (one: Scored) => boolean): Share => {
    const hits = count(of, test);
    return of.length === 0
      ? { count: 0, of: 0, share: null, upper95: null }
      : {
          count: hits,
          of: of.length,
          share: hits / of.length,
          upper95: wilsonUpper(hits, of.length),
        };
  };
  const semantic = executed.filter(isSemantic);
  const inOrder = executed.toSorted((a, b) => a.request.index - b.request.index);
  const utilities = Float64Array.from(inOrder, ({ utility }) => utility);
  const families = inOrder.map(({ request }) => request.family);
  const delays = executed.map(({ delaySeconds }) => delaySeconds);
  return {
    player,
    requests: executed.length,
    kinds: REQUEST_KINDS.flatMap((kind) => {
      const some = executed.filter(({ request }) => request.kind === kind);
      return some.length === 0
        ? []
        : {
            kind,
            requests: some.length,
            exactHits: count(some, isExact),
            semanticHits: count(some, isSemantic),
            wrong: count(some, isWrong),
            modelCalls: count(some, isCall),
          };
    }),
    exactHits: count(executed, isExact),
    semanticHits: semantic.length,
    augmented: count(executed, ({ kind }) => kind === "AUGMENTED"),
    modelCalls: count(executed, isCall),
    shouldHits: shareOf(executed.filter(shouldBeServed), (one) => isSemantic(one) && one.correct),
    wrongPerRequest: shareOf(executed, isWrong),
    wrongPerSemanticHit: shareOf(semantic, isWrong),
    delaySeconds: { mean: meanOf(delays), p95: quantile(delays, 0.95) },
    tokensIn: sum(({ outcome }) => outcome.tokensIn),
    tokensOut: sum(({ outcome }) => outcome.tokensOut),
    costUsd: sum(({ outcome }) => outcome.costUsd),
    labelUsd: sum(({ shadow }) => shadow?.costUsd ?? 0),
    labels: count(executed, ({ shadow }) => shadow !== null),
    meanUtility: meanOf(utilities),
    utilityInterval: familyInterval(families, utilities),
    utilities,
    families,
  };
}

const isExact = ({ kind }: Scored): boolean => kind === "HIT-EXACT";
const isSemantic = ({ kind }: Scored): boolean => kind === "HIT-SEMANTIC";
const isCall = ({ kind }: Scored): boolean =>
  kind === "MISS" || kind === "BYPASS" || kind === "AUGMENTED";
const isWrong = ({ correct }: Scored): boolean => !correct;
const shouldBeServed = ({ request, kind }: Scored): boolean =>
  kind !== "HIT-EXACT" && (request.kind === "rephrase" || request.kind === "repeat");

export interface PairedDifference {
  /** Mean of a - b, request by request. */
  readonly mean: number;
  readonly interval: Interval;
}

/** How much more a is worth than b on the same stream. */
export function pairedDifference(a: Score, b: Score): PairedDifference {
  if (a.utilities.length !== b.utilities.length)
    throw new RangeError(`${a.utilities.length} and ${b.utilities.length} requests are no pairs`);
  const differences = a.utilities.map((utility, i) => utility - b.utilities[i]!);
  return { mean: meanOf(differences), interval: familyInterval(a.families, differences) };
}

const RESAMPLES = 1000;
const BOOTSTRAP_SEED = 1;

/**
 * Percentile bootstrap of the mean over families of questions, which are what a sample has many of: requests of one
 * family are right or wrong together.
 */
function familyInterval(familyOf: readonly string[], values: Float64Array): Interval {
  const sums = new Map<string, { total: number; count: number }>();
  for (const [i, name] of familyOf.entries()) {
    const family = sums.get(name) ?? { total: 0, count: 0 };
    family.total += values[i]!;
    family.count++;
    sums.set(name, family);
  }
  return familySumsInterval([...sums.values()]);
}

/** The same from each family's total and number of requests: all that a mean over requests needs of it. */
export function familySumsInterval(
  families: readonly { readonly total: number; readonly count: number }[],
): Interval {
  const random = new Random(BOOTSTRAP_SEED);
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let total = 0;
    let count = 0;
    for (let i = 0; i < families.length; i++) {
      const family = families[Math.floor(random.uniform() * families.length)]!;
      total += family.total;
      count += family.count;
    }
    return total / count;
  });
  return { low: quantile(means, 0.025), high: quantile(means, 0.975) };
}
