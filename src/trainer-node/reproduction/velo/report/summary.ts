// What a reader should know before any table: how the claims came out, and where DLRS stands. Made from the results alone.
import { formatEstimate } from "../../report/figures.ts";
import { markdownTable, plain } from "../../report/markdown.ts";
import { type Estimate } from "../../report/statistics.ts";
import { type ClaimResult } from "../../report/verdict.ts";
import { type VeloResults } from "../results.ts";
import { ALL } from "./comparison.ts";
import { type ReportParts } from "./parts.ts";
import { productRows, shippingSentence } from "./product.ts";

const GROUPS = {
  shapes: "Shapes: orders and directions (S)",
  numbers: "Numbers (N)",
  satisfaction: "Satisfaction against each baseline (N9, N11, N14)",
  construction: "By construction (C)",
} as const;

/** The same claims, each with the title of its table, those of a table together. */
export function grouped(claims: readonly ClaimResult[]): readonly ClaimResult[] {
  const groups = Object.values(GROUPS);
  return claims
    .map((claim) => ({ ...claim, group: groupOf(claim.id) }))
    .toSorted((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group));
}

function groupOf(id: string): (typeof GROUPS)[keyof typeof GROUPS] {
  if (id.startsWith("S")) return GROUPS.shapes;
  if (id.startsWith("C")) return GROUPS.construction;
  return /^N(9|11|14) /.test(id) ? GROUPS.satisfaction : GROUPS.numbers;
}

/** Markdown, with a heading of its own. @param claims in their groups */
export function summary(parts: ReportParts, claims: readonly ClaimResult[]): readonly string[] {
  if (claims.length === 0) return [];
  return [
    "## In short",
    ...judged(claims),
    ...standings(parts),
    ...whatNoiseDecides(parts),
    ...[shippingSentence(productRows(parts.results))].flatMap((sentence) =>
      sentence === null ? [] : [`Product: ${sentence}`],
    ),
  ];
}

function judged(claims: readonly ClaimResult[]): readonly string[] {
  const of = (some: readonly ClaimResult[], verdict: ClaimResult["verdict"]) =>
    some.filter((claim) => claim.verdict === verdict);
  const isCheck = ({ verdict }: ClaimResult) => verdict === "pass" || verdict === "fail";
  const isOwn = ({ source }: ClaimResult) => source === "ours";
  const checks = claims.filter(isCheck);
  const own = claims.filter((claim) => !isCheck(claim) && isOwn(claim));
  const published = claims.filter((claim) => !isCheck(claim) && !isOwn(claim));
  const [agree, differ, open] = (["agrees", "differs", "undecided"] as const).map((verdict) =>
    of(published, verdict),
  );
  const failed = of(checks, "fail");
  const said = [
    `Of ${published.length} claims of the paper ${agree!.length} agree, ${differ!.length} differ and ${open!.length} are undecided.`,
    ...(own.length === 0
      ? []
      : [
          `Of ${own.length} of our own: ${own.map(({ id, verdict }) => `${id} ${verdict}`).join(", ")}.`,
        ]),
    ...(checks.length === 0
      ? []
      : [
          failed.length === 0
            ? `All ${checks.length} checks of what must hold by construction pass.`
            : `Of ${checks.length} checks of what must hold by construction ${failed.length} fail: ${failed.map(({ id }) => id).join(", ")}.`,
        ]),
    ...named(
      "Numbers that differ",
      differ!.filter(({ id }) => !isShape(id)),
    ),
    ...named("Undecided", open!),
  ];
  const shapes = differ!.filter(({ id }) => isShape(id));
  const groups = Map.groupBy(published, ({ group }) => group ?? "");
  const counts = [...groups].map(([group, some]) => {
    const count = (verdict: ClaimResult["verdict"]) => String(of(some, verdict).length);
    return [plain(group), count("agrees"), count("differs"), count("undecided")];
  });
  return [
    said.join(" "),
    markdownTable(["claims", "agree", "differ", "undecided"], counts, [false, true, true, true]),
    ...(shapes.length === 0
      ? []
      : [
          "Shapes that differ:",
          shapes
            .map(
              ({ id, claim, published: theirs, ours }) =>
                `- ${id}: ${plain(claim)}. Published: ${plain(theirs)}; measured: ${plain(ours)}.`,
            )
            .join("\n"),
        ]),
  ];
}

const isShape = (id: string): boolean => id.startsWith("S");

/** More are found in the tables: a run with one seed decides next to nothing. */
const MOST_NAMED = 25;

const named = (what: string, claims: readonly ClaimResult[]): readonly string[] =>
  claims.length === 0 || claims.length > MOST_NAMED
    ? []
    : [`${what}: ${claims.map(({ id }) => id).join(", ")}.`];

const TESTS = [
  ["similar-nearest", "similar requests, nearest server"],
  ["similar-all", "similar requests, all servers"],
  ["new-nearest", "new requests, nearest server"],
] as const;
const ORACLES: ReadonlySet<string> = new Set(["oracle", "feasible-oracle"]);
const DLRS = "DLRS-L10";

/** Where DLRS-L10 stands among all but the oracles. */
function standings(parts: ReportParts): readonly string[] {
  const rivals = ALL.filter((name) => parts.has(name) && !ORACLES.has(name));
  if (!parts.has(DLRS) || rivals.length < 2) return [];
  const rows = TESTS.flatMap(([test, title]) => {
    const ranked = rivals
      .map((name) => ({ name, reward: parts.estimate(name, "reward", { test }) }))
      .filter((one): one is { name: typeof one.name; reward: Estimate } => one.reward !== null)
      .toSorted((a, b) => b.reward.mean - a.reward.mean);
    const place = ranked.findIndex(({ name }) => name === DLRS);
    const best = ranked.find(({ name }) => name !== DLRS);
    if (place < 0 || best === undefined) return [];
    const lead = parts.difference("reward", [DLRS, { test }], [best.name, { test }]);
    return [
      [
        title,
        formatEstimate(ranked[place]!.reward, { digits: 2 }),
        `${place + 1} of ${ranked.length}`,
        best.name,
        formatEstimate(best.reward, { digits: 2 }),
        formatEstimate(lead, { digits: 2 }),
      ],
    ];
  });
  return [
    `Reward of ${DLRS}, its place among all but the oracles, and the best of the others ([all of them](comparison.md)):`,
    markdownTable(["test", DLRS, "place", "best other", "its reward", `${DLRS} less it`], rows, [
      false,
      true,
      true,
      false,
      true,
      true,
    ]),
  ];
}

/** Says so where the network itself never chooses a direct call: then all of them are its noise. */
function whatNoiseDecides(parts: ReportParts): readonly string[] {
  if (!parts.has(DLRS)) return [];
  const calls = (execution: string, test: (typeof TESTS)[number][0]) =>
    parts.estimate(DLRS, "direct", { execution, test });
  const [ownSimilar, ownNew] = (["similar-nearest", "new-nearest"] as const).map((test) =>
    calls("zero-noise", test),
  );
  const drawn = calls("sampled", "similar-nearest");
  if (ownSimilar?.mean !== 0 || ownNew?.mean !== 0 || drawn === null) return [];
  return [
    `Without its noise ${DLRS} chooses the cache for every request, in every seed: it has learnt to call no model directly, and the ${(100 * drawn.mean).toFixed(0)} % of direct calls are the noise of one sampled chain. They fill its databases, which is what it earns by; who plays so without noise from the start (Always-A) ends with hardly a row.`,
  ];
}

/** How many settings of the grid were run. */
export const gridSettings = (results: VeloResults): number =>
  results.records().filter(({ kind }) => kind === "grid").length;
