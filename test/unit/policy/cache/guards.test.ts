import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkGuards, softSignals } from "../../../../src/policy/cache/guards.ts";
import { languageOf } from "../../../../src/policy/cache/language.ts";
import { candidate } from "../../../support/candidate.ts";
import { property } from "../../worker/property.ts";

const request = (text: string) => ({ text, lang: languageOf(text), fp: "fp", now: 1000 });
const row = (question: string) => candidate({ question, lang: languageOf(question) });

/** Names of the guards that fail. */
const failing = (asked: string, stored: string): string[] =>
  checkGuards(request(asked), row(stored))
    .filter((verdict) => !verdict.pass)
    .map((verdict) => verdict.guard);

test.each([
  ["number", "What is 15% of 80?", "What is 25% of 80?"],
  ["number", "What is 20 percent of 90?", "What is 0.2 percent of 90?"],
  ["number", "What is 10 - 4?", "What is 4 - 10?"],
  ["number", "What is 5 + 3?", "What is 5 * 3?"],
  ["number", "How do I parse JSON in Python 3.1?", "How do I parse JSON in Python 3.10?"],
  ["number", "Who was Henry VII?", "Who was Henry VIII?"],
  ["number", "Wie viele Tage haben dreißig Wochen?", "Wie viele Tage haben einunddreißig Wochen?"],
  ["number", "¿Cuánto es dos más tres?", "¿Cuánto es dos más cinco?"],
  ["number", "Сколько будет два плюс три?", "Сколько будет два плюс пять?"],
  ["number", "三个苹果多少克？", "五个苹果多少克？"],
  ["unit", "Set the timeout to 30 seconds", "Set the timeout to 30 minutes"],
  ["unit", "How tall is Mount Everest in feet?", "How tall is Mount Everest in meters?"],
  ["date", "What happened in May 1968?", "What happened in June 1968?"],
  ["polarity", "How do I enable two-factor login?", "How do I disable two-factor login?"],
  ["polarity", "Can I eat rice before training?", "Can I eat rice after training?"],
  ["polarity", "Can you eat mushrooms raw?", "Can you not eat mushrooms raw?"],
  ["polarity", "Is it safe to mix bleach and vinegar?", "Is it unsafe to mix bleach and vinegar?"],
  ["polarity", "How do I turn on dark mode?", "How do I turn off dark mode?"],
  ["polarity", "Wie aktiviere ich den Flugmodus?", "Wie deaktiviere ich den Flugmodus?"],
  ["polarity", "Kann man Pilze roh essen?", "Kann man Pilze nicht roh essen?"],
  ["polarity", "¿Cómo activo el modo oscuro?", "¿Cómo desactivo el modo oscuro?"],
  ["polarity", "Comment activer le mode sombre ?", "Comment désactiver le mode sombre ?"],
  ["polarity", "Как включить тёмную тему?", "Как выключить тёмную тему?"],
  ["polarity", "如何启用飞行模式？", "如何禁用飞行模式？"],
  ["polarity", "可以吃生鸡蛋吗？", "不可以吃生鸡蛋吗？"],
  ["entity", "What is the capital of France?", "What is the capital of Spain?"],
  ["entity", "what is the capital of france", "what is the capital of spain"],
  ["entity", "Was ist die Hauptstadt von Frankreich?", "Was ist die Hauptstadt von Spanien?"],
  ["entity", "Какая столица Франции?", "Какая столица Испании?"],
  ["entity", "北京的人口是多少？", "上海的人口是多少？"],
  ["entity", "How do I learn java?", "How do I learn javascript?"],
  ["entity", "What does user_id mean?", "What does user_name mean?"],
  ["entity", "How do I open config.json?", "How do I open config.yaml?"],
  ["entity", 'Translate "good morning" to French', 'Translate "good evening" to French'],
  ["direction", "How far is it from Paris to Rome?", "How far is it from Rome to Paris?"],
  ["direction", "Did France beat Italy?", "Did Italy beat France?"],
  ["direction", "Is a cat bigger than a dog?", "Is a dog bigger than a cat?"],
  ["direction", "从北京到上海多远？", "从上海到北京多远？"],
  ["aspect", "Who invented the telephone?", "When was the telephone invented?"],
  ["aspect", "Is water wet?", "Why is water wet?"],
  ["aspect", "谁发明了电话？", "为什么发明了电话？"],
  ["entity", "水的沸点是多少？", "法国有哪些河流？"],
  [
    "entity",
    "Ann runs 3 miles on each of 5 days and then walks home. How many miles does Ann run in the week?",
    "Ann runs 3 miles on each of 5 days and then walks home. She runs back again as well. How many miles does Ann run in the week?",
  ],
])("%s: %j is not %j", (guard, asked, stored) => {
  expect(failing(asked, stored)).toContain(guard);
  expect(failing(stored, asked)).toContain(guard);
});

