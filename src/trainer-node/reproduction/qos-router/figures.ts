// What runs and trainings measured, and how claims look at it.
import { type FleetFigures } from "./fleet.ts";
import { type ArrivalKind } from "./experiments.ts";

export type Figures = Pick<
  FleetFigures,
  | "requests"
  | "meanQos"
  | "meanScore"
  | "qosPerGpuSecond"
  | "utilisation"
  | "violations"
  | "dropped"
  | "refused"
  | "meanSecondsPerToken"
  | "firstTokenP95Seconds"
  | "preemptions"
  | "shares"
>;

export interface RunResult {
  /** By router. */
  readonly figures: Readonly<Record<string, Figures>>;
  /** Mean of each request's best score: what nobody can exceed. */
  readonly bestScore: number;
}

/** Means over a round of episodes, one at each rate. */
export interface CurvePoint {
  /** So far. */
  readonly decisions: number;
  readonly reward: number;
  readonly qos: number;
  /** Of the policy at the last update; null before the first. */
  readonly entropy: number | null;
  readonly temperature: number | null;
}

export interface TrainResult {
  readonly curve: readonly CurvePoint[];
  readonly updates: number;
  /** Updates that were thrown away because a number was not finite. */
  readonly refused: number;
  /** Of the actor. */
  readonly parameters: number;
  readonly seconds: number;
  /** Largest differences of logits: ONNX file and TypeScript, experts in one order and in the other. */
  readonly exported: {
    readonly states: number;
    readonly fileDifference: number;
    readonly orderDifference: number;
  } | null;
}

/** Where a run took place; what is left out is usual. */
export interface Where {
  /** "real": the trace where one was given, else the bursty process. */
  readonly arrivals?: ArrivalKind | "real";
  /** Requests per second at a fleet of three; others get n / 3 of it. */
  readonly rate?: number;
  readonly experts?: number;
}

export interface SeedView {
  /** Throws MissingResult where this router did not run there. */
  figures(router: string, where?: Where): Figures;
}
