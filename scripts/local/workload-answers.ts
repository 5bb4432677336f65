import { type Group } from "../../src/trainer-node/simulator/groups.ts";
import { conversationKey, type KnownAnswer } from "./model-server.ts";

/**
 * What the model server says to every question of the groups. Each text belongs to one group and language only, so
 * that whoever gets it can be told which question it answers: a text that is shared ("18") gets both added.
 */
export function answersFor(groups: readonly Group[]): Map<string, KnownAnswer> {
  const owners = new Map<string, Set<string>>();
  for (const group of groups) {
    for (const [lang, text] of group.answers) {
      owners.set(text, (owners.get(text) ?? new Set()).add(`${group.id}/${lang}`));
    }
  }
  const byId = new Map(groups.map((group) => [group.id, group]));
  const answers = new Map<string, KnownAnswer>();
  for (const group of groups) {
    const parent = group.parent === undefined ? undefined : byId.get(group.parent);
    for (const [lang, questions] of group.questions) {
      const stored = group.answers.get(lang);
      const shared = stored === undefined || (owners.get(stored)?.size ?? 0) > 1;
      const text = shared ? `${stored ?? "The answer"} [${group.id}/${lang}]` : stored;
      for (const question of questions) {
        const answer = { text, group: group.id, lang };
        if (group.parent === undefined) answers.set(question, answer);
        for (const earlier of parent?.questions.get(lang) ?? []) {
          answers.set(conversationKey([earlier, question]), answer);
        }
      }
    }
  }
  return answers;
}
