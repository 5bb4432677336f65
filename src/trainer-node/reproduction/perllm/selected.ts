// The production's selectors in the simulator: what they are told of a request and of the servers, and what comes back.
import { type Backend, type Estimate, type Selector } from "../../../policy/routing/selector.ts";
import { serviceClass } from "../../../policy/routing/service-class.ts";
import { type Answer, expected, type Player, type RequestSeen, type ServerView } from "./player.ts";
import { CAPACITY, CLASS_EDGES, type WorldSettings } from "./settings.ts";

export interface SelectedOptions {
  /** What times are predicted from: what operators say, or what was measured lately. */
  readonly knows: "told" | "measured";
  /** Whether servers and links have room for so much and no more (C2, C3), or only times count. */
  readonly isBounded: boolean;
}

export const selected = (
  selector: Selector,
  world: WorldSettings,
  { knows, isBounded }: SelectedOptions,
): Player => ({
  choose: (request, servers) => {
    const estimates: Record<string, Estimate> = {};
    for (const server of servers)
      estimates[server.id] = {
        ...expected(server, request.megabits, knows),
        outputTokens: world.outputTokens,
        quality: null,
        flow: request.megabits / request.deadlineSeconds,
      };
    const choice = selector.choose(
      {
        id: String(request.index),
        class: classOf(request),
        promptTokens: request.promptTokens,
        estimates,
        deadlineSeconds: request.deadlineSeconds,
        budgetUsd: null,
        only: null,
        draw: request.draws[0],
        embedding: null,
      },
      servers.map((server) => backendOf(server, request, { knows, isBounded })),
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

const classOf = ({ deadlineSeconds, promptTokens }: RequestSeen): number =>
  serviceClass({ deadlineSeconds, promptTokens }, CLASS_EDGES);

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
        limit: server[knows].megabitsPerSecond,
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
