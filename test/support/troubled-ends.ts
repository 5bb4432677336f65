// What became of each request in the world of troubled backends, and the figures that come of all of them.
import { errorBody } from "../../scripts/local/chat-wire.ts";
import { type Script } from "../../scripts/local/scripted-failures.ts";
import { type Reply, answerText } from "./gateway-client.ts";
import { type Ask, type ServerName, type Trouble } from "./troubled-workload.ts";

/** What became of a request, as the client saw it. */
export type End =
  /** The server's whole answer. */
  | "whole"
  /** An error before any byte of an answer: the server's own, byte for byte, or velo's. */
  | "own-error"
  | "velo-error"
  /** An answer that broke off, and said so. */
  | "broken"
  /** Anything else: no response, a wrong answer, or half of one that looks whole. */
  | "lost";

export interface Told {
  readonly ask: { readonly stream: boolean; readonly isRefused: boolean };
  readonly trouble: Trouble;
  readonly end: End;
  readonly status: number;
  readonly backend: ServerName | null;
  readonly ms: number;
  readonly deadlineMs: number | null;
  /** Some server, had it been called when the request was sent, would have answered within the deadline. */
  readonly couldBeMet: boolean;
  readonly wasMet: boolean;
  /** Calls of all servers for this request. */
  readonly calls: number;
  /** A server was called when the client had a byte already. */
  readonly calledLate: boolean;
  readonly usd: number;
  readonly quality: number;
  /** The best quality that would have met the deadline. */
  readonly bestQuality: number;
}

const RETRY_AFTER_SECONDS = 2;
export const REFUSAL: Script = {
  kind: "status",
  status: 422,
  type: "invalid_request_error",
  code: "no",
};
export const SCRIPTS: Readonly<Record<Trouble, Script | undefined>> = {
  none: undefined,
  slow: undefined,
  refusing: undefined,
  limited: {
    kind: "status",
    status: 429,
    type: "rate_limit_error",
    code: "rate_limit_exceeded",
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  },
  breaking: { kind: "break", afterTokens: 5 },
  hanging: { kind: "hang" },
  failing: { kind: "status", status: 500, type: "server_error", code: null },
};

export function endOf(ask: Ask, { status, headers, bytes, end }: Reply): End {
  const text = bytes.toString("utf8");
  if (end === "left" || status === 0) return "lost";
  if (status !== 200) {
    if (end !== "complete") return "lost";
    if (isOwnError(status, text, headers["retry-after"])) return "own-error";
    return isError(text) ? "velo-error" : "lost";
  }
  const isWhole = end === "complete" && (!ask.stream || text.endsWith("data: [DONE]\n\n"));
  if (isWhole) return answerText(bytes) === ask.answer ? "whole" : "lost";
  // A stream says that it broke; an answer in one piece ends with its connection.
  if (ask.stream ? /data: \{"error":[^\n]*\n\n$/.test(text) : end === "broken") return "broken";
  return "lost";
}

/** What the server sent, with nothing added or left out. */
function isOwnError(status: number, text: string, retryAfter: string | undefined): boolean {
  return [REFUSAL, ...Object.values(SCRIPTS)].some(
    (script) =>
      script?.kind === "status" &&
      script.status === status &&
      text === errorBody(`scripted ${status}`, script.type, script.code) &&
      (script.retryAfterSeconds === undefined || retryAfter === String(script.retryAfterSeconds)),
  );
}

function isError(text: string): boolean {
  try {
    const body = JSON.parse(text) as { readonly error?: { readonly message?: unknown } };
    return typeof body.error?.message === "string";
  } catch {
    return false;
  }
}

const count = (told: readonly Told[], is: (one: Told) => boolean): number =>
  told.filter((one) => is(one)).length;

/** Of the deadlines that some server could have met, the share that was met. */
export const shareMet = (told: readonly Told[]): number =>
  count(told, ({ couldBeMet, wasMet }) => couldBeMet && wasMet) /
  count(told, ({ couldBeMet }) => couldBeMet);

/** Calls of servers per request. */
export const amplification = (told: readonly Told[]): number =>
  told.reduce((sum, { calls }) => sum + calls, 0) / told.length;

/** Quality of the answers beside the best that could have been there in time. */
export const qualityShare = (told: readonly Told[]): number =>
  told.reduce((sum, { quality }) => sum + quality, 0) /
  told.reduce((sum, { bestQuality }) => sum + bestQuality, 0);

export interface Violations {
  /** Neither an answer nor an error that a client can read. */
  readonly lost: number;
  /** A server was called for a request whose client had a byte already. */
  readonly failedOverAfterFirstByte: number;
  /** A request that servers refuse for what it says did not get their own error, or was tried again. */
  readonly refusalsChanged: number;
}

export const violationsOf = (told: readonly Told[]): Violations => ({
  lost: count(told, ({ end }) => end === "lost"),
  failedOverAfterFirstByte: count(told, ({ calledLate }) => calledLate),
  refusalsChanged: count(
    told,
    ({ ask, end, calls, status }) =>
      ask.isRefused && !(end === "own-error" && status === 422 && calls === 1),
  ),
});
