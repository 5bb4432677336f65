// What a reader should know of a claim, whatever its verdict: what it compares, and what follows from that alone.

const CANNOT_DROP = "the rules among the baselines must not drop; against rules that may: O1";
const TWINS = "one training of each; how far two trainings of the same network lie apart: O5";
const THREE_PLACES = "by construction: flat has places for three experts";

/** By id, or by its first word for all of that kind. */
const REMARKS: Readonly<Record<string, string>> = {
  "T1 poisson low": "trained at 2 to 5 requests per second",
  "T1 real low": "trained at 2 to 5 requests per second",
  T1: CANNOT_DROP,
  T1r: CANNOT_DROP,
  T2: TWINS,
  T2q: TWINS,
  T6: "greedy-score must not drop; against the same rule with that right: O1",
  "T3 same":
    "flat-2, the same network trained again, is in the tables: one training does not decide",
  "T3 4": THREE_PLACES,
  "T3 5": THREE_PLACES,
  "T3 6": THREE_PLACES,
  "T3 8": THREE_PLACES,
  "T3 order":
    "affinities of experts are drawn anew in every episode: there is little in an order to learn",
  O2: "trained with the right to drop, which is taken from it here",
  O3: "greedy-score must not drop; rules that may are in the table of fleets",
};

export const remarkOf = (id: string): string => REMARKS[id] ?? REMARKS[id.split(" ")[0]!] ?? "";
