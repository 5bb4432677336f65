// Labelled pairs that thresholds are set on and the verifier is measured with; by halves, so that no figure comes from a
// pair that set a threshold.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadAdversarial } from "../evaluation/adversarial.ts";
import { jsonLines } from "../evaluation/json-lines.ts";
import { type Half, halfOf } from "../simulator/groups.ts";
import { type QuestionPair } from "./cold-start.ts";

export interface TrapPair extends QuestionPair {
  readonly same: boolean;
  /** Pairs of one group are one observation. */
  readonly group: string;
}

export function adversarialPairs(half: Half): readonly TrapPair[] {
  return loadAdversarial().filter((pair) => pair.half === half);
}

/** Rephrased problems against changed ones (README of the data directory); empty where the file is not there. */
export async function nearMissPairs(directory: string, half: Half): Promise<readonly TrapPair[]> {
  const file = join(directory, "near-miss/gsm-plus.jsonl.gz");
  if (!existsSync(file)) return [];
  const pairs: TrapPair[] = [];
  for await (const { value } of jsonLines(file)) {
    const group = String(value["seed_id"]);
    if (halfOf(group) !== half) continue;
    const isHit = value["change"] === "problem understanding";
    const isTrap = value["same_problem"] === false && value["same_answer"] === false;
    if (!isHit && !isTrap) continue;
    pairs.push({
      a: String(value["question"]),
      b: String(value["seed_question"]),
      same: isHit,
      group,
    });
  }
  return pairs;
}
