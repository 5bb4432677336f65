// The form of a question: whether, how, why, when, where, who. "Can I freeze rice?" and "How can I freeze rice?" share every
// word that an embedding hears, and have different answers.
import { type Token, wordsOf } from "./tokens.ts";

export type QuestionForm =
  | "whether"
  | "how"
  | "how much"
  | "how long"
  | "how far"
  | "how often"
  | "how old"
  | "why"
  | "when"
  | "where"
  | "who";

/** Asking whether one can be told, or whether there is a way, is a polite "how" or "what": no form of its own. */
const POLITE =
  /^(?:(?:please )?(?:can|could|would|will|do|did) (?:you|u|someone|anyone|somebody|anybody)|is there|are there|is it possible|any idea|(?:können|könnten|würden|wissen) (?:sie|du)|(?:kannst|könntest|würdest|weißt) du|gibt es|ist es möglich|(?:puedes|podrías|puede|podría|sabes|sabe) (?:decir|decirme|explicar|explicarme|usted|alguien|ayudar|ayudarme|cómo|qué|dónde|cuándo)|hay|existe|es posible|(?:peux|pourrais|pouvez|pourriez|sais|savez) (?:tu|vous)|y a|existe|est il possible|(?:можешь|можете|могли|мог|знаете|знаешь)|есть ли|можете ли|не могли)(?= |$)/;

const FORMS: Readonly<Record<string, readonly (readonly [QuestionForm, RegExp])[]>> = {
  en: [
    ["why", /^(?:why|how come|what is the reason|for what reason)(?= |$)/],
    ["how much", /^how (?:many|much)(?= |$)/],
    ["how long", /^how long(?= |$)/],
    ["how far", /^how far(?= |$)/],
    ["how often", /^how often(?= |$)/],
    ["how old", /^how old(?= |$)/],
    ["how", /^how (?:do|does|did|can|could|should|would|to|is|are|was|were|will|might)(?= |$)/],
    ["when", /^when(?= |$)/],
    ["where", /^where(?= |$)/],
    ["who", /^(?:who|whom|whose)(?= |$)/],
    [
      "whether",
      /^(?:is|are|was|were|do|does|did|can|could|should|will|would|has|have|had|may|must|am)(?= |$)/,
    ],
  ],
  de: [
    ["why", /^(?:warum|weshalb|wieso|weswegen|aus welchem grund)(?= |$)/],
    ["how much", /^wie ?(?:viele?|viel)(?= |$)/],
    ["how long", /^wie lange(?= |$)/],
    ["how far", /^wie weit(?= |$)/],
    ["how often", /^wie oft(?= |$)/],
    ["how old", /^wie alt(?= |$)/],
    [
      "how",
      /^(?:wie|auf welche weise) (?:kann|kannst|mache?|macht|man|soll|sollte|muss|wird|werden|ist|sind|hat|haben|funktioniert|friert)(?= |$)/,
    ],
    ["when", /^wann(?= |$)/],
    ["where", /^(?:wo|wohin|woher)(?= |$)/],
    ["who", /^(?:wer|wen|wem|wessen)(?= |$)/],
    [
      "whether",
      /^(?:ist|sind|war|waren|kann|darf|soll|sollte|muss|hat|haben|wird|werden|bin|hilft|helfen)(?= |$)/,
    ],
  ],
  es: [
    ["why", /^(?:por qué|a qué se debe)(?= |$)/],
    ["how much", /^cuánt[oa]s?(?: |$)(?!tiempo)/],
    ["how long", /^cuánto tiempo(?= |$)/],
    ["how", /^cómo(?= |$)/],
    ["when", /^cuándo(?= |$)/],
    ["where", /^(?:a )?dónde(?= |$)/],
    ["who", /^(?:a )?quién(?:es)?(?= |$)/],
    [
      "whether",
      /^(?:es|son|está|están|fue|era|puedo|puede|se puede|debo|debe|tiene|tengo|hace)(?= |$)/,
    ],
  ],
  fr: [
    ["why", /^(?:pourquoi|pour quelle raison)(?= |$)/],
    ["how long", /^combien de temps(?= |$)/],
    ["how much", /^combien(?= |$)/],
    ["how", /^comment(?= |$)/],
    ["when", /^quand(?= |$)/],
    ["where", /^où(?= |$)/],
    ["who", /^qui(?= |$)/],
    [
      "whether",
      /^(?:est ce que|est il|est elle|sont ils|puis je|peut on|peut il|dois je|faut il|doit on|a t)(?= |$)/,
    ],
  ],
  ru: [
    ["why", /^(?:почему|зачем|отчего)(?= |$)/],
    ["how much", /^сколько(?! времени)(?= |$)/],
    ["how long", /^(?:сколько времени|как долго)(?= |$)/],
    ["how often", /^как часто(?= |$)/],
    ["how", /^как (?!называется|зовут|звали)/],
    ["when", /^когда(?= |$)/],
    ["where", /^(?:где|куда|откуда)(?= |$)/],
    ["who", /^(?:кто|кого|кому)(?= |$)/],
    ["whether", /^\S+ ли(?= |$)/],
  ],
};
const HAN: readonly (readonly [QuestionForm, RegExp])[] = [
  ["why", /为什么|为何|为啥/],
  ["how long", /多久|多长时间/],
  ["how much", /多少|几个/],
  ["when", /什么时候|何时|几点|哪年|哪一年/],
  ["where", /哪里|哪儿|在哪|何处/],
  ["who", /谁/],
  ["how", /怎么|如何|怎样/],
  ["whether", /吗$|是否|能否|能不能|可不可以|是不是/],
];

/** Longer texts hold more than one question. */
const MOST_WORDS = 24;

/** Null where the text does not open with a question of a known form. */
export function questionFormOf(tokens: readonly Token[], lang: string): QuestionForm | null {
  const words = wordsOf(tokens).map(({ lower }) => lower);
  if (words.length > MOST_WORDS * (lang === "zh" ? 2 : 1)) return null;
  if (lang === "zh") {
    const text = words.join("");
    return HAN.find(([, pattern]) => pattern.test(text))?.[0] ?? null;
  }
  const opening = words.slice(0, 5).join(" ");
  if (POLITE.test(opening)) return null;
  return FORMS[lang]?.find(([, pattern]) => pattern.test(opening))?.[0] ?? null;
}

/** Two forms; null where one text shows none. Symmetric. */
export function formConflict(a: QuestionForm | null, b: QuestionForm | null): string | null {
  return a === null || b === null || a === b ? null : `${a} against ${b}`;
}
