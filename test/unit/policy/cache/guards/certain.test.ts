// What the guards veto for certain, whoever judges the wording behind them, kind by kind and language by language.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkGuards, softSignals } from "../../../../../src/policy/cache/guards.ts";
import { languageOf } from "../../../../../src/policy/cache/language.ts";
import { candidate } from "../../../../support/candidate.ts";
import { property } from "../../../worker/property.ts";

const asked = (text: string) => ({ text, lang: languageOf(text), fp: "fp", now: 1000 });
const stored = (question: string) => candidate({ question, lang: languageOf(question) });

/** Guards that veto although a verifier stands behind them. */
const vetoes = (a: string, b: string): string[] =>
  checkGuards(asked(a), stored(b), { fuzzy: "signal" })
    .filter(({ pass }) => !pass)
    .map(({ guard }) => guard);

/** Guard, why the answers differ, the two questions. */
const TRAPS: readonly (readonly [string, string, string, string])[] = [
  // Numbers, ordinals, times of day
  [
    "number",
    "another ordinal",
    "What does the second argument of slice do?",
    "What does the third argument of slice do?",
  ],
  ["number", "a number word", "Как сварить два яйца?", "Как сварить три яйца?"],
  [
    "number",
    "an ordinal in words",
    "Кто был пятым президентом клуба?",
    "Кто был шестой президент клуба? Кто был шестой?",
  ],
  ["number", "another hour", "Is the shop open at 3 pm?", "Is the shop open at 5 pm?"],
  ["number", "another year in a date", "Was 4 July 1976 a holiday?", "Was 4 July 1986 a holiday?"],
  [
    "number",
    "vague against exact, else the same",
    "Can I leave 3 eggs in the car?",
    "Can I leave a few eggs in the car?",
  ],
  // Dates
  [
    "date",
    "another month in digits",
    "Welcher Tag war der 1.5.2024?",
    "Welcher Tag war der 1.6.2024?",
  ],
  ["date", "another weekday", "¿Abre el museo los domingos?", "¿Abre el museo los lunes?"],
  // Units
  [
    "unit",
    "hours, not minutes",
    "How many hours should a child sleep?",
    "How many minutes should a child sleep?",
  ],
  ["unit", "another unit behind the same number", "5公里多少步？", "5英里多少步？"],
  [
    "unit",
    "another currency",
    "Combien coûtent 3 billets en euros ?",
    "Combien coûtent 3 billets en francs ?",
  ],
  ["aspect", "how, not whether", "Can I freeze cooked rice?", "How can I freeze cooked rice?"],
  ["aspect", "why, not whether", "Warum ist der Himmel blau?", "Ist der Himmel blau?"],
  ["aspect", "why, not whether, in Chinese", "可以冷冻米饭吗？", "为什么可以冷冻米饭？"],
  [
    "aspect",
    "how long, not whether",
    "¿Puedo congelar arroz cocido?",
    "¿Cuánto tiempo puedo congelar arroz cocido?",
  ],
  [
    "code",
    "another comparison",
    "What does WHERE age > 30 select?",
    "What does WHERE age < 30 select?",
  ],
  ["code", "other tags around the same words", "<b>alert(1)</b><i>", "<script>alert(1)</script>"],
  [
    "code",
    "another operator in code",
    "if (a[i] <= b[i]) { c += a[i]; }",
    "if (a[i] >= b[i]) { c -= a[i]; }",
  ],
  [
    "unit",
    "the same number of another unit, converted back",
    "How many kilowatts are 5 megajoules a second?",
    "Convert 5 kilowatts to megajoules a second",
  ],
  [
    "unit",
    "daily, not hourly",
    "Ein Hahn tropft täglich 5 Liter",
    "Ein Hahn tropft stündlich 5 Liter",
  ],
  ["entity", "the other end of a list", "What does a[:3] return?", "What does a[3:] return?"],
  ["unit", "bits, not bytes", "Is 100 megabits a lot?", "Is 100 megabytes a lot?"],
  ["unit", "cases of a Russian unit", "Дом на 5 сотках в гектарах?", "Дом на 5 сотках в акрах?"],
  [
    "entity",
    "Russian names that begin alike",
    "Какой город является столицей Австралии?",
    "Какой город является столицей Австрии?",
  ],
  // Polarity
  ["polarity", "negated", "Welche Pilze darf man essen?", "Welche Pilze darf man nicht essen?"],
  [
    "polarity",
    "negated with 'no'",
    "¿Qué alimentos tienen gluten?",
    "¿Qué alimentos no tienen gluten?",
  ],
  [
    "polarity",
    "without",
    "Comment voyager avec un passeport ?",
    "Comment voyager sans passeport ?",
  ],
  [
    "polarity",
    "started, not stopped",
    "I stopped smoking 3 weeks ago. What changes in the body?",
    "I started smoking 3 weeks ago. What changes in the body?",
  ],
  ["polarity", "short, not long", "Schreib einen kurzen Brief", "Schreib einen langen Brief"],
  [
    "polarity",
    "refusal, not consent",
    "Напиши вежливое согласие на встречу",
    "Напиши вежливый отказ от встречи",
  ],
  ["polarity", "refuse, not accept", "写一封接受邀请的邮件", "写一封拒绝邀请的邮件"],
  // Names and kinds of things
  ["entity", "another version", "How do I reset an iPhone?", "How do I reset a Pixel?"],
  [
    "entity",
    "another name in a text of another script",
    "Python怎么读取文件？",
    "Ruby怎么读取文件？",
  ],
  [
    "entity",
    "another animal, without capitals",
    "how long can a dog stay alone",
    "how long can a cat stay alone",
  ],
  ["entity", "another planet", "Wie weit ist es bis zum Mars?", "Wie weit ist es bis zur Venus?"],
  [
    "entity",
    "another stain",
    "¿Cómo quito una mancha de tinta?",
    "¿Cómo quito una mancha de sangre?",
  ],
  // Code
  ["code", "another command", "Что делает git stash?", "Что делает git rebase?"],
  ["code", "another property", "How do I set max-width in CSS?", "How do I set min-width in CSS?"],
  [
    "code",
    "another function",
    "What does malloc(0) return in C?",
    "What does calloc(0) return in C?",
  ],
  [
    "code",
    "another operator",
    "What does a === b mean in JavaScript?",
    "What does a !== b mean in JavaScript?",
  ],
  ["code", "another option", "What does grep -r pattern do?", "What does grep -v pattern do?"],
  // Direction
  [
    "direction",
    "from and to",
    "How do I get from the airport to the hotel?",
    "How do I get from the hotel to the airport?",
  ],
  [
    "direction",
    "from and to in another language",
    "Wie komme ich vom Hafen zum Bahnhof?",
    "Wie komme ich vom Bahnhof zum Hafen?",
  ],
  [
    "direction",
    "who writes to whom",
    "Redacta una carta del casero a un inquilino",
    "Redacta una carta de un inquilino al casero",
  ],
  [
    "direction",
    "which unit is counted",
    "How many tablespoons are in 4 teaspoons?",
    "How many teaspoons are in 4 tablespoons?",
  ],
  [
    "direction",
    "the parts that cases tell",
    "Может ли врач уволить директора?",
    "Может ли директор уволить врача?",
  ],
  ["direction", "who sends to whom", "写一封客户给供应商的邮件", "写一封供应商给客户的邮件"],
  [
    "direction",
    "after, not during",
    "Darf ich in der Probezeit kündigen?",
    "Darf ich nach der Probezeit kündigen?",
  ],
  ["direction", "the whole, not the share", "What is 15% of 240?", "240 is 15% of what?"],
  [
    "direction",
    "whose clock it is",
    "If it is 15:00 in Madrid, what time is it in Lima?",
    "If it is 15:00 in Lima, what time is it in Madrid?",
  ],
  // Scope
  [
    "quantifier",
    "a bound from the other side",
    "Passwords with at least eight letters",
    "Passwords with at most eight letters",
  ],
  ["quantifier", "a bound in another language", "成年人至少睡几个小时？", "成年人至多睡几个小时？"],
  ["quantifier", "all or most", "Are all spiders venomous?", "Are most of the spiders venomous?"],
  [
    "quantifier",
    "only",
    "How do I copy the photos to the disk?",
    "How do I copy only the photos to the disk?",
  ],
  [
    "quantifier",
    "another superlative",
    "What is the fastest way to the airport?",
    "What is the cheapest way to the airport?",
  ],
  [
    "quantifier",
    "the former one",
    "Wer ist Trainer von Bremen?",
    "Wer ist ehemaliger Trainer von Bremen?",
  ],
  // Tense
  ["tense", "was, not is", "Who is the president of Chile?", "Who was the president of Chile?"],
  ["tense", "has been, not will be", "大熊猫会灭绝吗？", "大熊猫灭绝了吗？"],
  // Language of the answer
  [
    "language",
    "answered in another language",
    "Explain recursion in French",
    "Explain recursion in German",
  ],
  [
    "language",
    "asked for on one side",
    "Напиши поздравление коллеге",
    "Напиши поздравление коллеге на английском",
  ],
  ["language", "asked in another language", "Wie koche ich ein Ei?", "How do I boil an egg?"],
];

