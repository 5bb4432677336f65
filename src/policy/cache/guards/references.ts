// Questions whose answer depends on when or by whom they are asked: such answers are never served again.
import { type Token, isHan, wordsOf } from "./tokens.ts";

const set = (words: string) => new Set(words.split(" "));

/** Always about the present, in any question that does not carry its own numbers. */
const FRESH_WORDS = set(
  "today tonight tomorrow yesterday latest newest currently nowadays upcoming ongoing weather forecast news " +
    "heute morgen gestern heutige aktuell aktuelle aktuellen aktueller neueste neuesten derzeit momentan wetter nachrichten " +
    "hoy ayer actualmente noticias " +
    "aujourd'hui demain hier actuellement météo actualités " +
    "сегодня завтра вчера сейчас новости погода актуальный",
);
/** About the present only in a short question: "the price of gold", not "the price of each of 12 pens". */
const FRESH_IN_SHORT = set(
  "now current recent recently jetzt kurs ahora cotización maintenant курс",
);
const FRESH_PHRASES =
  /\b(?:this (?:week|month|year|morning|evening|season)|at the moment|right now|as of (?:now|today)|so far|(?:stock|share|fuel|gas|gold|oil) prices?|prices? of|(?:exchange|interest|inflation) rates?|goldpreis|ölpreis|aktienkurs|wechselkurs|next (?:week|month|year)|last (?:night|week|month|year)|diese[sr]? (?:woche|monat|jahr)|esta semana|este (?:mes|año)|cette (?:semaine|année)|в этом году|на этой неделе)\b/;
