// One request stream through the production pipeline, learning as it goes, and beside it through other caches.
import { normaliseQuestion } from "../../policy/cache/question.ts";
import { type ResolverLimits } from "../../policy/cache/resolver.ts";
import { alwaysCache, feasibleOracle } from "../simulator/baselines.ts";
import { Environment } from "../simulator/environment.ts";
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
  readonly limits?: Partial<ResolverLimits>;
  readonly prices: readonly PricePoint[];
  readonly costs: OperationCosts;
  readonly onProgress?: (step: string, done: number, total: number) => void;
}

export interface StreamReport {
  readonly players: readonly PlayerReport[];
  readonly differences: readonly StreamDifference[];
  readonly thresholds: { readonly plain: number; readonly guarded: number };
}

interface PlayerReport {
  readonly figures: StreamFigures;
  readonly halves: readonly [StreamFigures, StreamFigures];
  readonly savings: readonly NetSaving[];
}

export async function compareStream(options: CompareStreamOptions): Promise<StreamReport> {
  const { measured, calibration, seed, limits, prices, costs, onProgress } = options;
  const worldOf = ({ source }: LabelledStream) =>
    new Environment({ source, seed, ...(limits && { limits }) });
  const told = (step: string) => (done: number, total: number) => onProgress?.(step, done, total);
  const velo = await playWorld(worldOf(measured), alwaysCache, measured, told("velo"));
  const oracle = await playWorld(worldOf(measured), feasibleOracle, measured, told("oracle"));

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
      savings: prices.map((price) => netSaving(all, price, costs)),
    })),
    differences: answered.slice(1).map(([name, all]) => streamDifference(velo, all, name)),
  };
}

const toModel = (one: Answered): Answered => ({
  ...one,
  by: "model",
  fit: "right",
  label: null,
  lookedUp: false,
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
  { request, kind, decision, shadow, handling }: Executed,
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
    lookedUp: kind !== "BYPASS",
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
