// Request streams with exact labels, drawn from question groups by one seed: repeats, other wordings, changed
// numbers, translations and new questions in given shares, with Zipf popularity and Poisson arrivals. Demo,
// simulator, evaluation and replay all use it. A served answer is correct when it belongs to the asked group.
import { Random } from "../../policy/random.ts";
import { AskedQuestions, type Choice, isOpener } from "./asked-questions.ts";
import { shuffled } from "../shuffled.ts";
import { type Group } from "./groups.ts";
import { type Counts, DEFAULT_MIX, type Mix, planCounts, zeroCounts } from "./mix.ts";
import { REQUEST_KINDS, type RequestKind, type WorkloadRequest } from "./request.ts";

export interface WorkloadOptions {
  readonly groups: readonly Group[];
  readonly requests: number;
  readonly seed: number;
  readonly mix?: Mix;
  readonly regions?: readonly string[];
  /** Whether what one region was asked counts as asked in the others, as the gateway's cache domain is set. */
  readonly domain?: "region" | "shared";
  /** How much likelier a group is asked in its home region than elsewhere: 0.7 against 0.3 for all the others. */
  readonly homeShare?: number;
  /** Popularity of the k-th group is k^-zipf. */
  readonly zipf?: number;
  /** Share of groups that are asked exactly once. */
  readonly onceShare?: number;
  /** Arrivals per second, all regions together. */
  readonly ratePerSecond?: number;
  /** Share of English in a group's first questions, the other languages being equally likely. */
  readonly englishShare?: number;
  /** From the middle of the stream on the shares are these and the most popular groups are the least popular ones. */
  readonly shiftTo?: Mix;
}

export interface Workload {
  readonly requests: readonly WorkloadRequest[];
  /** How many of each kind the mix asked for, after what the groups can supply at most. */
  readonly planned: Readonly<Counts>;
  readonly realised: Readonly<Counts>;
}

/** Draws a request stream; equal options give an equal stream. Throws RangeError when there is nothing to ask. */
export function generateWorkload({
  groups,
  requests: count,
  seed,
  mix = DEFAULT_MIX,
  regions = ["us", "eu", "asia"],
  domain = "region",
  homeShare = 0.7,
  zipf = 1,
  onceShare = 0.3,
  ratePerSecond = 10,
  englishShare = 0.6,
  shiftTo,
}: WorkloadOptions): Workload {
  if (groups.length === 0 || regions.length === 0) throw new RangeError("no groups or no regions");
  const random = new Random(seed);
  const domains = domain === "region" ? regions : ["shared"];
  const chosen = chooseGroups(groups, {
    newRequests: (count * mix.new) / REQUEST_KINDS.reduce((sum, kind) => sum + mix[kind], 0),
    domains: domains.length,
    onceShare,
    random,
  });
  const popularity = new Map<string, number>();
  const home = new Map<string, string>();
  const ranked = shuffled(chosen.groups, random);
  for (const [rank, group] of ranked.entries()) {
    popularity.set(group.id, (rank + 1) ** -zipf);
    home.set(group.id, pick(regions, random));
  }
  const awayShare = (1 - homeShare) / Math.max(1, regions.length - 1);

  const asked = new AskedQuestions(chosen.groups, domains, chosen.once);
  const shiftAt = shiftTo === undefined ? count : Math.ceil(count / 2);
  const supply = asked.supply();
  // What can be asked only so often must last for both halves.
  let planned = planCounts(
    mix,
    shiftAt,
    shiftTo === undefined ? supply : mapCounts((kind) => supply[kind] / 2),
  );
  let left = { ...planned };
  let now = mix;
  const realised = zeroCounts();
  const requests: WorkloadRequest[] = [];
  let t = 0;
  while (requests.length < count) {
    if (shiftTo !== undefined && requests.length === shiftAt) {
      now = shiftTo;
      const spare = mapCounts((kind) => Math.max(0, supply[kind] - realised[kind]));
      left = planCounts(now, count - shiftAt, spare);
      const [before, after] = [planned, { ...left }];
      planned = mapCounts((kind) => before[kind] + after[kind]);
      for (const [rank, group] of ranked.toReversed().entries())
        popularity.set(group.id, (rank + 1) ** -zipf);
    }
    t += -Math.log(1 - random.uniform()) / ratePerSecond;
    const region = pick(regions, random);
    const here = domain === "region" ? region : "shared";
    const candidates = (kind: RequestKind) => asked.candidates(kind, here);
    const drawn = drawKind(left, candidates, random) ?? drawKind(now, candidates, random);
    if (!drawn) throw new RangeError(`nothing left to ask after ${requests.length} requests`);
    const { kind } = drawn;
    const group = pickWeighted(
      drawn.groups,
      ({ id }) => (popularity.get(id) ?? 0) * (home.get(id) === region ? homeShare : awayShare),
      random,
    );
    const choice = pickChoice(asked.choices(kind, group, here), englishShare, random);
    asked.add(group, choice, here);
    left[kind] = Math.max(0, left[kind] - 1);
    realised[kind]++;
    const answer = group.answers.get(choice.lang);
    requests.push({
      t,
      id: `r${String(requests.length + 1).padStart(6, "0")}`,
      group: group.id,
      question: choice.question,
      lang: choice.lang,
      kind,
      region,
      ...(answer !== undefined && { reference_answer: answer }),
      ...(kind === "follow-up" && { history: asked.historyOf(group, choice.lang, here) }),
    });
  }
  return { requests, planned, realised };
}

