import { expect, test } from "vitest";
import { folded, stemOf } from "../../../../src/policy/verifier/lexicon.ts";

test.each([
  ["batteries", "battery"],
  ["stopping", "stop"],
  ["makes", "making"],
  ["bought", "buying"],
  ["boxes", "box"],
  ["children", "child"],
  ["quickly", "quick"],
])("%s and %s have one stem", (one, other) => {
  expect(stemOf(one, "en")).toBe(stemOf(other, "en"));
});

test.each([
  ["bus", "busy"],
  ["this", "thin"],
  ["ring", "red"],
])("%s and %s have not", (one, other) => {
  expect(stemOf(one, "en")).not.toBe(stemOf(other, "en"));
});

test("other languages are cut to their first 70 %, Chinese and numbers stay whole", () => {
  // ceil(0.7 x 9) = 7 of "schreiben", and "schreibt" has ceil(0.7 x 8) = 6.
  expect(stemOf("schreiben", "de")).toBe("schreib");
  expect(stemOf("hund", "de")).toBe("hund");
  expect(stemOf("水", "zh")).toBe("水");
  expect(stemOf("2024", "en")).toBe("2024");
});

test("accents and the sharp s do not tell words apart", () => {
  expect(folded("cómo straße ёлка")).toBe("como strasse елка");
});
