// What was found out about words and texts before, kept in the isolate: most words of a question were met, and popular rows
// are candidates again and again. Everything here is bounded.

/** Words whose facts are remembered, of each of two generations: what is asked for again stays. */
const MAX_WORDS = 3_072;
/** Longer ones are hardly words, and would fill the memory. */
const LONGEST_WORD = 40;
/** A caller may name any language. */
const MAX_LANGUAGES = 8;
/** Kept where there is nothing to say of a word, so that one look is enough. */
const NOTHING = Symbol("nothing");

/** A function of a word, asked once for each word that is met. */
export function remembered<Fact>(factOf: (word: string) => Fact): (word: string) => Fact {
  let recent = new Map<string, Fact | typeof NOTHING>();
  let older = new Map<string, Fact | typeof NOTHING>();
  const said = (fact: Fact | typeof NOTHING): Fact =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only undefined is kept as nothing
    fact === NOTHING ? (undefined as Fact) : fact;
  return (word) => {
    const known = recent.get(word);
    if (known !== undefined) return said(known);
    if (word.length > LONGEST_WORD) return factOf(word);
    let fact = older.get(word);
    if (fact === undefined) {
      const found = factOf(word);
      fact = found === undefined ? NOTHING : found;
    }
    if (recent.size >= MAX_WORDS) {
      older = recent;
      recent = new Map();
    }
    recent.set(word, fact);
    return said(fact);
  };
}

/** The same where the language matters. */
export function rememberedByLanguage<Fact>(
  factOf: (word: string, lang: string) => Fact,
): (word: string, lang: string) => Fact {
  const byLanguage = new Map<string, (word: string) => Fact>();
  return (word, lang) => {
    let inLanguage = byLanguage.get(lang);
    if (inLanguage === undefined) {
      if (byLanguage.size >= MAX_LANGUAGES) byLanguage.clear();
      inLanguage = remembered((one) => factOf(one, lang));
      byLanguage.set(lang, inLanguage);
    }
    return inLanguage(word);
  };
}

/** What was made of the texts that were read last. What is read again stays, so popular rows outlive passing requests. */
export class RecentTexts<Made extends { readonly lang: string }> {
  readonly #most: number;
  #recent = new Map<string, Made>();
  #older = new Map<string, Made>();

  /** @param most texts of each of two generations */
  constructor(most: number) {
    this.#most = most;
  }

  get(text: string, lang: string): Made | undefined {
    const recent = this.#recent.get(text);
    if (recent !== undefined) return recent.lang === lang ? recent : undefined;
    const older = this.#older.get(text);
    if (older?.lang !== lang) return undefined;
    this.set(text, older);
    return older;
  }

  set(text: string, made: Made): void {
    if (this.#recent.size >= this.#most) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(text, made);
  }
}
