// One trainer a directory: two would overwrite each other's checkpoints. The file names the process that holds it, so that
// one left behind by a crash is told from one in use.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Returns what lifts the lock again.
 * @throws when a process that is alive holds it
 */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "trainer.pid");
  // Written before it gets its name: nobody ever reads a lock that does not say whose it is.
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    for (let tries = 0; tries < 3; tries++) {
      if (isDone(() => linkSync(own, path), "EEXIST")) return () => rmSync(path, { force: true });
      const holder = holderOf(path);
      if (holder === null) continue;
      refuseIfAlive(directory, holder);
      takeAway(path, directory);
    }
    throw new Error(`${path} cannot be taken`);
  } finally {
    rmSync(own, { force: true });
  }
}

/** Of two processes that find the same dead lock only one moves it; the other may have got hold of the first one's. */
function takeAway(path: string, directory: string): void {
  const moved = `${path}.${process.pid}.old`;
  if (!isDone(() => renameSync(path, moved), "ENOENT")) return;
  try {
    refuseIfAlive(directory, holderOf(moved));
  } catch (error) {
    isDone(() => linkSync(moved, path), "EEXIST");
    throw error;
  } finally {
    rmSync(moved, { force: true });
  }
}

function refuseIfAlive(directory: string, holder: number | null): void {
  if (holder !== null && holder !== process.pid && isAlive(holder))
    throw new Error(`${directory} is in use by process ${holder}`);
}

/** null: the lock was lifted meanwhile. */
function holderOf(path: string): number | null {
  let text = "";
  return isDone(() => (text = readFileSync(path, "utf8")), "ENOENT") ? Number(text) : null;
}

/** false when it failed with this code. */
function isDone(work: () => unknown, code: string): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === code) return false;
    throw error;
  }
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
