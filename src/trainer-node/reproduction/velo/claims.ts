// What the paper claims, as statements about one seed's figures: a number and the direction in which it must lie. Written
// before the first training. A claim about all seeds is the mean of that number with Student's interval.
import { type Expectation } from "../report/verdict.ts";
import { type SeedView, type TestName, type Which } from "./results.ts";
import { TRAINING_SIZES } from "./settings.ts";

export interface Claim {
  readonly id: string;
  readonly claim: string;
  readonly source: string;
  readonly published: string;
  readonly expectation: Expectation;
  /** percent: a share or relative gain, printed times 100. */
  readonly unit: "percent" | "reward" | "satisfaction" | "seconds" | "share";
  /** Can be judged from what every setting of the grid runs. */
  readonly inGrid: boolean;
  value(seed: SeedView): number;
}

const BASELINES = [
  "Greedy-0.1",
  "Greedy-0.3",
  "Greedy-0.5",
  "Greedy-LLM",
  "Random",
  "MAPPO",
  "G-MAPPO",
  "T-MAPPO",
  "LRS",
  "DLRS-V10",
] as const;
const DLRS = "DLRS-L10";
const IN_GRID = new Set(["Greedy-0.1", "Greedy-0.3", "Greedy-0.5", "Greedy-LLM", "LRS"]);

const greater = (bound = 0): Expectation => ({ direction: "greater", bound });
const less = (bound = 0): Expectation => ({ direction: "less", bound });

/** (ours - theirs) / |theirs|, as the paper gives its percentages. */
const gain = (ours: number, theirs: number): number => (ours - theirs) / Math.abs(theirs);
const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const rewardGain = (seed: SeedView, base: string, which: Which): number =>
  gain(seed.figures(DLRS, which).reward, seed.figures(base, which).reward);
const satisfactionGain = (seed: SeedView, base: string, which: Which): number =>
  gain(seed.figures(DLRS, which).satisfaction, seed.figures(base, which).satisfaction);
const atNearest = { test: "similar-nearest" } as const;
const atAll = { test: "similar-all" } as const;
const onNew = { test: "new-nearest" } as const;

/** Smallest step of a sequence: above 0 exactly when it rises throughout. */
const leastStep = (values: readonly number[]): number =>
  Math.min(...values.slice(1).map((value, i) => value - values[i]!));

/** Mean reward over the first tenth of training. */
const start = (seed: SeedView, algorithm: string): number => {
  const curve = seed.curve(algorithm);
  const tenth = curve.slice(0, Math.max(1, Math.round(curve.length / 10)));
  return meanOf(tenth.map(({ reward }) => reward));
};

const each = (
  id: string,
  source: string,
  test: TestName,
  published: Readonly<Record<string, number>>,
): readonly Claim[] =>
  Object.entries(published).map(([base, percent]) => ({
    id: `${id} ${base}`,
    claim: `DLRS satisfies more than ${base} (${test.endsWith("all") ? "all servers" : "nearest server"})`,
    source,
    published: `+${percent} %`,
    expectation: greater(),
    unit: "percent",
    inGrid: IN_GRID.has(base) && test.startsWith("similar"),
    value: (seed) => satisfactionGain(seed, base, { test }),
  }));

