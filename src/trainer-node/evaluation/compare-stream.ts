// One request stream through the production pipeline, learning as it goes, and beside it through other caches.
import { normaliseQuestion } from "../../policy/cache/question.ts";
import { type PairScorer } from "../../policy/verifier/pair-scorer.ts";
import { alwaysCache, feasibleOracle } from "../simulator/baselines.ts";
import { DOES_NOT_PAY, Environment } from "../simulator/environment.ts";
import { type Executed } from "../simulator/executed.ts";
import { type WorkloadRequest } from "../simulator/request.ts";
import { type Player, play } from "../simulator/scoreboard.ts";
import { type RequestSource, type SimulatedRequest } from "../simulator/source.ts";
import {
  type Answered,
  figuresOf,
  type StreamDifference,
  streamDifference,
  type StreamFigures,
} from "./answered.ts";
import { type NetSaving, netSaving, type OperationCosts, type PricePoint } from "./net-saving.ts";
import { playPlain, plainStream } from "./plain-cache.ts";
import {
  bestFeasible,
  guardedRule,
  guardMemory,
  perEntryRule,
  thresholdRule,
} from "./plain-rules.ts";

/** Requests of a stream as a simulated world. */
export interface LabelledStream {
  readonly requests: readonly WorkloadRequest[];
  readonly source: RequestSource;
}

export interface CompareStreamOptions {
  readonly measured: LabelledStream;
  /** Thresholds of other caches are chosen on it; null: they are chosen on the measured stream itself, in their favour. */
  readonly calibration: LabelledStream | null;
  readonly seed: number;
  /** Null: without a verifier. */
  readonly scorer: PairScorer | null;
  readonly prices: readonly PricePoint[];
  readonly costs: OperationCosts;
  /** US dollars of a look-up of other wordings. */
  readonly lookUpUsd: number;
  readonly onProgress?: (step: string, done: number, total: number) => void;
}

export interface StreamReport {
  readonly players: readonly PlayerReport[];
  readonly differences: readonly StreamDifference[];
  readonly thresholds: { readonly plain: number; readonly guarded: number };
}

export interface PlayerReport {
  readonly figures: StreamFigures;
  readonly halves: readonly [StreamFigures, StreamFigures];
  readonly savings: readonly NetSaving[];
  /** At each price: requests that were not looked up because that does not pay. */
  readonly stopped: readonly number[];
}

export async function compareStream(options: CompareStreamOptions): Promise<StreamReport> {
  const { measured, calibration, seed, scorer, prices, costs, lookUpUsd, onProgress } = options;
  const told = (step: string) => (done: number, total: number) => onProgress?.(step, done, total);
  const playAt = async (price: PricePoint, player: Player, step: string) =>
    await playWorld(
      new Environment({ source: measured.source, seed, scorer, price, lookUpUsd }),
      player,
      measured,
      told(step),
    );
  // What look-ups and labels may cost depends on what a call costs: the gateway decides anew at every price.
  const byPrice: (readonly Answered[])[] = [];
  for (const price of prices) byPrice.push(await playAt(price, alwaysCache, "velo"));
  // The dearest model is the last one: there nothing is left out to save money.
  const velo = byPrice.at(-1)!;
  const oracle = await playAt(prices.at(-1)!, feasibleOracle, "oracle");

  const plain = plainOf(measured, seed, told("neighbours"));
  const tuning = calibration === null ? plain : plainOf(calibration, seed + 1, told("neighbours"));
  const passes = guardMemory();
  const open = bestFeasible(tuning, thresholdRule);
  const guarded = bestFeasible(tuning, (least) => guardedRule(least, passes));
  const answered: readonly (readonly [string, readonly Answered[]])[] = [
    ["velo", velo],
    ["best cosine threshold", playPlain(plain, open.rule)],
    ["the same behind guards", playPlain(plain, guarded.rule)],
    ["per-entry thresholds", playPlain(plain, perEntryRule())],
    ["GPTCache defaults", playPlain(plain, thresholdRule(0.6))],
    ["RedisVL defaults", playPlain(plain, thresholdRule(0.9))],
    ["always the model", velo.map(toModel)],
    ["feasible oracle", oracle],
  ];
  const middle = measured.requests.length / 2;
  return {
    thresholds: { plain: open.least, guarded: guarded.least },
    players: answered.map(([name, all]) => ({
      figures: figuresOf(name, all),
      halves: [
        figuresOf(
          name,
          all.filter(({ index }) => index < middle),
        ),
        figuresOf(
          name,
          all.filter(({ index }) => index >= middle),
        ),
      ],
      savings: prices.map((price, p) => netSaving(all === velo ? byPrice[p]! : all, price, costs)),
      stopped: prices.map((_, p) =>
        (all === velo ? byPrice[p]! : all).reduce((sum, one) => sum + Number(one.stopped), 0),
      ),
    })),
    differences: answered.slice(1).map(([name, all]) => streamDifference(velo, all, name)),
  };
}

const toModel = (one: Answered): Answered => ({
  ...one,
  by: "model",
  fit: "right",
  label: null,
  asked: "nothing",
});

function plainOf(
  { requests, source }: LabelledStream,
  seed: number,
  onProgress: (done: number, total: number) => void,
) {
  return plainStream(source, ({ index }) => requests[index]!.lang, seed, onProgress);
}

/** The production pipeline with a player in the policy's place. */
async function playWorld(
  world: Environment,
  player: Player,
  { requests }: LabelledStream,
  onProgress: (done: number, total: number) => void,
): Promise<Answered[]> {
  const owners = new Map(requests.map((one) => [normaliseQuestion(one.question), one]));
  const answered: Answered[] = [];
  const unsubscribe = world.subscribe((executed) => {
    answered.push(answeredBy(executed, owners, requests));
    onProgress(answered.length, requests.length);
  });
  await play(world, player);
  unsubscribe();
  return answered.toSorted((a, b) => a.index - b.index);
}

function answeredBy(
  { request, kind, decision, shadow, handling, reason }: Executed,
  owners: ReadonlyMap<string, WorkloadRequest>,
  requests: readonly WorkloadRequest[],
): Answered {
  const by = kind === "HIT-EXACT" ? "exact" : kind === "HIT-SEMANTIC" ? "semantic" : "model";
  const stored = owners.get(decision?.selected?.question ?? "");
  return {
    index: request.index,
    kind: request.kind,
    family: request.family,
    by,
    fit: by === "semantic" ? fitOf(request, stored, requests[request.index]!.lang) : "right",
    tokensIn: request.tokensIn,
    tokensOut: request.tokensOut,
    label: shadow === null ? null : handling === "A" ? "second-call" : "free",
    asked: kind === "BYPASS" ? "nothing" : decision === null ? "repeats" : "rows",
    stopped: reason === DOES_NOT_PAY,
  };
}

/** As everywhere here, the answer of the same group in another language counts apart. */
function fitOf(
  request: SimulatedRequest,
  stored: WorkloadRequest | undefined,
  lang: string,
): Answered["fit"] {
  if (stored?.group !== request.group) return "wrong";
  return stored.lang === lang ? "right" : "other-language";
}
