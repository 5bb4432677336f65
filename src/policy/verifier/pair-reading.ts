// What the verifier reads out of one text, once: its words with their weight, their kin and their place.
import { isFunctionWord } from "../cache/language.ts";
import { type Names } from "../cache/guards/names.ts";
import { type Polarity } from "../cache/guards/polarity.ts";
import { readingOf } from "../cache/guards/reading.ts";
import { type Structure } from "../cache/guards/structure.ts";
import { type Token, hasCapital, wordsOf } from "../cache/guards/tokens.ts";
import { COMMON_WEIGHTS } from "../embedding/common-words.ts";
import { type Lexicon, folded, stemOf } from "./lexicon.ts";

/** Vector of a text, of any length; null entries are never returned. */
export type Embed = (text: string) => Float32Array;

export interface PairWord {
  readonly stem: string;
  /** Rarity; small for words that carry grammar. */
  readonly weight: number;
  readonly kind: "content" | "function" | "number";
  /** Written with a capital inside a sentence. */
  readonly isName: boolean;
  /** Formed like a word that says how something is, which questions trade more freely than things: "amazing". */
  readonly isQuality: boolean;
  /** Hashes of the letters taken by three, sorted. */
  readonly grams: Int32Array;
  readonly vector: Float32Array | null;
  /** Groups of synonyms it belongs to here, alone or as part of a phrase. */
  readonly synonyms: readonly number[];
  /** Sides of pairs of opposites. */
  readonly opposites: readonly number[];
}

export interface PairReading {
  readonly lang: string;
  readonly words: readonly PairWord[];
  readonly content: readonly PairWord[];
  readonly stems: ReadonlySet<string>;
  readonly synonyms: ReadonlySet<number>;
  readonly opposites: ReadonlySet<number>;
  /** Sum of the content words' weights. */
  readonly weight: number;
  /** Grams of the whole text, sorted, without repeats. */
  readonly grams: Int32Array;
  /** Unit vector: the words' vectors, each by its weight. Null without an embedder. */
  readonly vector: Float32Array | null;
  readonly numbers: readonly string[];
  readonly polarity: Polarity;
  readonly names: Names;
  readonly structure: Structure;
  /** The content words as the fuzzy guards read them. */
  readonly guardWords: readonly string[];
  /** What the text asks for: how-to, reason, place, ...; "other" when nothing tells. */
  readonly asks: string;
}

/** Words remembered with their vectors. */
const MAX_WORDS = 4096;
const FUNCTION_SHARE = 0.15;
/** Sizes that word vectors are folded to: enough to tell words apart, and cheap to compare. */
const FOLDED_SIZE = 128;

interface KnownWord extends Pick<
  PairWord,
  "stem" | "weight" | "kind" | "grams" | "vector" | "isQuality"
> {
  /** Folded. */
  readonly plain: string;
  /** Of the word alone. */
  readonly groups: readonly number[];
  readonly sides: readonly number[];
  /** A phrase of the lexicon begins with it. */
  readonly isBeginning: boolean;
}

export class PairReader {
  readonly #lexicon: Lexicon;
  readonly #embed: Embed | null;
  /** By language. */
  readonly #known = new Map<string, Map<string, KnownWord>>();
  #knownCount = 0;
  /** What phrases of the lexicon begin with: most words begin none. */
  readonly #beginnings = new Set<string>();

  constructor(lexicon: Lexicon, embed: Embed | null) {
    this.#lexicon = lexicon;
    this.#embed = embed;
    for (const phrases of [lexicon.synonyms, lexicon.opposites])
      for (const phrase of phrases.keys())
        for (let at = phrase.indexOf(" "); at !== -1; at = phrase.indexOf(" ", at + 1))
          this.#beginnings.add(phrase.slice(0, at));
  }

