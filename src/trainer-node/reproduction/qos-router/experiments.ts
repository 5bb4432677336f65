// All jobs of the study: trainings first, then runs, in each of which every router meets the same requests.
import { createHash } from "node:crypto";
import { type Job } from "../results-folder.ts";
import { NETWORK_NAMES, type NetworkName, NETWORKS, type TrainParams } from "./networks.ts";
import { DROPPING_RULES, ORACLE, RULES, TUNED_RULE } from "./rules.ts";
import {
  FLEET_SIZES,
  gridSettings,
  LATENCY_LIMIT,
  LOAD_NAMES,
  LOADS,
  PRICED_RULE,
  type PricedRule,
  RATES,
  type Scale,
  TRAINING,
  USUAL_FLEET,
  USUAL_RATE,
} from "./settings.ts";

/**
 * trace: arrival times of a trace, requests as everywhere; whole-trace: its lengths too, at the pace that long prompts can
 * be served at.
 */
export type ArrivalKind = "poisson" | "bursty" | "trace" | "whole-trace";

/** The trace of a run; where it lies is no part of what was computed. */
export interface TraceName {
  readonly name: string;
  /** Beginning of the SHA-256 of its bytes. */
  readonly digest: string;
}

export interface RunParams {
  readonly arrivals: ArrivalKind;
  readonly rate: number;
  readonly experts: number;
  readonly latencyLimit: number;
  readonly seed: number;
  readonly requests: number;
  readonly routers: readonly string[];
  /** Of the trainings behind the networks among the routers. */
  readonly trained: string;
  readonly trace?: TraceName;
  /** Where it is among the routers. */
  readonly pricedRule?: PricedRule;
}

/** A router of a run that is a network under other conditions. */
export const VARIANTS = {
  "graph-keeps": "graph",
  "graph-reordered": "graph",
  "flat-reordered": "flat",
} as const satisfies Readonly<Record<string, NetworkName>>;

const SIMPLE = [...RULES, ...DROPPING_RULES, TUNED_RULE, ORACLE] as const;
/** What every run compares. */
export const COMPARED = [...SIMPLE, "flat", "graph-no-impact", "graph"] as const;
export const USUAL = [...COMPARED, "graph-potential", "graph-keeps"] as const;
export const ORDERS = ["graph-reordered", "flat-reordered"] as const;
/** Trained a second time, from another start. */
export const AGAIN = ["graph-2", "flat-2"] as const;

export const trainingId = (network: NetworkName): string => `train-${network}`;

const digestOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 12);

/** The network behind a router; null for a rule. */
export const networkOf = (router: string): NetworkName | null =>
  Object.hasOwn(VARIANTS, router)
    ? VARIANTS[router as keyof typeof VARIANTS]
    : (NETWORK_NAMES.find((name) => name === router) ?? null);

export interface JobOptions {
  readonly scale: Scale;
  readonly trace: TraceName | null;
}

export function qosRouterJobs({ scale, trace }: JobOptions): readonly Job[] {
  const trainings = NETWORK_NAMES.map((network): Job & { readonly params: TrainParams } => ({
    id: trainingId(network),
    kind: "train",
    params: {
      network,
      settings: NETWORKS[network],
      training: TRAINING,
      decisions: scale.trainingSteps,
      randomDecisions: scale.randomSteps,
    },
  }));
  const jobs: Job[] = [...trainings];
  const add = (
    id: string,
    kind: "run" | "grid",
    routers: readonly string[],
    where: Partial<RunParams> & Pick<RunParams, "seed" | "requests">,
  ) => {
    const networks = new Set(routers.map(networkOf));
    const used = trainings.filter(({ params }) => networks.has(params.network));
    const { arrivals = "poisson" } = where;
    const isTraced = arrivals === "trace" || arrivals === "whole-trace";
    const params: RunParams = {
      arrivals,
      rate: USUAL_RATE,
      experts: USUAL_FLEET,
      latencyLimit: LATENCY_LIMIT,
      ...where,
      routers,
      trained: digestOf(used.map((job) => job.params)),
      ...(isTraced && trace !== null && { trace }),
      ...(routers.includes(TUNED_RULE) && { pricedRule: PRICED_RULE }),
    };
    jobs.push({ id, kind, params, needs: used.map((job) => job.id) });
  };
  const real: ArrivalKind = trace === null ? "bursty" : "trace";
  for (const seed of scale.seeds) {
    const at = { seed, requests: scale.requests };
    for (const arrivals of ["poisson", real] as const)
      for (const rate of RATES) {
        const isUsual = arrivals === "poisson" && rate === USUAL_RATE;
        const routers = isUsual ? [...USUAL, ...ORDERS] : USUAL;
        add(`${arrivals}-r${rate}-${seed}`, "run", routers, { ...at, arrivals, rate });
      }
    for (const load of LOAD_NAMES) {
      const rate = LOADS[load];
      for (const arrivals of ["poisson", real] as const)
        add(`again-${arrivals}-r${rate}-${seed}`, "run", AGAIN, { ...at, arrivals, rate });
      if (trace === null) continue;
      for (const arrivals of ["bursty", "whole-trace"] as const)
        add(`${arrivals}-r${rate}-${seed}`, "run", COMPARED, { ...at, arrivals, rate });
    }
    for (const experts of FLEET_SIZES)
      if (experts !== USUAL_FLEET)
        add(`fleet-${experts}-${seed}`, "run", COMPARED, { ...at, experts });
  }
  for (const [index, setting] of gridSettings().entries())
    if (index % scale.gridStride === 0)
      add(`grid-${String(index).padStart(3, "0")}`, "grid", COMPARED, {
        ...setting,
        seed: 1,
        requests: scale.gridRequests,
      });
  return jobs;
}
