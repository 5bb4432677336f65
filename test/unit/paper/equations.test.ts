// docs/equations.md says where every equation is computed and tested; here it is held to that.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const ROOT = new URL("../../../", import.meta.url);
const EQUATIONS = 26;

const textOf = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");

/** Tables as rows of cells; a bar inside a cell is written \|. */
const rows = textOf("docs/equations.md")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) =>
    line
      .slice(2, -2)
      .split(" | ")
      .map((cell) => cell.replaceAll("\\|", "|")),
  )
  .filter(([first]) => first !== "Eq." && first !== "What");

/** Cells hold "`path` what", one under the other. */
const references = rows.flatMap((cells) =>
  cells.flatMap((cell) =>
    cell.split("<br>").flatMap((entry) => {
      const [, path, what] = /^`([^`]+)` (.+)$/.exec(entry) ?? [];
      return path === undefined || what === undefined ? [] : [{ path, what }];
    }),
  ),
);
const isTest = ({ path }: { readonly path: string }) => path.startsWith("test/");
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

const hasTitle = (path: string, title: string): boolean =>
  new RegExp(String.raw`\(\s*"${escaped(title)}"`).test(textOf(path));

/** A declaration, a method or a member of an object. */
const declares = (path: string, name: string): boolean =>
  new RegExp(
    String.raw`\b(?:function|const|class|interface|type) ${name}\b|^\s+#?${name}(?:<[^>]*>)?(?:\(|: \()`,
    "m",
  ).test(textOf(path));

test("every file that the table of equations names exists", () => {
  const files = new Set(references.map(({ path }) => path));
  expect([...files].filter((path) => !existsSync(new URL(path, ROOT)))).toEqual([]);
});

test("every function that the table of equations names is in its file", () => {
  const named = references
    .filter((reference) => !isTest(reference))
    .flatMap(({ path, what }) => what.split(", ").map((name) => ({ path, name })));
  expect(named.length).toBeGreaterThan(EQUATIONS);
  expect(named.filter(({ path, name }) => !declares(path, name))).toEqual([]);
  // It would notice.
  expect(declares("src/policy/reward.ts", "paperCosts")).toBe(false);
});

test("every test that the table of equations names has that title", () => {
  const named = references.filter(isTest);
  expect(named.length).toBeGreaterThan(EQUATIONS);
  expect(named.filter(({ path, what }) => !hasTitle(path, what))).toEqual([]);
  expect(hasTitle("test/unit/policy/reward.test.ts", "the utility stops")).toBe(false);
});

test("every equation from 1 to 26 is in the table with code and a test", () => {
  const numbered = rows.filter(({ length }) => length === 5);
  const numbers = numbered.flatMap(([first]) =>
    first!.split(", ").flatMap((part) => {
      const [from, to = from] = part.replace("*", "").split("-").map(Number);
      return Array.from({ length: to! - from! + 1 }, (_, i) => from! + i);
    }),
  );
  expect(numbers).toEqual(Array.from({ length: EQUATIONS }, (_, i) => i + 1));
  for (const [, , code, tests] of numbered) {
    expect(code).toMatch(/^`src\//);
    expect(tests).toMatch(/^`test\//);
  }
});
