// Pairs by rule, from any written question: synonyms, other frames, politeness and slips of the finger leave the answer as it
// is; an opposite, another number, another thing, or two words that change places do not.
import { isFunctionWord } from "../../policy/cache/language.ts";
import { type Random } from "../../policy/random.ts";
import { type Lexicon as WordLists } from "../paraphrases.ts";

export interface Variant {
  readonly text: string;
  readonly same: boolean;
  readonly kind: string;
}

/** Makes variants of texts of one language. */
export class Varier {
  readonly #lang: string;
  readonly #synonyms: readonly Entry[];
  readonly #opposites: readonly Entry[];
  /** Content words of the training text, each as often as it occurs. */
  readonly #things: readonly string[];
  readonly #random: Random;

  constructor(lang: string, lists: readonly WordLists[], texts: readonly string[], random: Random) {
    const list = lists.find((each) => each.lang === lang);
    this.#lang = lang;
    this.#random = random;
    this.#synonyms = (list?.synonyms ?? []).flatMap((row) =>
      row.map((words) =>
        entryOf(
          words,
          row.filter((other) => other !== words),
        ),
      ),
    );
    this.#opposites = (list?.opposites ?? []).flatMap(([one, other]) => [
      entryOf(one, [other]),
      entryOf(other, [one]),
    ]);
    this.#things = texts.flatMap((text) => this.#contentOf(text));
  }

  /** Up to ten variants; fewer where a rule finds nothing to change. */
  of(text: string): readonly Variant[] {
    const made: readonly (readonly [string, string | null, boolean])[] = [
      ["synonym", this.#withSynonyms(text, 1), true],
      ["synonyms", this.#withSynonyms(text, 3), true],
      ["synonyms", this.#polite(this.#withSynonyms(text, 2)), true],
      ["polite", this.#polite(text), true],
      ["typed", this.#mistyped(text), true],
      ["opposite", this.#withOpposite(text), false],
      ["number", this.#withOtherNumber(text), false],
      ["thing", this.#withOtherThing(text), false],
      ["thing", this.#withOtherThing(this.#withSynonyms(text, 1) ?? text), false],
      ["swapped", this.#swapped(text), false],
    ];
    return made.flatMap(([kind, variant, same]) =>
      variant === null || variant === text ? [] : [{ text: variant, same, kind }],
    );
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#random.uniform() * from.length)];
  }

  #withSynonyms(text: string, most: number): string | null {
    let now = text;
    for (let swap = 0; swap < most; swap++) {
      const found = matching(now, this.#synonyms);
      const entry = this.#pick(found);
      if (entry === undefined) break;
      now = now.replace(entry.pattern, this.#pick(entry.others)!);
    }
    return now === text ? null : now;
  }

  #withOpposite(text: string): string | null {
    const lower = text.toLowerCase();
    // A text that names both sides asks about the difference.
    const found = matching(text, this.#opposites).filter(
      ({ others }) => !lower.includes(others[0]!.toLowerCase()),
    );
    const entry = this.#pick(found);
    return entry === undefined ? null : text.replace(entry.pattern, entry.others[0]!);
  }

  #withOtherNumber(text: string): string | null {
    const number = /(?<![\p{L}\d.,])\d{1,4}(?![\p{L}\d])(?![.,]\d)/u.exec(text);
    if (number === null) return null;
    const value = Number(number[0]);
    const other = value + 1 + Math.floor(this.#random.uniform() * Math.max(3, value));
    const end = number.index + number[0].length;
    return text.slice(0, number.index) + String(other) + text.slice(end);
  }

  /** One content word put for any other one. */
  #withOtherThing(text: string | null): string | null {
    if (text === null) return null;
    const word = this.#pick(this.#contentOf(text));
    const other = this.#pick(this.#things);
    if (word === undefined || other === undefined) return null;
    // Two words of one meaning would make a wrong pair.
    const isSynonym = this.#synonyms.some(
      ({ words, others }) =>
        words.toLowerCase() === word.toLowerCase() &&
        others.some((each) => each.toLowerCase() === other.toLowerCase()),
    );
    const start = word.slice(0, 4).toLowerCase();
    if (isSynonym || other.toLowerCase().startsWith(start)) return null;
    return text.replace(whole(word), other);
  }

  /** "From A to B" and "from B to A", "X is faster than Y". */
  #swapped(text: string): string | null {
    const match =
      /(?<![\p{L}])([\p{L}\p{N}]+)( (?:to|into|than|from|for|instead of|before|after|nach|als|a|en|à|en|в|на|чем) (?:the |a |an )?)([\p{L}\p{N}]+)/u.exec(
        text,
      );
    if (match === null) return null;
    const [all, one, between, other] = match;
    const areThings = [one!, other!].every(
      (word) => !isFunctionWord(word.toLowerCase(), this.#lang),
    );
    return areThings ? text.replace(all, `${other}${between}${one}`) : null;
  }

  #polite(text: string | null): string | null {
    if (text === null || this.#lang !== "en") return null;
    const opening = this.#pick(OPENINGS)!;
    const isQuestion = /^(?:how|what|why|when|where|who|which|is|are|do|does|can|should)\b/i.test(
      text,
    );
    if (!isQuestion)
      return this.#random.uniform() < 0.5 ? `Please help: ${text}` : `${text} Thanks!`;
    return opening.endsWith(" ")
      ? opening + text.charAt(0).toLowerCase() + text.slice(1)
      : text + opening;
  }

  /** As many people type: no capitals, no mark at the end, and now and then two letters the wrong way round. */
  #mistyped(text: string): string | null {
    const typed = text.toLowerCase().replace(/[?!.。？]+$/u, "");
    const word = this.#pick(this.#contentOf(typed).filter(({ length }) => length > 5));
    if (word === undefined || this.#random.uniform() < 0.6) return typed;
    const at = 1 + Math.floor(this.#random.uniform() * (word.length - 3));
    const slip = word.slice(0, at) + word[at + 1]! + word[at]! + word.slice(at + 2);
    return typed.replace(word, slip);
  }

  #contentOf(text: string): readonly string[] {
    if (IS_HAN.test(text)) return [];
    return (text.match(/[\p{L}][\p{L}\p{N}'-]{2,}/gu) ?? []).filter(
      (word) => !isFunctionWord(word.toLowerCase(), this.#lang) && !LIGHT.test(word),
    );
  }
}

/** Words whose change may leave the answer as it is. */
const LIGHT =
  /^(?:really|actually|best|good|great|way|ways|please|need|want|tell|know|someone|anyone|help|just|also|much|many|could|might|without|after|before|more|most|than|what's|i'm|don't|doesn't|can't|won't|isn't|it's|does|into|over|when|while)$/i;

const OPENINGS = [
  "Can someone tell me ",
  "I was wondering, ",
  "Quick question: ",
  "Hi, ",
  "Hello! ",
  "Please tell me: ",
  "Could you tell me, ",
  " Thanks!",
  " Any advice?",
];

interface Entry {
  readonly words: string;
  readonly lower: string;
  readonly pattern: RegExp;
  readonly others: readonly string[];
}

function entryOf(words: string, others: readonly string[]): Entry {
  return { words, lower: words.toLowerCase(), pattern: whole(words), others };
}

function matching(text: string, entries: readonly Entry[]): readonly Entry[] {
  const lower = text.toLowerCase();
  return entries.filter((entry) => lower.includes(entry.lower) && entry.pattern.test(text));
}

const IS_HAN = /\p{Script=Han}/u;

/** A pattern that finds a word or phrase as a whole, and in Chinese anywhere. */
function whole(words: string): RegExp {
  const escaped = words.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return IS_HAN.test(words)
    ? new RegExp(escaped, "u")
    : new RegExp(String.raw`(?<![\p{L}\p{N}'])${escaped}(?![\p{L}\p{N}'])`, "iu");
}
