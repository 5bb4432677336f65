// API keys: `sk-velo-<id>-<secret>-<crc>`. The id names the key in logs and look-ups, the secret is 160 random bits, the
// checksum lets a typing error be told from an unknown key without asking anybody. Only HMAC digests are stored.

/** The part of Web Crypto that keys need; `crypto` of Workers, Node and browsers is assignable to it. */
export interface KeyCrypto {
  getRandomValues(array: Uint8Array): unknown;
  readonly subtle: {
    importKey(
      format: "raw",
      key: Uint8Array,
      algorithm: { name: "HMAC"; hash: "SHA-256" },
      extractable: boolean,
      usages: "sign"[],
    ): Promise<unknown>;
    sign(algorithm: "HMAC", key: unknown, data: Uint8Array): Promise<ArrayBuffer>;
  };
}

export interface ApiKey {
  readonly keyId: string;
  readonly secret: string;
}

const PREFIX = "sk-velo";
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const ID_LENGTH = 12;
const SECRET_LENGTH = 32;
const SHAPE = new RegExp(
  `^${PREFIX}-([${ALPHABET}]{${ID_LENGTH}})-([${ALPHABET}]{${SECRET_LENGTH}})-([0-9a-f]{8})$`,
);

/** A new key. `text` is shown to its owner once and stored nowhere. */
export function makeKey(
  crypto: Pick<KeyCrypto, "getRandomValues">,
): ApiKey & { readonly text: string } {
  const bytes = new Uint8Array(ID_LENGTH + SECRET_LENGTH);
  crypto.getRandomValues(bytes);
  // 256 is a multiple of 32: every letter is equally likely.
  const letters = Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
  const keyId = letters.slice(0, ID_LENGTH);
  const secret = letters.slice(ID_LENGTH);
  return { keyId, secret, text: `${PREFIX}-${keyId}-${secret}-${checksum(`${keyId}-${secret}`)}` };
}

/** The parts of a key, or null for a text that no key can be. */
export function parseKey(text: string): ApiKey | null {
  const [, keyId, secret, crc] = SHAPE.exec(text) ?? [];
  if (keyId === undefined || secret === undefined) return null;
  return checksum(`${keyId}-${secret}`) === crc ? { keyId, secret } : null;
}

/** HMAC-SHA-256(pepper, secret), hex: what the Tenants object stores and compares. */
export async function digestOf(crypto: KeyCrypto, pepper: string, secret: string): Promise<string> {
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey(
    "raw",
    encoder.encode(pepper),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(secret)));
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** CRC-32 (ISO 3309, reflected, polynomial 0xEDB88320) of ASCII text, 8 hex digits. */
export function checksum(text: string): string {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i) & 0xff;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}
