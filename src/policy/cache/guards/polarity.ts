// Whether two questions ask for opposite things: a negation on one side only, or one word of a pair of opposites each.
import { remembered } from "./memory.ts";
import { CHINESE_PAIRS, particleSide, sidesOf } from "./opposites.ts";
import { type Token, isHan } from "./tokens.ts";

export interface Polarity {
  /** Negating words, at most a few are ever told apart. */
  readonly negations: number;
  /** Pair -> bit 1 for its first side, bit 2 for its second. */
  readonly sides: ReadonlyMap<string, number>;
  readonly words: ReadonlySet<string>;
  /** Words behind a denying prefix -> what is left without it. */
  readonly denied: ReadonlyMap<string, string>;
}

const NEGATIONS: Readonly<Record<string, string>> = {
  en: "not no never neither nor none nothing nobody nowhere cannot without unable impossible except unless",
  de: "nicht kein keine keinen keinem keiner keines nie niemals niemand nichts weder ohne unmöglich außer",
  es: "no nunca jamás ningún ninguno ninguna nadie nada sin tampoco excepto ni",
  fr: "pas jamais aucun aucune rien sans sauf non ni",
  ru: "не нет ни никогда никто ничего нельзя без невозможно кроме",
  pt: "não sem nenhum nenhuma nunca nada",
  it: "non mai senza nessun nessuno nulla",
  nl: "niet geen nooit zonder",
  pl: "nie nigdy bez",
};
const NEGATIONS_BY_LANGUAGE = new Map(
  Object.entries(NEGATIONS).map(([lang, words]) => [lang, new Set(words.split(" "))]),
);
/** For languages without a list. */
const ANY_NEGATION = new Set(
  ["en", "de", "es", "fr", "ru"].flatMap((lang) => NEGATIONS[lang]!.split(" ")),
);
const BOUND = new Set(
  "less fewer more later only weniger mehr nur menos más solo sólo moins plus seulement менее более меньше больше позже только".split(
    " ",
  ),
);
const CHINESE_NEGATION = /不能|不会|不要|不是|不可|没有|没|别|无法|未|非|不/g;
/** Chinese asks yes or no by saying both ("是不是"), and some words hold 不 without denying ("不同"). */
const CHINESE_NOT_NEGATION =
  /(.)不\1|不少于|不低于|不超过|不多于|不高于|不只|不同|不过|不仅|不断|差不多|没关系|非常|除非|并非|未来|区别|差别|告别|分别|特别|级别|别人|性别|类别|识别|个别/g;

export function polarityOf(tokens: readonly Token[], lang: string): Polarity {
  const sides = new Map<string, number>();
  const words = new Set<string>();
  const denied = new Map<string, string>();
  let negations = 0;
  let han = "";
  const negating = NEGATIONS_BY_LANGUAGE.get(lang) ?? ANY_NEGATION;
  for (const [at, { lower, kind }] of tokens.entries()) {
    if (kind === "symbol" || kind === "number") continue;
    words.add(lower);
    const bare = undenied(lower);
    if (bare !== lower) denied.set(lower, bare);
    if (isHan(lower)) han += lower;
    const isNegation = negating.has(lower);
    // "Why or why not" and "or not" ask for both.
    const isBoth = isNegation && lower === "not" && /^(or|why)$/.test(tokens[at - 1]?.lower ?? "");
    // "No less than" and "not only" are bounds (scope-words.ts).
    const isBound = isNegation && BOUND.has(tokens[at + 1]?.lower ?? "");
    if ((isNegation && !isBoth && !isBound) || lower.endsWith("n't")) negations++;
    for (const { pair, side } of sidesOf(lower)) mark(sides, String(pair), side);
    const particle = particleSide(tokens[at - 1]?.lower ?? "", lower);
    if (particle !== null) mark(sides, particle.key, particle.side);
  }
  if (han !== "" && lang === "zh") {
    negations += han.replace(CHINESE_NOT_NEGATION, "").match(CHINESE_NEGATION)?.length ?? 0;
    for (const [pair, both] of CHINESE_PAIRS.entries())
      for (const [side, spellings] of both.entries())
        if (spellings.some((word) => han.includes(word)))
          mark(sides, `zh${pair}`, side === 0 ? 0 : 1);
  }
  return { negations, sides, words, denied };
}

/** Why two questions have opposite polarity, or null. Symmetric. */
export function polarityConflict(a: Polarity, b: Polarity): string | null {
  return negationConflict(a, b) ?? oppositesConflict(a, b) ?? prefixesConflict(a, b);
}

export function negationConflict(a: Polarity, b: Polarity): string | null {
  return a.negations > 0 === b.negations > 0 ? null : "negation on one side only";
}

/** One word of a pair of opposites each. Symmetric. */
export function oppositesConflict(a: Polarity, b: Polarity): string | null {
  for (const [pair, seen] of a.sides) {
    const other = b.sides.get(pair);
    // A question that names both sides ("the difference between ...") opposes neither.
    if (other !== undefined && seen + other === 3 && seen !== 3 && other !== 3)
      return "opposite words";
  }
  return null;
}

/** "safe" on one side, "unsafe" on the other. Symmetric. */
export function prefixesConflict(a: Polarity, b: Polarity): string | null {
  return prefixConflict(a, b) ?? prefixConflict(b, a);
}

const DENYING_PREFIX = /^(?:(?:un|im|dis|non|anti|mis|не|без)(?=.{4})|(?:in|il|ir|de)(?=.{5}))/u;

const undenied = remembered((word) => word.replace(DENYING_PREFIX, ""));

/** "safe" against "unsafe": a word of one text is a word of the other behind a denying prefix. */
function prefixConflict({ words }: Polarity, others: Polarity): string | null {
  for (const [word, bare] of others.denied)
    if (words.has(bare) && !others.words.has(bare) && !words.has(word))
      return `${bare} against ${word}`;
  return null;
}

function mark(sides: Map<string, number>, key: string, side: 0 | 1): void {
  sides.set(key, (sides.get(key) ?? 0) | (side === 0 ? 1 : 2));
}
