// Which language a question is in. An answer is only served in the language it was asked in.

/** Frequent short words that tell one language from its neighbours; a word may vote for several. */
const STOP_WORDS: Readonly<Record<string, string>> = {
  en: "the of and to in is are was were do does did how what why when where who which can i you my me your it for on with that this be if have has should would there from best between difference write make explain give me list tell an or at by not will your get am been do any some about don t into out up but so than then",
  de: "in der die das und ist sind wie was warum wann wo wer kann ich du sie mein nicht ein eine einen einem zu von mit für auf den dem des im wird werden haben hat bei aus nach welche welcher zwischen mir bitte erkläre schreibe gibt es viele wurde als auch wurden worden gab seine seiner ihre sich an am vom zum zur dieser welches welchem welchen wem einer waren hatte wieviel jeder was mir mich dir man ob ohne gegen durch unter alle mehr noch nur auch aber oder wenn soll muss darf mein meine meinem meinen geht wann weil dass diese dieses",
  es: "el los las y es son cómo qué por cuándo dónde quién puedo yo mi una un para con del en se cuál cuáles cuánto cuántos hay la lo más como que explica escribe entre fue está ser su tiene de al no sin si me te muy hace puede puedo hasta desde sobre hay está esta este ha he unos unas yo lo le dame dime",
  fr: "le les et est sont comment pourquoi quand où qui puis je mon ma une un pour avec du des en dans quel quelle quels quelles combien la ce que plus entre sur au aux il elle faire de ne pas explique écris peut sans on à y chez l qu j se sa son ses mes nos il ça cette ces est vers par lors quelles peux faut ai",
  it: "il lo gli e è sono come cosa perché quando dove chi posso io mio una un per con del della in di che nel si qual quale quanto quanti tra più la le non fare al",
  pt: "o os as e é são como que por quando onde quem posso eu meu uma um para com do da em no na dos das qual quais quanto quantos entre mais não fazer ao você foi",
  nl: "de het en is zijn hoe wat waarom wanneer waar wie kan ik je mijn niet een van met voor op te in hoeveel welke tussen er aan dat die wordt bij om deze",
  pl: "i jest są jak co dlaczego kiedy gdzie kto czy mogę mój nie na do z w się to ile jaki jaka jakie o od po który między dla",
  tr: "ve bir bu nasıl ne neden nerede kim mi mı için ile da de çok en var hangi kaç olan ben nedir arasında",
  sv: "och är hur vad varför när var vem kan jag du min inte en ett att av med för på i den det som till mellan finns",
  id: "dan yang di apa bagaimana mengapa kapan dimana siapa bisa saya anda ini itu untuk dengan dari ke adalah tidak berapa antara",
  sw: "na ya wa ni kwa ngapi gani je kama katika nini yake kila ana alikuwa ikiwa",
  vi: "và là của có không gì tại sao khi nào ở đâu ai tôi bạn cho với một những các được như thế bao nhiêu giữa",
};

/** Letters that occur in few of the languages above; each counts as one vote. */
const TELLING_LETTERS: Readonly<Record<string, string>> = {
  ß: "de",
  ñ: "es",
  "¿": "es",
  "¡": "es",
  ã: "pt",
  õ: "pt",
  œ: "fr",
  ł: "pl",
  ż: "pl",
  ę: "pl",
  ą: "pl",
  ğ: "tr",
  ı: "tr",
  ş: "tr",
  å: "sv",
  đ: "vi",
  ơ: "vi",
  ư: "vi",
  ạ: "vi",
};

const VOTES: ReadonlyMap<string, readonly string[]> = wordVotes();

/** Whether a word carries grammar rather than content; false in languages without a list. */
export function isFunctionWord(lower: string, lang: string): boolean {
  return VOTES.get(lower)?.includes(lang) ?? false;
}

/** Characters that are looked at; a longer text is not in another language at its end. */
const SAMPLE = 4000;

/** ISO 639-1 code, or "und" when nothing tells. Linear, and at most the first 4,000 characters are read. */
export function languageOf(text: string): string {
  const sample = text.slice(0, SAMPLE);
  return languageByScript(sample) ?? languageByWords(sample.toLowerCase());
}