test.each(TRAPS)("%s: %s", (guard, _why, one, other) => {
  expect(vetoes(one, other)).toContain(guard);
  expect(vetoes(other, one)).toContain(guard);
});

/** Why the answer is the same, and two questions that no guard is certain to part. */
const HONEST: readonly (readonly [string, string, string])[] = [
  [
    "a date in digits and words",
    "Welcher Tag war der 1.5.2024?",
    "Welcher Wochentag war der 1. Mai 2024?",
  ],
  ["a date with an ordinal", "What day was 4 July 1976?", "What day was July 4th, 1976?"],
  ["a clock in two spellings", "Is the shop open at 3 pm?", "Is the shop open at 15:00?"],
  ["a unit and its sign", "What is 350 degrees Fahrenheit in Celsius?", "Convert 350°F to °C"],
  ["one litre, a litre", "Wie schwer ist ein Liter Milch?", "Wie schwer ist 1 Liter Milch?"],
  [
    "an abbreviated technology",
    "How do closures work in JavaScript?",
    "JS closures: how do they work?",
  ],
  [
    "a country and its adjective",
    "What is the minimum wage in France?",
    "How high is the French minimum wage?",
  ],
  [
    "the same without a name that goes without saying",
    "How do I see the open ports in Linux?",
    "Which command lists open ports?",
  ],
  [
    "told with a negation, far from the other wording",
    "How do I undo a commit and keep the changes?",
    "I committed too early. What takes it back without losing my edits?",
  ],
  [
    "adverbials in another order",
    "¿Qué tiempo suele hacer en Lima en enero?",
    "¿Qué tiempo suele hacer en enero en Lima?",
  ],
  [
    "words in another order where cases tell the parts",
    "Как из аэропорта добраться до вокзала?",
    "Как добраться из аэропорта до вокзала?",
  ],
  [
    "no order between what is compared",
    "What is the difference between TCP and UDP?",
    "What is the difference between UDP and TCP?",
  ],
  ["my dog is anybody's", "Why does a dog eat grass?", "My dog eats grass, why?"],
  ["is and will be, in a given year", "When is Easter in 2026?", "When will Easter be in 2026?"],
  ["a few words that are French as well as Spanish", "Combien de planètes ?", "nombre de planètes"],
  [
    "spoken of, not said",
    'How do I say "see you tomorrow" in Italian?',
    'How do you say "see you tomorrow" in Italian?',
  ],
];

