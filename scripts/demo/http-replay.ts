// Sends a stream to the gateway as many users in three regions would, into a partition of the cache of its own, and tells
// the gateway about a sampled share of the answers whether they were right: all that it ever learns about them.
import { type WorkloadRequest } from "../../src/trainer-node/simulator/request.ts";
import { type Client, openClient } from "../replay/client.ts";
import { type LocalStack } from "../replay/local-stack.ts";
import { progressBar } from "../replay/progress.ts";
import { type Outcome, runReplay } from "../replay/run.ts";
import { type Stream } from "../replay/stream.ts";
import { type ModelUse } from "../replay/table.ts";
import { chance } from "./chance.ts";

export const MODEL = "velo-demo";
export const SCALE = 50;
const CONCURRENCY = 16;
const USERS = 1_000;

export interface HttpReplay {
  readonly outcomes: readonly Outcome[];
  readonly model: ModelUse;
  /** Answers that were labelled. */
  readonly labels: number;
  /** How many requests each policy decided, by `name@version`; exact repeats ask no policy. */
  readonly policies: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export interface HttpReplayOptions {
  readonly stack: LocalStack;
  readonly stream: Stream;
  readonly seed: number;
  /** Requests of one partition see no answer of another's. */
  readonly partition: string;
  /** Probability with which an answer that is not an exact repeat is labelled. */
  readonly labelShare: number;
  /** No progress bar. */
  readonly quiet?: boolean;
}

export async function replayOverHttp(options: HttpReplayOptions): Promise<HttpReplay> {
  const { stack, stream, seed, partition, labelShare, quiet = false } = options;
  const before = stack.modelUse();
  const client = openClient(stack.url, stack.key, CONCURRENCY);
  const onProgress = quiet ? undefined : progressBar("   ");
  const begin = performance.now();
  let labels = 0;
  try {
    const outcomes = await runReplay({
      requests: stream.requests,
      client,
      pathOf: (region) => `/${region}/v1/chat/completions`,
      familyOf: stream.familyOf,
      concurrency: CONCURRENCY,
      domain: "region",
      model: MODEL,
      seed,
      answerWith: stream.answerWith,
      takeCall: stack.takeCall,
      scale: SCALE,
      extraBody: ({ id }) => ({
        user: userOf(seed, partition, id),
        cache: { namespace: partition },
      }),
      afterwards: async (outcome) => {
        if (chance(seed, "label", partition, outcome.request.id) >= labelShare) return;
        if (await label(client, outcome, labelShare)) labels++;
      },
      ...(onProgress && { onProgress }),
    });
    return {
      outcomes,
      model: modelUseSince(before, stack.modelUse()),
      labels,
      policies: countPolicies(outcomes),
      seconds: (performance.now() - begin) / 1000,
    };
  } finally {
    client.close();
  }
}

/** One line on who decided. */
export function describeReplay({ labels, outcomes, policies, seconds }: HttpReplay): string {
  const decided = Object.entries(policies).map(([policy, count]) => `${count} by ${policy}`);
  const failed = outcomes.filter(({ failure }) => failure !== undefined).length;
  return (
    `${outcomes.length} requests in ${seconds.toFixed(0)} s, decisions: ${decided.join(", ")}` +
    (labels > 0 ? `; ${labels} answers labelled` : "") +
    (failed > 0 ? `; ${failed} FAILED` : "")
  );
}

function userOf(seed: number, partition: string, id: WorkloadRequest["id"]): string {
  return `user-${Math.floor(USERS * chance(seed, "user", partition, id))}`;
}

/** Says whether the answer was right, as a judge that sees a shadow answer would. False when there is nothing to judge. */
async function label(client: Client, outcome: Outcome, probability: number): Promise<boolean> {
  const { cache, decision, failure, policy, request, servedGroup } = outcome;
  // An exact repeat is no decision of the policy.
  if (failure !== undefined || decision === undefined || policy === undefined) return false;
  if (cache === "HIT-EXACT" || servedGroup === undefined) return false;
  const { status } = await client.ask("/v1/feedback", {
    decision_id: decision,
    label: servedGroup === request.group ? "correct" : "wrong",
    sampling_probability: probability,
  });
  if (status !== 202) throw new Error(`feedback on ${decision}: status ${status}`);
  return true;
}

function modelUseSince(before: ModelUse, after: ModelUse): ModelUse {
  return {
    calls: after.calls - before.calls,
    promptTokens: after.promptTokens - before.promptTokens,
    completionTokens: after.completionTokens - before.completionTokens,
  };
}

function countPolicies(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { policy } of outcomes)
    if (policy !== undefined) counts[policy] = (counts[policy] ?? 0) + 1;
  return counts;
}
