// The published rivals of PerLLM. None of them is what their authors run: FineInfer is its deferral, AGOD and
// RewardlessGuidance are proxies, chance over what they would see, whose constants were fixed before the first run. They show
// what "cloud only", "edge only" and "mostly edge, with old news" come to; they say nothing of the methods themselves.
import {
  type Decision,
  expected,
  type Player,
  type RequestSeen,
  type ServerView,
  totalOf,
} from "./player.ts";
import { BASELINES } from "./settings.ts";

/** Cloud only. Proxy of its deferral: every request waits U[0, 0.6] s before it is sent. */
export const fineInfer = (): Player => ({
  choose: ({ draws }, servers) => ({
    server: cloudOf(servers),
    deferSeconds: BASELINES.fineInfer.deferSeconds * draws[0],
  }),
});

/**
 * Cloud only, with the rule of its code: requests that meet an idle cloud are held until eight wait or the first waited
 * for a second; while a batch runs, new ones join it at once.
 */
export const fineInferGate = (): Player => ({
  choose: (_, servers) => ({
    server: cloudOf(servers),
    gate: { batch: BASELINES.fineInfer.gateBatch, seconds: BASELINES.fineInfer.gateSeconds },
  }),
});

/** Edge only: softmax of -expected seconds / 0.6 s, the queues as they were when last looked at, at most a second ago. */
export function agod(): Player {
  const { temperatureSeconds, refreshSeconds } = BASELINES.agod;
  let seen: readonly ServerView[] = [];
  let seenAt = -Infinity;
  return {
    choose: (request, servers, now) => {
      if (now - seenAt >= refreshSeconds) {
        seen = servers;
        seenAt = now;
      }
      return toEdge(request, seen, temperatureSeconds);
    },
  };
}

/** Four of five requests to the edges, by the same softmax over the state of a second ago, the others to the cloud. */
export function rewardlessGuidance(): Player {
  const { edgeShare, temperatureSeconds, ageSeconds } = BASELINES.rewardlessGuidance;
  const past: { readonly at: number; readonly servers: readonly ServerView[] }[] = [];
  return {
    choose: (request, servers, now) => {
      past.push({ at: now, servers });
      while (past.length > 1 && past[1]!.at <= now - ageSeconds) past.shift();
      return request.draws[1] < edgeShare
        ? toEdge(request, past[0]!.servers, temperatureSeconds)
        : { server: cloudOf(servers) };
    },
  };
}

const cloudOf = (servers: readonly ServerView[]): number =>
  servers.findIndex(({ kind }) => kind === "cloud");

function toEdge(
  request: RequestSeen,
  servers: readonly ServerView[],
  temperature: number,
): Decision {
  const edges = servers.flatMap((server, i) => (server.kind === "edge" ? [i] : []));
  const seconds = edges.map((i) => totalOf(expected(servers[i]!, request, "told")));
  const least = Math.min(...seconds);
  const weights = seconds.map((each) => Math.exp((least - each) / temperature));
  let left = request.draws[0] * weights.reduce((sum, weight) => sum + weight, 0);
  const place = weights.findIndex((weight) => (left -= weight) < 0);
  return { server: edges[place === -1 ? edges.length - 1 : place]! };
}
