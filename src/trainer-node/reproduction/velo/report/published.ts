// Numbers as the paper prints them, for the column beside ours.

/** Table VI: 500 new requests. */
export const PUBLISHED_NEW: Readonly<
  Record<
    string,
    { readonly reward: number; readonly q: number; readonly d: number; readonly direct: number }
  >
> = {
  "Greedy-0.3": { reward: -17.3, q: -0.84, d: 4.92, direct: 0.65 },
  "Greedy-LLM": { reward: -13.35, q: -0.91, d: 3.72, direct: 0.08 },
  LRS: { reward: -13.75, q: -0.87, d: 4, direct: 0.38 },
  "DLRS-V10": { reward: -11.62, q: -0.87, d: 2.97, direct: 0 },
  "DLRS-L10": { reward: -11.72, q: -0.85, d: 3.23, direct: 0.03 },
};

/** Table V: reward / q / d / share of direct calls. */
export const PUBLISHED_MODELS = {
  "Qwen-72B": "-12.55 / -0.85 / 2.98 / 0.18",
  "DeepSeek-q": "-16.07 / -0.73 / 7.79 / 0.17",
  "DeepSeek-d": "-10.87 / -0.87 / 1.92 / 0.05",
  "GPT-3.5": "-9.07 / -0.77 / 1.32 / 0.01",
} as const;

/** Table IV: q / d / share of direct calls by samples/width. */
export const PUBLISHED_SIZES: Readonly<Record<string, string>> = {
  "4500/256": "-0.83 / 0.88 / 0.05",
  "4500/384": "-0.81 / 1.19 / 0.07",
  "6000/256": "-0.85 / 0.82 / 0.09",
  "6000/384": "-0.82 / 1.50 / 0.04",
};

/** Table III. */
export const PUBLISHED_FORMS: Readonly<
  Record<string, { readonly q: string; readonly delay: string }>
> = {
  EN: { q: "-0.51 / -0.45", delay: "0.10 / 6.00 / 10.79" },
  ZH: { q: "-0.56 / -0.21", delay: "0.05 / 7.56 / 10.41" },
  RU: { q: "-0.58 / -0.20", delay: "0.02 / 6.01 / 11.34" },
  DE: { q: "-0.59 / -0.13", delay: "0.04 / 11.19 / 12.49" },
  ES: { q: "-0.35 / -0.14", delay: "0.10 / 7.79 / 12.72" },
  restated: { q: "-0.55 / -0.37", delay: "0.03 / 7.81 / 11.06" },
};
