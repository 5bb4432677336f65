// npm run bench -- threshold [--data DIR] [--json]: the cold-start distance of the built-in embedder. Behind the guards, the
// largest distance at which at most 1 % of the calibration half's traps pass; then what it does on the other half.
// Should-hits: two wordings of one question in one language. Traps: a question beside a changed one of its family.
import { parseArgs } from "node:util";
import { type Candidate } from "../../src/policy/cache/candidate.ts";
import { checkGuards } from "../../src/policy/cache/guards.ts";
import { languageOf } from "../../src/policy/cache/language.ts";
import { distanceFromCosine } from "../../src/policy/observation.ts";
import { builtInEmbed } from "../../src/trainer-node/built-in-embedder.ts";
import { loadDataDirectory } from "../../src/trainer-node/simulator/data-directory.ts";
import { type Group, halfOf, loadBundled } from "../../src/trainer-node/simulator/groups.ts";

const MAX_TRAPS = 0.01;

interface Pair {
  readonly same: boolean;
  readonly calibration: boolean;
  readonly distance: number;
  readonly guarded: boolean;
}

function pairOf(a: string, b: string, same: boolean, calibration: boolean): Pair {
  const [x, y] = [builtInEmbed(a), builtInEmbed(b)];
  let cosine = 0;
  for (const [i, value] of x.entries()) cosine += value * y[i]!;
  const candidate: Candidate = {
    id: "row",
    ansId: "answer",
    role: 1,
    distance: distanceFromCosine(cosine),
    useCount: 1,
    fp: "fp",
    lang: languageOf(b),
    question: b,
    createdAt: 0,
    expiresAt: Infinity,
  };
  const verdicts = checkGuards({ text: a, lang: languageOf(a), fp: "fp", now: 0 }, candidate);
  return {
    same,
    calibration,
    distance: candidate.distance,
    guarded: verdicts.every(({ pass }) => pass),
  };
}

function pairsOf(groups: readonly Group[]): readonly Pair[] {
  const pairs: Pair[] = [];
  const families = Map.groupBy(groups, ({ family }) => family);
  for (const [family, members] of families) {
    const calibration = halfOf(family) === "calibration";
    for (const [i, group] of members.entries()) {
      for (const [lang, texts] of group.questions) {
        const [first, ...others] = texts;
        if (first === undefined) continue;
        for (const other of others) pairs.push(pairOf(other, first, true, calibration));
        for (const rival of members.slice(i + 1))
          for (const text of rival.questions.get(lang) ?? [])
            pairs.push(pairOf(text, first, false, calibration));
      }
    }
  }
  return pairs;
}

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { data: { type: "string" }, json: { type: "boolean", default: false } },
});
const groups = values.data === undefined ? loadBundled() : await loadDataDirectory(values.data);
const pairs = pairsOf(groups);
const share = (of: readonly Pair[], at: number): number =>
  of.filter(({ guarded, distance }) => guarded && distance <= at).length / Math.max(1, of.length);
const half = (calibration: boolean, same: boolean): readonly Pair[] =>
  pairs.filter((pair) => pair.calibration === calibration && pair.same === same);

const grid = Array.from({ length: 141 }, (_, i) => i / 100);
const threshold = grid.findLast((at) => share(half(true, false), at) <= MAX_TRAPS) ?? 0;
const rows = [0.35, 0.5, 0.65, 0.75, 0.85, 0.95, 1.1, threshold].map((at) => ({
  distance: at,
  calibrationTraps: share(half(true, false), at),
  calibrationShouldHits: share(half(true, true), at),
  measuredTraps: share(half(false, false), at),
  measuredShouldHits: share(half(false, true), at),
}));
if (values.json) {
  console.log(JSON.stringify({ threshold, pairs: pairs.length, rows }));
} else {
  const counts = [true, false].map((c) => `${half(c, true).length} / ${half(c, false).length}`);
  console.log(
    `should-hits / traps: calibration ${counts[0]}, measured ${counts[1]}; at most 1 % of calibration traps: distance ${threshold}`,
  );
  console.table(
    rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          name === "distance" ? value : `${(100 * value).toFixed(1)} %`,
        ]),
      ),
    ),
  );
}
