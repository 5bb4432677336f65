// A report as files: README.md with introduction, claims and sections, further pages, plots. The same report, the same
// bytes.
import { digitsFor, formatEstimate, formatNumber } from "./figures.ts";
import { code, markdownTable, plain, ranges, target } from "./markdown.ts";
import { isBarPlot, type Plot, type Provenance } from "./plot.ts";
import { type Cell, type Column, type Report, type Section, type Table } from "./report.ts";
import { svgOf } from "./svg-plot.ts";
import { type ClaimResult } from "./verdict.ts";

const VERDICTS = ["agrees", "differs", "undecided", "pass", "fail"] as const;
/** More raw files than these are folded away. */
const MOST_LINKS = 4;
const CLAIM_FILES = "claim-files";
const BACK = "[Summary and claims](README.md)";

/** Texts by file name. Throws RangeError for ids that are no file names or occur twice. */
export function renderReport(report: Report): Map<string, string> {
  assertIds(report);
  const files = new Map<string, string>();
  const pages = Map.groupBy(report.sections, ({ page }) => page ?? null);
  files.set(
    "README.md",
    page([
      `# ${plain(report.title)}`,
      ...report.introduction,
      ...(report.claims.length === 0 ? [] : claimsOf(report.claims)),
      ...contentsOf(pages),
      ...(pages.get(null) ?? []).flatMap(sectionOf),
    ]),
  );
  if (report.claims.length > 0)
    files.set(
      `${CLAIM_FILES}.md`,
      page([
        `# ${plain(report.title)}: raw files of each claim`,
        BACK,
        claimFilesOf(report.claims),
      ]),
    );
  for (const [name, sections] of pages)
    if (name !== null)
      files.set(
        `${name}.md`,
        page([`# ${plain(report.title)}`, BACK, ...sections.flatMap(sectionOf)]),
      );
  for (const plot of report.sections.flatMap(({ plots }) => plots))
    files.set(`plots/${plot.id}.svg`, svgOf(plot));
  return files;
}

const page = (blocks: readonly string[]): string => `${blocks.join("\n\n")}\n`;

/** The column of the verdict in `claimRows`. */
const VERDICT = 5;

/** Rows for a table of claims, in Markdown or in a terminal: titles first. */
export function claimRows(claims: readonly ClaimResult[]): string[][] {
  return [
    ["id", "claim", "source", "published", "measured", "verdict", "grid"],
    ...claims.map((one) => [
      one.id,
      one.claim,
      one.source,
      one.published,
      one.ours,
      one.verdict,
      one.gridShare ? `${one.gridShare.holds} of ${one.gridShare.of}` : "-",
    ]),
  ];
}

function claimsOf(claims: readonly ClaimResult[]): string[] {
  const counts = VERDICTS.flatMap((verdict) => {
    const count = claims.filter((one) => one.verdict === verdict).length;
    return count === 0 ? [] : `${verdict} ${count}`;
  });
  return [
    "## Claims",
    `Verdicts of ${claims.length} claims: ${counts.join(", ")}. Intervals are 95 %; a published claim without one stays ` +
      "undecided; pass and fail are for what must hold by construction. Grid: in how many settings the direction holds.",
    ...[...Map.groupBy(claims, ({ group }) => group)].flatMap(([group, some]) =>
      group === undefined ? [claimTable(some)] : [`### ${plain(group)}`, claimTable(some)],
    ),
    `[Raw files of each claim](${CLAIM_FILES}.md)`,
  ];
}

/** Without the columns that say nothing about any of these. */
function claimTable(claims: readonly ClaimResult[]): string {
  const [titles = [], ...rows] = claimRows(claims);
  const all = [
    [...titles, "note"],
    ...rows.map((row, i) => {
      const cells = [...row, claims[i]!.note].map(plain);
      cells[VERDICT] = `**${cells[VERDICT]}**`;
      return cells;
    }),
  ];
  const isSaid = (column: number) =>
    all.slice(1).some((cells) => cells[column] !== "" && cells[column] !== "-");
  const shown = all[0]!.map((_, column) => column).filter(isSaid);
  const [head = [], ...body] = all.map((cells) => shown.map((column) => cells[column]!));
  return markdownTable(
    head,
    body,
    head.map((title) => title === "grid"),
  );
}

/** Often hundreds of links: a page of their own. */
const claimFilesOf = (claims: readonly ClaimResult[]): string =>
  claims.map(({ id, jobs }) => `- ${plain(id)}: ${linksOf(jobs).join(", ") || "none"}`).join("\n");

/** Links to the sections of other pages. */
function contentsOf(pages: ReadonlyMap<string | null, readonly Section[]>): string[] {
  const links = [...pages].flatMap(([name, sections]) =>
    name === null ? [] : sections.map(({ id, title }) => `- [${plain(title)}](${name}.md#${id})`),
  );
  return links.length === 0 ? [] : ["## Pages", links.join("\n")];
}

