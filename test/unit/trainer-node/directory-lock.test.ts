import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { lockDirectory } from "../../../src/trainer-node/directory-lock.ts";

/** What another process does just before a lock that was found dead is taken away. */
const meanwhile = vi.hoisted(() => ({ happens: (): void => {} }));
vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  const interrupted = (path: fs.PathLike) => {
    if (String(path).endsWith("trainer.pid")) meanwhile.happens();
  };
  return {
    ...real,
    rmSync: (path: fs.PathLike, options?: fs.RmOptions) => {
      interrupted(path);
      real.rmSync(path, options);
    },
    renameSync: (from: fs.PathLike, to: fs.PathLike) => {
      interrupted(from);
      real.renameSync(from, to);
    },
  };
});

/** No process has this number. */
const DEAD = String(2 ** 30);
const ALIVE = String(process.ppid);

beforeEach(() => {
  meanwhile.happens = () => {};
});

function folderWith(holder: string): { folder: string; lock: string } {
  const folder = fs.mkdtempSync(join(tmpdir(), "velo-lock-"));
  const lock = join(folder, "trainer.pid");
  fs.writeFileSync(lock, holder);
  return { folder, lock };
}

test("of two that find a dead lock the slower one leaves the quicker one's alone", () => {
  const { folder, lock } = folderWith(DEAD);
  meanwhile.happens = () => {
    meanwhile.happens = () => {};
    fs.writeFileSync(lock, ALIVE);
  };
  expect(() => lockDirectory(folder)).toThrow(`in use by process ${ALIVE}`);
  expect(fs.readFileSync(lock, "utf8")).toBe(ALIVE);
  expect(fs.readdirSync(folder)).toEqual(["trainer.pid"]);
  fs.rmSync(folder, { recursive: true });
});

test("a dead lock is taken, and nothing is left when it is lifted", () => {
  const { folder, lock } = folderWith(DEAD);
  const unlock = lockDirectory(folder);
  expect(fs.readFileSync(lock, "utf8")).toBe(String(process.pid));
  unlock();
  expect(fs.readdirSync(folder)).toEqual([]);
  fs.rmSync(folder, { recursive: true });
});
