// Labelled pairs from files: a user's own, or near misses of one problem each.
import { type EvaluatedPair } from "./labelled-pairs.ts";
import { flagField, InputError, jsonLines, optionalText, textField } from "./json-lines.ts";

const FIELDS = ["id", "a", "b", "same", "category", "group", "lang"] as const;

/** What each of our fields is called in the file. */
export type FieldNames = Readonly<Record<(typeof FIELDS)[number], string>>;

export const OWN_NAMES: FieldNames = {
  id: "id",
  a: "a",
  b: "b",
  same: "same",
  category: "category",
  group: "group",
  lang: "lang",
};

/** "id=pid,a=question1,same=is_duplicate"; throws RangeError. */
export function parseFieldNames(text: string): FieldNames {
  const names: Record<string, string> = { ...OWN_NAMES };
  for (const part of text.split(",")) {
    const [ours, theirs, ...rest] = part.split("=").map((word) => word.trim());
    if (!ours || !theirs || rest.length > 0 || !Object.hasOwn(OWN_NAMES, ours))
      throw new RangeError(
        `"${part}" is not FIELD=NAME with one of the fields ${FIELDS.join(", ")}`,
      );
    names[ours] = theirs;
  }
  return names as FieldNames;
}

/** Throws InputError. */
export async function readPairs(
  file: string,
  names: FieldNames = OWN_NAMES,
): Promise<EvaluatedPair[]> {
  const pairs: EvaluatedPair[] = [];
  for await (const line of jsonLines(file)) {
    const category = optionalText(line, names.category);
    const group = optionalText(line, names.group);
    const lang = optionalText(line, names.lang);
    const id = line.value[names.id];
    if (id !== undefined && typeof id !== "string" && typeof id !== "number")
      throw new InputError(`${line.place}: ${names.id} must be a text or a number`);
    pairs.push({
      id: String(id ?? pairs.length + 1),
      a: textField(line, names.a),
      b: textField(line, names.b),
      same: flagField(line, names.same),
      ...(category !== undefined && { category }),
      ...(group !== undefined && { group }),
      ...(lang !== undefined && { lang }),
    });
  }
  if (pairs.length === 0) throw new InputError(`${file}: holds no pairs`);
  return pairs;
}

/**
 * Rows {id, seed_id, change, question, seed_question, same_answer, same_problem}. Should-hit: another wording of the
 * problem ("problem understanding"). Trap: another problem with another answer. Left out: another problem whose answer is the
 * same by luck. The rest, as added distractions, has no target. Rows of one seed are one group.
 */
export async function readNearMisses(file: string): Promise<EvaluatedPair[]> {
  const pairs: EvaluatedPair[] = [];
  for await (const line of jsonLines(file)) {
    const change = textField(line, "change");
    const isSameProblem = flagField(line, "same_problem");
    if (!isSameProblem && flagField(line, "same_answer")) continue;
    pairs.push({
      id: textField(line, "id"),
      a: textField(line, "question"),
      b: textField(line, "seed_question"),
      same: change === "problem understanding" ? true : isSameProblem ? null : false,
      category: change,
      group: textField(line, "seed_id"),
    });
  }
  if (pairs.length === 0) throw new InputError(`${file}: holds no pairs`);
  return pairs;
}
