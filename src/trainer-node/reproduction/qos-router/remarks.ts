// What a reader should know of a claim: what it compares, whatever its verdict; and what explains it where it differs.
import { type Verdict } from "../report/verdict.ts";

const CANNOT_DROP = "the rules among the baselines must not drop; against rules that may: O1, O6";
const BUSY = "per second in which a GPU computes: who drops more gains";
const TWINS = "one training of each; how far two trainings of the same network lie apart: O5";
const THREE_PLACES = "by construction: flat has places for three experts";
const RATES = "trained at 2 to 5 requests per second";

/** By id, or by its first word for all of that kind. */
const CAVEATS: Readonly<Record<string, string>> = {
  T1: CANNOT_DROP,
  T1r: `${BUSY}; ${CANNOT_DROP}`,
  T2: TWINS,
  T2q: TWINS,
  T4c: "no rate beyond the best one was run",
  T6: "greedy-score must not drop; against the same rule with that right: O1",
  "T3 same":
    "flat-2, the same network trained again, is in the tables: one training does not decide",
  "T3 4": THREE_PLACES,
  "T3 5": THREE_PLACES,
  "T3 6": THREE_PLACES,
  "T3 8": THREE_PLACES,
  O3: "greedy-score must not drop; rules that may are in the table of fleets",
};

const EXPLANATIONS: Readonly<Record<string, string>> = {
  "T1 poisson low": RATES,
  "T1 real low": RATES,
  "T3 order":
    "affinities of experts are drawn anew in every episode: there is little in an order to learn",
  O2: "trained with the right to drop, which is taken from it here",
};

const of = (table: Readonly<Record<string, string>>, id: string): readonly string[] => {
  const found = table[id] ?? table[id.split(" ")[0]!];
  return found === undefined ? [] : [found];
};

export const remarkOf = (id: string, verdict: Verdict): string =>
  [...of(CAVEATS, id), ...(verdict === "differs" ? of(EXPLANATIONS, id) : [])].join("; ");
