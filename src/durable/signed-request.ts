// How trainer and gateway know each other: every request carries an HMAC over all that it asks for, every reply one that
// is bound to its request. Both sides use this file. A request is good for five minutes around its time and only once:
// whoever verifies it must also keep its nonce (nonces.ts).
import { type Bytes, fromHex, toHex } from "../policy/network/bytes.ts";
import { lengthPrefixed } from "./length-prefixed.ts";

/** What is used of WebCrypto's SubtleCrypto, in workerd and in Node. */
export interface HmacSubtle {
  digest(algorithm: "SHA-256", data: Bytes): Promise<ArrayBuffer>;
  importKey(
    format: "raw",
    key: Bytes,
    algorithm: { name: "HMAC"; hash: "SHA-256" },
    extractable: boolean,
    usages: ("sign" | "verify")[],
  ): Promise<object>;
  sign(algorithm: "HMAC", key: object, data: Bytes): Promise<ArrayBuffer>;
  verify(algorithm: "HMAC", key: object, signature: Bytes, data: Bytes): Promise<boolean>;
}

/** A secret that one trainer shares with one region. */
export interface TrainerKey {
  readonly region: string;
  readonly id: string;
  readonly secret: string;
}

/** What a trainer asks for. */
export interface Asked {
  readonly method: string;
  /** As in the URL, a region's prefix included. */
  readonly path: string;
  /** With or without its question mark; the order of the parameters does not matter. */
  readonly query: string;
  /** Header If-Match or If-None-Match with its name, "" without one: it decides whether something is overwritten. */
  readonly condition: string;
  /** SHA-256 of the body, hex. */
  readonly body: string;
}

/** What the header `authorization` says. */
export interface Claim {
  readonly region: string;
  readonly keyId: string;
  /** Milliseconds since the epoch by the trainer's clock. */
  readonly time: number;
  /** 128 random bits, hex. */
  readonly nonce: string;
  /** SHA-256 of the body, hex: the signature can be checked before the body is read. */
  readonly body: string;
  /** HMAC-SHA-256, hex. */
  readonly signature: string;
}

/** What a reply is. */
export interface Answered {
  readonly status: number;
  /** "" without one. */
  readonly etag: string;
  /** SHA-256 of the body, hex. */
  readonly body: string;
}

const VERSION = "velo-hmac-1";
/** Header of a reply's signature. */
export const REPLY_SIGNATURE = "x-velo-signature";
/** How far a request's time may lie from the verifier's. */
export const MAX_SKEW_MS = 300_000;

const CLAIM =
  /^Velo1 region=([a-z][a-z0-9]{0,15}),key=([\w-]{1,32}),time=(\d{1,15}),nonce=([0-9a-f]{32}),body=([0-9a-f]{64}),signature=([0-9a-f]{64})$/;

/** The header `authorization` of a request. */
export async function signRequest(
  asked: Asked,
  { region, id, secret }: TrainerKey,
  { time, nonce }: Pick<Claim, "time" | "nonce">,
  subtle: HmacSubtle,
): Promise<string> {
  const claim = { region, keyId: id, time, nonce };
  const signature = await hmac(secret, requestParts(asked, claim), subtle);
  return `Velo1 region=${region},key=${id},time=${time},nonce=${nonce},body=${asked.body},signature=${signature}`;
}

/** null for a header that no trainer sent. */
export function parseClaim(authorization: string | null): Claim | null {
  const [, region, keyId, time, nonce, body, signature] = CLAIM.exec(authorization ?? "") ?? [];
  if (!region || !keyId || !time || !nonce || !body || !signature) return null;
  return { region, keyId, time: Number(time), nonce, body, signature };
}

/** Takes the same time for an unknown key as for a wrong signature. */
export async function isSignedBy(
  key: TrainerKey | undefined,
  asked: Asked,
  claim: Claim,
  subtle: HmacSubtle,
): Promise<boolean> {
  const parts = requestParts(asked, claim);
  const good = await verify(key?.secret ?? VERSION, parts, claim.signature, subtle);
  return good && key !== undefined && key.region === claim.region && key.id === claim.keyId;
}

export const isInTime = (time: number, now: number): boolean => Math.abs(now - time) <= MAX_SKEW_MS;

