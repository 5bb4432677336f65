import { execFileSync } from "node:child_process";

/** A bar on the terminal, redrawn in place with every `step`-th; nothing where nobody watches. */
export function progressBar(
  label = "",
  step = 20,
): ((done: number, total: number) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  return (done, total) => {
    if (done % step !== 0 && done !== total) return;
    const width = 40;
    const full = Math.round((width * done) / total);
    const bar = "#".repeat(full) + "-".repeat(width - full);
    process.stderr.write(`\r${label}[${bar}] ${done}/${total}${done === total ? "\n" : ""}`);
  };
}

/** The commit that figures belong to, marked when the tree has changes. */
export function currentCommit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync("git", args, {
        cwd: import.meta.dirname,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") ? "+changes" : "");
  } catch {
    return "unknown";
  }
}
