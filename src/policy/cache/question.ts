// What a question's own words say about caching its answer, whatever else is in the request.
import { referencesIn } from "./guards.ts";
import { languageOf } from "./language.ts";

/** Longest question that is embedded; longer ones are matched exactly only. Characters. */
export const MAX_QUESTION_CHARS = 2_000;

/** Emails, phone numbers, cards, IBANs, key-like strings. Linear time: no nested quantifiers. */
const PERSONAL_DATA: readonly (readonly [string, RegExp])[] = [
  // One character before the @ tells as much as all of them, and is found without trying every start.
  ["email", /[\w.+-]@[\w-]{1,63}\.[a-z]{2,24}/i],
  ["iban", /\b[A-Z]{2}\d{2}[ ]?[A-Z0-9]{4}[ ]?[A-Z0-9]{4}[ ]?[A-Z0-9]{4}/],
  ["card", /\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{3,4}\b/],
  ["phone", /(?:^|[^\d.])\+\d{1,3}[ ()./-]{0,2}\d{2,4}[ ()./-]{0,2}\d{3,4}[ ./-]?\d{2,4}/],
  ["secret", /\b(?:sk|pk|ghp|gho|xox[bap]|AKIA)[-_]?[A-Za-z0-9_-]{16}/],
];

export function personalDataIn(text: string): string | null {
  return PERSONAL_DATA.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
}

/** What is behind an address changes, and is in no vector. */
const HAS_URL = /https?:\/\//i;

/** A trailing newline or another platform's line ends are no new question. Inside, white space means something: code. */
export function normaliseQuestion(text: string): string {
  return text.normalize("NFC").replaceAll(/\r\n?/g, "\n").trim();
}

/**
 * bypass: not touched by the cache; exact: repeats only; semantic: everything. An answer about now is stale when it is
 * stored; one about the asker is his own, and only an equal request is that.
 */
export function readQuestion(question: string): {
  readonly level: "bypass" | "exact" | "semantic";
  readonly reason: string;
} {
  if (HAS_URL.test(question)) return { level: "bypass", reason: "url" };
  const read = question.slice(0, MAX_QUESTION_CHARS);
  const { fresh, personal } = referencesIn(read, languageOf(read));
  if (fresh !== null) return { level: "bypass", reason: "freshness" };
  if (question.length > MAX_QUESTION_CHARS) return { level: "exact", reason: "long-question" };
  if (personal !== null) return { level: "exact", reason: "personal" };
  return { level: "semantic", reason: "" };
}
