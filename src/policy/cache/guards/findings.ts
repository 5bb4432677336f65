// What speaks against one answer for two questions. A finding is certain where nothing but another question explains it; the
// same difference between texts that share little may be another wording, and is then left to whoever reads both.
import { answerLanguageConflict } from "./answer-language.ts";
import { antonymsConflict } from "./antonyms.ts";
import { codeConflict, markupConflict, signConflict } from "./code.ts";
import { kindsConflict } from "./kinds.ts";
import { monthsConflict, namesConflict, namesExchange, quotesExchange } from "./names.ts";
import { type NumberFact } from "./number-values.ts";
import { negationConflict, oppositesConflict, prefixesConflict } from "./polarity.ts";
import { formConflict } from "./question-form.ts";
import { type Reading, likeness } from "./reading.ts";
import { relationConflict, rolesConflict, wholeConflict } from "./roles.ts";
import { amountConflict, scopeConflict } from "./scope-words.ts";
import {
  additionConflict,
  aspectConflict,
  directionConflict,
  subjectConflict,
} from "./structure.ts";
import { reordered, substitution } from "./substitution.ts";
import { tenseConflict } from "./tense.ts";

/** Guards that compare texts, in the order of a receipt. */
export const CONTENT_GUARDS = [
  "language",
  "number",
  "date",
  "unit",
  "polarity",
  "entity",
  "code",
  "direction",
  "quantifier",
  "tense",
  "aspect",
  "substitution",
] as const;

export type FindingGuard = (typeof CONTENT_GUARDS)[number];

export type FindingName =
  | "language"
  | "number"
  | "date"
  | "unit"
  | "negation"
  | "opposites"
  | "name"
  | "kind"
  | "subject"
  | "addition"
  | "code"
  | "direction"
  | "reordered"
  | "quantifier"
  | "tense"
  | "aspect"
  | "substitution";

interface Finding {
  readonly guard: FindingGuard;
  readonly name: FindingName;
  readonly detail: string;
  readonly certain: boolean;
}

/** Likeness from which a difference on one side only is certain. Chosen on the calibration halves. */
const NEAR = 0.6;
/** The same for a number or a measure on one side only: others rarely explain it. */
const COUNTED = 0.5;
/** Likeness from which an exchanged word is certain. */
const AKIN = 0.3;

/** Likeness from which a name on one side only is certain: the rest is the same. */
const NAMED = 0.8;

/** Likeness from which an operator on one side only is certain. */
const SIGNED = 0.7;
/** In "what does git pull do" the command is half of what is said. */
const COMMANDED = 0.5;
/** Likeness from which "how" is another question than "whether"; rewordings that turn one into the other share less. */
const FORMED = 0.5;
/** Likeness of stories that differ in next to nothing: that is then the point. */
const TWIN = 0.9;
/** Verbs change their form with the tense, so that texts look less alike. */
const TENSED = 0.4;
/** Likeness from which a story with words added is another story, not another wording. */
const RETOLD = 0.75;

