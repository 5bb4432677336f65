// A client of the gateway that sees bytes and sockets, not messages: it can leave at any moment, and it tells a body that
// ended from one that broke off.
import { type ClientRequest, type IncomingHttpHeaders, request } from "node:http";

export const LOCAL_KEY = "sk-velo-local";

export interface Reply {
  /** 0 when no response came. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** left: this client hung up. broken: the other side did, or there was no connection. */
  readonly end: "complete" | "broken" | "left";
  readonly ms: number;
  /** When the first byte of the body came, on the clock of `performance.now()`; null: none did. */
  readonly firstByteAt: number | null;
}

export interface Call {
  readonly body: unknown;
  readonly key?: string;
  /** Hang up when this many bytes of the response's body have come. */
  readonly leaveAfterBytes?: number;
  /** Hang up after this time; also when the response has not begun. */
  readonly leaveAfterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** POSTs JSON on a connection of its own. Never rejects. */
export function post(url: string, call: Call): Promise<Reply> {
  const { body, key = LOCAL_KEY, leaveAfterBytes, leaveAfterMs, headers } = call;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let received = 0;
    let firstByteAt: number | null = null;
    let status = 0;
    let replyHeaders: IncomingHttpHeaders = {};
    let end: Reply["end"] = "broken";
    const finish = () => {
      clearTimeout(timer);
      const ms = performance.now() - startedAt;
      const bytes = Buffer.concat(pieces);
      resolve({ status, headers: replyHeaders, bytes, end, ms, firstByteAt });
    };
    const leave = () => {
      end = "left";
      // A plain FIN only says that no more will be sent: workerd would go on and notice at its next write.
      outgoing.socket?.resetAndDestroy();
      outgoing.destroy();
    };
    const outgoing: ClientRequest = request(url, {
      method: "POST",
      agent: false,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    });
    const timer = leaveAfterMs === undefined ? undefined : setTimeout(leave, leaveAfterMs);
    outgoing.on("response", (response) => {
      status = response.statusCode ?? 0;
      replyHeaders = response.headers;
      response.on("data", (piece: Buffer) => {
        firstByteAt ??= performance.now();
        pieces.push(piece);
        received += piece.length;
        if (leaveAfterBytes !== undefined && received >= leaveAfterBytes) leave();
      });
      response.on("end", () => (end = "complete"));
      // What broke is told by `end`; without a listener it would end the process.
      response.on("error", () => {});
    });
    outgoing.on("error", () => {});
    outgoing.on("close", finish);
    outgoing.end(JSON.stringify(body));
  });
}

/** HIT-EXACT, HIT-SEMANTIC, AUGMENTED, MISS, BYPASS, or "" when the response was not a decided one. */
export function cacheResult({ headers }: Pick<Reply, "headers">): string {
  return String(headers["x-velo-cache"] ?? "").split(";")[0] ?? "";
}

export function overheadMs({ headers }: Pick<Reply, "headers">): number {
  return Number(headers["x-velo-overhead-ms"] ?? Number.NaN);
}

export const chat = (model: string, question: string, stream = false) => ({
  model,
  messages: [{ role: "user", content: question }],
  ...(stream && { stream }),
});

/** Text of an answer's bytes, streamed or not; whatever cannot be parsed is left out. */
export function answerText(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (!text.startsWith("data:")) return contentOf(text);
  return text
    .split("\n\n")
    .map((event) => contentOf(event.replace(/^data: ?/, "")))
    .join("");
}

interface Completion {
  readonly choices?: readonly {
    readonly message?: { readonly content?: string };
    readonly delta?: { readonly content?: string };
  }[];
}

function contentOf(json: string): string {
  try {
    const completion = JSON.parse(json) as Completion | null;
    const choice = completion?.choices?.[0];
    return choice?.message?.content ?? choice?.delta?.content ?? "";
  } catch {
    return "";
  }
}

/** Calls an /admin or /__dev route; throws with the body when the status is not 2xx. */
export async function control<T>(
  gateway: { readonly url: string; readonly adminToken: string },
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(gateway.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${gateway.adminToken}`,
      "content-type": "application/json",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** A tenant with one key. */
export async function makeTenant(
  gateway: { readonly url: string; readonly adminToken: string },
  settings: Readonly<Record<string, unknown>>,
): Promise<{ readonly id: string; readonly key: string }> {
  const { id } = await control<{ id: string }>(gateway, "/admin/tenants", {
    name: "test",
    settings,
  });
  const { key } = await control<{ key: string }>(gateway, "/admin/keys", { tenant: id });
  return { id, key };
}

/** Runs `task` for each index below `count`, at most `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}

/** The run's seed: SEED, or a random one, printed so that a failure can be repeated. */
export function printedSeed(what: string): number {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`${what}: SEED=${seed}`);
  return seed;
}

/** Words of letters that share nothing: no two questions made of them are near each other. */
export function unlikeWords(uniform: () => number, count = 6): string {
  const word = () =>
    Array.from({ length: 7 }, () => String.fromCharCode(97 + Math.floor(uniform() * 26))).join("");
  return Array.from({ length: count }, word).join(" ");
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
