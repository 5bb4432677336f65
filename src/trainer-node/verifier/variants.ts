// Pairs by rule: a word put for its synonym leaves the answer as it is; one put for its opposite, another number, or two
// words that change places do not.
import { type Lexicon as WordLists, type ParaphraseGroup } from "../paraphrases.ts";
import { type Random } from "../../policy/random.ts";
import { type LabelledPair } from "./train-scorer.ts";

/** What text made by rule counts beside written text. */
const WEIGHT = 0.5;
/** So many of a group's texts are varied. */
const MOST_TEXTS = 2;

export function variantsOf(
  { id, lang, same }: ParaphraseGroup,
  lists: readonly WordLists[],
  random: Random,
): readonly LabelledPair[] {
  const list = lists.find((each) => each.lang === lang);
  return same.slice(0, MOST_TEXTS).flatMap((text, at) => {
    const other = same[(at + 1) % same.length]!;
    const changed: readonly (readonly [string, string | null, boolean, string])[] = [
      ["synonym", list === undefined ? null : withSynonym(text, list, random), true, text],
      ["synonyms", list === undefined ? null : withSynonym(other, list, random), true, text],
      ["opposite", list === undefined ? null : withOpposite(text, list), false, text],
      ["opposed", list === undefined ? null : withOpposite(other, list), false, text],
      ["number", withOtherNumber(text, random), false, text],
      ["case", withoutCase(text), true, text],
    ];
    return changed.flatMap(([kind, made, isSame, beside]) =>
      made === null || made === beside
        ? []
        : [
            {
              id: `${id}/${kind}-${at}`,
              a: beside,
              b: made,
              same: isSame,
              group: id,
              weight: WEIGHT,
            },
          ],
    );
  });
}

const escaped = (words: string): string => words.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

const IS_HAN = /\p{Script=Han}/u;

/** A pattern that finds a word or phrase as a whole, and in Chinese anywhere. */
function whole(words: string): RegExp {
  return IS_HAN.test(words)
    ? new RegExp(escaped(words), "u")
    : new RegExp(String.raw`(?<![\p{L}\p{N}'])${escaped(words)}(?![\p{L}\p{N}'])`, "iu");
}

/** One word or phrase that has synonyms, put for one of them; of several the longest. */
function withSynonym(text: string, { synonyms }: WordLists, random: Random): string | null {
  const lower = text.toLowerCase();
  const found = synonyms.flatMap((row) =>
    row
      .filter((words) => lower.includes(words.toLowerCase()) && whole(words).test(text))
      .map((words) => ({ words, row })),
  );
  if (found.length === 0) return null;
  const { words, row } = found[Math.floor(random.uniform() * found.length)]!;
  const others = row.filter((each) => each !== words);
  return text.replace(whole(words), others[Math.floor(random.uniform() * others.length)]!);
}

function withOpposite(text: string, { opposites }: WordLists): string | null {
  const lower = text.toLowerCase();
  for (const [one, other] of opposites) {
    // A text that names both sides asks about the difference.
    const sides = [one, other].map(
      (words) => lower.includes(words.toLowerCase()) && whole(words).test(text),
    );
    if (sides[0] === sides[1]) continue;
    return sides[0] ? text.replace(whole(one), other) : text.replace(whole(other), one);
  }
  return null;
}

function withOtherNumber(text: string, random: Random): string | null {
  const number = /(?<![\p{L}\d.,])\d{1,4}(?![\p{L}\d.,]\d)/u.exec(text);
  if (number === null) return null;
  const value = Number(number[0]);
  const other = value + 1 + Math.floor(random.uniform() * Math.max(3, value));
  return text.slice(0, number.index) + String(other) + text.slice(number.index + number[0].length);
}

/** As many people type: no capitals, no mark at the end. */
function withoutCase(text: string): string | null {
  const typed = text.toLowerCase().replace(/[?!.。？]+$/u, "");
  return typed === text ? null : typed;
}