  read(text: string, lang: string): PairReading {
    // What the guards have read of it is not read again.
    const {
      tokens,
      numbers,
      polarity,
      names,
      structure,
      content: guardWords,
    } = readingOf(text, lang);
    const written = wordsOf(tokens);
    const known = written.map((token) => this.#wordOf(token, lang));
    const { synonyms, opposites } = this.#phrasesOf(known);
    const words = known.map(({ stem, weight, kind, grams, vector, isQuality }, at): PairWord => {
      const { text: asWritten, opens } = written[at]!;
      // In German every noun has a capital.
      const isName = lang !== "de" && !opens && asWritten !== "I" && hasCapital(asWritten);
      return {
        stem,
        weight,
        kind,
        grams,
        vector,
        isName,
        isQuality,
        synonyms: synonyms[at] ?? NONE,
        opposites: opposites[at] ?? NONE,
      };
    });
    const content = words.filter(({ kind }) => kind === "content");
    return {
      lang,
      words,
      content,
      stems: new Set(words.map(({ stem }) => stem)),
      synonyms: allOf(synonyms),
      opposites: allOf(opposites),
      weight: content.reduce((sum, { weight }) => sum + weight, 0),
      grams: gramsOf(lettersOf(text)),
      vector: meanVector(words),
      numbers: numbers.map(({ key }) => key),
      polarity,
      names,
      structure,
      guardWords,
      asks: askedBy(known.map(({ plain }) => plain).join(" "), lang),
    };
  }

  #wordOf(token: Token, lang: string): KnownWord {
    const found = this.#known.get(lang)?.get(token.lower);
    if (found !== undefined) return found;
    const made = this.#newWord(token, lang);
    if (++this.#knownCount > MAX_WORDS) {
      this.#known.clear();
      this.#knownCount = 1;
    }
    const own = this.#known.get(lang);
    if (own === undefined) this.#known.set(lang, new Map([[token.lower, made]]));
    else own.set(token.lower, made);
    return made;
  }

  #newWord({ lower, kind }: Token, lang: string): KnownWord {
    const plain = folded(lower);
    const stem = stemOf(plain, lang);
    const isNumber = kind === "number" || kind === "han-number";
    const isFunction =
      !isNumber && (isFunctionWord(lower, lang) || COMMON_WEIGHTS.has(plain) || COMMON.has(plain));
    const rarity = this.#lexicon.rarity.get(`${lang} ${stem}`) ?? 1;
    return {
      plain,
      stem,
      weight: isFunction ? FUNCTION_SHARE * rarity : rarity,
      kind: isNumber ? "number" : isFunction ? "function" : "content",
      grams: gramsOf(` ${plain} `),
      vector: this.#embed === null ? null : foldedVector(this.#embed(lower)),
      isQuality: lang === "en" && (QUALITIES.has(plain) || QUALITY_ENDING.test(plain)),
      groups: this.#lexicon.synonyms.get(stem) ?? NONE,
      sides: this.#lexicon.opposites.get(stem) ?? NONE,
      isBeginning: this.#beginnings.has(stem),
    };
  }

  /** For each word the groups and sides of the phrases that it is part of; holes where there are none. */
  #phrasesOf(words: readonly KnownWord[]): { synonyms: Numbers[]; opposites: Numbers[] } {
    const synonyms: Numbers[] = words.map(() => undefined);
    const opposites: Numbers[] = words.map(() => undefined);
    const { longestPhrase } = this.#lexicon;
    for (let start = 0; start < words.length; start++) {
      const { stem, groups, sides, isBeginning } = words[start]!;
      mark(synonyms, start, start, groups);
      mark(opposites, start, start, sides);
      if (!isBeginning) continue;
      let phrase = stem;
      const last = Math.min(words.length, start + longestPhrase) - 1;
      for (let end = start + 1; end <= last && this.#beginnings.has(phrase); end++) {
        phrase = `${phrase} ${words[end]!.stem}`;
        mark(synonyms, start, end, this.#lexicon.synonyms.get(phrase) ?? NONE);
        mark(opposites, start, end, this.#lexicon.opposites.get(phrase) ?? NONE);
      }
    }
    return { synonyms, opposites };
  }
}

