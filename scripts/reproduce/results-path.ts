// Where results and their report may be written.
import { readdirSync } from "node:fs";

/** A report takes the place of README.md and plots/: only in an empty folder, or in one that a run has made. */
export function folderProblem(folder: string): string | null {
  try {
    const names = readdirSync(folder);
    return names.length === 0 || names.some((name) => name === "raw" || name === "weights")
      ? null
      : `--results ${folder} holds other things than results: name an empty folder`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    return `--results: ${(error as Error).message}`;
  }
}
