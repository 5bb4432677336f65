// Sends one chat completion as an application would and reads the reply to its end.
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isRecord } from "../../src/trainer-node/simulator/groups.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** A finish_reason came, and [DONE] if it was a stream. */
  readonly complete: boolean;
  readonly firstByteMs: number;
  readonly totalMs: number;
}

export interface Client {
  /** Rejects when there is no HTTP reply at all or it breaks. */
  ask(path: string, body: Readonly<Record<string, unknown>>): Promise<Reply>;
  close(): void;
}

/** workerd closes a connection that was idle for 5 s; a request sent at that moment would be lost with it. */
const IDLE_MS = 3_000;

/** Keeps at most `concurrency` connections to `baseUrl` alive. */
export function openClient(baseUrl: string, key: string, concurrency: number): Client {
  const secure = baseUrl.startsWith("https:");
  const agent = new (secure ? HttpsAgent : HttpAgent)({
    keepAlive: true,
    maxSockets: concurrency,
    timeout: IDLE_MS,
  });
  const send = secure ? httpsRequest : httpRequest;
  return {
    ask(path, body) {
      const payload = JSON.stringify(body);
      const begin = performance.now();
      return new Promise((resolve, reject) => {
        const outgoing = send(
          `${baseUrl}${path}`,
          {
            agent,
            method: "POST",
            timeout: 60_000,
            headers: {
              authorization: `Bearer ${key}`,
              "content-type": "application/json",
              "content-length": Buffer.byteLength(payload),
            },
          },
          (response) => {
            readReply(response, body["stream"] === true, begin).then(resolve, reject);
          },
        );
        outgoing.once("error", reject);
        outgoing.once("timeout", () => outgoing.destroy(new Error("no byte for 60 s")));
        outgoing.end(payload);
      });
    },
    close: () => agent.destroy(),
  };
}

async function readReply(
  response: IncomingMessage,
  streamed: boolean,
  begin: number,
): Promise<Reply> {
  let body = "";
  let firstByteMs = Number.NaN;
  response.setEncoding("utf8");
  for await (const chunk of response) {
    if (body === "") firstByteMs = performance.now() - begin;
    body += String(chunk);
  }
  const totalMs = performance.now() - begin;
  const status = response.statusCode ?? 0;
  const answer =
    status !== 200 ? { text: "", complete: false } : streamed ? readEvents(body) : readWhole(body);
  return { status, headers: response.headers, ...answer, firstByteMs, totalMs };
}

interface Answer {
  readonly text: string;
  readonly complete: boolean;
}

function readWhole(body: string): Answer {
  const choice = firstChoice(body);
  const message = choice?.["message"];
  const content = isRecord(message) ? message["content"] : undefined;
  return {
    text: typeof content === "string" ? content : "",
    complete: typeof choice?.["finish_reason"] === "string",
  };
}

function readEvents(body: string): Answer {
  let text = "";
  let finished = false;
  let done = false;
  for (const event of body.split("\n\n")) {
    const data = event.startsWith("data: ") ? event.slice("data: ".length) : "";
    if (data === "[DONE]") done = true;
    if (data === "" || data === "[DONE]") continue;
    const choice = firstChoice(data);
    const delta = choice?.["delta"];
    if (isRecord(delta) && typeof delta["content"] === "string") text += delta["content"];
    if (typeof choice?.["finish_reason"] === "string") finished = true;
  }
  return { text, complete: finished && done };
}

function firstChoice(json: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  const choices: unknown = isRecord(value) ? value["choices"] : undefined;
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  return isRecord(first) ? first : undefined;
}
