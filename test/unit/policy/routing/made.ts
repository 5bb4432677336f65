// Servers, requests and outcomes with nothing special about them, for tests that change one thing.
import {
  type Backend,
  type Estimate,
  type Outcome,
  type RoutingRequest,
} from "../../../../src/policy/routing/selector.ts";

/** Answers 100 tokens in 0.5 + 100 x 0.01 = 1.5 s, for 0.0003 USD with a prompt of 100 tokens. */
export const backend = (id: string, changes: Partial<Backend> = {}): Backend => ({
  id,
  kind: "provider",
  inputPrice: 1,
  outputPrice: 2,
  energy: null,
  contextWindow: null,
  maxConcurrent: null,
  slots: null,
  throughput: null,
  load: { running: 0, waiting: 0, ageMs: 0 },
  ownInFlight: 0,
  firstTokenSeconds: { mean: 0.5, deviation: 0 },
  secondsPerToken: { mean: 0.01, deviation: 0 },
  breaker: "closed",
  failureShare: 0,
  ...changes,
});

const ESTIMATE: Estimate = { outputTokens: 100, quality: 0.5 };

/** The same estimate at servers a to f, unless told otherwise. */
export const request = (changes: Partial<RoutingRequest> = {}): RoutingRequest => ({
  id: "r",
  class: 0,
  promptTokens: 100,
  estimates: { a: ESTIMATE, b: ESTIMATE, c: ESTIMATE, d: ESTIMATE, e: ESTIMATE, f: ESTIMATE },
  deadlineSeconds: null,
  budgetUsd: null,
  only: null,
  draw: 0,
  embedding: null,
  ...changes,
});

export const estimates = (
  byServer: Readonly<Record<string, Partial<Estimate>>>,
): Readonly<Record<string, Estimate>> =>
  Object.fromEntries(
    Object.entries(byServer).map(([id, changes]) => [id, { ...ESTIMATE, ...changes }]),
  );

export const outcome = (changes: Partial<Outcome> = {}): Outcome => ({
  requestId: "r",
  backend: "a",
  class: 0,
  succeeded: true,
  seconds: 1.5,
  firstTokenSeconds: 0.5,
  outputTokens: 100,
  deadlineSeconds: null,
  cost: 1,
  quality: null,
  embedding: null,
  ...changes,
});

/** What storage does to a state. */
export const stored = (state: unknown): unknown => JSON.parse(JSON.stringify(state));
