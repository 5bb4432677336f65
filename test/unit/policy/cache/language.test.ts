import { expect, test } from "vitest";
import { languageOf } from "../../../../src/policy/cache/language.ts";

test.each([
  ["en", "How do I boil an egg?"],
  ["de", "Wie koche ich ein Ei?"],
  ["es", "¿Cómo puedo cocinar arroz?"],
  ["fr", "Comment faire cuire un œuf ?"],
  ["it", "Come si cuoce un uovo?"],
  ["pt", "Como posso cozinhar um ovo?"],
  ["nl", "Hoe kook ik een ei?"],
  ["ru", "Как сварить яйцо?"],
  ["uk", "Як зварити їжу швидко?"],
  ["zh", "怎么煮鸡蛋？"],
  ["ja", "卵の茹で方を教えてください"],
  ["ko", "달걀을 어떻게 삶나요?"],
  ["ar", "كيف أسلق بيضة؟"],
  ["hi", "अंडा कैसे उबालें?"],
])("recognises %s", (lang, text) => {
  expect(languageOf(text)).toBe(lang);
});

test("foreign names do not change the language of a question", () => {
  expect(languageOf("TypeScript 和 JavaScript 有什么区别？")).toBe("zh");
  expect(languageOf("Что такое Durable Objects?")).toBe("ru");
});

test("says und when nothing tells", () => {
  expect(languageOf("PostgreSQL 16")).toBe("und");
  expect(languageOf("")).toBe("und");
  expect(languageOf("42 + 1")).toBe("und");
});
