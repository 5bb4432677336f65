// Text forms of bytes, without any platform's encoder: manifests are plain ASCII, hashes and keys are hex.
export type Bytes = Uint8Array<ArrayBuffer>;

const DIGITS = "0123456789abcdef";

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += DIGITS[byte >> 4]! + DIGITS[byte & 15]!;
  return text;
}

/** null unless `text` is an even number of lower-case hex digits. */
export function fromHex(text: string): Bytes | null {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

export const fromAscii = (text: string): Bytes =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

/** null when a byte lies outside ASCII. */
export function toAscii(bytes: Uint8Array): string | null {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 4096) {
    const part = bytes.subarray(i, i + 4096);
    if (part.some((byte) => byte > 0x7f)) return null;
    parts.push(String.fromCharCode(...part));
  }
  return parts.join("");
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