test.each([
  ["How do I reset my password?", "How can I reset my password?"],
  ["What is the capital of France?", "Which city is the capital of France?"],
  ["How many days are in a leap year?", "What is the number of days in a leap year?"],
  ["Convert 3 miles to kilometers", "How many kilometres are three miles?"],
  ["What is 50% of 80?", "What is half of 80?"],
  ["Why is the sky blue?", "What makes the sky blue?"],
  ["How do I boil an egg?", "What is the best way to boil an egg?"],
  ["What is the difference between TCP and UDP?", "What's the difference between UDP and TCP?"],
  ['What does the "static" keyword do in Java?', 'In Java, what does "static" do?'],
  ["How do I delete a git branch?", "How do I remove a git branch?"],
  [
    "I have 2 apples and buy 3 more. How many apples do I have?",
    "If I own two apples and purchase three more, how many do I have in total?",
  ],
  ["Wie koche ich ein Ei?", "Wie kocht man ein Ei?"],
  ["¿Cómo puedo cocinar arroz?", "¿Cómo se cocina el arroz?"],
  ["Comment cuire un œuf ?", "Comment faire cuire un œuf ?"],
  ["Как сварить рис?", "Как правильно сварить рис?"],
  ["如何煮鸡蛋？", "怎么煮鸡蛋？"],
])("%j may be %j", (asked, stored) => {
  expect(failing(asked, stored)).toEqual([]);
  expect(failing(stored, asked)).toEqual([]);
});

test.each([
  ["subject", "What is the capital of france?", "What is the capital of spain?"],
  ["substitution", "How do I sharpen a kitchen knife?", "How do I clean a kitchen knife?"],
])("%s: with a verifier behind the guards, %j and %j are its to judge", (name, asked, stored) => {
  const hard = checkGuards(request(asked), row(stored), { fuzzy: "signal" });
  expect(hard.filter(({ pass }) => !pass)).toEqual([]);
  const raised = softSignals(request(asked), row(stored)).filter(({ value }) => value === 1);
  expect(raised.map((signal) => signal.name)).toContain(name);
  expect(raised.every(({ detail }) => detail !== "")).toBe(true);
  // Without one they stay vetoes.
  expect(failing(asked, stored)).not.toEqual([]);
});

test("a rule that vetoes whoever judges the wording is no soft signal", () => {
  const [asked, stored] = [request("What is 15% of 80?"), row("What is 25% of 80?")];
  const hard = checkGuards(asked, stored, { fuzzy: "signal" });
  expect(hard.filter(({ pass }) => !pass).map(({ guard }) => guard)).toEqual(["number"]);
});

test.each([
  ["freshness", "What is the weather in Paris?"],
  ["freshness", "Who is currently the president of Chile?"],
  ["freshness", "What is the price of gold?"],
  ["freshness", "What time is it?"],
  ["freshness", "Который час?"],
  ["freshness", "Roll a die"],
  ["freshness", "How long until Christmas?"],
  ["freshness", "今天有什么新闻？"],
  ["personal", "What is my balance?"],
  ["personal", "Explain this"],
  ["personal", "continue"],
  ["personal", "What about Spain?"],
  ["personal", "我的订单在哪里？"],
])("%s: the answer to %j is not served again, even to itself", (guard, text) => {
  expect(failing(text, text)).toContain(guard);
});