export const CLAIMS: readonly Claim[] = [
  // --- shapes
  {
    id: "S1a",
    claim: "DLRS earns at least as much reward as T-MAPPO after training",
    source: "Fig. 5",
    published: "above",
    expectation: greater(),
    unit: "reward",
    inGrid: false,
    value: (seed) => seed.figures(DLRS).reward - seed.figures("T-MAPPO").reward,
  },
  {
    id: "S1b",
    claim: "T-MAPPO earns at least as much reward as MAPPO after training",
    source: "Fig. 5",
    published: "above",
    expectation: greater(),
    unit: "reward",
    inGrid: false,
    value: (seed) => seed.figures("T-MAPPO").reward - seed.figures("MAPPO").reward,
  },
  {
    id: "S1c",
    claim: "With demonstrations MAPPO starts higher (G-MAPPO, first tenth of training)",
    source: "Fig. 5",
    published: "above",
    expectation: greater(),
    unit: "reward",
    inGrid: false,
    value: (seed) => start(seed, "G-MAPPO") - start(seed, "MAPPO"),
  },
  {
    id: "S1d",
    claim: "With demonstrations T-MAPPO starts higher (LRS, first tenth of training)",
    source: "Fig. 5",
    published: "above",
    expectation: greater(),
    unit: "reward",
    inGrid: false,
    value: (seed) => start(seed, "LRS") - start(seed, "T-MAPPO"),
  },
  {
    id: "S2a",
    claim: "Ten denoising steps earn more than five (linear schedule, one sampled chain)",
    source: "Fig. 5",
    published: "above",
    expectation: greater(),
    unit: "reward",
    inGrid: false,
    value: (seed) => seed.figures(DLRS).reward - seed.figures("DLRS-L5").reward,
  },
  {
    id: "S2b",
    claim: "The VP schedule earns more reward than the linear one",
    source: "Fig. 5, Table VI",
    published: "above",
    expectation: greater(),
    unit: "reward",
    inGrid: false,
    value: (seed) => seed.figures("DLRS-V10").reward - seed.figures(DLRS).reward,
  },
  {
    id: "S2c",
    claim: "The VP schedule satisfies less than the linear one",
    source: "Fig. 5, Table VI",
    published: "below",
    expectation: less(),
    unit: "satisfaction",
    inGrid: false,
    value: (seed) => seed.figures("DLRS-V10").satisfaction - seed.figures(DLRS).satisfaction,
  },
  {
    id: "S3a",
    claim: "DLRS satisfies more than every baseline (against the best of them)",
    source: "Fig. 7",
    published: "+1 to +9 %",
    expectation: greater(),
    unit: "percent",
    inGrid: false,
    value: (seed) => Math.min(...BASELINES.map((base) => satisfactionGain(seed, base, atNearest))),
  },
  {
    id: "S3b",
    claim: "DLRS earns 5 to 15 % more reward than the mean of the baselines",
    source: "Fig. 7",
    published: "+5 to +15 %",
    expectation: { direction: "between", bounds: [0.05, 0.15] },
    unit: "percent",
    inGrid: false,
    value: (seed) =>
      gain(seed.figures(DLRS).reward, meanOf(BASELINES.map((base) => seed.figures(base).reward))),
  },
  {
    id: "S3c",
    claim: "With all servers asked DLRS is at least 20 % faster than LRS",
    source: "Fig. 8",
    published: "-41.39 %",
    expectation: less(-0.2),
    unit: "percent",
    inGrid: true,
    value: (seed) => gain(seed.figures(DLRS, atAll).delay, seed.figures("LRS", atAll).delay),
  },
  {
    id: "S4a",
    claim: "Direct calls: Greedy-0.1 > Greedy-0.3 > Greedy-0.5 > Greedy-LLM (smallest step)",
    source: "Fig. 5",
    published: "in this order",
    expectation: greater(),
    unit: "share",
    inGrid: true,
    value: (seed) =>
      leastStep(
        ["Greedy-LLM", "Greedy-0.5", "Greedy-0.3", "Greedy-0.1"].map(
          (name) => seed.figures(name).direct,
        ),
      ),
  },
  {
    id: "S4b",
    claim: "DLRS calls the model directly less often than LRS",
    source: "Fig. 5, Table VI",
    published: "below",
    expectation: less(),
    unit: "share",
    inGrid: true,
    value: (seed) => seed.figures(DLRS).direct - seed.figures("LRS").direct,
  },
  {
    id: "S5a",
    claim:
      "All servers asked are faster than the nearest one, for every algorithm (smallest saving)",
    source: "Fig. 8",
    published: "faster",
    expectation: greater(),
    unit: "seconds",
    inGrid: false,
    value: (seed) =>
      Math.min(
        ...[DLRS, ...BASELINES].map(
          (name) => seed.figures(name, atNearest).delay - seed.figures(name, atAll).delay,
        ),
      ),
  },
  {
    id: "S5b",
    claim: "DLRS's reward with all servers asked grows from two to three servers",
    source: "Fig. 10",
    published: "grows",
    expectation: greater(),
    unit: "reward",
    inGrid: false,
    value: (seed) =>
      seed.figures(DLRS, { ...atAll, experiment: "servers-3" }).reward -
      seed.figures(DLRS, { ...atAll, experiment: "servers-2" }).reward,
  },
  {
    id: "S6a",
    claim: "More training data lowers satisfaction at the same width (1500 to 6000 samples)",
    source: "Fig. 11",
    published: "lower",
    expectation: less(),
    unit: "satisfaction",
    inGrid: false,
    value: (seed) =>
      seed.figures(DLRS, { experiment: `size-${TRAINING_SIZES.at(-1)}` }).satisfaction -
      seed.figures(DLRS, { experiment: `size-${TRAINING_SIZES[0]}` }).satisfaction,
  },
  {
    id: "S6b",
    claim: "A width of 384 wins satisfaction back at 6000 samples",
    source: "Table IV",
    published: "+0.03",
    expectation: greater(),
    unit: "satisfaction",
    inGrid: false,
    value: (seed) =>
      seed.figures(DLRS, { experiment: "size-6000-wide" }).satisfaction -
      seed.figures(DLRS, { experiment: "size-6000" }).satisfaction,
  },
  {
    id: "S6c",
    claim: "A width of 384 costs delay at 6000 samples",
    source: "Table IV",
    published: "+0.68 s",
    expectation: greater(),
    unit: "seconds",
    inGrid: false,
    value: (seed) =>
      seed.figures(DLRS, { experiment: "size-6000-wide" }).delay -
      seed.figures(DLRS, { experiment: "size-6000" }).delay,
  },
  {
    id: "S7a",
    claim: "New requests, delay: V10 < DLRS < Greedy-LLM < LRS < Greedy-0.3 (smallest step)",
    source: "Table VI",
    published: "2.97, 3.23, 3.72, 4.00, 4.92 s",
    expectation: greater(),
    unit: "seconds",
    inGrid: false,
    value: (seed) =>
      leastStep(
        ["DLRS-V10", DLRS, "Greedy-LLM", "LRS", "Greedy-0.3"].map(
          (name) => seed.figures(name, onNew).delay,
        ),
      ),
  },
  {
    id: "S7b",
    claim: "New requests: satisfactions of those five lie within 0.07",
    source: "Table VI",
    published: "-0.91 to -0.84",
    expectation: less(0.07),
    unit: "satisfaction",
    inGrid: false,
    value: (seed) => {
      const all = ["DLRS-V10", DLRS, "Greedy-LLM", "LRS", "Greedy-0.3"].map(
        (name) => seed.figures(name, onNew).satisfaction,
      );
      return Math.max(...all) - Math.min(...all);
    },
  },

  // --- numbers
  {
    id: "N8",
    claim: "DLRS earns more reward than every baseline, nearest server (against the best)",
    source: "Fig. 7",
    published: "up to +10.47 %",
    expectation: greater(),
    unit: "percent",
    inGrid: false,
    value: (seed) => Math.min(...BASELINES.map((base) => rewardGain(seed, base, atNearest))),
  },
  {
    id: "N8 largest",
    claim: "The largest reward gain over a baseline, nearest server",
    source: "Fig. 7",
    published: "+10.47 %",
    expectation: { direction: "between", bounds: [0.05, 0.2] },
    unit: "percent",
    inGrid: false,
    value: (seed) => Math.max(...BASELINES.map((base) => rewardGain(seed, base, atNearest))),
  },
  ...each("N9", "Fig. 7", "similar-nearest", {
    "Greedy-0.1": 6.4,
    "Greedy-0.3": 4.26,
    "Greedy-0.5": 5,
    "Greedy-LLM": 3.88,
    Random: 3,
    MAPPO: 2.44,
    "G-MAPPO": 8.89,
    "T-MAPPO": 2,
    LRS: 2.14,
    "DLRS-V10": 1,
  }),
  {
    id: "N10",
    claim: "The largest reward gain over a baseline, all servers",
    source: "Fig. 8",
    published: "+15 %",
    expectation: { direction: "between", bounds: [0.05, 0.3] },
    unit: "percent",
    inGrid: false,
    value: (seed) => Math.max(...BASELINES.map((base) => rewardGain(seed, base, atAll))),
  },
  ...each("N11", "Fig. 8", "similar-all", {
    "Greedy-0.1": 13.38,
    "Greedy-0.3": 6.89,
    "Greedy-0.5": 10.52,
    "Greedy-LLM": 5.16,
    Random: 5.59,
    MAPPO: 7.74,
    "G-MAPPO": 14.28,
    "T-MAPPO": 3.82,
    "DLRS-V10": 2.74,
  }),
  {
    id: "N12",
    claim: "With all servers asked DLRS is faster than LRS",
    source: "Fig. 8",
    published: "-41.39 %",
    expectation: less(),
    unit: "percent",
    inGrid: true,
    value: (seed) => gain(seed.figures(DLRS, atAll).delay, seed.figures("LRS", atAll).delay),
  },
  {
    id: "N13",
    claim:
      "Three servers and more, all asked: DLRS's mean reward gain over greedy rules, T-MAPPO and LRS",
    source: "Fig. 10",
    published: "up to +22 %",
    expectation: greater(),
    unit: "percent",
    inGrid: false,
    value: (seed) =>
      meanOf(
        [3, 4, 5, 6].flatMap((servers) =>
          ["Greedy-0.1", "Greedy-0.3", "Greedy-0.5", "Greedy-LLM", "T-MAPPO", "LRS"].map((base) =>
            rewardGain(seed, base, { ...atAll, experiment: `servers-${servers}` }),
          ),
        ),
      ),
  },
  ...Object.entries({
    "Greedy-0.1": 14.53,
    "Greedy-0.3": 7.27,
    "Greedy-0.5": 3.27,
    "Greedy-LLM": 2.27,
    LRS: 2.2,
  }).map(([base, percent]): Claim => ({
    id: `N14 ${base}`,
    claim: `Three servers and more, all asked: DLRS satisfies more than ${base}`,
    source: "Fig. 10",
    published: `+${percent} %`,
    expectation: greater(),
    unit: "percent",
    inGrid: false,
    value: (seed) =>
      meanOf(
        [3, 4, 5, 6].map((servers) =>
          satisfactionGain(seed, base, { ...atAll, experiment: `servers-${servers}` }),
        ),
      ),
  })),
  {
    id: "N15 satisfaction",
    claim: "Satisfaction falls from 4500 to 6000 samples at width 256",
    source: "Table IV",
    published: "-0.83 to -0.85",
    expectation: less(),
    unit: "satisfaction",
    inGrid: false,
    value: (seed) =>
      seed.figures(DLRS, { experiment: "size-6000" }).satisfaction -
      seed.figures(DLRS, { experiment: "size-4500" }).satisfaction,
  },
  {
    id: "N15 width",
    claim: "A width of 384 raises satisfaction at 4500 samples",
    source: "Table IV",
    published: "-0.83 to -0.81",
    expectation: greater(),
    unit: "satisfaction",
    inGrid: false,
    value: (seed) =>
      seed.figures(DLRS, { experiment: "size-4500-wide" }).satisfaction -
      seed.figures(DLRS, { experiment: "size-4500" }).satisfaction,
  },
  {
    id: "N16 reward",
    claim: "Reward by model: GPT-3.5 > DeepSeek-d > Qwen-72B > DeepSeek-q (smallest step)",
    source: "Table V",
    published: "-9.07, -10.87, -12.55, -16.07",
    expectation: greater(),
    unit: "reward",
    inGrid: false,
    value: (seed) =>
      leastStep(
        ["deepseek-q", "qwen-72b", "deepseek-d", "gpt-3.5"].map(
          (model) => seed.figures(DLRS, { experiment: `model-${model}` }).reward,
        ),
      ),
  },
  {
    id: "N16 delay",
    claim: "Delay by model: GPT-3.5 < DeepSeek-d < Qwen-72B < DeepSeek-q (smallest step)",
    source: "Table V",
    published: "1.32, 1.92, 2.98, 7.79 s",
    expectation: greater(),
    unit: "seconds",
    inGrid: false,
    value: (seed) =>
      leastStep(
        ["gpt-3.5", "deepseek-d", "qwen-72b", "deepseek-q"].map(
          (model) => seed.figures(DLRS, { experiment: `model-${model}` }).delay,
        ),
      ),
  },
  ...(
    [
      ["LRS", 14.8],
      ["Greedy-LLM", 12.2],
      ["Greedy-0.3", 32.3],
    ] as const
  ).map(([base, percent]): Claim => ({
    id: `N17 ${base}`,
    claim: `New requests: DLRS earns more reward than ${base}`,
    source: "Table VI",
    published: `+${percent} %`,
    expectation: greater(),
    unit: "percent",
    inGrid: true,
    value: (seed) => rewardGain(seed, base, onNew),
  })),
  {
    id: "N17 V10",
    claim: "New requests: DLRS earns slightly less reward than DLRS-V10",
    source: "Table VI",
    published: "-0.9 %",
    expectation: { direction: "between", bounds: [-0.05, 0.05] },
    unit: "percent",
    inGrid: false,
    value: (seed) => rewardGain(seed, "DLRS-V10", onNew),
  },
  {
    id: "N20 similar",
    claim:
      "Similar requests: DLRS earns more reward than the baselines (mean over them, all servers)",
    source: "abstract",
    published: "+15 %",
    expectation: greater(),
    unit: "percent",
    inGrid: false,
    value: (seed) => meanOf(BASELINES.map((base) => rewardGain(seed, base, atAll))),
  },
  {
    id: "N20 new",
    claim: "New requests: DLRS earns more reward than the baselines (mean over them)",
    source: "abstract",
    published: "+14.59 %",
    expectation: greater(),
    unit: "percent",
    inGrid: false,
    value: (seed) => meanOf(BASELINES.map((base) => rewardGain(seed, base, onNew))),
  },
];
