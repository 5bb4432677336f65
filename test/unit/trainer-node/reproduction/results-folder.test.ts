import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { ResultsFolder } from "../../../../src/trainer-node/reproduction/results-folder.ts";
import { runJobs } from "../../../../src/trainer-node/reproduction/run-jobs.ts";

const folder = (revision = 1) =>
  new ResultsFolder(mkdtempSync(join(tmpdir(), "velo-results-")), revision);
const job = (id: string, seed: number) => ({ id, kind: "square", params: { seed } });

const run = (results: ResultsFolder, jobs: readonly ReturnType<typeof job>[], ran: string[] = []) =>
  runJobs({
    jobs,
    folder: results,
    worker: null,
    inProcess: async ({ id, params }) => {
      ran.push(id);
      return (params as { seed: number }).seed ** 2;
    },
    workers: 2,
    commit: "abc",
  });

test("what was run once is read the second time, in the order asked for", async () => {
  const results = folder();
  const ran: string[] = [];
  await run(results, [job("a", 1), job("b", 2)], ran);
  const records = await run(results, [job("c", 3), job("b", 2), job("a", 1)], ran);
  expect(records.map(({ result }) => result)).toEqual([9, 4, 1]);
  expect(ran).toEqual(["a", "b", "c"]);
});

test("other parameters or another revision make a job anew, and so does a torn file", async () => {
  const results = folder();
  const ran: string[] = [];
  await run(results, [job("a", 1)], ran);
  await run(results, [job("a", 5)], ran);
  expect(ran).toHaveLength(2);
  const later = new ResultsFolder(results.path, 2);
  expect(later.read(job("a", 5))).toBeNull();
  const file = join(results.path, "a.json");
  writeFileSync(file, readFileSync(file, "utf8").slice(0, 20));
  expect(results.read(job("a", 5))).toBeNull();
  expect((await run(results, [job("a", 5)], ran))[0]!.result).toBe(25);
});

test("a job that fails ends the run with its own error, and what was done before stays", async () => {
  const results = folder();
  const failing = runJobs({
    jobs: [job("good", 1), job("bad", 2), job("never", 3)],
    folder: results,
    worker: null,
    inProcess: async ({ id }) => {
      if (id === "bad") throw new Error("no result");
      return id;
    },
    workers: 1,
    commit: "abc",
  });
  await expect(failing).rejects.toThrow("no result");
  expect(results.ids()).toEqual(["good"]);
});

test("two runs in one folder never write the same draft, and a draft that fails is taken away", () => {
  const results = folder();
  const record = { ...job("a", 1), key: "k", commit: "abc", seconds: 1, result: 1 };
  // What another process is about to rename.
  const other = join(results.path, "a.json.part");
  writeFileSync(other, "other");
  results.write(record);
  expect(readFileSync(other, "utf8")).toBe("other");
  mkdirSync(join(results.path, "b.json"));
  expect(() => results.write({ ...record, id: "b" })).toThrow("b.json");
  expect(readdirSync(results.path).toSorted()).toEqual(["a.json", "a.json.part", "b.json"]);
});

test("a worker that dies between two jobs fails the second one, not the program", async () => {
  const results = folder();
  const module = join(mkdtempSync(join(tmpdir(), "velo-worker-")), "worker.mjs");
  writeFileSync(
    module,
    `process.on("message", ({ id }) => process.send({ id, result: 1 }, () => process.exit(3)));`,
  );
  const running = runJobs({
    jobs: [job("a", 1), job("b", 2)],
    folder: results,
    worker: pathToFileURL(module),
    workers: 1,
    commit: "abc",
    // Long enough for the process to be gone before the next job is sent.
    onDone: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200),
  });
  await expect(running).rejects.toThrow(/^job b: its process/);
  expect(results.ids()).toEqual(["a"]);
});

test("a name that is no file name is refused, and so are two jobs of one name", async () => {
  const results = folder();
  await expect(run(results, [job("../a", 1)])).rejects.toThrow(RangeError);
  await expect(run(results, [job("a", 1), job("a", 2)])).rejects.toThrow("same id");
});

test("a job waits for the one whose weights it begins with, whoever comes first in the list", async () => {
  const ran: string[] = [];
  const later = { ...job("later", 1), needs: ["first"] };
  await runJobs({
    jobs: [later, job("first", 2)],
    folder: folder(),
    worker: null,
    inProcess: async ({ id }) => {
      await Promise.resolve();
      ran.push(id);
      return id;
    },
    workers: 2,
    commit: "abc",
  });
  expect(ran).toEqual(["first", "later"]);
});

test("a stored result whose weights are gone is made again", async () => {
  const results = folder();
  const ran: string[] = [];
  await run(results, [job("a", 1)], ran);
  await runJobs({
    jobs: [job("a", 1)],
    folder: results,
    worker: null,
    inProcess: async ({ id }) => ran.push(id),
    workers: 1,
    commit: "abc",
    isUsable: () => false,
  });
  expect(ran).toEqual(["a", "a"]);
});
