// Deterministic checks between a request and a cached question. Embeddings see that two questions are alike; guards see
// where they differ: a number, a name, a "not". All of them must pass before a stored answer is served.
import { type Candidate } from "./candidate.ts";
import { type Names, monthsConflict, namesConflict, namesOf } from "./guards/names.ts";
import { type NumberFact } from "./guards/number-values.ts";
import { numbersOf } from "./guards/numbers.ts";
import { type Polarity, polarityConflict, polarityOf } from "./guards/polarity.ts";
import { type References, isStory, referencesOf } from "./guards/references.ts";
import {
  type Structure,
  additionConflict,
  aspectConflict,
  directionConflict,
  structureOf,
  subjectConflict,
} from "./guards/structure.ts";
import { contentWordsOf, reordered, substitution } from "./guards/substitution.ts";
import { tokenise } from "./guards/tokens.ts";
import { rateOf, standaloneUnitOf } from "./guards/units.ts";

export interface GuardedRequest {
  readonly text: string;
  readonly lang: string;
  readonly fp: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The caller's bound on the age of an answer. */
  readonly maxAgeSeconds?: number;
}

type GuardName =
  | "scope"
  | "expiry"
  | "quarantine"
  | "language"
  | "number"
  | "date"
  | "unit"
  | "polarity"
  | "entity"
  | "direction"
  | "aspect"
  | "substitution"
  | "freshness"
  | "personal";

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
  const asked = readingOf(request.text, request.lang);
  return (candidate) => {
    const stored = readingOf(candidate.question, candidate.lang);
    return [
      verdict("scope", request.fp === candidate.fp ? null : "other parameters or system text"),
      verdict("expiry", expiryConflict(request, candidate)),
      verdict("quarantine", candidate.quarantined === true ? "the row is quarantined" : null),
      verdict(
        "language",
        request.lang === candidate.lang ? null : `${request.lang} against ${candidate.lang}`,
      ),
      ...contentVerdicts(asked, stored, fuzzy === "veto" ? signalsOf(asked, stored) : []),
    ];
  };
}

/** What a rule about wording says of two texts: a hint, never certain. */
export interface SoftSignal {
  readonly name: "subject" | "addition" | "aspect" | "substitution" | "reordered";
  /** 1 where the rule sees another question, else 0. */
  readonly value: 0 | 1;
  /** The words that it rests on; empty when the value is 0. */
  readonly detail: string;
}

type Question = Pick<GuardedRequest, "text" | "lang">;

/** The rules that `fuzzy: "signal"` leaves to a verifier. Symmetric. */
export function softSignals(
  { text, lang }: Question,
  { question, lang: storedLang }: Pick<Candidate, "question" | "lang">,
): readonly SoftSignal[] {
  return signalsOf(readingOf(text, lang), readingOf(question, storedLang));
}

/** Everything the guards know of a text. */
interface Reading {
  readonly numbers: readonly NumberFact[];
  readonly units: ReadonlySet<string>;
  readonly polarity: Polarity;
  readonly names: Names;
  readonly structure: Structure;
  readonly references: References;
  readonly isStory: boolean;
  readonly content: readonly string[];
}

function readingOf(text: string, lang: string): Reading {
  const tokens = tokenise(text);
  const numbers = numbersOf(tokens, lang);
  const units = tokens.flatMap(
    ({ lower }, at) => standaloneUnitOf(lower) ?? rateOf(lower, tokens[at + 1]?.lower) ?? [],
  );
  return {
    numbers,
    units: new Set(units),
    polarity: polarityOf(tokens, lang),
    names: namesOf(text, tokens, lang),
    structure: structureOf(tokens, lang),
    references: referencesOf(tokens, numbers.length),
    content: contentWordsOf(tokens, lang),
    isStory: isStory(tokens, numbers.length),
  };
}

/** The guards that compare texts; symmetric but for the order of words in a detail. */
function contentVerdicts(
  a: Reading,
  b: Reading,
  signals: readonly SoftSignal[],
): readonly GuardVerdict[] {
  const raised = (...names: readonly SoftSignal["name"][]): string | null =>
    signals.find(({ name, value }) => value === 1 && names.includes(name))?.detail ?? null;
  return [
    verdict("number", numberConflict(a.numbers, b.numbers)),
    verdict("date", monthsConflict(a.names, b.names)),
    verdict("unit", unitConflict(a, b)),
    verdict("polarity", polarityConflict(a.polarity, b.polarity)),
    verdict("entity", namesConflict(a.names, b.names) ?? raised("subject", "addition")),
    verdict("direction", directionConflict(a.structure, b.structure)),
    verdict("aspect", raised("aspect")),
    verdict("substitution", raised("substitution", "reordered")),
    verdict("freshness", mentioned(a.references.fresh ?? b.references.fresh)),
    verdict("personal", mentioned(a.references.personal ?? b.references.personal)),
  ];
}

function signalsOf(a: Reading, b: Reading): readonly SoftSignal[] {
  const signal = (name: SoftSignal["name"], detail: string | null): SoftSignal => ({
    name,
    value: detail === null ? 0 : 1,
    detail: detail ?? "",
  });
  const isStoryPair = a.isStory && b.isStory;
  return [
    signal("subject", subjectConflict(a.structure, b.structure)),
    signal("addition", isStoryPair ? additionConflict(a.structure, b.structure) : null),
    signal("aspect", aspectConflict(a.structure, b.structure)),
    signal("substitution", substitution(a.content, b.content)),
    signal("reordered", reordered(a.content, b.content)),
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

/** The multisets of numbers must be equal; an optional number may pair with a required one of the same value. */
function numberConflict(a: readonly NumberFact[], b: readonly NumberFact[]): string | null {
  // In a formula the order counts as well: 10 - 4 is not 4 - 10.
  const sequence = (facts: readonly NumberFact[]) => facts.map(({ key }) => key).join(" ");
  const isFormula = [...a, ...b].some(({ key }) => /^[-+*×÷^<>≤≥]$/.test(key));
  if (isFormula && sequence(a) !== sequence(b)) return `${sequence(a)} against ${sequence(b)}`;
  const balance = new Map<string, number>();
  const count = (facts: readonly NumberFact[], sign: 1 | -1) => {
    for (const { key, optional } of facts)
      if (!optional) balance.set(key, (balance.get(key) ?? 0) + sign);
  };
  count(a, 1);
  count(b, -1);
  for (const [key, surplus] of balance) {
    const other = surplus > 0 ? b : a;
    const spare = other.filter((fact) => fact.optional && fact.key === key).length;
    if (Math.abs(surplus) > spare) return `${key} on one side only`;
  }
  return null;
}

/** Each side measures in something the other does not: "30 seconds" and "30 minutes", "in miles" and "in km". */
function unitConflict(a: Reading, b: Reading): string | null {
  const unit = oneEach(a.units, b.units);
  if (unit !== null) return unit;
  const byNumber = (facts: readonly NumberFact[]) =>
    new Set(facts.flatMap(({ key, unit: name }) => (name === undefined ? [] : [`${key} ${name}`])));
  return oneEach(byNumber(a.numbers), byNumber(b.numbers));
}

function oneEach(a: ReadonlySet<string>, b: ReadonlySet<string>): string | null {
  const onlyA = [...a].find((item) => !b.has(item));
  const onlyB = [...b].find((item) => !a.has(item));
  return onlyA === undefined || onlyB === undefined ? null : `${onlyA} against ${onlyB}`;
}
