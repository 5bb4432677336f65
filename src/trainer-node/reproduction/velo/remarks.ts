// One sentence on each claim: why our figure differs from the published one, or what in it is an assumption of ours.

const NOISE =
  "One sampled chain of the shallow linear schedule cannot be confident: about three in ten decisions go to the model by its noise alone, whatever was learnt (page Ablations, how a policy is executed).";
const EMPTY =
  "Who rarely calls the model directly stores nothing new, and literal eviction then empties the database; how far that goes differs from seed to seed.";
const FEW_HITS =
  "In this world a right stored answer satisfies like a direct one and a wrong one much less, so whoever serves less from the cache satisfies more.";
const GONE =
  "Literal eviction drops every row that notes were taken from, because their delay makes it worthless: what new requests lie near is gone by the end of training for whoever uses notes.";
const ALONE =
  "The prices of direct calls (phi3 and 7.7 s) weigh more here: Greedy-0.1 calls nearly always.";

/** By the claim's id; a claim without one needs none. */
export const REMARKS: Readonly<Record<string, string>> = {
  S1b: "Both read the same embedding; nothing in this world needs attention over its parts, and MAPPO's critic sees the neighbours alone.",
  S1c: "Demonstrations come from a coin's play with hindsight, a fifth of them for direct calls after thinning out the others.",
  S1d: "Demonstrations come from a coin's play with hindsight, a fifth of them for direct calls after thinning out the others.",
  S2a: "Fewer steps leave more of the start noise in the logits, as the schedule's tables say.",
  S2b: EMPTY,
  S2c: EMPTY,
  S3a: FEW_HITS,
  S3b: "Against the mean of ten baselines, among them Greedy-0.1, which hardly uses the cache.",
  S4a: "Greedy-LLM's threshold follows the satisfaction of direct answers, about 0.54 here and 0.55 to 0.85 in the paper.",
  S4b: NOISE,
  S5a: "Holds for every request by construction, because the own server's answer is among those compared.",
  S7a: GONE,
  S7b: FEW_HITS,
  "N8 largest": ALONE,
  N10: ALONE,
  "N17 LRS": GONE,
  "N17 Greedy-LLM": GONE,
  "N17 Greedy-0.3": GONE,
  "N17 V10": EMPTY,
  "N20 similar": "A mean over baselines, which the paper does not say of its figure.",
  "N20 new": GONE,
  "N9 Greedy-0.1": FEW_HITS,
  "N9 Greedy-0.3": FEW_HITS,
  "N11 Greedy-0.1": FEW_HITS,
  "N11 Greedy-0.3": FEW_HITS,
  "N14 Greedy-0.1": FEW_HITS,
  "N14 Greedy-0.3": FEW_HITS,
  "N16 reward": "How long and how good direct answers of these models are, is assumed.",
  "N16 delay": "How long and how good direct answers of these models are, is assumed.",
  N18: "Medians of one machine, ONNX Runtime on one thread.",
  "N19 step": "Another machine, another batch: no comparison.",
  "N19 memory": "Another machine, and no GPU.",
  "N19 experiences": "The paper's request rate is not known.",
  "N19 weights": "The paper's figure is presumably the rate while a file is sent.",
  "S8 delay":
    "Exact repeats are answered at once in both, so that only rephrasings tell, and guards and verifier leave few of them.",
};