type Numbers = number[] | undefined;
const NONE: readonly number[] = [];

/** Adds numbers to the words of a phrase. */
function mark(to: Numbers[], start: number, end: number, numbers: readonly number[]): void {
  if (numbers.length > 0) for (let at = start; at <= end; at++) (to[at] ??= []).push(...numbers);
}

function allOf(lists: readonly Numbers[]): ReadonlySet<number> {
  const all = new Set<number>();
  for (const numbers of lists) if (numbers !== undefined) for (const one of numbers) all.add(one);
  return all;
}

/** Folded letters and digits, everything else one space. */
function lettersOf(text: string): string {
  const lower = folded(text.toLowerCase());
  const isPlain = /^[\0-\x7f]*$/.test(lower);
  return lower.replaceAll(isPlain ? /[^A-Za-z0-9]+/g : /[^\p{L}\p{N}]+/gu, " ").trim();
}

/** Words that any question may hold, beyond those by which a language is recognised. Folded. */
const COMMON = new Set(
  (
    "must shall could may might can will would should per any only just also very so such it its he she they them his her their these those " +
    "then than onto into over out off during while being being's im ive id please me us we our someone anyone one ones " +
    "really actually exactly there's what's that's it's s t re ve ll d m don dont " +
    "soll sollte muss mussen darf durfen wurde konnte so sehr auch noch schon dann denn weil dabei dafur man es wir uns unser " +
    "debe deben puede pueden seria cada muy tambien se le les nos " +
    "и в во на с со к ко по за из от до для о об у не ни а но или что как то ли же бы мне я ты вы он она они это " +
    "eigentlich uberhaupt sofort gleich gerne noch alles schon genau vraiment exactement alors realmente exactamente вообще сразу " +
    "свой свою свои своего именно 怎 么 如 何 样 哪 什 多 少 个 用 来 去 得 才 很 想 该 应 需 " +
    "的 了 吗 呢 吧 啊 请 是 我 你 在 有 和 与"
  ).split(" "),
);

const QUALITY_ENDING = /.{3}(?:ful|ous|ive|able|ible|less|ly|est|ing|ish)$/;
const QUALITIES = new Set(
  (
    "good best great better nice big small new old long short high low easy simple quick fast real right wrong useful common " +
    "popular main top major important general basic cheap free possible different various certain exact proper average many " +
    "some more most lot several few sure kind type thing things way ways people person someone day time daily"
  ).split(" "),
);

const inText = (words: string): RegExp => new RegExp(`(?:^| )(?:${words})(?= |$)`, "u");
const opening = (words: string): RegExp => new RegExp(`^(?:${words})(?= |$)`, "u");