function sectionOf({ id, title, text, tables, plots }: Section): string[] {
  return [
    `<a id="${id}"></a>`,
    `## ${plain(title)}`,
    ...text,
    ...tables.flatMap((table) => [
      `**${plain(table.title)}**`,
      tableOf(table),
      madeBy(table.provenance, hasInterval(table) ? "95 % intervals. " : ""),
    ]),
    ...plots.flatMap((plot) => [
      `![${plain(plot.title)}](plots/${plot.id}.svg)`,
      madeBy(plot.provenance, isWithIntervals(plot) ? "Bands and whiskers: 95 % intervals. " : ""),
    ]),
  ];
}

function tableOf({ title, columns, rows }: Table): string {
  const wrong = rows.findIndex((row) => row.length !== columns.length);
  if (wrong >= 0)
    throw new RangeError(
      `table ${title}: row ${wrong + 1} has ${rows[wrong]!.length} cells for ${columns.length} columns`,
    );
  const written = columns.map((column, i) =>
    columnOf(
      typeof column === "string" ? { title: column } : column,
      rows.map((row) => row[i]!),
    ),
  );
  return markdownTable(
    written.map((column) => column.title),
    rows.map((_, row) => written.map(({ cells }) => cells[row]!)),
    written.map(({ isRight }) => isRight),
  );
}

/** Its figures have the same digits. */
function columnOf({ title, digits, isPercent = false }: Column, cells: readonly Cell[]) {
  const estimates = cells.filter((cell) => cell !== null && typeof cell === "object");
  const format = { isPercent, digits: digits ?? digitsFor(estimates, isPercent) };
  const some = cells.filter((cell) => cell !== null);
  return {
    title: plain(title),
    cells: cells.map((cell) => {
      if (cell === null) return "-";
      if (typeof cell === "string") return plain(cell);
      if (typeof cell === "object") return formatEstimate(cell, format);
      return formatNumber(isPercent ? 100 * cell : cell, format.digits);
    }),
    isRight: some.length > 0 && some.every((cell) => typeof cell !== "string"),
  };
}

const hasInterval = ({ rows }: Table): boolean =>
  rows.some((row) =>
    row.some((cell) => cell !== null && typeof cell === "object" && cell.interval !== null),
  );

const isWithIntervals = (plot: Plot): boolean =>
  isBarPlot(plot)
    ? plot.series.some(({ bars }) => bars.some((bar) => bar?.low !== undefined))
    : plot.series.some(({ points }) => points.some(({ low }) => low !== undefined));

/** One line below each table and plot; many raw files are folded away below it. */
function madeBy({ command, seeds, commit, raw }: Provenance, intervals: string): string {
  const noun = seeds.length === 1 ? "seed" : "seeds";
  const seed = seeds.length === 0 ? "no seed" : `${noun} ${ranges(seeds)}`;
  const made = `${intervals}Made by ${code(command)}, ${seed}, commit ${code(commit)}`;
  const links = linksOf(raw);
  if (links.length === 0) return `<sub>${made}.</sub>`;
  if (links.length <= MOST_LINKS) return `<sub>${made}, raw: ${links.join(", ")}.</sub>`;
  return `<sub>${made}.</sub>\n\n${folded(`${links.length} raw files`, `In [raw](raw): ${numbered(raw).join(", ")}`)}`;
}

/** Names that differ in a last number alone stand together: job-1 to 5. */
function numbered(raw: readonly string[]): readonly string[] {
  const parts = raw.map((path) => /^(?:raw\/)?(.*?)(\d*)(?:\.json)?$/.exec(path)!);
  return [...Map.groupBy(parts, ([, stem]) => stem!)].map(([stem, some]) => {
    const numbers = some.flatMap(([, , digits]) => (digits === "" ? [] : [Number(digits)]));
    if (numbers.length < 2) return code(stem + (some[0]![2] ?? ""));
    const zeros = some.find(([, , digits]) => digits!.startsWith("0"))?.[2]!.length ?? 0;
    return code(stem + ranges(numbers).replaceAll(/\d+/g, (digits) => digits.padStart(zeros, "0")));
  });
}

const folded = (summary: string, body: string): string =>
  `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;

/** Jobs are named with or without raw/ and .json. */
function linksOf(raw: readonly string[]): string[] {
  return raw.map((path) => {
    const name = path.replace(/^raw\//, "").replace(/\.json$/, "");
    if (name.split("/").some((part) => part === "" || part === "." || part === ".."))
      throw new RangeError(`${path} is no file below raw/`);
    const file = /\.(?:csv|jsonl|svg|txt)$/.test(name) ? name : `${name}.json`;
    return `[${plain(name)}](raw/${target(file)})`;
  });
}

function assertIds({ sections }: Report): void {
  const plots = sections.flatMap((section) => section.plots.map(({ id }) => id));
  for (const [what, ids] of [
    ["section", sections.map(({ id }) => id)],
    ["plot", plots],
  ] as const)
    for (const [i, id] of ids.entries()) {
      assertFileName(what, id);
      if (ids.indexOf(id) < i) throw new RangeError(`two ${what}s are called ${id}`);
    }
  for (const { page: name } of sections) if (name !== undefined) assertFileName("page", name);
}

function assertFileName(what: string, id: string): void {
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(id) || id === "readme" || id === CLAIM_FILES)
    throw new RangeError(
      `${what} ${id}: an id is made of lower-case letters, digits and single hyphens`,
    );
}
