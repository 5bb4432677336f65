// Pieces of Markdown as GitHub reads it, with foreign text kept from being read as Markdown or HTML.

/** One line of plain text, for a table's cell, a heading or the text of a link. */
export function plain(text: string): string {
  return (
    text
      .toWellFormed()
      .replaceAll(/\s+/g, " ")
      .trim()
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll(/[\\`*|[\]~]/g, "\\$&")
      .replaceAll(/(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, "\\_")
      // Two dollar signs would make a formula.
      .replaceAll("$", "<span>$</span>")
  );
}

/** As code, whatever backticks it holds. */
export function code(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return longest === 0 ? `\`${line}\`` : `${fence} ${line} ${fence}`;
}

/** A relative path as the target of a link. */
export const target = (path: string): string =>
  path.split("/").map(encodeURIComponent).join("/").replaceAll("(", "%28").replaceAll(")", "%29");

/** Cells are Markdown already; `right` says which columns are aligned to the right. */
export function markdownTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly boolean[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = `|${titles.map((_, i) => (right[i] ? "---:" : "---")).join("|")}|`;
  return [line(titles), rule, ...rows.map(line)].join("\n");
}

/** `1 to 5, 8`: whole numbers in order, runs of three or more as their ends. */
export function ranges(numbers: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const number of [...new Set(numbers)].toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && number === run[1] + 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs
    .map(([first, last]) => {
      if (first === last) return `${first}`;
      return last === first + 1 ? `${first}, ${last}` : `${first} to ${last}`;
    })
    .join(", ");
}
