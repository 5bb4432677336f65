// What became of a request in a simulated world: the production's records of it, and what it was worth.
import { type Handling } from "../../policy/action.ts";
import { type TenantId } from "../../durable/tenant.ts";
import { type Label } from "../../durable/report.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { RESOLVER_VERSION } from "../../policy/cache/resolver.ts";
import { type Decision } from "../../policy/decide.ts";
import { type Experience, type Outcome } from "../../policy/experience.ts";
import { encodeHalf } from "../../policy/half.ts";
import { type Observation, type PolicyOutput } from "../../policy/network/policy.ts";
import { type SimulatedRequest } from "./source.ts";

export const TENANT = "simulated" as TenantId;

/** US dollars per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

/** A request that waits for the policy. */
export interface Pending {
  readonly request: SimulatedRequest;
  /** Index of the region. */
  readonly agent: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly observation: Observation;
  readonly candidates: readonly Candidate[];
  /** What calling the model and what the cache action would come to now; changes nothing. */
  counterfactual(): Counterfactual;
}

export interface Counterfactual {
  readonly direct: Branch;
  /** The cache action as resolver, guards and budget would carry it out, without exploration. */
  readonly cache: Branch;
  /** Serving the nearest row that is right, whatever the guards say; null when none of the ten is. */
  readonly ideal: Branch | null;
}

/** How a request is, or would be, answered. */
export interface Branch {
  readonly handling: Handling;
  /** Why the model was called, as the gateway would say; empty for a hit. */
  readonly reason: string;
  readonly correct: boolean;
  /** q: accepted or wrong in the product, the source's own scale in paper mode. */
  readonly quality: number;
  readonly delaySeconds: number;
  /** Product: U of the environment's omega. Paper: q - omega d, without phi3 and scale. */
  readonly utility: number;
}

export interface Executed extends Branch {
  readonly request: SimulatedRequest;
  /** Index of the region. */
  readonly agent: number;
  readonly kind: "HIT-EXACT" | "HIT-SEMANTIC" | "AUGMENTED" | "MISS" | "BYPASS";
  /** Null for requests that never reached the policy, as is the experience. */
  readonly decision: Decision | null;
  readonly experience: Experience | null;
  readonly outcome: Outcome;
  /** The label that the system got to see, the probability it was drawn with, and what it cost; else null. */
  readonly shadow: {
    readonly label: Label;
    readonly probability: number;
    readonly costUsd: number;
  } | null;
  /** A right answer was among the neighbours, in the language asked. */
  readonly shouldHit: boolean;
  /** Id of the row that the model's answer will have; null when it will have none. */
  readonly insertion: string | null;
}

/** The likeliest action with probability 1. */
export function certainly({ logits, probs }: PolicyOutput): PolicyOutput {
  // What is not finite stays so: the decision must see it.
  if (![...logits, ...probs].every(Number.isFinite)) return { logits, probs };
  const order = [...probs.keys()].toSorted((a, b) => probs[b]! - probs[a]!);
  return { logits, probs: inOrder(order) };
}

/** Small enough never to be drawn, and still a number when it is renormalised. */
const TRACE = 1e-15;

/**
 * [A] Probability 1 for the first action of `order`. Of three, which may be masked, the others keep traces: the next one
 * takes the place of one that is.
 */
export function inOrder(order: readonly number[]): Float32Array {
  const trace = order.length > 2 ? TRACE : 0;
  const probs = new Float32Array(order.length);
  for (const [place, action] of order.entries()) probs[action] = place === 0 ? 1 : trace ** place;
  return probs;
}

export function experienceOf(
  { observation, at }: Pending,
  decision: Decision,
  rest: Pick<
    Experience,
    "expId" | "region" | "sub" | "embedder" | "usedRows" | "noise" | "policyVersion"
  >,
): Experience {
  return {
    ...rest,
    tenant: TENANT,
    at,
    // Worlds whose experiences nobody stores need not pay for it.
    get f() {
      return encodeHalf(observation.f);
    },
    c: Array.from(observation.c),
    omega: observation.omega,
    action: decision.action,
    mu: decision.mu,
    probs: [...decision.probs],
    resolverVersion: RESOLVER_VERSION,
    share: true,
  };
}

export function outcomeOf(
  expId: string,
  kind: Executed["kind"],
  { tokensIn, tokensOut, lang }: SimulatedRequest,
  { delaySeconds }: Branch,
  price: Price,
  lookUpUsd?: number,
): Outcome {
  const isHit = kind === "HIT-EXACT" || kind === "HIT-SEMANTIC";
  const usd = (tokensIn * price.input + tokensOut * price.output) / 1e6;
  return {
    expId,
    tenant: TENANT,
    result: "final",
    kind,
    delaySeconds,
    parts: isHit ? { tokensAvoided: tokensIn + tokensOut } : {},
    tokensIn: isHit ? 0 : tokensIn,
    tokensOut: isHit ? 0 : tokensOut,
    costUsd: isHit ? 0 : usd,
    savedUsd: isHit ? usd : 0,
    overheadUsd: lookUpUsd ?? 0,
    ...(lookUpUsd !== undefined && { lookUpUsd }),
    lang,
  };
}
