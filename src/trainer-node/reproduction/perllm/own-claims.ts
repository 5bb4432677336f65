// Claims of our own, on what the paper leaves open. Those on the drifting worlds after the first two, on the order in slots and
// on rivals as they are specified came later than the published ones; all of them before the figures that they judge, and O16 after those of O5 had been seen.
import { around, type Claim, greater, less, SUCCESS_BAND } from "./claim.ts";
import { type Figures, type SeedView, type Where } from "./figures.ts";
import { PERLLM_NAME, PUBLISHED_SUCCESS, type Rival } from "./published.ts";
import { PAPER_WORLD } from "./settings.ts";
import { DRIFT_NAMES } from "./worlds.ts";

/** How many more of the same requests meet their deadline. */
const lead = (seed: SeedView, name: string, other: string, where: Where): number =>
  seed.figures(name, where).success - seed.figures(other, where).success;

const onDeadlines = (
  id: string,
  claim: string,
  value: (seed: SeedView) => number,
  source = "ours",
): Claim => ({
  id,
  claim,
  source,
  published: "",
  expectation: greater(),
  unit: "points",
  inGrid: false,
  value,
});

/** Services at a time in the paper's world, and twice as many. */
const ORDERED_LOADS = [PAPER_WORLD.users, 2 * PAPER_WORLD.users];

const ofPerllm = (figureOf: (figures: Figures) => number) => (seed: SeedView) =>
  figureOf(seed.figures(PERLLM_NAME));

const specified = (id: string, rival: Rival, name: string): Claim => ({
  id,
  claim: `${rival} as it is specified, in place of the proxy: success with Yi-6B, within 5 points`,
  source: "success table",
  published: `${PUBLISHED_SUCCESS["Yi-6B"][rival]} %`,
  expectation: around(PUBLISHED_SUCCESS["Yi-6B"][rival] / 100, SUCCESS_BAND),
  unit: "percent",
  inGrid: false,
  value: (seed) => seed.figures(name, { isSpecified: true }).success,
});

export const OWN_CLAIMS: readonly Claim[] = [
  {
    id: "O1",
    claim:
      "Least predicted completion, which learns nothing, satisfies as many deadlines as PerLLM, within 2 points",
    source: "ours",
    published: "",
    expectation: around(0, 0.02),
    unit: "points",
    inGrid: true,
    value: (seed) => lead(seed, "LPC", PERLLM_NAME, {}),
  },
  {
    id: "O2",
    claim: "PerLLM has a higher throughput than least predicted completion (its ratio)",
    source: "ours",
    published: "",
    expectation: greater(1),
    unit: "ratio",
    inGrid: true,
    value: (seed) =>
      seed.figures(PERLLM_NAME).tokensPerSecond / seed.figures("LPC").tokensPerSecond,
  },
  {
    id: "O3",
    claim: "PerLLM needs less energy than least predicted completion (relative)",
    source: "ours",
    published: "",
    expectation: greater(),
    unit: "percent",
    inGrid: true,
    value: (seed) => 1 - seed.figures(PERLLM_NAME).joules / seed.figures("LPC").joules,
  },
  ...(["throttled", "misinformed"] as const).map((drift) =>
    onDeadlines(
      `O4 ${drift}`,
      `Where inference times are ${drift}, PerLLM satisfies more deadlines than least predicted completion without measuring`,
      (seed) => lead(seed, PERLLM_NAME, "LPC", { drift }),
    ),
  ),
  ...DRIFT_NAMES.map((drift) =>
    onDeadlines(
      `O5 ${drift}`,
      `World "${drift}": PerLLM satisfies more deadlines than least predicted completion that measures as it does`,
      (seed) => lead(seed, PERLLM_NAME, "LPC-measured", { drift }),
    ),
  ),
  onDeadlines(
    "O6",
    "With the printed sign, which rewards violations, PerLLM satisfies fewer deadlines (throttled)",
    (seed) => lead(seed, PERLLM_NAME, "PerLLM-printed", { drift: "throttled" }),
    "Eq. 6",
  ),
  {
    id: "O7",
    claim: "PerLLM's regret per request falls (last half less first half)",
    source: "Eq. 7",
    published: "logarithmic",
    expectation: less(),
    unit: "regret",
    inGrid: true,
    value: ofPerllm(({ earlyRegret, lateRegret }) => lateRegret - earlyRegret),
  },
  specified("O8", "AGOD", "AGOD-D2SAC"),
  specified("O9", "RewardlessGuidance", "RewardlessGuidance-planned"),
  specified("O10", "FineInfer", "FineInfer-batched"),
  ...DRIFT_NAMES.map((drift) =>
    onDeadlines(
      `O11 ${drift}`,
      `World "${drift}", nobody measures: PerLLM's bandit alone satisfies more deadlines than least predicted completion`,
      (seed) => lead(seed, "PerLLM-told", "LPC", { drift }),
    ),
  ),
  ...DRIFT_NAMES.map((drift) =>
    onDeadlines(
      `O12 ${drift}`,
      `World "${drift}": PerLLM as the product runs it, which tries again what it left, satisfies more deadlines than least predicted completion that measures`,
      (seed) => lead(seed, "PerLLM-retry", "LPC-measured", { drift }),
    ),
  ),
  onDeadlines(
    "O13",
    'World "prompt-bound", predictions by class: PerLLM satisfies more deadlines than least predicted completion',
    (seed) => lead(seed, "PerLLM-by-class", "LPC-by-class", { drift: "prompt-bound" }),
  ),
  onDeadlines(
    "O15",
    'World "hidden-wait": PerLLM satisfies more deadlines than least predicted completion that adds how wrong it was lately',
    (seed) => lead(seed, PERLLM_NAME, "LPC-corrected", { drift: "hidden-wait" }),
  ),
  ...DRIFT_NAMES.map((drift) =>
    onDeadlines(
      `O16 ${drift}`,
      `World "${drift}", measurements fade: PerLLM satisfies more deadlines than least predicted completion that measures as it does (asked after O5 was seen)`,
      (seed) => lead(seed, PERLLM_NAME, "LPC-measured", { drift, isFading: true }),
    ),
  ),
  ...ORDERED_LOADS.map((users) =>
    onDeadlines(
      `O14 ${users}`,
      `In slots of time, the tightest request first satisfies more deadlines than the order of arrival (${users} services at a time)`,
      (seed) => lead(seed, "PerLLM-slots", "PerLLM-slots-arrival", { users }),
      "Algorithm 1",
    ),
  ),
];