/** The hour, the day, the weather outside, a market's price, and what is drawn by lot: another answer every time. */
const FRESH_ASKINGS =
  /(?:^| )(?:what (?:time|day|date|month|year) is it|what(?:'s| is) the (?:time|date)|how (?:long|many (?:days|weeks|months)) (?:until|till)|is it (?:raining|snowing|sunny|windy)|(?:bitcoin|btc|ethereum|eth) (?:cost|worth|price|at)|(?:a|an|some) random (?:numbers?|words?|names?|passwords?)|(?:a|an|new) (?:uuid|guid)|a new password|wie spät ist es|wie viel uhr|wieviel uhr|welcher tag ist|welches datum|wie lange (?:noch )?bis|regnet es|qué hora es|qué día es|qué fecha|cuánto falta|llueve|quelle heure|quel jour (?:est|sommes)|il pleut|который час|сколько времени до|какое число|какой день|идет дождь|идёт дождь)(?= |$)|^(?:(?:roll|throw) (?:a|the|two) (?:die|dice)|(?:flip|toss) a coin)$/;
const FRESH_HAN =
  /几点了|几号|星期几|下雨吗|今天|今日|今晚|明天|昨天|现在|目前|最新|最近(?!一次|一个|的)|当前|本周|本月|今年|天气|新闻|股价|价格|汇率|天気|ニュース/;

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
const CLAUSE = /^[,;:.?!，；：。？！、—-]$/;
const ASKS_HOW = set("how wie cómo comment как");
const MINE_HAN =
  /(?:我|我们|咱们|本人)的?(?:订单|账户|账号|余额|工资|名字|地址|邮箱|合同|简历|作文|论文|代码|文件|预约|发票|账单|生日|快递|日程|成绩|项目)/;

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

/** Words between "my" and what is mine. */
const RECORD_REACH = 2;
/** In a longer question "it" at the end stands for something said before. */
const POINTING_WORDS = 8;
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
  const words = wordsOf(unquoted(tokens)).map((token) => token.lower);
  const han = words.filter((word) => isHan(word)).join("");
  return {
    fresh: freshWord(words, numbers) ?? freshHan(han, numbers),
    personal: personalWord(words) ?? pointerWord(words, tokens) ?? handOf(han, tokens),
  };
}

/** What is quoted is spoken of, not said: how to write "see you tomorrow" in Italian. */
function unquoted(tokens: readonly Token[]): readonly Token[] {
  const marks = tokens.filter(({ text }) => text === '"').length;
  if (marks < 2) return tokens;
  let isInside = false;
  return tokens.filter(({ text }) => {
    if (text === '"') isInside = !isInside;
    return !isInside;
  });
}

/** A rate that is given, or the weather of a month, does not change. */
function freshHan(han: string, numbers: number): string | null {
  const found = FRESH_HAN.exec(han)?.[0];
  if (found === undefined) return null;
  const isGiven = numbers > 0 && /汇率|价格|天气/.test(found);
  return isGiven ? null : found;
}

function freshWord(words: readonly string[], numbers: number): string | null {
  const strong = words.find((word) => FRESH_WORDS.has(word));
  if (strong !== undefined) return strong;
  const phrase = FRESH_PHRASES.exec(words.slice(0, 200).join(" "));
  if (phrase !== null) return phrase[0];
  if (numbers > 0 || words.length > SHORT_WORDS) return null;
  const asking = FRESH_ASKINGS.exec(words.join(" "))?.[0].trim();
  return asking ?? words.find((word) => FRESH_IN_SHORT.has(word)) ?? null;
}

/**
 * "My dog", "my landlord" stand in anybody's question, and what the model knows of them stands beside it; "my balance" and
 * "my essay" are in records that the words alone do not tell of.
 */
function personalWord(words: readonly string[]): string | null {
  if (ASKS_HOW.has(words[0] ?? "")) return null;
  for (const [at, word] of words.entries()) {
    if (!MINE.has(word)) continue;
    const isRecord = words.slice(at + 1, at + 1 + RECORD_REACH).some((next) => RECORDS.has(next));
    if (isRecord && !words.slice(0, at).some((before) => PROCEDURE.has(before))) return word;
  }
  return null;
}

/** "Explain this", "continue", "what about Spain": the rest of the question stands in another turn. */
function pointerWord(words: readonly string[], tokens: readonly Token[]): string | null {
  if (words.length > SHORT_WORDS) return null;
  const continuation = CONTINUATIONS.exec(words.slice(0, 6).join(" "));
  if (continuation !== null && words.length <= 5) return continuation[0];
  if (words.length <= 2 && FRAGMENTS.has(words[0] ?? "")) return words[0]!;
  const last = words.at(-1) ?? "";
  if (POINTERS.has(last) && words.length <= POINTING_WORDS && !hasClauses(tokens)) return last;
  const isCommand = NOUNLESS.has(words[0] ?? "");
  return (isCommand && words.find((word) => POINTERS.has(word))) || null;
}

/** Something is said before "this" that it can stand for: "Milk in the fridge for a week, can I still drink this?" */
function hasClauses(tokens: readonly Token[]): boolean {
  return tokens.slice(4, -1).some(({ text }) => CLAUSE.test(text));
}

function handOf(han: string, tokens: readonly Token[]): string | null {
  if (han.length > 40) return null;
  const pointer = POINTERS_HAN.exec(han)?.[0];
  const isAnswered = pointer === "它" && (hasClauses(tokens) || han.indexOf(pointer) >= 6);
  return MINE_HAN.exec(han)?.[0] ?? (isAnswered ? null : (pointer ?? null));
}

/** The words above by what they do, for the documentation. */
export const REFERENCE_WORDS = {
  fresh: FRESH_WORDS,
  freshInShort: FRESH_IN_SHORT,
  freshPhrases: FRESH_PHRASES,
  freshAskings: FRESH_ASKINGS,
  freshHan: FRESH_HAN,
  mine: MINE,
  records: RECORDS,
  procedure: PROCEDURE,
  mineHan: MINE_HAN,
  pointers: POINTERS,
  nounless: NOUNLESS,
  fragments: FRAGMENTS,
  continuations: CONTINUATIONS,
  pointersHan: POINTERS_HAN,
} as const;