/** @param certainOnly leaves out what may be another wording, without looking for it */
export function findingsOf(a: Reading, b: Reading, certainOnly = false): readonly Finding[] {
  const alike = likeness(a, b);
  const isNear = alike >= NEAR;
  const isAkin = alike >= AKIN;
  const found: Finding[] = [];
  const add = (
    guard: FindingGuard,
    name: FindingName,
    certain: boolean,
    conflict: () => string | null,
  ): void => {
    if (!certain && certainOnly) return;
    const detail = conflict();
    if (detail !== null) found.push({ guard, name, detail, certain });
  };
  add("language", "language", true, () =>
    a.lang === b.lang ? null : `${a.lang} against ${b.lang}`,
  );
  add("language", "language", true, () =>
    answerLanguageConflict(a.answerLanguages, b.answerLanguages),
  );
  const isTold = a.isStory || b.isStory;
  add("number", "number", true, () => numberExchange(a.numbers, b.numbers));
  const oneSided = numberConflict(a.numbers, b.numbers);
  // Stories count what others number: "the second child" is "her other child".
  const isOrdinal = isTold && oneSided?.startsWith("#") === true;
  add("number", "number", (alike >= COUNTED || isTold) && !isOrdinal, () => oneSided);
  if (isTold) add("number", "number", true, () => onesConflict(a, b));
  add("date", "date", true, () => monthsConflict(a.names, b.names));
  add("unit", "unit", true, () => unitConflict(a, b));
  add("unit", "unit", alike >= COUNTED, () => oneEach(a.measures, b.measures));
  add("polarity", "negation", isNear, () => negationConflict(a.polarity, b.polarity));
  add("polarity", "opposites", isAkin, () => oppositesConflict(a.polarity, b.polarity));
  add("polarity", "opposites", isAkin, () => antonymsConflict(a.antonyms, b.antonyms));
  add("polarity", "opposites", isAkin, () => prefixesConflict(a.polarity, b.polarity));
  add("entity", "name", true, () => namesExchange(a.names, b.names));
  add("entity", "name", true, () => quotesExchange(a.names, b.names));
  add("entity", "name", alike >= NAMED, () => namesConflict(a.names, b.names));
  add("entity", "kind", isAkin, () => kindsConflict(a.kinds, b.kinds));
  add("entity", "subject", false, () => subjectConflict(a.structure, b.structure));
  if (a.isStory && b.isStory)
    add("entity", "addition", alike >= RETOLD, () => additionConflict(a.structure, b.structure));
  add("code", "code", true, () => markupConflict(a.code, b.code));
  add("code", "code", alike >= COMMANDED, () => codeConflict(a.code, b.code));
  add("code", "code", alike >= SIGNED, () => signConflict(a.code, b.code));
  add("direction", "direction", isNear, () => rolesConflict(a.roles, b.roles));
  add("direction", "direction", isNear, () => relationConflict(a.roles, b.roles));
  add("direction", "direction", isAkin, () => wholeConflict(a.roles, b.roles));
  add("direction", "direction", false, () => directionConflict(a.structure, b.structure));
  add("quantifier", "quantifier", isNear || isTold, () => scopeConflict(a.scope, b.scope));
  add("quantifier", "quantifier", isTold && alike >= TWIN, () => amountConflict(a.scope, b.scope));
  add("tense", "tense", alike >= TENSED && !isTold && !hasYear(a) && !hasYear(b), () =>
    tenseConflict(a.tense, b.tense),
  );
  add("aspect", "aspect", alike >= FORMED && !isTold, () => formConflict(a.form, b.form));
  add("aspect", "aspect", false, () => aspectConflict(a.structure, b.structure));
  add("substitution", "substitution", false, () => substitution(a.content, b.content));
  add("substitution", "reordered", false, () => reordered(a.content, b.content));
  return found;
}

const OPERATORS = /^[-+*×÷^<>=≤≥]$/;

/** "What was" and "what is the population in 2020" ask for one year. */
const hasYear = ({ numbers }: Reading): boolean =>
  numbers.some(({ key }) => /^(?:1\d|20)\d\d$/.test(key));

/** Each side holds a number that the other lacks, or a formula differs. */
function numberExchange(a: readonly NumberFact[], b: readonly NumberFact[]): string | null {
  const formula = formulaConflict(a, b);
  if (formula !== null) return formula;
  const [one, other] = [surplus(a, b), surplus(b, a)];
  if (one === undefined || other === undefined) return null;
  return areOneNumber(one, other) || areOneNumber(other, one) ? null : `${one} against ${other}`;
}

/** "Turned 45" and "the 45th birthday", "15:00" and "at three", "1997" and "97". */
function areOneNumber(one: string, other: string): boolean {
  if (one.replace("#", "") === other.replace("#", "")) return true;
  const hour = /^(\d{1,2}):00$/.exec(one)?.[1];
  if (hour !== undefined) return Number(hour) % 12 === Number(other) % 12;
  return /^(?:19|20)\d\d$/.test(one) && Number(one) % 100 === Number(other);
}

