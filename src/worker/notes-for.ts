// Which stored answers go into a prompt as notes (action C), and whether this request is to have any: some go without, so that
// it becomes known whether notes pay (durable/notes-trial.ts).
import { notesArmOf } from "../durable/notes-trial.ts";
import { languageOf } from "../policy/cache/language.ts";
import { sliceOf } from "../policy/cache/slice.ts";
import { type Decision } from "../policy/decide.ts";
import { type Life } from "./gateway.ts";
import { type StoredAnswer } from "./lookup/entries.ts";
import { answerOfRow } from "./lookup/look-up.ts";

/** Share of this request's slice that gets notes; 0 where they are not wanted or do not pay. */
export function notesShareOf({ desk, question, request }: Life): number {
  const { id, settings } = request.key.tenant;
  if (!settings.augment || desk.switches.augmentOff) return 0;
  return desk.notesShareOf(sliceOf(id, languageOf(question)));
}

/** The notes of a request that may have some; none where it is on the side without, or its answers are gone. */
export async function notesFor(life: Life, decision: Decision): Promise<readonly StoredAnswer[]> {
  const { ports, question, record, scope, startedAt } = life;
  // Drawn before anything is fetched: both sides are the same kind of request.
  record.notes = { ...notesArmOf(record.id, notesShareOf(life)), lang: languageOf(question) };
  if (record.notes.arm === "B" || scope === null) return [];
  const answers = await Promise.all(
    decision.notes.map((row) => answerOfRow(row, { scope, receivedAt: startedAt }, ports)),
  );
  record.noteRows = decision.notes.flatMap(({ id }, i) => (answers[i] ? [id] : []));
  return answers.filter((answer) => answer !== null);
}
