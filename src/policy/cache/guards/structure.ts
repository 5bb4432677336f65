// What a question asks about its words: which of them takes which part, and what is wanted of them.
import { isFunctionWord } from "../language.ts";
import { rememberedByLanguage } from "./memory.ts";
import { bareForm } from "./names.ts";
import { numberWord } from "./number-words.ts";
import { type Token, isHan as isIdeograph, wordsOf } from "./tokens.ts";

export interface Structure {
  readonly words: readonly string[];
  /** Content words, without endings; in Chinese pairs of neighbouring characters. */
  readonly content: ReadonlySet<string>;
  /** Most words are single Chinese characters. */
  readonly isHan: boolean;
  /** "x>y" for each "from x to y", "x to y", "x than y". */
  readonly arrows: ReadonlySet<string>;
  /** Who, when, where, why, how, how many, ... when the question opens with it. */
  readonly aspect: string | null;
}

const setOf = (words: string) => new Set(words.split(" "));

const FROM = setOf("from von aus desde de du из от с 从 由");
/** Ends what "from" began. */
const TO = setOf("to into nach zu in auf ins a hacia vers à en в на до 到 至");
/** Points from the word before to the word after without a "from". */
const BETWEEN = setOf("to into than als que чем over 到");
const LEADING = new Set([...FROM, ...TO, ...BETWEEN]);
/** Particles and askings that a Chinese rephrasing adds or drops. */
const HAN_FILLERS = setOf("的 了 吗 呢 吧 啊 请 问 如 何 怎 么 样 是 为");
const HAN_ASKINGS = setOf("什么 多少 哪里 哪个 哪些 可以 一个 时候 有什 有多 在哪 是否 能否");
/** "How many days" is "the number of days". */
const QUANTITIES = setOf("many much number amount count total percent some please");
/** Between these, order means nothing. */
const SYMMETRIC = setOf(
  "and or vs versus between compare comparison difference with und oder zwischen y o entre et ou и или между",
);
const ARTICLES = setOf("the a an der die das den dem ein eine el la los las un una le les une of");

export function structureOf(tokens: readonly Token[], lang: string): Structure {
  const all = wordsOf(tokens);
  const written = all.filter((token) => !HAN_FILLERS.has(token.lower));
  const words = written.map(({ lower }) => (isIdeograph(lower) ? lower : bareForm(lower)));
  const isHan = 2 * words.filter((word) => isIdeograph(word)).length > words.length;
  const content = isHan
    ? hanContent(words)
    : new Set(words.filter((_, at) => isContent(written[at]!, lang)));
  const aspect = aspectOf(
    all.map((token) => token.lower),
    lang,
  );
  return { words, content, isHan, arrows: arrowsOf(words), aspect };
}

/** A character alone means little and occurs everywhere; two that stand together are a word more often than not. */
function hanContent(words: readonly string[]): ReadonlySet<string> {
  const content = new Set<string>();
  for (const [at, word] of words.entries()) {
    const pair = word + (words[at + 1] ?? "");
    if (!isIdeograph(word)) content.add(word);
    else if (isIdeograph(words[at + 1] ?? "") && !HAN_ASKINGS.has(pair)) content.add(pair);
  }
  return content;
}

const isContent = ({ lower, kind }: Token, lang: string): boolean =>
  kind === "word" && isContentWord(lower, lang);

/** Numbers have a guard of their own. */
const isContentWord = rememberedByLanguage(
  (lower, lang) =>
    !QUANTITIES.has(lower) && !isFunctionWord(lower, lang) && numberWord(lower, lang) === undefined,
);

