// The table of claims for a terminal: nothing cut off, long texts over several lines.
import { type ClaimResult } from "../../src/trainer-node/reproduction/report/verdict.ts";
import { columns } from "../evaluate/columns.ts";

const WIDTH = 160;
const GAP = 2;
/** Of what is measured and published; a claim has what is left. */
const WIDEST = 30;

/** A table a group, each below its title; at most 160 columns wide. */
export function claimsTable(claims: readonly ClaimResult[]): string {
  return [...Map.groupBy(claims, ({ group }) => group)]
    .map(([group, some]) => `${group === undefined ? "" : `${group}\n\n`}${tableOf(some)}\n`)
    .join("\n");
}

function tableOf(claims: readonly ClaimResult[]): string {
  const rows = [
    ["", "claim", "published", "measured", "verdict", "grid"],
    ...claims.map(({ id, claim, published, ours, verdict, gridShare }) => [
      id,
      claim,
      published,
      ours,
      verdict,
      gridShare ? `${gridShare.holds} of ${gridShare.of}` : "-",
    ]),
  ];
  const widths = rows[0]!.map((_, column) =>
    Math.min(WIDEST, Math.max(...rows.map((row) => row[column]!.length))),
  );
  widths[1] = 0;
  widths[1] = WIDTH - widths.reduce((sum, width) => sum + width + GAP, -GAP);
  return columns(
    rows.flatMap((row) => {
      const cells = row.map((cell, column) => linesOf(cell, widths[column]!));
      return Array.from({ length: Math.max(...cells.map(({ length }) => length)) }, (_, line) =>
        cells.map((lines, column) => (lines[line] ?? "").padEnd(widths[column]!)),
      );
    }),
  );
}

/** Broken at spaces; a word that is longer than a line stays whole. */
function linesOf(text: string, width: number): readonly string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!;
    const longer = last === "" ? word : `${last} ${word}`;
    if (last === "" || longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** `66 claims: 25 agree, 28 differ, 13 undecided; 6 checks: 6 pass`. */
export function countsLine(claims: readonly ClaimResult[]): string {
  const { agrees, differs, undecided, pass, fail } = countsOf(claims);
  const checks = pass + fail;
  return [
    `${agrees + differs + undecided} claims: ${agrees} agree, ${differs} differ, ${undecided} undecided`,
    ...(checks === 0 ? [] : [`${checks} checks: ${fail === 0 ? "all pass" : `${fail} fail`}`]),
  ].join("; ");
}

export function countsOf(claims: readonly ClaimResult[]): Record<ClaimResult["verdict"], number> {
  const counts = { agrees: 0, differs: 0, undecided: 0, pass: 0, fail: 0 };
  for (const { verdict } of claims) counts[verdict]++;
  return counts;
}