/** The first that matches the folded words is what the text asks for. */
const ASKS: readonly (readonly [string, RegExp])[] = [
  [
    "difference",
    inText(
      "difference|differences|differ|differs|compare|versus|vs|unterschied|unterschiede|diferencia|разница|отличие|отличается",
    ),
  ],
  [
    "how many",
    inText(
      "how many|how much|number of|amount of|wie viele?|wieviele?|cuant[oa]s?|combien|сколько|quant[oaei]s?",
    ),
  ],
  [
    "how long",
    inText(
      "how (?:long|old|far|often|big|fast|tall|deep)|wie (?:lange|oft|weit|alt)|как (?:долго|часто)",
    ),
  ],
  [
    "reason",
    inText(
      "why|how come|reasons?|causes?|what makes|warum|wieso|weshalb|por que|pourquoi|почему|зачем|perche",
    ),
  ],
  ["means", inText("how|ways? to|steps? to|method|wie|como|comment|как|come")],
  ["time", inText("when|what time|(?:what|which) year|wann|cuando|quand|когда|quando")],
  ["place", inText("where|wo|wohin|donde|ou|где|куда|dove|onde")],
  ["person", inText("who|whose|whom|wer|wem|quien|кто|chi|quem")],
  [
    "choice",
    inText("which|welche[rsnm]?|cual|cuales|quel|quelle|quels|quelles|какой|какая|какие|quale"),
  ],
  [
    "should",
    opening(
      "should|shall|is it (?:ok|okay|safe|good|bad|worth|better)|soll|sollte|debo|deberia|dois|faut|стоит",
    ),
  ],
  [
    "whether",
    opening(
      "is|are|was|were|do|does|did|can|could|will|would|has|have|kann|ist|sind|hat|es|puede|est|peut|можно",
    ),
  ],
  [
    "what if",
    inText("what (?:happens|would happen|if)|was passiert|que pasa|que se passe|что будет"),
  ],
  ["what", inText("what|whats|was|que|что|cosa")],
  [
    "task",
    opening(
      "write|make|give|create|translate|summari[sz]e|list|explain|tell|describe|find|calculate|schreibe?|erklare?|escribe|explica|ecris|explique|напиши|объясни",
    ),
  ],
];
const HAN_ASKS: readonly (readonly [string, RegExp])[] = [
  ["difference", /区别|不同|差别/],
  ["how many", /多少|几[个杯天米年]/],
  ["how long", /多久|多长|多远|多高/],
  ["reason", /为什么|为何/],
  ["means", /怎么|如何|怎样/],
  ["time", /什么时候|何时|几点/],
  ["place", /哪里|哪儿|在哪/],
  ["person", /谁/],
  ["choice", /哪个|哪些/],
  ["should", /应该|值得/],
  ["whether", /是否|能不能|可不可以|吗/],
  ["what", /什么/],
  ["task", /^(?:写|解释|请|翻译|总结)/],
];

function askedBy(words: string, lang: string): string {
  const isHan = lang === "zh" || lang === "ja";
  const text = isHan ? words.replaceAll(" ", "") : words;
  return (isHan ? HAN_ASKS : ASKS).find(([, pattern]) => pattern.test(text))?.[0] ?? "other";
}

const GRAM = 3;

/** Sorted hashes of all runs of three characters, without repeats. */
function gramsOf(text: string): Int32Array {
  const last = Math.max(1, text.length - GRAM + 1);
  const grams = new Int32Array(last);
  for (let start = 0; start < last; start++) {
    let state = 0x811c9dc5;
    const end = Math.min(text.length, start + GRAM);
    for (let at = start; at < end; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
    grams[start] = state | 0;
  }
  grams.sort();
  let kept = 0;
  for (let at = 0; at < last; at++)
    if (at === 0 || grams[at] !== grams[at - 1]) grams[kept++] = grams[at]!;
  return grams.subarray(0, kept);
}

/** Neighbouring blocks added up with alternating signs, unit length: a cheap projection that keeps angles on average. */
function foldedVector(vector: Float32Array): Float32Array {
  const out = new Float32Array(FOLDED_SIZE);
  for (let i = 0; i < vector.length; i++) {
    const block = Math.floor(i / FOLDED_SIZE);
    out[i % FOLDED_SIZE]! += ((i * 7 + block * 3) & 4) === 0 ? vector[i]! : -vector[i]!;
  }
  return normalised(out);
}

function meanVector(words: readonly PairWord[]): Float32Array | null {
  if (words.length === 0 || words[0]!.vector === null) return null;
  const sum = new Float32Array(FOLDED_SIZE);
  for (const { vector, weight } of words)
    for (let i = 0; i < FOLDED_SIZE; i++) sum[i]! += weight * vector![i]!;
  return normalised(sum);
}

function normalised(vector: Float32Array): Float32Array {
  let square = 0;
  for (const value of vector) square += value * value;
  const length = Math.sqrt(square);
  if (length > 0) for (let i = 0; i < vector.length; i++) vector[i]! /= length;
  return vector;
}
