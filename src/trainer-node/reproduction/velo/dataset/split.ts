// Who may learn from which dialogue. A dialogue lies in one part with all its translations, whatever the seed: figures come
// from the measured half, training and the pairs that databases begin with from the calibration half.
import { createHash } from "node:crypto";
import { halfOf } from "../../../simulator/groups.ts";
import { type DialogueItem } from "./dialogues.ts";

export type Part = "training" | "prefill" | "test";

/** Depends on the dialogue's name alone. A third of the calibration half is never asked: it fills the databases. */
export function partOf(dialogue: string): Part {
  if (halfOf(dialogue) === "measured") return "test";
  const byte = createHash("sha256").update(dialogue).digest()[1]!;
  return byte % 3 === 0 ? "prefill" : "training";
}

export type Split = Readonly<Record<Part, readonly DialogueItem[]>>;

/** @throws RangeError when a part would be empty */
export function splitByDialogue(items: readonly DialogueItem[]): Split {
  const parts = Object.groupBy(items, ({ dialogue }) => partOf(dialogue));
  const { training = [], prefill = [], test = [] } = parts;
  if (training.length === 0 || prefill.length === 0 || test.length === 0)
    throw new RangeError(
      `${items.length} items are too few: ${training.length} for training, ` +
        `${prefill.length} to begin with, ${test.length} for the test`,
    );
  return { training, prefill, test };
}
