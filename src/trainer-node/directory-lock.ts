// One trainer a directory: two would overwrite each other's checkpoints. The file names the process that holds it, so that
// one left behind by a crash is told from one in use.
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * Returns what lifts the lock again.
 * @throws when a process that is alive holds it
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "trainer.pid");
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = openSync(path, "wx");
      writeSync(file, String(process.pid));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const holder = Number(readFileSync(path, "utf8"));
    if (holder !== process.pid && isAlive(holder))
      throw new Error(`${directory} is in use by process ${holder}`);
    rmSync(path, { force: true });
  }
  throw new Error(`${path} cannot be taken`);
}

function isAlive(pid: number): boolean {
  if (!(Number.isSafeInteger(pid) && pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It may be somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
