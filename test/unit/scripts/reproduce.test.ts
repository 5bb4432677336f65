import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = mkdtempSync(join(tmpdir(), "velo-reproduce-"));
writeFileSync(join(root, "file"), "");
mkdirSync(join(root, "project", "plots"), { recursive: true });
writeFileSync(join(root, "project", "README.md"), "somebody's");

const reproduce = (...given: readonly string[]) =>
  spawnSync(process.execPath, [join(process.cwd(), "scripts/reproduce.ts"), ...given], {
    cwd: root,
    env: { ...process.env, INIT_CWD: root },
    encoding: "utf8",
  });

test.for([
  ["", /^which paper/],
  ["velo --workers 1000000000", /^--workers 1000000000 is no number/],
  ["velo --dataset file --upstream local --seed abc", /^--seed abc is no whole number/],
  ["velo --seed 2", /^--seed is no option without --dataset/],
  ["velo --results file --only similarity", /^--results: ENOTDIR/],
  ["qos-router --trace file", /^--trace: .*file: holds no requests/],
  ["qos-router --results file", /^--results: ENOTDIR/],
  ["qos-router --results project", /^--results .*project holds other things/],
  ["perllm --results file", /^--results: ENOTDIR/],
  ["perllm --results project --quick", /^--results .*project holds other things/],
  ["velo --results project --only similarity", /^--results .*project holds other things/],
] as const)(
  "npm run reproduce -- %s is refused with what is wrong and the usage",
  ([text, why]) => {
    const { status, stdout, stderr } = reproduce(...text.split(" ").filter((word) => word !== ""));
    expect(stderr).toMatch(why);
    expect(stderr).toContain("usage: npm run reproduce");
    expect([status, stdout]).toEqual([2, ""]);
    expect(readdirSync(join(root, "project")).toSorted()).toEqual(["README.md", "plots"]);
    expect(existsSync(join(root, ".velo"))).toBe(false);
  },
);

test("a run of the expert router without its trainings says what to run first", () => {
  const { status, stderr } = reproduce(
    ..."qos-router --results empty --only poisson-r3-1".split(" "),
  );
  expect(stderr).toMatch(/^--only poisson-r3-1: there are no weights of .*run --only train first/);
  expect(status).toBe(2);
});
