// Whether a question asks how things were or how they are and will be. "Is" and "will be" often ask the same; "was" does not.
import { type Token, wordsOf } from "./tokens.ts";

export interface Tense {
  readonly past: boolean;
  readonly now: boolean;
  /** Auxiliaries that say so: "did" and "is" may ask the same, "was" and "is" do not. */
  readonly by: ReadonlySet<string>;
}

const setOf = (words: string) => new Set(words.split(" "));

interface Forms {
  readonly past: ReadonlySet<string>;
  /** Present and future. */
  readonly now: ReadonlySet<string>;
  /** Past by its form, followed by a participle, within a few words. */
  readonly auxiliary?: ReadonlySet<string>;
  readonly participle?: RegExp;
  readonly pastEnding?: RegExp;
  readonly futureEnding?: RegExp;
}

const FORMS: Readonly<Record<string, Forms>> = {
  en: {
    past: setOf("was were did wasn't weren't didn't had"),
    now: setOf("is are does do will shall isn't aren't doesn't don't won't"),
    auxiliary: setOf("has have"),
    participle: /(?:ed|been|become|gone|done|made|risen|fallen)$/,
  },
  de: {
    past: setOf(
      "war waren wurde wurden hatte hatten gab konnte konnten musste mussten durfte durften kostete galt",
    ),
    now: setOf(
      "ist sind wird werden gibt kann können muss müssen darf dürfen kostet gilt hat haben",
    ),
    auxiliary: setOf("hat haben"),
    participle: /^(?:ge|aus|ab|an|auf|ver|be|zer|er)\p{L}{2,}(?:t|en)$/u,
  },
  es: {
    past: setOf(
      "fue era eran fueron estaba estaban había hubo tenía podía podían costaba valía debía",
    ),
    now: setOf("es son está están hay tiene puede pueden cuesta vale debe será serán habrá va van"),
    pastEnding: /\p{L}{3}(?:ó|aron|ieron|aba|aban)$/u,
    futureEnding: /\p{L}{3}(?:rá|rán)$/u,
  },
  fr: {
    past: setOf("était étaient fut furent avait avaient pouvait pouvaient coûtait fallait devait"),
    now: setOf("est sont va vont peut peuvent coûte faut doit sera seront aura pourra"),
    auxiliary: setOf("a ont s'est s'est-il s'est-elle"),
    participle: /\p{L}{2}(?:é|ée|és|ées|eint|ert)$/u,
    futureEnding: /\p{L}{3}(?:era|eront)$/u,
  },
  ru: {
    past: setOf("был была было были стоил стоила стоило"),
    now: setOf("есть будет будут стоит является станет"),
    pastEnding: /\p{L}{3}(?:лся|лась|лось|лись)$/u,
    futureEnding: /\p{L}{3}(?:ется|ится|ются|ятся)$/u,
  },
};

const AUXILIARIES = new Map(
  "is be|are be|was be|were be|do do|does do|did do"
    .split("|")
    .map((pair) => pair.split(" ") as [string, string]),
);

const HAN_PAST = /了(?:吗|没有|没)?$|曾经?|过去|当时|以前/;
const HAN_NOW = /会|将|未来|将来|以后/;
/** Words between an auxiliary and its participle. */
const REACH = 8;

export function tenseOf(tokens: readonly Token[], lang: string): Tense {
  const words = wordsOf(tokens).map(({ lower }) => lower);
  const by = new Set<string>();
  if (lang === "zh") {
    const text = words.join("");
    return { past: HAN_PAST.test(text), now: HAN_NOW.test(text), by };
  }
  const forms = FORMS[lang];
  if (forms === undefined) return { past: false, now: false, by };
  let past = false;
  let now = false;
  for (const [at, word] of words.entries()) {
    const auxiliary = AUXILIARIES.get(word);
    if (auxiliary !== undefined && lang === "en") by.add(auxiliary);
    const isPerfect =
      forms.auxiliary?.has(word) === true &&
      words.slice(at + 1, at + REACH).some((next) => forms.participle!.test(next));
    const isUsedTo = word === "used" && words[at + 1] === "to" && lang === "en";
    if (
      isPerfect ||
      isUsedTo ||
      forms.past.has(word) ||
      (word.length > 4 && forms.pastEnding?.test(word) === true)
    )
      past = true;
    else if (forms.now.has(word) || (word.length > 5 && forms.futureEnding?.test(word) === true))
      now = true;
  }
  return { past, now, by };
}

/** One asks about the past alone, the other about now or later alone. Symmetric. */
export function tenseConflict(a: Tense, b: Tense): string | null {
  const isPast = (tense: Tense): boolean => tense.past && !tense.now;
  const isNow = (tense: Tense): boolean => tense.now && !tense.past;
  const isOpposite = (isPast(a) && isNow(b)) || (isNow(a) && isPast(b));
  const isLoose = a.by.size > 0 && b.by.size > 0 && ![...a.by].some((kind) => b.by.has(kind));
  return isOpposite && !isLoose ? "past against present" : null;
}
