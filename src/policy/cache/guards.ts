// Deterministic checks between a request and a cached question. Embeddings see that two questions are alike; guards see
// where they differ: a number, a name, a "not". All of them must pass before a stored answer is served.
import { type Candidate } from "./candidate.ts";
import {
  CONTENT_GUARDS,
  type FindingGuard,
  type FindingName,
  findingsOf,
} from "./guards/findings.ts";
import { type Reading, readingOf } from "./guards/reading.ts";
import { type References } from "./guards/references.ts";
import { mayBeIn } from "./language.ts";

export interface GuardedRequest {
  readonly text: string;
  readonly lang: string;
  readonly fp: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The caller's bound on the age of an answer. */
  readonly maxAgeSeconds?: number;
}

type GuardName = "scope" | "expiry" | "quarantine" | FindingGuard | "freshness" | "personal";

export interface GuardVerdict {
  readonly guard: GuardName;
  readonly pass: boolean;
  /** Why it failed; empty when it passed. */
  readonly detail: string;
}

export interface GuardOptions {
  /**
   * What becomes of rules about wording that may be wrong about an honest paraphrase: "veto" where nothing else reads both
   * texts, "signal" where a learned verifier does and weighs them itself.
   */
  readonly fuzzy?: "veto" | "signal";
}

/** All verdicts on one row. Linear in the length of both texts. */
export function checkGuards(
  request: GuardedRequest,
  candidate: Candidate,
  options: GuardOptions = {},
): readonly GuardVerdict[] {
  return guardsFor(request, options)(candidate);
}

/** The same for many rows: the request is read once. */
export function guardsFor(
  request: GuardedRequest,
  { fuzzy = "veto" }: GuardOptions = {},
): (candidate: Candidate) => readonly GuardVerdict[] {
  const read = inOneLanguage(request);
  return (candidate) => {
    const [asked, stored] = read(candidate.question, candidate.lang);
    return [
      verdict("scope", request.fp === candidate.fp ? null : "other parameters or system text"),
      verdict("expiry", expiryConflict(request, candidate)),
      verdict("quarantine", candidate.quarantined === true ? "the row is quarantined" : null),
      ...contentVerdicts(asked, stored, fuzzy === "veto"),
    ];
  };
}

/** Readings of a question and another; where a few words leave its language open, in the other's. */
function inOneLanguage({
  text,
  lang,
}: Question): (other: string, otherLang: string) => readonly [Reading, Reading] {
  const readings = new Map<string, Reading>();
  const readIn = (language: string): Reading => {
    const known = readings.get(language) ?? readingOf(text, language);
    readings.set(language, known);
    return known;
  };
  return (other, otherLang) => {
    if (lang === otherLang) return [readIn(lang), readingOf(other, lang)];
    if (otherLang !== "und" && mayBeIn(text, otherLang))
      return [readIn(otherLang), readingOf(other, otherLang)];
    const isOpen = lang !== "und" && mayBeIn(other, lang) && mayBeIn(other, otherLang);
    return [readIn(lang), readingOf(other, isOpen ? lang : otherLang)];
  };
}

/** What a rule says of two texts that may be wrong about an honest paraphrase: a hint for a verifier. */
export interface SoftSignal {
  readonly name: FindingName;
  /** 1 where the rule sees another question, else 0. */
  readonly value: 0 | 1;
  /** The words that it rests on; empty when the value is 0. */
  readonly detail: string;
}

type Question = Pick<GuardedRequest, "text" | "lang">;

/** The rules that `fuzzy: "signal"` leaves to a verifier: one signal for each that speaks. Symmetric. */
export function softSignals(
  request: Question,
  { question, lang }: Pick<Candidate, "question" | "lang">,
): readonly SoftSignal[] {
  const [asked, stored] = inOneLanguage(request)(question, lang);
  return findingsOf(asked, stored)
    .filter(({ certain }) => !certain)
    .map(({ name, detail }) => ({ name, value: 1, detail }));
}

/** The guards that compare texts; symmetric. */
function contentVerdicts(a: Reading, b: Reading, isStrict: boolean): readonly GuardVerdict[] {
  const findings = findingsOf(a, b, !isStrict);
  const conflict = (guard: FindingGuard): GuardVerdict =>
    verdict(guard, findings.find((finding) => finding.guard === guard)?.detail ?? null);
  return [
    ...CONTENT_GUARDS.map(conflict),
    verdict("freshness", mentioned(a.references.fresh ?? b.references.fresh)),
    verdict("personal", mentioned(a.references.personal ?? b.references.personal)),
  ];
}

/** Whether a question's answer depends on when or by whom it is asked; the words that say so. */
export function referencesIn(text: string, lang: string): References {
  return readingOf(text, lang).references;
}

function verdict(guard: GuardName, conflict: string | null): GuardVerdict {
  return { guard, pass: conflict === null, detail: conflict ?? "" };
}

function mentioned(word: string | null): string | null {
  return word === null ? null : `"${word}"`;
}

function expiryConflict(
  { now, maxAgeSeconds }: GuardedRequest,
  { createdAt, expiresAt }: Candidate,
): string | null {
  // Written so that a damaged date fails.
  if (!(expiresAt > now)) return "expired";
  const isTooOld = maxAgeSeconds !== undefined && !(now - createdAt <= maxAgeSeconds * 1000);
  return isTooOld ? `older than the ${maxAgeSeconds} s asked for` : null;
}
