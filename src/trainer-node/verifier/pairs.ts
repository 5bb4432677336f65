// The pairs that the shipped scorer learns from: the paraphrases and the workload's calibration half, both written for this
// project, and pairs that are made from them by rule.
import { languageOf } from "../../policy/cache/language.ts";
import { Random } from "../../policy/random.ts";
import { type ParaphraseGroup, type Paraphrases, isWithheld } from "../paraphrases.ts";
import { type Group } from "../simulator/groups.ts";
import { type LabelledPair } from "./train-scorer.ts";
import { variantsOf } from "./variants.ts";

/** Unrelated questions for each text of a group: by far the most common pair, and the easiest. */
const UNRELATED = 1;

/** Pairs of the groups that training may see, or of the withheld fifth. */
export function paraphrasePairs(
  { groups, synonyms }: Paraphrases,
  which: "training" | "withheld",
  seed: number,
): readonly LabelledPair[] {
  const mine = groups.filter(({ id }) => isWithheld(id) === (which === "withheld"));
  const random = new Random(seed);
  const byLanguage = Map.groupBy(mine, ({ lang }) => lang);
  return mine.flatMap((group) =>
    [
      pairsOfGroup(group),
      unrelated(group, byLanguage.get(group.lang)!, random),
      which === "training" ? variantsOf(group, synonyms, random) : [],
    ].flat(),
  );
}

function pairsOfGroup({ id, same, different }: ParaphraseGroup): LabelledPair[] {
  const pairs: LabelledPair[] = [];
  for (const [i, a] of same.entries()) {
    for (const b of same.slice(i + 1)) pairs.push(pair(id, pairs.length, a, b, true));
    for (const b of different) pairs.push(pair(id, pairs.length, a, b, false));
  }
  return pairs;
}

function unrelated(
  { id, same }: ParaphraseGroup,
  others: readonly ParaphraseGroup[],
  random: Random,
): LabelledPair[] {
  if (others.length < 2) return [];
  return Array.from({ length: UNRELATED * same.length }, (_, at) => {
    let other = others[Math.floor(random.uniform() * others.length)]!;
    if (other.id === id) other = others[(others.indexOf(other) + 1) % others.length]!;
    const b = other.same[Math.floor(random.uniform() * other.same.length)]!;
    return pair(`${id}:unrelated`, at, same[at % same.length]!, b, false, id);
  });
}

/** Wordings of one group are the same; those of its near misses (changed, negated) are not. One language at a time. */
export function workloadPairs(groups: readonly Group[]): readonly LabelledPair[] {
  const pairs: LabelledPair[] = [];
  for (const [family, members] of Map.groupBy(groups, (group) => group.family)) {
    const asked = members.filter(({ relation }) => relation !== "follow-up");
    for (const [i, group] of asked.entries())
      for (const [lang, texts] of group.questions) {
        for (const [j, a] of texts.entries())
          for (const b of texts.slice(j + 1)) pairs.push(pair(family, pairs.length, a, b, true));
        for (const rival of asked.slice(i + 1))
          for (const a of texts)
            for (const b of rival.questions.get(lang) ?? [])
              pairs.push(pair(family, pairs.length, a, b, false));
      }
  }
  return pairs.filter(({ a, b }) => languageOf(a) === languageOf(b));
}

function pair(
  id: string,
  at: number,
  a: string,
  b: string,
  same: boolean,
  group: string = id,
): LabelledPair {
  return { id: `${id}/${at}`, a, b, same, group };
}
