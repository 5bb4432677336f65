// The candidates for the product, and what they are compared with.
/** Networks that differ in nothing but their head (learned.ts). What is shipped is the first one. */
export const HEADS = ["DLRS", "LRS", "DLRS-3way"] as const;

export type Head = (typeof HEADS)[number];

export const SHIPPED: Head = "DLRS";

/**
 * In the order of the table. fixed-rule: greedy 0.95, what a gateway without a network does. best-threshold: the fixed
 * distance that was worth most on the calibration half with at most 1 % wrong. guards-alone: the cache always, so that
 * the production's threshold of each entry decides alone. The oracle knows what is right and is no candidate.
 */
export const PRODUCT_ALGORITHMS = [
  ...HEADS,
  "value-regression",
  "fixed-rule",
  "best-threshold",
  "guards-alone",
  "always-model",
  "feasible-oracle",
] as const;

export type ProductAlgorithm = (typeof PRODUCT_ALGORITHMS)[number];

export const isHead = (algorithm: ProductAlgorithm): algorithm is Head =>
  HEADS.some((head) => head === algorithm);