/** "From A to B" against "from B to A", or the same words in another order where order matters. Symmetric. */
export function directionConflict(a: Structure, b: Structure): string | null {
  for (const arrow of a.arrows) {
    const [from, to] = arrow.split(">");
    const reversed = `${to}>${from}`;
    // A round trip holds both.
    const isReversed = b.arrows.has(reversed) && !b.arrows.has(arrow) && !a.arrows.has(reversed);
    if (isReversed) return `${from} to ${to} against ${to} to ${from}`;
  }
  if (a.words.length !== b.words.length) return null;
  const moved = a.words.flatMap((word, at) => (word === b.words[at] ? [] : [at]));
  const [first, second] = moved;
  // "France beat Italy": two words have changed places and something stands between them. Neighbours that change
  // places ("leads online") are a matter of taste.
  const isSwap =
    moved.length === 2 &&
    second! - first! > 1 &&
    a.words[first!] === b.words[second!] &&
    a.words[second!] === b.words[first!];
  if (!isSwap || a.words.slice(first, second).some((word) => SYMMETRIC.has(word))) return null;
  return `${a.words[first!]} and ${a.words[second!]} have changed places`;
}

export function aspectConflict(a: Structure, b: Structure): string | null {
  if (a.aspect === null || b.aspect === null || a.aspect === b.aspect) return null;
  return `${a.aspect} against ${b.aspect}`;
}

/** Texts longer than this carry more than one question, and their small words say less. */
const SHORT_WORDS = 24;

/** Questions without a word in common, or one template with a word replaced ("capital of France", "... Spain"). */
export function subjectConflict(a: Structure, b: Structure): string | null {
  const onlyA = missingFrom(b.content, a.content);
  const onlyB = missingFrom(a.content, b.content);
  const hasContent = a.content.size > 0 && b.content.size > 0;
  if (hasContent && onlyA.length === a.content.size) return "no word in common";
  if (a.words.length > SHORT_WORDS || b.words.length > SHORT_WORDS) return null;
  if (a.isHan && b.isHan) return replacedHan(a.words, b.words);
  if (onlyA.length !== 1 || onlyB.length !== 1 || areForms(onlyA[0]!, onlyB[0]!)) return null;
  return `${onlyA[0]} against ${onlyB[0]}`;
}

function missingFrom(known: ReadonlySet<string>, words: ReadonlySet<string>): readonly string[] {
  return [...words].filter((word) => !known.has(word));
}

/**
 * For texts that tell a story: one is the other with words added. Rephrasing trades words; a story with a sentence more is
 * another problem, though it holds the same numbers.
 */
export function additionConflict(a: Structure, b: Structure): string | null {
  const onlyA = missingFrom(b.content, a.content);
  const onlyB = missingFrom(a.content, b.content);
  const isAddition = (onlyA.length === 0) !== (onlyB.length === 0);
  return isAddition ? `${[...onlyA, ...onlyB].slice(0, 3).join(", ")} added` : null;
}

/** Endings of verbs, adjectives and their nouns; the last consonant may be doubled. Names end otherwise: Niger, Nigeria. */
const ENDING =
  /^(?:[bdglmnprt]?(?:e|s|es|ed|d|ing|er|ers|est|y|ies|ied|t|te|ten|en|em|ar|ado|ado?s))?$|^(?:ly|ion|ions|ation|ations|ment|ments|al|ally|imate|ive|able|ful|ness)$/;

/** Endings of Romance verbs and adjectives, short enough to need a longer common beginning. */
const VERB_ENDING = /^(?:a|o|as|os|ar|ir|r|n|an|ado|e|en|es|ez|er)?$/;

/** Two forms of one word (legit, legitimate) or two words of one meaning (buy, purchase). */
function areForms(a: string, b: string): boolean {
  const group = SYNONYMS.get(a);
  if (group !== undefined && group === SYNONYMS.get(b)) return true;
  let common = 0;
  while (common < a.length && a[common] === b[common]) common++;
  const endings = [a.slice(common), b.slice(common)];
  if (common >= 3 && endings.every((ending) => ENDING.test(ending))) return true;
  return common >= 5 && endings.every((ending) => VERB_ENDING.test(ending));
}