test.each(HONEST)("may be the same: %s", (_why, one, other) => {
  expect(vetoes(one, other)).toEqual([]);
  expect(vetoes(other, one)).toEqual([]);
});

test.each(TRAPS)("%s: a text never conflicts with itself (%s)", (_guard, _why, one, other) => {
  for (const text of [one, other]) {
    expect(vetoes(text, text)).toEqual([]);
    expect(softSignals(asked(text), stored(text))).toEqual([]);
  }
});

const TEXTS = [
  ...TRAPS.flatMap(([, , one, other]) => [one, other]),
  ...HONEST.flatMap(([, one, other]) => [one, other]),
];
const PIECES = TEXTS.flatMap((text) => text.split(" "));
const mixture = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 14 })
  .map((pieces) => pieces.join(" "));

test("what is found does not depend on which question came first", () => {
  void property(
    "finding symmetry",
    300,
    fc.property(mixture, mixture, (one, other) => {
      const found = (a: string, b: string) =>
        checkGuards({ ...asked(a), lang: "en" }, candidate({ question: b, lang: "en" }), {
          fuzzy: "signal",
        }).map(({ pass }) => pass);
      expect(found(one, other)).toEqual(found(other, one));
    }),
  );
});

test("a soft signal is a veto where no verifier stands behind the guards", () => {
  const [one, other] = ["How do I sharpen a kitchen knife?", "How do I clean a kitchen knife?"];
  expect(vetoes(one, other)).toEqual([]);
  expect(softSignals(asked(one), stored(other)).map(({ name }) => name)).toContain("substitution");
  const strict = checkGuards(asked(one), stored(other));
  expect(strict.filter(({ pass }) => !pass).map(({ guard }) => guard)).toContain("substitution");
});