function mapCounts(of: (kind: RequestKind) => number): Counts {
  const counts = zeroCounts();
  for (const kind of REQUEST_KINDS) counts[kind] = of(kind);
  return counts;
}

interface Chosen {
  readonly groups: readonly Group[];
  /** Asked exactly once, if at all. */
  readonly once: ReadonlySet<string>;
}

/**
 * As many first questions as the stream needs, those with several wordings before the others, and everything that
 * belongs to them. Questions without another wording make up the groups asked once as far as they go.
 */
function chooseGroups(
  groups: readonly Group[],
  need: {
    readonly newRequests: number;
    readonly domains: number;
    readonly onceShare: number;
    readonly random: Random;
  },
): Chosen {
  const { newRequests, domains, onceShare, random } = need;
  // A group asked more than once is asked in its home domain and in about half of the others.
  const firstsPerGroup = onceShare + (1 - onceShare) * (1 + (domains - 1) / 2);
  const wanted = Math.ceil(newRequests / firstsPerGroup);
  const openers = shuffled(groups.filter(isOpener), random);
  const singles = openers.filter((group) => group.relation === "single");
  const bases = openers
    .filter((group) => group.relation === "base")
    .toSorted((a, b) => Number(hasWordings(b)) - Number(hasWordings(a)));
  const singleCount = Math.max(Math.round(wanted * onceShare), wanted - bases.length);
  const usedSingles = singles.slice(0, singleCount);
  const used = [...usedSingles, ...bases.slice(0, wanted - usedSingles.length)];
  const families = new Set(used.map((group) => group.family));
  const related = shuffled(
    groups.filter((group) => !isOpener(group) && families.has(group.family)),
    random,
  );
  const changed = related.filter((group) => group.relation === "changed");
  const firstOf = (list: readonly Group[]) =>
    list.slice(0, Math.round(list.length * onceShare)).map((group) => group.id);
  const spread = [...usedSingles, ...shuffled(used.slice(usedSingles.length), random)];
  return {
    groups: [...used, ...related],
    once: new Set([...firstOf(spread), ...firstOf(changed)]),
  };
}

function hasWordings(group: Group): boolean {
  return [...group.questions.values()].some((texts) => texts.length > 1);
}

/** Draws a kind by weight among those that have candidates; undefined when none has. */
function drawKind(
  weights: Mix,
  candidates: (kind: RequestKind) => readonly Group[],
  random: Random,
): { readonly kind: RequestKind; readonly groups: readonly Group[] } | undefined {
  let kinds = REQUEST_KINDS.filter((kind) => weights[kind] > 0);
  while (kinds.length > 0) {
    const kind = pickWeighted(kinds, (each) => weights[each], random);
    const groups = candidates(kind);
    if (groups.length > 0) return { kind, groups };
    kinds = kinds.filter((each) => each !== kind);
  }
  return undefined;
}

function pickChoice(choices: readonly Choice[], englishShare: number, random: Random): Choice {
  const langs = [...new Set(choices.map((choice) => choice.lang))];
  const others = langs.filter((lang) => lang !== "en").length;
  const share = (lang: string) => (lang === "en" ? englishShare : (1 - englishShare) / others);
  const lang = pickWeighted(langs, share, random);
  return pick(
    choices.filter((choice) => choice.lang === lang),
    random,
  );
}

function pick<T>(items: readonly T[], random: Random): T {
  return pickWeighted(items, () => 1, random);
}

function pickWeighted<T>(items: readonly T[], weight: (item: T) => number, random: Random): T {
  let total = 0;
  for (const item of items) total += weight(item);
  let at = random.uniform() * total;
  for (const item of items) {
    at -= weight(item);
    if (at < 0) return item;
  }
  const last = items.at(-1);
  if (last === undefined) throw new RangeError("nothing to pick from");
  return last;
}
