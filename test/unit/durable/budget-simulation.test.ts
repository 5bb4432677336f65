// The two promises of the error budget, kept by the production region object in a made-up world (budget-world.ts): wrong
// answers per request and per semantic hit, also when the mix changes half-way and when the scorer claims far too much.
//   VELO_BUDGET_REQUESTS=40000 npx vitest run --project unit test/unit/durable/budget-simulation.test.ts
import { expect, it } from "vitest";
import { DELTA_HIT, DELTA_REQUEST, runBudgetWorld } from "../../support/budget-world.ts";

const LONG = Number(process.env["VELO_BUDGET_REQUESTS"] ?? 0);
const TIMEOUT_MS = LONG ? 600_000 : 30_000;
const CALIBRATED = 0.3;
/** Served untaught up to there, 8 % of the hits would be wrong. */
const BOASTING = 0.7;

const ALL = [
  { name: "as calibrated", coldStart: CALIBRATED, shift: false, short: 2_000 },
  { name: "the mix changes half-way", coldStart: CALIBRATED, shift: true, short: 2_000 },
  { name: "the scorer claims too much", coldStart: BOASTING, shift: false, short: 4_000 },
  {
    name: "the scorer claims too much and the mix changes",
    coldStart: BOASTING,
    shift: true,
    short: 4_000,
  },
];
const scenarios = LONG ? ALL : [ALL[0]!, ALL[3]!];
const cases = scenarios.flatMap((scenario) =>
  [1, 2, 3].map((seed) => [scenario.name, seed, scenario] as const),
);

it.each(cases)(
  "wrong answers stay within both bounds, %s, seed %i",
  async (name, seed, { coldStart, shift, short }) => {
    const run = await runBudgetWorld({
      seed,
      requests: LONG || short,
      rows: LONG ? 400 : 150,
      coldStart,
      shift,
    });
    const { hits, wrong, requests, oracleHits, staticHits, labels } = run;
    const rate = (n: number, of = requests): string => (n / of).toFixed(4);
    console.log(
      `seed ${seed}, ${name}: ${requests} requests, hits ${rate(hits)} (oracle ${rate(oracleHits)}, best fixed ` +
        `threshold ${rate(staticHits)}), wrong per hit ${rate(wrong, hits)}, per request ${rate(wrong)}, ${labels} labels`,
    );
    const bound = (delta: number, n: number): number =>
      delta + 3 * Math.sqrt((delta * (1 - delta)) / n);
    expect(run.rig.errors).toEqual([]);
    // Both promises hold over a run; one of a few thousand requests with such a scorer is mostly learning, so that there
    // its second half is what counts.
    const part = LONG || coldStart === CALIBRATED ? run.tenths : run.tenths.slice(5);
    const hitsOf = part.reduce((n, [all]) => n + all, 0);
    const wrongOf = part.reduce((n, [, bad]) => n + bad, 0);
    const asked = (requests * part.length) / 10;
    expect(wrongOf / asked).toBeLessThanOrEqual(bound(DELTA_REQUEST, asked));
    expect(wrongOf / hitsOf).toBeLessThanOrEqual(bound(DELTA_HIT, hitsOf));
    // A cache that serves nothing would keep both promises as well.
    expect(hits).toBeGreaterThan((LONG ? 0.6 : 0.2) * staticHits);
  },
  TIMEOUT_MS,
);

it(
  "a drift of every row is noticed, and soon fewer of the hits are wrong",
  async () => {
    const options = { seed: 4, requests: LONG || 4_000, rows: 100, coldStart: CALIBRATED };
    const { tenths, rig } = await runBudgetWorld({ ...options, shift: false, drift: 0.12 });
    const share = (from: number, to: number): number => {
      const part = tenths.slice(from, to);
      return part.reduce((n, [, wrong]) => n + wrong, 0) / part.reduce((n, [hits]) => n + hits, 1);
    };
    console.log(`seed 4: hits and wrong ones by tenth ${tenths.map((t) => t.join(":")).join(" ")}`);
    expect(share(0, 5)).toBeLessThan(0.03);
    expect(share(7, 10)).toBeLessThan(share(5, 7));
    expect(rig.core.live().slices[0]!.state).not.toBe("young");
  },
  TIMEOUT_MS,
);