/** Verbs and adjectives that rephrasings put for each other; never names, numbers or things. */
const SYNONYMS = new Map(
  (
    "buy purchase get obtain acquire|fix repair solve resolve|make create build construct produce|" +
    "begin start|end finish stop|see watch view observe|learn study|big large huge|small tiny little|" +
    "quick fast rapid quickly|best top good great better|way method approach|use utilize employ apply|" +
    "remove delete erase|show display|explain describe|happen occur|kid child children|movie film|phone mobile cellphone|" +
    "job career work|company organization firm business|important significant|difference distinction|internet online web|" +
    "increase improve boost raise|lose reduce|think believe|tip advice suggestion|quickest fastest|pc computer|" +
    "find locate|choose select pick|change modify alter|gain get|earn make|reason cause|real true actual|simple easy|exit quit|write compose|cook prepare"
  )
    .split("|")
    .flatMap((line, group) => line.split(" ").map((word): [string, number] => [word, group])),
);

/** What lies between the common beginning and end: short on both sides means one word was replaced. */
function replacedHan(a: readonly string[], b: readonly string[]): string | null {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const middleA = a.slice(start, a.length - end);
  const middleB = b.slice(start, b.length - end);
  const isOneWord = (middle: readonly string[]) => middle.length >= 1 && middle.length <= 4;
  if (start + end < 3 || !isOneWord(middleA) || !isOneWord(middleB)) return null;
  return `${middleA.join("")} against ${middleB.join("")}`;
}

function arrowsOf(words: readonly string[]): ReadonlySet<string> {
  const arrows = new Set<string>();
  let from: string | null = null;
  for (const [at, word] of words.entries()) {
    if (!LEADING.has(word)) continue;
    const next = following(words, at);
    if (FROM.has(word) && next !== null) from = next;
    if (next === null) continue;
    const before = words[at - 1];
    if (TO.has(word) && from !== null && from !== next) arrows.add(`${from}>${next}`);
    if (BETWEEN.has(word) && before !== undefined && before !== next)
      arrows.add(`${before}>${next}`);
  }
  return arrows;
}

/** The next word that is no article. */
function following(words: readonly string[], at: number): string | null {
  const next = words[at + 1];
  return (next !== undefined && ARTICLES.has(next) ? words[at + 2] : next) ?? null;
}

const ASPECTS: readonly (readonly [string, RegExp])[] = [
  ["how many", /^(?:how many|wie viele|cuánto?as?|cuántos|combien de|сколько)\b/],
  ["how much", /^(?:how much|wie viel|wieviel|cuánto)\b/],
  ["how long", /^(?:how long|wie lange)\b/],
  ["how far", /^(?:how far|wie weit)\b/],
  ["how old", /^(?:how old|wie alt)\b/],
  ["how often", /^(?:how often|wie oft)\b/],
  ["who", /^(?:who|whom|whose|wer|wem|wen|quién|quiénes|qui|кто)(?= |$)/],
  ["when", /^(?:when|wann|cuándo|quand|когда)(?= |$)/],
  ["where", /^(?:where|wo|wohin|dónde|où|где|куда)(?= |$)/],
  ["whether", /^(?:is|are|was|were|do|does|did|ist|sind|est ce que)(?= |$)/],
  ["why", /^(?:why|warum|weshalb|wieso|por qué|pourquoi|почему|зачем)(?= |$)/],
];
const HAN_ASPECTS: readonly (readonly [string, RegExp])[] = [
  ["when", /什么时候|何时|几点|哪年|哪一年/],
  ["where", /哪里|哪儿|在哪|何处/],
  ["why", /为什么|为何/],
  ["how many", /多少|几个/],
  ["who", /谁/],
];

function aspectOf(words: readonly string[], lang: string): string | null {
  if (words.length > SHORT_WORDS * (lang === "zh" ? 2 : 1)) return null;
  if (lang === "zh") {
    const text = words.join("");
    return HAN_ASPECTS.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
  }
  const opening = words.slice(0, 3).join(" ");
  return ASPECTS.find(([, pattern]) => pattern.test(opening))?.[0] ?? null;
}
