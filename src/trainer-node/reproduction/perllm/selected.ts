// The production's selectors in the simulator: what they are told of a request and of the servers, and what comes back.
import { tightestFirst } from "../../../policy/routing/cs-ucb.ts";
import {
  type Backend,
  type Estimate,
  type RoutingRequest,
  type Selector,
} from "../../../policy/routing/selector.ts";
import {
  type Answer,
  expected,
  type Knowledge,
  type Player,
  type RequestSeen,
  type ServerView,
} from "./player.ts";
import { CAPACITY, SLOT_SECONDS, type WorldSettings } from "./settings.ts";
import { classOf } from "./workload.ts";

export interface SelectedOptions {
  readonly knows: Knowledge;
  /** Whether servers and links have room for so much and no more (C2, C3), or only times count. */
  readonly isBounded: boolean;
}

export const selected = (
  selector: Selector,
  world: WorldSettings,
  options: SelectedOptions,
): Player => ({
  choose: (request, servers) => {
    const choice = selector.choose(
      routingRequestOf(request, servers, world, options.knows),
      servers.map((server) => backendOf(server, request, options)),
    );
    return { server: servers.findIndex(({ id }) => id === choice.backend) };
  },
  observe: ({ request, server, seconds, outputTokens, joules }: Answer) =>
    selector.observe({
      requestId: String(request.index),
      backend: server,
      class: classOf(request),
      succeeded: true,
      seconds,
      firstTokenSeconds: null,
      outputTokens,
      deadlineSeconds: request.deadlineSeconds,
      cost: joules,
      quality: null,
      embedding: null,
    }),
});

/** The same in slots of time: what gathered is assigned tightest first (Algorithm 1), or in the order of arrival. */
export const inSlots = (
  player: Player,
  world: WorldSettings,
  order: "tightest" | "arrival",
  options: SelectedOptions,
): Player => ({
  ...player,
  slot: {
    seconds: SLOT_SECONDS,
    inOrder: (requests, servers) => {
      if (order === "arrival" || requests.length < 2) return requests.map((_, place) => place);
      const places = new Map(requests.map(({ index }, place) => [String(index), place]));
      const asked = requests.map((one) => routingRequestOf(one, servers, world, options.knows));
      // Slack is a matter of times: room, which hangs on the request, does not enter.
      const backends = servers.map((server) => backendOf(server, requests[0]!, options));
      return tightestFirst(asked, backends).map(({ id }) => places.get(id)!);
    },
  },
});

function routingRequestOf(
  request: RequestSeen,
  servers: readonly ServerView[],
  { outputTokens }: WorldSettings,
  knows: Knowledge,
): RoutingRequest {
  const estimates: Record<string, Estimate> = {};
  for (const server of servers)
    estimates[server.id] = {
      ...expected(server, request, knows),
      outputTokens,
      quality: null,
      flow: request.megabits / request.deadlineSeconds,
    };
  return {
    id: String(request.index),
    class: classOf(request),
    promptTokens: request.promptTokens,
    estimates,
    deadlineSeconds: request.deadlineSeconds,
    budgetUsd: null,
    only: null,
    draw: request.draws[0],
    embedding: null,
  };
}

const backendOf = (
  server: ServerView,
  { deadlineSeconds }: RequestSeen,
  { knows, isBounded }: SelectedOptions,
): Backend => ({
  id: server.id,
  kind: server.kind,
  inputPrice: 0,
  outputPrice: 0,
  energy: null,
  contextWindow: null,
  maxConcurrent: isBounded ? CAPACITY.placesPerSlot * server.slots : null,
  slots: server.slots,
  throughput: isBounded
    ? {
        limit: server[knows === "told" ? "told" : "measured"].megabitsPerSecond,
        used: server.uplinkMegabits / deadlineSeconds,
      }
    : null,
  load: { running: server.running, waiting: server.uploading + server.waiting, ageMs: 0 },
  ownInFlight: 0,
  firstTokenSeconds: null,
  secondsPerToken: null,
  breaker: "closed",
  failureShare: 0,
});
