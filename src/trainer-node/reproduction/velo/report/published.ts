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

/** Table V: DLRS with other models. */
export const PUBLISHED_MODELS = {
  "Qwen-72B": { reward: -12.55, q: -0.85, d: 2.98, direct: 0.18 },
  "DeepSeek-q": { reward: -16.07, q: -0.73, d: 7.79, direct: 0.17 },
  "DeepSeek-d": { reward: -10.87, q: -0.87, d: 1.92, direct: 0.05 },
  "GPT-3.5": { reward: -9.07, q: -0.77, d: 1.32, direct: 0.01 },
} as const;

/** Table IV, by samples / width. */
export const PUBLISHED_SIZES: Readonly<
  Record<string, { readonly q: number; readonly d: number; readonly direct: number }>
> = {
  "4500/256": { q: -0.83, d: 0.88, direct: 0.05 },
  "4500/384": { q: -0.81, d: 1.19, direct: 0.07 },
  "6000/256": { q: -0.85, d: 0.82, direct: 0.09 },
  "6000/384": { q: -0.82, d: 1.5, direct: 0.04 },
};

/** Section V: milliseconds of a decision. */
export const PUBLISHED_DECISION_MS: Readonly<Record<string, number>> = {
  LRS: 24.1,
  "DLRS-V10": 25.5,
  "DLRS-L10": 26.2,
};

/** Section V: milliseconds of a training step, on an RTX 4070 Ti. */
export const PUBLISHED_STEP_MS = 16.04;

/** Table I: millions of vectors, seconds of a query on the edge and in the cloud, gigabytes. */
export const PUBLISHED_VECTORS = [
  { millions: 3.64, edge: 0.82, cloud: 1.05, memory: 4 },
  { millions: 9.62, edge: 0.84, cloud: 1.08, memory: 10.4 },
  { millions: 10.6, edge: 0.83, cloud: 1.03, memory: 11.4 },
  { millions: 11.34, edge: 0.81, cloud: 1.05, memory: 12.2 },
] as const;

/** Table III: satisfaction of A and B (the same) and of C, delays of A, B and C, distance of a request and its stored answer. */
export const PUBLISHED_FORMS: Readonly<
  Record<string, { readonly q: string; readonly delay: string; readonly toAnswer: number }>
> = {
  EN: { q: "-0.51 / -0.45", delay: "0.10 / 6.00 / 10.79", toAnswer: 0.59 },
  ZH: { q: "-0.56 / -0.21", delay: "0.05 / 7.56 / 10.41", toAnswer: 0.68 },
  RU: { q: "-0.58 / -0.20", delay: "0.02 / 6.01 / 11.34", toAnswer: 0.58 },
  DE: { q: "-0.59 / -0.13", delay: "0.04 / 11.19 / 12.49", toAnswer: 0.54 },
  ES: { q: "-0.35 / -0.14", delay: "0.10 / 7.79 / 12.72", toAnswer: 0.63 },
  restated: { q: "-0.55 / -0.37", delay: "0.03 / 7.81 / 11.06", toAnswer: 0.64 },
};

/** With the paper's two digits, which a column of ours may have more of. */
export const asPrinted = (...values: readonly number[]): readonly string[] =>
  values.map((value) => value.toFixed(2));

export const percentPrinted = (share: number): string => (100 * share).toFixed(0);