/** Votes by which another language may lead before a text counts as written in it. */
const CLOSE = 1.5;

/**
 * Whether a text may be in a language: what `languageOf` says, or nothing tells, or a few words leave it open ("nombre de
 * chromosomes chez l'homme").
 */
export function mayBeIn(text: string, lang: string): boolean {
  const sample = text.slice(0, SAMPLE);
  const script = languageByScript(sample);
  if (script !== null) return script === lang;
  if (lang === "und") return languageByWords(sample.toLowerCase()) === "und";
  const votes = votesOf(sample.toLowerCase());
  if (votes.size === 0) return !HAS_OWN_SCRIPT.has(lang) || !HAS_WORDS.test(sample);
  const own = votes.get(lang) ?? 0;
  return own > 0 && own >= Math.max(...votes.values()) - CLOSE;
}

/** "2^10 = ?" is asked in any language. */
const HAS_WORDS = /\p{L}{2}/u;
const HAS_OWN_SCRIPT = new Set("zh ja ko ru uk ar fa hi bn te ta th el he".split(" "));

const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ["kana", /[\u3040-\u30ff]/g],
  ["zh", /\p{Script=Han}/gu],
  ["ko", /\p{Script=Hangul}/gu],
  ["cyrillic", /\p{Script=Cyrillic}/gu],
  ["arabic", /\p{Script=Arabic}/gu],
  ["hi", /\p{Script=Devanagari}/gu],
  ["bn", /\p{Script=Bengali}/gu],
  ["te", /\p{Script=Telugu}/gu],
  ["ta", /\p{Script=Tamil}/gu],
  ["th", /\p{Script=Thai}/gu],
  ["el", /\p{Script=Greek}/gu],
  ["he", /\p{Script=Hebrew}/gu],
];

/**
 * The script with the most letters decides, if it is not Latin. Ideographs say more a letter than Latin ones do, so that
 * a Chinese question about "TypeScript" stays Chinese.
 */
function languageByScript(text: string): string | null {
  const counts = new Map<string, number>();
  for (const [name, letters] of SCRIPTS) counts.set(name, text.match(letters)?.length ?? 0);
  const kana = counts.get("kana")!;
  const han = counts.get("zh")!;
  const latin = text.match(/\p{Script=Latin}/gu)?.length ?? 0;
  if (kana > 0 && kana >= han / 10 && 4 * (kana + han) >= latin) return "ja";
  if (4 * han >= latin && han > 0 && han >= (counts.get("ko") ?? 0)) return "zh";
  const [name, letters] = [...counts].reduce((best, next) => (next[1] > best[1] ? next : best));
  if (letters === 0 || 2 * letters < latin) return null;
  if (name === "cyrillic") return /[іїєґ]/i.test(text) ? "uk" : "ru";
  if (name === "arabic") return /[پچژگ]/.test(text) ? "fa" : "ar";
  return name;
}

function votesOf(lower: string): ReadonlyMap<string, number> {
  const votes = new Map<string, number>();
  const vote = (lang: string, weight: number) => votes.set(lang, (votes.get(lang) ?? 0) + weight);
  for (const word of lower.match(/\p{L}+/gu) ?? []) {
    const langs = VOTES.get(word);
    // A word that only one language has says more.
    for (const lang of langs ?? []) vote(lang, 1 + 1 / langs!.length);
  }
  for (const letter of lower) {
    const lang = TELLING_LETTERS[letter];
    if (lang !== undefined) vote(lang, 1);
  }
  return votes;
}

function languageByWords(lower: string): string {
  const votes = votesOf(lower);
  // Among equals the language listed first, which is the more common one.
  return Object.keys(STOP_WORDS).reduce(
    (best, lang) => ((votes.get(lang) ?? 0) > (votes.get(best) ?? 0) ? lang : best),
    "und",
  );
}

function wordVotes(): Map<string, string[]> {
  const votes = new Map<string, string[]>();
  for (const [lang, words] of Object.entries(STOP_WORDS))
    for (const word of new Set(words.split(" "))) {
      const langs = votes.get(word);
      if (langs === undefined) votes.set(word, [lang]);
      else langs.push(lang);
    }
  return votes;
}
