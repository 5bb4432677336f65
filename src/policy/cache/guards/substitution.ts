// Two questions that share most of their words and differ in one: "a discount of 20 percent" and "a surcharge of 20
// percent", "the sum of all numbers" and "the sum of all odd numbers". An embedding sees almost the same text. Honest
// rephrasings that keep this many words and change one are refused too; that is the price.
import { isFunctionWord } from "../language.ts";
import { rememberedByLanguage } from "./memory.ts";
import { numberWord } from "./number-words.ts";
import { sidesOf } from "./opposites.ts";
import { type Token, isHan } from "./tokens.ts";

/** Share of the longer question's content words that both must have. Chosen on the calibration halves. */
const NEARLY_SAME = 0.7;
/** Fewer words tell nothing about how alike two texts are. */
const MIN_SHARED = 2;

/** Words that ask, link or point without naming anything, beyond those by which a language is recognised. */
const LIGHT = new Set(
  (
    "must shall could may might much long far many each per every all any only just also very so such it its he she they " +
    "them his her their these those then than than's into onto over out off during while being been make makes made get " +
    "gets got tell need needs needed use used using please exactly total altogether number amount quantity in's there's what's " +
    "soll sollte muss müssen darf dürfen würde könnte so sehr nur auch noch schon dann denn weil dabei dafür insgesamt genau anzahl menge " +
    "lange hoch wieviele wievielen brauche braucht benötigt man es wir uns unser " +
    "debe deben puede pueden sería cada muy sólo solo también entre sobre desde hasta cuánta cuántas exactamente total número cantidad " +
    "necesita necesitan hace hacer tiene tienen " +
    "t ont avait avaient était étaient sera été va vont fait font leur leurs même très dois doit peuvent cela depuis était-il " +
    "va van fue era han había ser hacen qué cuál esta este estos estas eso esa su sus mis tus nos les lo " +
    "и в во на с со к ко по за из от до для о об у не ни а но или что как где когда кто какой какая какое какие каков какова " +
    "сколько почему это то он она оно они его её их ли же бы быть есть был была были можно нужно надо если при чему чем " +
    "всего ровно составляет равно нужен нужна требуется число количество"
  ).split(" "),
);

/** Whether a word links, asks or points, and names nothing. */
export const isLight = rememberedByLanguage(
  (lower, lang) => LIGHT.has(lower) || isFunctionWord(lower, lang),
);

/** Content words of a text, cut to their stems; numbers have their own guard. Empty for scripts without spaces. */
export function contentWordsOf(tokens: readonly Token[], lang: string): readonly string[] {
  const stems: string[] = [];
  for (const { kind, lower } of tokens) {
    const stem = kind === "word" ? contentStemOf(lower, lang) : undefined;
    if (stem !== undefined) stems.push(stem);
  }
  return stems;
}

const contentStemOf = rememberedByLanguage((lower, lang) => {
  const isContent =
    !isHan(lower) &&
    !isLight(lower.replace(ELIDED, ""), lang) &&
    numberWord(lower, lang) === undefined;
  return isContent ? stemOf(lower) : undefined;
});

/** What French joins to the next word. */
const ELIDED = /^(?:l|d|qu|s|n|c|j|m|t)'(?=\p{L}{2})/u;
const CYRILLIC_ENDING =
  /(?:ами|ями|ого|его|ому|ему|ыми|ими|ах|ях|ов|ев|ей|ом|ем|ой|ый|ий|ая|яя|ую|юю|ое|ее|ые|ие|ам|ям|[аяоеуюыиьй])$/;

/** Endings differ between honest wordings; 70 % of a word, at least four letters, tells it apart from others. */
export function stemOf(lower: string): string {
  const bare = lower.replace(ELIDED, "").replace(/'s$/, "");
  if (/^[\u0400-\u04ff]/.test(bare))
    return bare.length > 4 ? bare.replace(CYRILLIC_ENDING, "") : bare;
  return bare.slice(0, Math.max(4, Math.ceil(bare.length * 0.7)));
}

/** Share of content words in common from which their order is compared. Chosen on the calibration halves. */
const SAME_WORDS = 0.75;

/** The same words in another order: "grams of fresh yeast for dry yeast" and "grams of dry yeast for fresh yeast". */
export function reordered(a: readonly string[], b: readonly string[]): string | null {
  const inA = new Set(a);
  const inB = new Set(b);
  const sharedA = a.filter((word) => inB.has(word));
  const sharedB = b.filter((word) => inA.has(word));
  if (sharedA.length < 3 || sharedA.length !== sharedB.length) return null;
  if (sharedA.length / Math.max(a.length, b.length) < SAME_WORDS) return null;
  const at = sharedA.findIndex((word, i) => word !== sharedB[i]);
  return at === -1
    ? null
    : `${[sharedA[at]!, sharedB[at]!].toSorted().join(" and ")} in another order`;
}

/** Words that stand on the same side of a pair of opposites: "delete" and "remove". */
function isSynonym(a: string, b: string): boolean {
  const sides = sidesOf(b);
  return sidesOf(a).some((one) =>
    sides.some(({ pair, side }) => pair === one.pair && side === one.side),
  );
}

/** Most words are shared and a word is left over: replaced by another, or added ("all odd numbers from 1 to 100"). */
export function substitution(a: readonly string[], b: readonly string[]): string | null {
  const left = new Map<string, number>();
  for (const word of a) left.set(word, (left.get(word) ?? 0) + 1);
  const onlyB: string[] = [];
  for (const word of b) {
    const count = left.get(word) ?? 0;
    if (count > 0) left.set(word, count - 1);
    else onlyB.push(word);
  }
  const onlyA = [...left].filter(([, count]) => count > 0).map(([word]) => word);
  const shared = b.length - onlyB.length;
  const isNear = shared >= MIN_SHARED && shared / Math.max(a.length, b.length) >= NEARLY_SAME;
  if (!isNear) return null;
  const foreignA = onlyA.find((word) => !onlyB.some((other) => isSynonym(word, other)));
  const foreignB = onlyB.find((word) => !onlyA.some((other) => isSynonym(word, other)));
  const [one, other] = [foreignA, foreignB].filter((word) => word !== undefined).toSorted();
  if (one === undefined) return null;
  // Named in alphabetical order, so that the verdict is the same from both sides.
  return other === undefined ? `${one} on one side only` : `${one} against ${other}`;
}
