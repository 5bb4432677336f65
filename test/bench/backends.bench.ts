// npm run bench -- backends [--seeds 3] [--seed 1] [--rate 12] [--rules quality-first,...] [--json]: `velo/auto` with four model
// servers over real TCP, the best of which slows down, limits its rate, hangs, breaks off, fails, is gone and comes back, for
// 170 s a seed. Ratios and shares; times only as far as deadlines were met.
import { RULES } from "../../src/worker/upstream/backends.ts";
import { runTroubledBackends } from "../support/troubled-backends.ts";
import {
  type Told,
  amplification,
  qualityShare,
  shareMet,
  violationsOf,
} from "../support/troubled-ends.ts";
import { LONG_PHASES, SCALE } from "../support/troubled-workload.ts";
import { atLeast, atMost, option, publish, runSeed, say } from "./result.ts";

const COLUMNS = [
  "",
  "requests",
  "% of deadlines met",
  "calls a request",
  "% whole",
  "% broken",
  "% errors",
  "% of quality",
  "USD a 1,000",
];

const seed = runSeed();
const seeds = option("seeds", 3);
const requestsPerSecond = option("rate", 12);
const rules = rulesAsked();

const byRule = new Map<string, (readonly Told[])[]>();
for (const rule of rules)
  for (let i = 0; i < seeds; i++) {
    say(`${rule}, seed ${seed + i}`);
    const told = await runTroubledBackends({
      seed: seed + i,
      phases: LONG_PHASES,
      requestsPerSecond,
      rule,
    });
    byRule.set(rule, [...(byRule.get(rule) ?? []), told]);
  }
report();

function rulesAsked(): readonly string[] {
  const at = process.argv.indexOf("--rules");
  const asked = at < 0 ? ["quality-first"] : (process.argv[at + 1] ?? "").split(",");
  for (const rule of asked)
    if (!RULES.some((known) => known === rule)) throw new TypeError(`no rule "${rule}"`);
  return asked;
}

function report(): void {
  const [rule, runs] = [...byRule][0]!;
  const all = runs.flat();
  const down = all.filter(({ trouble }) => trouble === "failing" || trouble === "refusing");
  const { lost, failedOverAfterFirstByte, refusalsChanged } = violationsOf(
    [...byRule.values()].flat(2),
  );
  publish({
    bench: "backends",
    seed,
    settings: { seeds, "requests a second": requestsPerSecond, "delays divided by": SCALE },
    tables: [
      {
        title: "Rules",
        columns: [...COLUMNS, "deadlines met by seed"],
        rows: [...byRule].map(([name, some]) =>
          rowOf(name, some.flat()).concat(some.map((told) => percent(shareMet(told))).join(" ")),
        ),
      },
      {
        title: `${rule}, by the state of the best server when the request was sent`,
        columns: COLUMNS,
        rows: [...Map.groupBy(all, ({ trouble }) => trouble)].map(([trouble, told]) =>
          rowOf(trouble, told),
        ),
      },
      {
        title: `${rule}, streamed or not`,
        columns: COLUMNS,
        rows: [true, false].map((isStream) =>
          rowOf(
            isStream ? "streamed" : "in one piece",
            all.filter(({ ask }) => ask.stream === isStream),
          ),
        ),
      },
    ],
    targets: [
      atLeast("% of the deadlines that a server could meet", 100 * shareMet(all), 97),
      atMost("calls a request while the best server is down", amplification(down), 1.2),
      atMost("requests without an answer or an error", lost, 0),
      atMost("calls after the client's first byte", failedOverAfterFirstByte, 0),
      atMost("refusals that were changed or tried elsewhere", refusalsChanged, 0),
    ],
    notes: [
      "A deadline could be met when the time that some server would truly have taken, had it been called when the request was sent, is within it; a server in trouble other than slow takes for ever. A tenth of the requests has no deadline: an answer is enough.",
      "broken: answers that broke off after their first byte, which nobody may repeat. quality: of the answers, beside the best that could have been there in time.",
    ],
  });
}

function rowOf(name: string, told: readonly Told[]): readonly (string | number)[] {
  const asked = told.filter(({ ask }) => !ask.isRefused);
  const share = (...ends: readonly Told["end"][]) =>
    (100 * asked.filter(({ end }) => ends.includes(end)).length) / asked.length;
  return [
    name,
    told.length,
    percent(shareMet(told)),
    amplification(told).toFixed(3),
    share("whole"),
    share("broken"),
    share("own-error", "velo-error"),
    100 * qualityShare(told),
    (1000 * told.reduce((sum, { usd }) => sum + usd, 0)) / told.length,
  ];
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
