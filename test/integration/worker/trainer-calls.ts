// Signed requests to the Worker's front door, made by hand so that a test can spoil any part of them. Runs in workerd.
import { env } from "cloudflare:workers";
import { signRequest, type TrainerKey } from "../../../src/durable/signed-request.ts";
import { type Bytes } from "../../../src/policy/network/bytes.ts";
import { sha256 } from "../../../src/policy/network/manifest-gate.ts";
import worker from "../../../src/worker/index.ts";
import { testSigner } from "../../support/golden-policy.ts";

const { subtle } = crypto;
const secret = (letter: string) => `${letter}0123456789abcdefghijklmnopqrstu`;
/** A region's two keys while one is exchanged for the other, and another region's. */
export const EU: TrainerKey = { region: "eu", id: "now", secret: secret("a") };
export const NEXT: TrainerKey = { region: "eu", id: "next", secret: secret("b") };
export const US: TrainerKey = { region: "us", id: "now", secret: secret("c") };
export const settingOf = (keys: readonly TrainerKey[]) =>
  keys.map(({ region, id, secret: of }) => `${region}/${id}:${of}`).join(",");

/** The one whose policies the Worker takes. */
export const signer = await testSigner("key-a");

export interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly body?: unknown;
  readonly bytes?: Bytes;
  readonly key?: TrainerKey;
  readonly timeOff?: number;
  readonly nonce?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The Worker's setting; `null` leaves it unset. */
  readonly keys?: string | null;
}

let nonces = 0;

export async function requestOf(call: Call): Promise<Request> {
  const { method = "POST", path = "/trainer/eu/lease", key = EU, headers = {} } = call;
  const bytes = call.bytes ?? new TextEncoder().encode(JSON.stringify(call.body ?? {}));
  const hasBody = method !== "GET";
  const condition = Object.entries(headers).find(([name]) => name.startsWith("if-"));
  const url = new URL(`https://velo.test${path}`);
  const asked = {
    method,
    path: url.pathname,
    query: url.search,
    condition: condition ? condition.join(": ") : "",
    body: await sha256(Uint8Array.from(hasBody ? bytes : []), subtle),
  };
  const nonce = call.nonce ?? (++nonces).toString(16).padStart(32, "0");
  const time = Date.now() + (call.timeOff ?? 0);
  const authorization = await signRequest(asked, key, { time, nonce }, subtle);
  return new Request(url, {
    method,
    headers: { ...headers, authorization },
    ...(hasBody && { body: bytes }),
  });
}

/** Sends a request to the Worker as workerd would. */
export async function send(
  request: Request,
  keys: string | null = settingOf([EU, NEXT, US]),
): Promise<Response> {
  const { TRAINER_KEYS: _, ...rest } = env;
  const bindings = {
    ...rest,
    SIGNING_PUBLIC_KEYS: `${signer.keyId}:${signer.publicKey.publicKey}`,
    ...(keys !== null && { TRAINER_KEYS: keys }),
  };
  const waiting = { waitUntil: () => {}, passThroughOnException: () => {} };
  return await worker.fetch(request, bindings, waiting as unknown as ExecutionContext);
}

export const call = async (what: Call): Promise<Response> =>
  await send(await requestOf(what), what.keys);
/** Status and code of an error. */
export const codeOf = async (response: Response) =>
  `${response.status} ${(await response.json<{ error: { code: string } }>()).error.code}`;