/** The multisets of numbers must be equal; an optional number may pair with a required one of the same value. */
function numberConflict(a: readonly NumberFact[], b: readonly NumberFact[]): string | null {
  const key = surplus(a, b) ?? surplus(b, a);
  if (key !== undefined) return `${key} on one side only`;
  const operators = (facts: readonly NumberFact[]) =>
    facts
      .filter((fact) => OPERATORS.test(fact.key))
      .map((fact) => fact.key)
      .join(" ");
  return operators(a) === operators(b) ? null : `${operators(a)} against ${operators(b)}`;
}

/** A required number of `a` that `b` has no equal for. */
function surplus(a: readonly NumberFact[], b: readonly NumberFact[]): string | undefined {
  if (a.length === 0) return undefined;
  const rest = new Map<string, number>();
  for (const { key } of b) rest.set(key, (rest.get(key) ?? 0) + 1);
  // Optional ones may only take what the required ones leave.
  for (const { key, optional } of a) {
    if (optional || OPERATORS.test(key)) continue;
    const left = rest.get(key) ?? 0;
    if (left === 0) return key;
    rest.set(key, left - 1);
  }
  return undefined;
}

/** A story that writes a 1 in digits counts with it, though elsewhere "1 litre" is "a litre". */
function onesConflict(a: Reading, b: Reading): string | null {
  const written = ({ tokens }: Reading): number => tokens.filter(({ text }) => text === "1").length;
  const told = ({ numbers }: Reading): number => numbers.filter(({ key }) => key === "1").length;
  return written(a) > told(b) || written(b) > told(a) ? "1 on one side only" : null;
}

/** In a formula the order counts as well: 10 - 4 is not 4 - 10. */
function formulaConflict(a: readonly NumberFact[], b: readonly NumberFact[]): string | null {
  const isFormula = (facts: readonly NumberFact[]): boolean =>
    facts.some(({ key }) => OPERATORS.test(key));
  if (!isFormula(a) || !isFormula(b)) return null;
  const sequence = (facts: readonly NumberFact[]) => facts.map(({ key }) => key).join(" ");
  return sequence(a) === sequence(b) ? null : `${sequence(a)} against ${sequence(b)}`;
}

/** Each side measures in something the other does not: "30 seconds" and "30 minutes", "in miles" and "in km". */
function unitConflict(a: Reading, b: Reading): string | null {
  const isRate = (unit: string): boolean => unit.startsWith("per ");
  const measures = (units: ReadonlySet<string>) =>
    new Set([...units].filter((unit) => !isRate(unit)));
  const rates = (units: ReadonlySet<string>) => new Set([...units].filter(isRate));
  if (a.units.size > 0 && b.units.size > 0) {
    const unit =
      oneEach(measures(a.units), measures(b.units)) ?? oneEach(rates(a.units), rates(b.units));
    if (unit !== null) return unit;
  }
  if (a.numbers.length === 0 || b.numbers.length === 0) return null;
  // Units of the numbers that both hold; other numbers have their own guard.
  const keys = new Set(b.numbers.map(({ key }) => key));
  const shared = new Set(a.numbers.map(({ key }) => key).filter((key) => keys.has(key)));
  const byNumber = (facts: readonly NumberFact[]) =>
    new Set(
      facts.flatMap(({ key, unit: name }) =>
        name === undefined || !shared.has(key) ? [] : [`${key} ${name}`],
      ),
    );
  return oneEach(byNumber(a.numbers), byNumber(b.numbers));
}

function oneEach(a: ReadonlySet<string>, b: ReadonlySet<string>): string | null {
  const onlyA = firstMissing(a, b);
  const onlyB = onlyA === undefined ? undefined : firstMissing(b, a);
  return onlyA === undefined || onlyB === undefined ? null : `${onlyA} against ${onlyB}`;
}

function firstMissing(from: ReadonlySet<string>, other: ReadonlySet<string>): string | undefined {
  for (const item of from) if (!other.has(item)) return item;
  return undefined;
}
