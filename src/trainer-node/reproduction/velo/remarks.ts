// One sentence on each claim: why our figure differs from the published one, or what in it is an assumption of ours.

const NOISE =
  "One sampled chain of the shallow linear schedule cannot be confident: of the decisions for the cache about three in ten become direct calls by its noise alone (page Ablations, how a policy is executed).";
const EMPTY =
  "Who rarely calls the model directly stores nothing new, and literal eviction then empties the database; how far that goes differs from seed to seed.";
const FEW_HITS =
  "In this world a right stored answer satisfies like a direct one and a wrong one much less, so of the greedy rules the one that serves less from the cache satisfies more.";
const LATE =
  "Late in training alone: LRS and T-MAPPO call the model less and less, and literal eviction then empties their databases, while the noise of DLRS keeps filling its own. After 4 updates (page Servers) nothing of it is sure.";
const GONE =
  "Literal eviction drops rows that notes were taken from, because their delay makes them worthless: most of what new requests lie near is gone by the end of training for whoever uses notes. And three in ten decisions for the cache become calls by the chain's noise.";
const YOUNG =
  "In the grid databases are one update old, here twenty: there DLRS still finds rows near new requests, so that the two columns do not speak of the same.";
const SAME =
  "Both widths prefer the cache throughout, but for noise: what is compared is hardly the width.";
const ALONE =
  "The prices of direct calls (phi3 and 7.7 s) weigh more here: Greedy-0.1 calls nearly always.";

/** By the claim's id; a claim without one needs none. */
export const REMARKS: Readonly<Record<string, string>> = {
  S1a: LATE,
  S1b: "Both read the same embedding; nothing in this world needs attention over its parts, and MAPPO's critic sees the neighbours alone.",
  S1c: "Demonstrations come from a coin's play with hindsight, a fifth of them for direct calls after thinning out the others.",
  S1d: "Demonstrations come from a coin's play with hindsight, a fifth of them for direct calls after thinning out the others.",
  S2a: "Fewer steps leave more of the start noise in the logits, as the schedule's tables say.",
  S2b: EMPTY,
  S2c: EMPTY,
  S3a: FEW_HITS,
  S3b: "Against the mean of ten baselines, among them Greedy-0.1, which hardly uses the cache.",
  S3c: "The same number as N12, against another bound.",
  S4a: "Greedy-LLM's threshold follows the satisfaction of direct answers, about 0.54 here and 0.55 to 0.85 in the paper.",
  S4b: NOISE,
  S5a: "Holds for every request by construction, because the own server's answer is among those compared.",
  S6b: SAME,
  S6c: SAME,
  S7a: GONE,
  S7b: "DLRS-V10 answers new requests mostly with notes, whose rows eviction has dropped.",
  "N8 largest": ALONE,
  N10: ALONE,
  N12: LATE,
  "N17 LRS": GONE,
  "N17 Greedy-LLM": GONE,
  "N17 Greedy-0.3": `${GONE} ${YOUNG}`,
  "N17 V10": EMPTY,
  "N20 similar": "A mean over baselines, which the paper does not say of its figure.",
  "N20 new": GONE,
  "N9 Greedy-0.1": FEW_HITS,
  "N9 Greedy-0.3": FEW_HITS,
  "N11 Greedy-0.1": FEW_HITS,
  "N11 Greedy-0.3": FEW_HITS,
  "N14 Greedy-0.1": FEW_HITS,
  "N14 Greedy-0.3": FEW_HITS,
  "N15 width": SAME,
  "N16 reward": "How long and how good direct answers of these models are, is assumed.",
  "N16 delay": "How long and how good direct answers of these models are, is assumed.",
  N18: "Medians of one machine, ONNX Runtime on one thread.",
  "N19 step": "Another machine, another batch: no comparison.",
  "N19 memory":
    "Of the whole process, which had been as large before the first step: what training alone takes was not measured.",
  "N19 experiences": "The paper's request rate is not known.",
  "N19 weights": "The paper's figure is presumably the rate while a file is sent.",
  "S8 delay":
    "Exact repeats are answered at once in both, so that only rephrasings tell, and guards and verifier leave few of them.",
};