test("a problem that carries its own numbers may say today, price and my", () => {
  const problem =
    "Today my shop sold 12 pens at a price of 3 dollars each and 5 books at a price of 20 dollars each. " +
    "How much money did my shop take in?";
  expect(failing(problem, problem)).toEqual([]);
});

test("the row's scope, language, age and state are checked", () => {
  const asked = { text: "How do I boil an egg?", lang: "en", fp: "fp", now: 1000 };
  const failed = (fields: Parameters<typeof candidate>[0], maxAgeSeconds = 60) =>
    checkGuards({ ...asked, maxAgeSeconds }, candidate(fields))
      .filter((verdict) => !verdict.pass)
      .map((verdict) => verdict.guard);
  expect(failed({})).toEqual([]);
  expect(failed({ fp: "other" })).toEqual(["scope"]);
  expect(failed({ lang: "de" })).toContain("language");
  expect(failed({ expiresAt: 1000 })).toEqual(["expiry"]);
  expect(failed({ expiresAt: NaN })).toEqual(["expiry"]);
  expect(failed({ createdAt: -60_000 })).toEqual(["expiry"]);
  expect(failed({ quarantined: true })).toEqual(["quarantine"]);
});

const WORDS = (
  "how what is the not never before after buy sell 3 three half 20% $5 km miles Paris Rome user_id from to in than " +
  'my this today "x" and or France beat II first 1/2 - , . ? May unsafe safe'
).split(" ");
const sentence = fc
  .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 12 })
  .map((words) => words.join(" "));

test("which guards fail does not depend on who came first", () => {
  void property(
    "guard symmetry",
    500,
    fc.property(sentence, sentence, (a, b) => {
      const both = (x: string, y: string) =>
        checkGuards({ ...request(x), lang: "en" }, candidate({ question: y })).map((v) => v.pass);
      expect(both(a, b)).toEqual(both(b, a));
    }),
  );
});

test("a text may be served to itself, unless it is about the moment or the asker", () => {
  void property(
    "guard reflexivity",
    500,
    fc.property(sentence, (text) => {
      const fails = failing(text, text).filter((g) => g !== "freshness" && g !== "personal");
      expect(fails).toEqual([]);
    }),
  );
});

test("a changed number never passes, in any of the languages", () => {
  const templates = [
    (n: number) => `How much are ${n} apples worth in total?`,
    (n: number) => `Wie viel kosten ${n} Äpfel insgesamt?`,
    (n: number) => `¿Cuánto cuestan ${n} manzanas en total?`,
    (n: number) => `Combien coûtent ${n} pommes au total ?`,
    (n: number) => `Сколько стоят ${n} яблок?`,
    (n: number) => `${n}个苹果一共多少钱？`,
  ];
  void property(
    "changed numbers",
    300,
    fc.property(
      fc.constantFrom(...templates),
      fc.nat(100_000),
      fc.nat(100_000),
      (template, n, m) => {
        fc.pre(n !== m);
        expect(failing(template(n), template(m))).toContain("number");
      },
    ),
  );
});

// Each pattern invites a different expression to run away. A quadratic reading of 100 KB would take minutes.
test.each([
  "a",
  "1,",
  '"',
  "a.",
  "not ",
  "一",
  "的",
  "from a to b ",
  "and one hundred ",
  "i.e/",
  "«",
  "\n",
  "𠮷",
])("100 KB of %j are read in linear time", (piece) => {
  const text = piece.repeat(Math.ceil(100_000 / piece.length));
  const start = performance.now();
  checkGuards(request(text), row(text.slice(1)));
  expect(performance.now() - start).toBeLessThan(5000);
});
