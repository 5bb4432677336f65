// npm run bench -- snapshot-age [--seeds 5] [--seed 1] [--isolates 8] [--seconds 150] [--rate 7] [--json]: how rules do when what
// an isolate knows of the others' calls and measurements is 0.1 to 60 s old. Simulated, deterministic by seed: no time of this
// machine counts.
import { type AgedFigures, type AgedOptions, agedIsolates } from "../support/aged-isolates.ts";
import { option, publish, runSeed, say } from "./result.ts";

const AGES = [0.1, 1, 10, 60] as const;
const RULES = ["quality-first", "least-completion", "cs-ucb", "shortest-queue"] as const;
/** Half-lives of other isolates' calls; the second is the product's. */
const HALF_LIVES = [
  ["ignored", 1],
  ["half after 10 s", 10_000],
  ["believed for good", 1e12],
] as const;
const COLUMNS = ["", ...AGES.map((age) => `${age} s`)];

const seed = runSeed();
const seeds = option("seeds", 5);
const isolates = option("isolates", 8);
const seconds = option("seconds", 150);
const requestsPerSecond = option("rate", 7);

type Cells = readonly (readonly AgedFigures[])[];

const byRule = RULES.map((rule) => [rule, measured(rule, { rule, knowsSlots: true })] as const);
const byDecay = HALF_LIVES.map(([name, loadHalfLifeMs]) => {
  const rule = "least-completion";
  const constraints = { loadHalfLifeMs };
  return [name, measured(`${rule}, ${name}`, { rule, knowsSlots: true, constraints })] as const;
});
const inTime = ({ inTime: share }: AgedFigures): number => 100 * share;
const tables = [
  ["% of the requests within their deadline", byRule, inTime],
  ["Mean seconds", byRule, ({ meanSeconds }: AgedFigures) => meanSeconds],
  ["Mean quality of the answers", byRule, ({ quality }: AgedFigures) => quality],
  [
    "Least-completion by what old calls of others count for, % within the deadline",
    byDecay,
    inTime,
  ],
] as const;
publish({
  bench: "snapshot-age",
  seed,
  settings: { seeds, isolates, seconds, "requests a second": requestsPerSecond },
  tables: tables.map(([title, rows, figure]) => ({
    title,
    columns: COLUMNS,
    rows: rows.map(([name, cells]) =>
      [name as string].concat(cells.map((some) => meanAndRange(some.map(figure)))),
    ),
  })),
  targets: [],
  notes: [
    "Mean over the seeds, least and most in brackets. Columns: how old the others' calls and measurements are; own calls are known at once. Four servers of 26 slots together, one of which takes three times as long for half of the time.",
  ],
});

function measured(
  name: string,
  options: Pick<AgedOptions, "rule" | "knowsSlots" | "constraints">,
): Cells {
  return AGES.map((ageSeconds) => {
    say(`${name}, ${ageSeconds} s`);
    return Array.from({ length: seeds }, (_, i) =>
      agedIsolates({
        ...options,
        seed: seed + i,
        ageSeconds,
        isolates,
        seconds,
        requestsPerSecond,
      }),
    );
  });
}

function meanAndRange(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const digits = mean < 1 ? 3 : mean < 20 ? 2 : 1;
  return `${mean.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}
