// What was found out about words and texts before, kept in the isolate: most words of a question were met, and popular rows
// are candidates again and again. Everything here is bounded.

/** Words whose facts are remembered; when it is full, all are forgotten. */
const MAX_WORDS = 4_096;
/** Longer ones are hardly words, and would fill the memory. */
const LONGEST_WORD = 40;

/** A function of a word, asked once for each word that is met. */
export function remembered<Fact>(factOf: (word: string) => Fact): (word: string) => Fact {
  const facts = new Map<string, Fact>();
  return (word) => {
    const known = facts.get(word);
    if (known !== undefined) return known;
    // Nothing to say of a word is a fact as well.
    if (facts.has(word)) return known as Fact;
    const fact = factOf(word);
    if (word.length > LONGEST_WORD) return fact;
    if (facts.size >= MAX_WORDS) facts.clear();
    facts.set(word, fact);
    return fact;
  };
}

/** The same where the language matters. */
export function rememberedByLanguage<Fact>(
  factOf: (word: string, lang: string) => Fact,
): (word: string, lang: string) => Fact {
  const byLanguage = new Map<string, Map<string, Fact>>();
  let count = 0;
  return (word, lang) => {
    const facts = byLanguage.get(lang);
    const known = facts?.get(word);
    if (known !== undefined) return known;
    if (facts?.has(word) === true) return known as Fact;
    const fact = factOf(word, lang);
    if (word.length > LONGEST_WORD) return fact;
    if (++count > MAX_WORDS) {
      byLanguage.clear();
      count = 1;
    }
    const kept = byLanguage.get(lang);
    if (kept === undefined) byLanguage.set(lang, new Map([[word, fact]]));
    else kept.set(word, fact);
    return fact;
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
