// Questions whose answer depends on when or by whom they are asked: such answers are never served again.
import { type Token, wordsOf } from "./tokens.ts";

const set = (words: string) => new Set(words.split(" "));

/** Always about the present, in any question that does not carry its own numbers. */
const FRESH_WORDS = set(
  "today tonight tomorrow yesterday latest newest currently nowadays upcoming ongoing weather forecast news " +
    "heute morgen gestern heutige aktuell aktuelle aktuellen aktueller neueste neuesten derzeit momentan wetter nachrichten " +
    "hoy mañana ayer actual actualmente último últimas noticias clima " +
    "aujourd'hui demain hier actuel actuelle actuellement dernières météo actualités " +
    "сегодня завтра вчера сейчас текущий текущая последние новости погода актуальный",
);
/** About the present only in a short question: "the price of gold", not "the price of each of 12 pens". */
const FRESH_IN_SHORT = set(
  "now current price prices recent recently stock rate score " +
    "jetzt preis kurs kostet precio ahora cotización prix maintenant цена курс стоит",
);
const FRESH_PHRASES =
  /\b(?:this (?:week|month|year|morning|evening|season)|at the moment|right now|as of|so far|next (?:week|month|year)|last (?:night|week|month|year)|diese[sr]? (?:woche|monat|jahr)|esta semana|este (?:mes|año)|cette (?:semaine|année)|в этом году|на этой неделе)\b/;
const FRESH_HAN =
  /今天|今日|今晚|明天|昨天|现在|目前|最新|最近|当前|本周|本月|今年|天气|新闻|股价|价格|汇率|天気|ニュース/;

const MINE = set(
  "my our mine ours mein meine meinen meinem meiner unser unsere unseren mi mis nuestro nuestra mon ma mes notre nos " +
    "мой моя моё мои моего моей моих моему наш наша наше наши нашего нашей",
);
/** What only the asker's own records can tell. */
const RECORDS = set(
  "balance order orders account invoice bill salary appointment booking reservation ticket subscription payment address " +
    "email emails schedule calendar meeting name birthday score essay code file files document project homework resume " +
    "kontostand bestellung konto rechnung gehalt termin buchung name adresse saldo pedido cuenta factura cita nombre " +
    "solde commande compte facture rendez-vous nom баланс заказ счёт счет зарплата запись имя адрес",
);
/** "How do I reset my password" is everybody's question, "what is my balance" is not. */
const PROCEDURE = set(
  "how why can should could does do will best way i wie warum kann soll ich cómo puedo debo comment pourquoi puis je " +
    "как почему можно я",
);
const ASKS_HOW = set("how wie cómo comment как");
const MINE_HAN = /我的|我们的|我家|咱们/;

const POINTERS = set(
  "this that these those it above below previous aforementioned dies diese dieser dieses das obige esto este esta eso " +
    "ceci cela ça это этот эта эти этого",
);
const NOUNLESS = set(
  "explain summarize summarise translate rewrite fix improve continue shorten correct review debug",
);
/** Whole questions that go on with something. */
const FRAGMENTS = set(
  "continue again more another next why how yes no ok okay weiter nochmal mehr warum continúa sigue más encore continuez " +
    "продолжай ещё еще дальше почему 继续",
);
const CONTINUATIONS =
  /^(?:continue|go on|keep going|and|what about|how about|und|was ist mit|otra vez|y|qué tal|continue[rz]|et|а|再 来|还 有|继 续|那)(?= |$)/;
const POINTERS_HAN = /上面|上述|以上|刚才|前面提到|这段|这个代码|它/;

/** Shorter questions cannot explain what "this" stands for. */
const SHORT_WORDS = 12;
/** A text with this many numbers and words tells its own story: its "today" and "my" are part of it. */
const STORY_NUMBERS = 2;
const STORY_WORDS = 20;

export interface References {
  /** The word that makes the answer go stale, or null. */
  readonly fresh: string | null;
  /** The word that ties the answer to the asker or the conversation, or null. */
  readonly personal: string | null;
}

/** Whether a text of so many tokens and numbers explains itself. */
export function isStory(tokens: readonly Token[], numbers: number): boolean {
  return numbers >= STORY_NUMBERS && wordsOf(tokens).length >= STORY_WORDS;
}

export function referencesOf(tokens: readonly Token[], numbers: number): References {
  if (isStory(tokens, numbers)) return { fresh: null, personal: null };
  const words = wordsOf(tokens).map((token) => token.lower);
  const han = words.filter((word) => /\p{Script=Han}/u.test(word)).join("");
  return {
    fresh: freshWord(words, numbers) ?? FRESH_HAN.exec(han)?.[0] ?? null,
    personal: personalWord(words) ?? pointerWord(words) ?? handOf(han),
  };
}

function freshWord(words: readonly string[], numbers: number): string | null {
  const strong = words.find((word) => FRESH_WORDS.has(word));
  if (strong !== undefined) return strong;
  const phrase = FRESH_PHRASES.exec(words.slice(0, 200).join(" "));
  if (phrase !== null) return phrase[0];
  if (numbers > 0 || words.length > SHORT_WORDS) return null;
  return words.find((word) => FRESH_IN_SHORT.has(word)) ?? null;
}

function personalWord(words: readonly string[]): string | null {
  const at = words.findIndex((word) => MINE.has(word));
  if (at < 0) return null;
  const isRecord = words.slice(at + 1, at + 4).some((word) => RECORDS.has(word));
  if (isRecord && !ASKS_HOW.has(words[0] ?? "")) return words[at]!;
  return words.slice(0, at).some((word) => PROCEDURE.has(word)) ? null : words[at]!;
}

/** "Explain this", "continue", "what about Spain": the rest of the question stands in another turn. */
function pointerWord(words: readonly string[]): string | null {
  if (words.length > SHORT_WORDS) return null;
  const continuation = CONTINUATIONS.exec(words.slice(0, 6).join(" "));
  if (continuation !== null && words.length <= 5) return continuation[0];
  if (words.length <= 2 && FRAGMENTS.has(words[0] ?? "")) return words[0]!;
  const last = words.at(-1) ?? "";
  if (POINTERS.has(last)) return last;
  const isCommand = NOUNLESS.has(words[0] ?? "");
  return (isCommand && words.find((word) => POINTERS.has(word))) || null;
}

function handOf(han: string): string | null {
  if (han.length > 40) return null;
  return MINE_HAN.exec(han)?.[0] ?? POINTERS_HAN.exec(han)?.[0] ?? null;
}
