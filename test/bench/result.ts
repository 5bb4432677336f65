// What a bench prints: tables and targets for people, one JSON document with --json. Always with seed, commit, date and
// how busy the machine was.
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { ROOT } from "../../scripts/local/build.ts";

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Target {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly met: boolean;
  /** Which side of the limit is good; "at most" when left out. */
  readonly bound?: "at least";
}

export interface BenchResult {
  readonly bench: string;
  readonly seed: number | null;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
  /** What a reader must know to use the figures. */
  readonly notes: readonly string[];
}

const { values } = parseArgs({ strict: false, allowPositionals: true });

/** A number given as `--name 12`. */
export function option(name: string, standard: number): number {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return standard;
  const number = Number(process.argv[at + 1]);
  if (!Number.isFinite(number) || number < 0) throw new TypeError(`--${name} needs a number`);
  return number;
}

/** The seed of this run: `--seed`, else a new one; printed with the result. */
export const runSeed = (): number => option("seed", Math.floor(Math.random() * 2 ** 31));

/** Progress, kept out of the JSON. */
export function say(text: string): void {
  if (values["json"] !== true) console.error(text);
}

export function atMost(name: string, value: number, limit: number): Target {
  return { name, value, limit, met: value <= limit };
}

export function atLeast(name: string, value: number, limit: number): Target {
  return { name, value, limit, met: value >= limit, bound: "at least" };
}

const loadAtStart = loadavg()[0] ?? 0;

export function publish(result: BenchResult): void {
  const machine = {
    commit: commit(),
    at: new Date().toISOString(),
    cpu: `${availableParallelism()} x ${cpus()[0]?.model ?? "unknown"}`,
    loadAtStart: round(loadAtStart),
    loadAtEnd: round(loadavg()[0] ?? 0),
  };
  if (values["json"] === true) {
    console.log(JSON.stringify({ ...result, machine }, null, 2));
    return;
  }
  const settings = Object.entries(result.settings).map(([name, value]) => `${name} ${value}`);
  console.log(`\n${result.bench}: ${settings.join(", ")}`);
  console.log(
    `seed ${result.seed ?? "none"}, commit ${machine.commit}, ${machine.at}, ${machine.cpu}, ` +
      `load ${machine.loadAtStart} to ${machine.loadAtEnd}`,
  );
  for (const table of result.tables) printTable(table);
  if (result.targets.length > 0) console.log("");
  for (const { name, value, limit, met, bound = "at most" } of result.targets)
    console.log(`target ${name}: ${round(value)}, ${bound} ${limit}: ${met ? "met" : "missed"}`);
  for (const note of result.notes) console.log(`\n${note}`);
}

function printTable({ title, columns, rows }: Table): void {
  const cells = [columns, ...rows.map((row) => row.map(cell))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? "").length)));
  console.log(`\n${title}`);
  for (const row of cells)
    console.log(
      `  ${row.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join("  ")}`,
    );
}

const cell = (value: string | number): string =>
  typeof value === "string" ? value : Number.isNaN(value) ? "-" : String(round(value));

/** Three digits that matter, none after the point from 100 on. */
function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

function commit(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" });
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no", "src", "scripts") !== "";
    return `${git("rev-parse", "--short", "HEAD").trim()}${changed ? " with uncommitted changes" : ""}`;
  } catch {
    return "unknown";
  }
}
