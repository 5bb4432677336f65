// What a trainer of running gateways says: one line for each thing that happened, and the figures in it.
import { type PackedPolicy } from "../policy/network/packed-weights.ts";
import { type Offer } from "./live-policy.ts";
import { type LiveState } from "./live-rounds.ts";
import { type LiveTraining } from "./live-state.ts";
import { type TrainingMetrics } from "./metrics.ts";
import { type PackSource, type PullCounts } from "./pull.ts";

/** A line for people, and the figures in it. */
export interface LiveEvent {
  readonly event: "start" | "damage" | "place" | "update" | "end";
  readonly text: string;
  readonly [figure: string]: unknown;
}

export function startLine(
  began: LiveTraining & {
    readonly directory: string;
    readonly from: PackedPolicy | null;
    readonly backend: string;
    readonly hasCheckpoint: boolean;
  },
): LiveEvent {
  const { directory, from, hasCheckpoint, mappo, published, purpose, live, backend } = began;
  const { update } = mappo;
  const weights = hasCheckpoint
    ? `going on from update ${update} in ${directory}, ${live.log.length} decisions in the log`
    : from
      ? `beginning with ${from.name}`
      : "beginning with seeded weights: they are untrained, and the gate will refuse them for long";
  const audience = purpose.embedder === "*" ? "any embedder" : purpose.embedder;
  const text = `${weights}; for ${audience}; computing on ${backend}`;
  return { event: "start", text, update, published, purpose, backend };
}

/** "update 12: 934 experiences (us 312, eu 622), reward -0.412, served 31.2 %, 50 steps; published as version 4" */
export function updateLine(
  metrics: TrainingMetrics,
  offer: Offer,
  omitted: Readonly<Record<string, number>>,
  counts: PullCounts,
): LiveEvent {
  const { update, requests, utility, served, wrong, status, reason, kl, accesses } = metrics;
  const learning =
    status === "updated"
      ? `${accesses} steps, KL ${Math.max(0, kl).toFixed(3)}`
      : `${status}: ${reason}`;
  const { published, why, against, verdict } = offer;
  const outcome =
    published === null
      ? `not published: ${why}`
      : `published as version ${published}: by the log no worse than ${against}`;
  const text =
    `update ${update}: ${requests} experiences, reward ${utility.toFixed(3)}, ` +
    `served ${percent(served)}, known wrong ${percent(wrong)}; ${learning}; ${outcome}` +
    described(omitted);
  return { event: "update", text, metrics, published, why, against, verdict, omitted, counts };
}

export function endLine(
  { update, updates, counts }: { update: number; updates: number; counts: PullCounts },
  { fresh, joining }: LiveState,
  omitted: Readonly<Record<string, number>>,
  { directory, isStopped }: { readonly directory: string; readonly isStopped: boolean },
): LiveEvent {
  const waiting = joining.waiting.length;
  const kept = [
    ...(fresh > 0 ? [`${fresh} experiences are kept for the next one`] : []),
    ...(waiting > 0 ? [`${waiting} wait for their outcome or label`] : []),
  ];
  const had = counts.experiences > 0 ? "too little for an update" : "nothing new";
  const what = isStopped ? "stopped" : updates > 0 ? "done" : had;
  const text = `${[what, ...kept].join("; ")}; ${directory} holds update ${update}${described(omitted)}`;
  return { event: "end", text, update, updates, fresh, waiting, omitted, counts };
}

/** Says once when a place stops answering, and once when it answers again; `answering` holds those that do. */
export function watched(
  source: PackSource,
  answering: Set<string>,
  say: (event: LiveEvent) => void,
): PackSource {
  const { place } = source;
  let isSilent = false;
  const tell = (text: string) => say({ event: "place", text: `${place} ${text}`, place });
  const told = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      const reply = await call();
      answering.add(place);
      if (isSilent) tell("answers again");
      isSilent = false;
      return reply;
    } catch (error) {
      answering.delete(place);
      const why = error instanceof Error ? error.message : String(error);
      if (!isSilent) tell(`is left out until it answers: ${why}`);
      isSilent = true;
      throw error;
    }
  };
  return {
    place,
    lease: (max) => told(() => source.lease(max)),
    heartbeat: (token) => told(() => source.heartbeat(token)),
    ack: (token, ids) => told(() => source.ack(token, ids)),
  };
}

const described = (omitted: Readonly<Record<string, number>>): string => {
  const reasons = Object.entries(omitted).map(([why, count]) => `${count} ${why}`);
  return reasons.length === 0 ? "" : `; left out: ${reasons.join(", ")}`;
};

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
