// What a scheduler sees of a request and of the servers, and what it may decide.
import { classOf, type ServiceRequest } from "./workload.ts";

/** Nobody knows how long the answer will be. */
export type RequestSeen = Omit<ServiceRequest, "relativeLength">;

/** A server as the scheduler reckons it: every request goes through it, so that it knows where each one is. */
export interface ServerView {
  readonly id: string;
  readonly kind: "edge" | "cloud";
  readonly slots: number;
  /** Handed to the link and not yet sent. */
  readonly uplinkMegabits: number;
  readonly uploading: number;
  readonly waiting: number;
  readonly running: number;
  /** Inference seconds of a mean answer, and megabits per second: what operators say, and what was measured lately. */
  readonly told: Speed;
  readonly measured: Speed;
  /** The measured inference seconds of each class of requests (`classOf`). */
  readonly secondsByClass: readonly number[];
  /** Recent mean of what requests took longer than was predicted from measurements when they were sent. */
  readonly lateSeconds: number;
}

export interface Speed {
  readonly seconds: number;
  readonly megabitsPerSecond: number;
}

export interface Decision {
  /** Place in the list of servers. */
  readonly server: number;
  /** Before it is sent; 0 when left out. */
  readonly deferSeconds?: number;
  /** Held while the server is idle, until so many wait or the first of them waited so long. */
  readonly gate?: { readonly batch: number; readonly seconds: number };
}

/** How a request ended. */
export interface Answer {
  readonly request: RequestSeen;
  readonly server: string;
  /** From the user's request to the last byte. */
  readonly seconds: number;
  readonly inferenceSeconds: number;
  readonly outputTokens: number;
  readonly joules: number;
}

export interface Player {
  /** Requests wait until the next multiple of `seconds`, and are decided one after the other in this order. */
  readonly slot?: {
    readonly seconds: number;
    /** Places of the waiting requests, which come in the order in which they were asked. */
    inOrder(requests: readonly RequestSeen[], servers: readonly ServerView[]): readonly number[];
  };
  choose(request: RequestSeen, servers: readonly ServerView[], now: number): Decision;
  observe?(answer: Answer): void;
}

export interface Expected {
  /** Waiting for the link and sending. */
  readonly transferSeconds: number;
  readonly waitSeconds: number;
  readonly serviceSeconds: number;
}

/**
 * What times are predicted from: see ServerView. by-class: measured, inference by server and class. corrected: measured, and
 * by how much that was wrong lately is added.
 */
export type Knowledge = "told" | "measured" | "by-class" | "corrected";

/**
 * transfer = (backlog + size) / b; everyone ahead will have arrived by then, and slots work on meanwhile:
 * wait = max(0, (ahead + 1 - slots) service / slots - transfer).
 */
export function expected(
  view: ServerView,
  { megabits, ...request }: Pick<RequestSeen, "megabits" | "promptTokens" | "deadlineSeconds">,
  knows: Knowledge,
): Expected {
  const { seconds, megabitsPerSecond } = view[knows === "told" ? "told" : "measured"];
  const transferSeconds = (view.uplinkMegabits + megabits) / megabitsPerSecond;
  const ahead = view.uploading + view.waiting + view.running;
  const backlog = ((ahead + 1 - view.slots) * seconds) / view.slots;
  return {
    transferSeconds,
    waitSeconds: Math.max(
      0,
      Math.max(0, backlog - transferSeconds) + (knows === "corrected" ? view.lateSeconds : 0),
    ),
    serviceSeconds: knows === "by-class" ? view.secondsByClass[classOf(request)]! : seconds,
  };
}

export const totalOf = ({ transferSeconds, waitSeconds, serviceSeconds }: Expected): number =>
  transferSeconds + waitSeconds + serviceSeconds;
