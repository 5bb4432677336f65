// Signed calls to one region's gateway. A reply counts only when it carries the region's own signature for this very
// request: an error page of a proxy, or an old reply played again, is the same as no reply.
import { webcrypto } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  isReplyTo,
  REPLY_SIGNATURE,
  signRequest,
  type TrainerKey,
} from "../durable/signed-request.ts";
import { type Bytes, toHex } from "../policy/network/bytes.ts";
import { sha256 } from "../policy/network/manifest-gate.ts";

export interface EdgeOptions {
  /** The gateway's address without a slash at the end, e.g. "https://velo.example.workers.dev". */
  readonly url: string;
  readonly key: TrainerKey;
  readonly fetch?: typeof fetch;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
  readonly timeoutMs?: number;
  /** Tries in all, for a gateway that cannot be reached or has a fault. */
  readonly attempts?: number;
}

export interface EdgeCall {
  readonly method: "GET" | "POST" | "PUT";
  /** With a slash at the start. */
  readonly path: string;
  readonly body?: Bytes;
  readonly condition?: { readonly name: "if-match" | "if-none-match"; readonly value: string };
}

/** A reply of the gateway itself, whatever its status. */
export interface EdgeReply {
  readonly status: number;
  readonly etag: string;
  readonly body: Bytes;
  /** More than one: an earlier try may have taken effect although its reply was lost. */
  readonly attempts: number;
}

/** No signed reply came, or one that no retry will change. */
export class EdgeError extends Error {
  override readonly name = "EdgeError";
  /** 0: there was no response. */
  readonly status: number;
  readonly isRetryable: boolean;

  constructor(message: string, status: number, isRetryable: boolean, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.isRetryable = isRetryable;
  }
}

const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 10_000;
/** The largest lease has 2,000 experiences of some 3.5 kB, or one pack of 8 MB. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;
const NO_BODY = new Uint8Array(0);
const { subtle } = webcrypto;

export class EdgeClient {
  readonly region: string;
  readonly #options: Required<EdgeOptions>;

  constructor(options: EdgeOptions) {
    this.region = options.key.region;
    this.#options = {
      fetch,
      now: Date.now,
      wait: sleep,
      timeoutMs: 30_000,
      attempts: 4,
      ...options,
    };
  }

  /**
   * Each try is signed anew. A signed reply is returned whatever its status is, but for 5xx and 429, which are tried again.
   * @throws EdgeError when no try brought a reply that can be trusted
   */
  async call(call: EdgeCall): Promise<EdgeReply> {
    const { attempts, wait } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return { ...(await this.#once(call)), attempts: attempt };
      } catch (error) {
        if (!(error instanceof EdgeError && error.isRetryable) || attempt >= attempts) throw error;
        // Half of it by chance, so that trainers which failed together do not come back together.
        const longest = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
        await wait(longest * (0.5 + 0.5 * Math.random()));
      }
    }
  }

  /** POSTs JSON; the parsed body of a 2xx reply, or the status of any other. */
  async post(
    path: string,
    fields: Readonly<Record<string, unknown>>,
  ): Promise<
    { readonly ok: true; readonly json: unknown } | { readonly ok: false; status: number }
  > {
    const body = Uint8Array.from(new TextEncoder().encode(JSON.stringify(fields)));
    const reply = await this.call({ method: "POST", path, body });
    if (reply.status >= 300) return { ok: false, status: reply.status };
    return { ok: true, json: JSON.parse(new TextDecoder().decode(reply.body)) };
  }

  async #once({
    method,
    path,
    body = NO_BODY,
    condition,
  }: EdgeCall): Promise<Omit<EdgeReply, "attempts">> {
    const { key, now, timeoutMs, url } = this.#options;
    const target = new URL(url + path);
    const claim = {
      region: key.region,
      keyId: key.id,
      time: now(),
      nonce: toHex(webcrypto.getRandomValues(new Uint8Array(16))),
    };
    const asked = {
      method,
      path: target.pathname,
      query: target.search,
      condition: condition ? `${condition.name}: ${condition.value}` : "",
      body: await sha256(body, subtle),
    };
    const headers = {
      authorization: await signRequest(asked, key, claim, subtle),
      ...(method === "POST" && { "content-type": "application/json" }),
      ...(method === "PUT" && { "content-type": "application/octet-stream" }),
      ...(condition && { [condition.name]: condition.value }),
    };
    let response: Response;
    let bytes: Bytes;
    try {
      response = await this.#options.fetch(target, {
        method,
        headers,
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
        ...(method !== "GET" && { body }),
      });
      bytes = await readAll(response);
    } catch (error) {
      throw new EdgeError(`${target.origin} does not answer`, 0, true, error);
    }
    const { status } = response;
    const etag = response.headers.get("etag") ?? "";
    const signature = response.headers.get(REPLY_SIGNATURE);
    if (signature === null) throw unsigned(target, status, bytes);
    const answered = { status, etag, body: await sha256(bytes, subtle) };
    if (!(await isReplyTo(claim, answered, signature, key, subtle)))
      throw new EdgeError(`${target.origin} sent a reply with a wrong signature`, status, true);
    if (status >= 500 || status === 429)
      throw new EdgeError(`${target.origin} answered ${status}`, status, true);
    return { status, etag, body: bytes };
  }
}

/** @throws past MAX_REPLY_BYTES: whoever sends that is not the gateway */
async function readAll({ body }: Response): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_REPLY_BYTES) throw new Error(`a reply of more than ${MAX_REPLY_BYTES} bytes`);
  }
  return Uint8Array.from(Buffer.concat(chunks));
}

/** Refused before the sender was known, or not from the gateway at all. */
function unsigned({ origin, pathname }: URL, status: number, body: Bytes): EdgeError {
  const said = new TextDecoder().decode(body.subarray(0, 300));
  // A replay (409) is cured by a new nonce. 401, 403 and 404 mean a wrong key, a wrong clock or no keys at all.
  const isFinal = status >= 400 && status < 500 && ![408, 409, 425, 429].includes(status);
  return new EdgeError(`${origin}${pathname} answered ${status}: ${said}`, status, !isFinal);
}