/** The header REPLY_SIGNATURE of a reply to the request that made this claim. */
export async function signReply(
  answered: Answered,
  claim: Claim,
  key: TrainerKey,
  subtle: HmacSubtle,
): Promise<string> {
  return await hmac(key.secret, replyParts(answered, claim), subtle);
}

export async function isReplyTo(
  claim: Pick<Claim, "region" | "keyId" | "nonce">,
  answered: Answered,
  signature: string,
  { secret }: Pick<TrainerKey, "secret">,
  subtle: HmacSubtle,
): Promise<boolean> {
  return await verify(secret, replyParts(answered, claim), signature, subtle);
}

function requestParts(
  { method, path, query, condition, body }: Asked,
  { region, keyId, time, nonce }: Pick<Claim, "region" | "keyId" | "time" | "nonce">,
): readonly string[] {
  const sorted = query.replace(/^\?/, "").split("&").toSorted().join("&");
  return [VERSION, method, path, sorted, condition, body, String(time), nonce, region, keyId];
}

/** Another first part than a request's: neither can be passed off as the other. */
const replyParts = (
  { status, etag, body }: Answered,
  { region, keyId, nonce }: Pick<Claim, "region" | "keyId" | "nonce">,
): readonly string[] => [`${VERSION} reply`, String(status), etag, body, nonce, region, keyId];

async function hmac(secret: string, parts: readonly string[], subtle: HmacSubtle): Promise<string> {
  const key = await importKey(secret, "sign", subtle);
  return toHex(new Uint8Array(await subtle.sign("HMAC", key, lengthPrefixed(parts))));
}

/** In constant time; a signature of another length is false. */
async function verify(
  secret: string,
  parts: readonly string[],
  signature: string,
  subtle: HmacSubtle,
): Promise<boolean> {
  const key = await importKey(secret, "verify", subtle);
  const bytes = fromHex(signature) ?? new Uint8Array(0);
  return await subtle.verify("HMAC", key, bytes, lengthPrefixed(parts));
}

const importKey = async (secret: string, usage: "sign" | "verify", subtle: HmacSubtle) =>
  subtle.importKey(
    "raw",
    Uint8Array.from(new TextEncoder().encode(secret)),
    { name: "HMAC", hash: "SHA-256" },
    false,
    [usage],
  );

export type TrainerKeys =
  | { readonly state: "off" }
  | { readonly state: "unusable"; readonly problem: string }
  | { readonly state: "on"; readonly keys: readonly TrainerKey[] };

const MIN_SECRET = 32;
const MIN_LETTERS = 10;
/** While a key is being exchanged, the old and the new one hold. */
const KEYS_PER_REGION = 2;
const ENTRY = /^([a-z][a-z0-9]{0,15})\/([\w-]{1,32}):(\S+)$/;

/**
 * `<region>/<id>:<secret>`, separated by commas or white space; at most two per region. Nothing is on by default, and one
 * entry that cannot be right turns the whole setting off.
 */
export function parseTrainerKeys(setting: string | undefined): TrainerKeys {
  const entries = (setting ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  if (entries.length === 0) return { state: "off" };
  const keys: TrainerKey[] = [];
  for (const [i, entry] of entries.entries()) {
    const [, region, id, secret] = ENTRY.exec(entry) ?? [];
    // The entry itself is not repeated: it may be a secret.
    if (!region || !id || !secret) return unusable(`entry ${i + 1} is not <region>/<id>:<secret>`);
    if (isPlaceholder(secret))
      return unusable(`the secret of ${region}/${id} is not ${MIN_SECRET} random characters`);
    if (keys.some((key) => key.region === region && key.id === id))
      return unusable(`${region}/${id} is there twice`);
    if (keys.filter((key) => key.region === region).length >= KEYS_PER_REGION)
      return unusable(`region ${region} has more than ${KEYS_PER_REGION} keys`);
    keys.push({ region, id, secret });
  }
  return { state: "on", keys };
}

const unusable = (problem: string): TrainerKeys => ({ state: "unusable", problem });

const isPlaceholder = (secret: string): boolean =>
  secret.length < MIN_SECRET ||
  new Set(secret).size < MIN_LETTERS ||
  /change.?me|placeholder|example|replace|your.?secret|^<|>$/i.test(secret);
