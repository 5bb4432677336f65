// Text tables and figures as all parts of the evaluation print them.
import { type Interval } from "../../src/trainer-node/evaluation/operating-curve.ts";

/** Rows under a first row of titles; the first column to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[]): string {
  const count = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Per cents, "-" for none. */
export const percent = (share: number | null | undefined, digits = 1): string =>
  share === null || share === undefined || Number.isNaN(share)
    ? "-"
    : (100 * share).toFixed(digits);

export const percentRange = ({ low, high }: Interval, digits = 1): string =>
  `[${percent(low, digits)}, ${percent(high, digits)}]`;

/** With a sign: a difference in points. */
export const points = (share: number, digits = 1): string =>
  `${share >= 0 ? "+" : ""}${percent(share, digits)}`;
