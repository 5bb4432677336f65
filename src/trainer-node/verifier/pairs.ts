// The pairs that the shipped scorer learns from: the paraphrases and the workload's calibration half, both written for this
// project, and pairs that are made from them by rule.
import { languageOf } from "../../policy/cache/language.ts";
import { Random } from "../../policy/random.ts";
import { type Embed } from "../../policy/verifier/pair-reading.ts";
import { type ParaphraseGroup, type Paraphrases, isWithheld } from "../paraphrases.ts";
import { type Group } from "../simulator/groups.ts";
import { type LabelledPair } from "./train-scorer.ts";
import { Varier } from "./variants.ts";

/**
 * What a pair counts, by where it comes from. Near misses were written to mislead and are far more frequent here than
 * among the rows that an index returns; unrelated questions are the other way round. Chosen on calibration halves.
 */
const PAIR_WEIGHTS = {
  same: 1,
  nearMiss: 0.15,
  unrelated: 1,
  neighbour: 3,
  variantSame: 0.4,
  /** Another word in the place of one. */
  variantDifferent: 0.2,
  /** An opposite, another number, two words that have changed places. */
  opposed: 1,
} as const;

type Source = keyof typeof PAIR_WEIGHTS;

/** Nearest texts of other groups that stand beside each text. */
const NEIGHBOURS = 2;
const CERTAIN = new Set(["opposite", "number", "swapped"]);

/** Pairs of the groups that training may see, or of the withheld fifth, which gets no variants. */
export function paraphrasePairs(
  { groups, synonyms }: Paraphrases,
  which: "training" | "withheld",
  { embed, seed }: { readonly embed: Embed; readonly seed: number },
): readonly LabelledPair[] {
  const mine = groups.filter(({ id }) => isWithheld(id) === (which === "withheld"));
  const random = new Random(seed);
  const pairs: LabelledPair[] = mine.flatMap((group) => pairsOfGroup(group));
  for (const [lang, members] of Map.groupBy(mine, (group) => group.lang)) {
    const texts = members.flatMap(({ id, same }) => same.map((text) => ({ id, text })));
    pairs.push(...unrelatedPairs(texts, random), ...neighbourPairs(texts, embed));
    if (which === "withheld") continue;
    const varier = new Varier(
      lang,
      synonyms,
      texts.map(({ text }) => text),
      random,
    );
    for (const { id, text } of texts) pairs.push(...variantPairs(id, text, varier));
  }
  return pairs;
}

function pairsOfGroup({ id, same, different }: ParaphraseGroup): LabelledPair[] {
  const pairs: LabelledPair[] = [];
  for (const [i, a] of same.entries()) {
    for (const b of same.slice(i + 1)) pairs.push(pair("same", id, pairs.length, a, b));
    for (const b of different) pairs.push(pair("nearMiss", id, pairs.length, a, b));
  }
  return pairs;
}

interface Text {
  readonly id: string;
  readonly text: string;
}

function unrelatedPairs(texts: readonly Text[], random: Random): readonly LabelledPair[] {
  return texts.flatMap(({ id, text }, at) => {
    const other = texts[Math.floor(random.uniform() * texts.length)]!;
    return other.id === id ? [] : [pair("unrelated", id, at, text, other.text)];
  });
}

/** The questions of other groups that lie nearest: what a search brings up beside the right one. */
function neighbourPairs(texts: readonly Text[], embed: Embed): readonly LabelledPair[] {
  const vectors = texts.map(({ text }) => embed(text));
  return texts.flatMap(({ id, text }, at) => {
    const own = vectors[at]!;
    return texts
      .flatMap((other, i) => (other.id === id ? [] : [{ other, cosine: dot(own, vectors[i]!) }]))
      .toSorted((one, two) => two.cosine - one.cosine)
      .slice(0, NEIGHBOURS)
      .map(({ other }, rank) => pair("neighbour", id, NEIGHBOURS * at + rank, text, other.text));
  });
}

function variantPairs(id: string, text: string, varier: Varier): readonly LabelledPair[] {
  return varier.of(text).map((variant, at) => {
    const isCertain = CERTAIN.has(variant.kind);
    const source = variant.same ? "variantSame" : isCertain ? "opposed" : "variantDifferent";
    return pair(source, `${id}:${variant.kind}`, at, text, variant.text, id);
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
          for (const b of texts.slice(j + 1)) pairs.push(pair("same", family, pairs.length, a, b));
        for (const rival of asked.slice(i + 1))
          for (const a of texts)
            for (const b of rival.questions.get(lang) ?? [])
              pairs.push(pair("nearMiss", family, pairs.length, a, b));
      }
  }
  return pairs.filter(({ a, b }) => languageOf(a) === languageOf(b));
}

function pair(
  source: Source,
  id: string,
  at: number,
  a: string,
  b: string,
  group: string = id,
): LabelledPair {
  const same = source === "same" || source === "variantSame";
  return { id: `${id}/${source}-${at}`, a, b, same, group, weight: PAIR_WEIGHTS[source] };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
