// Labelled question groups: questions of one group ask for the same thing, so an answer to one is right for all.
// Bundled groups come from data/workload; groups of a data directory from data-directory.ts.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface Group {
  readonly id: string;
  /** A group and its near misses are one family: they always lie in the same half. */
  readonly family: string;
  /**
   * base and single: an ordinary question (a single has no other wording). changed: like another question of the
   * family, but with another number, name or negation, so with another answer. follow-up: asked after `parent`.
   */
  readonly relation: "base" | "single" | "changed" | "follow-up";
  readonly parent?: string;
  /** By language, at least one text each, the canonical one first. */
  readonly questions: ReadonlyMap<string, readonly string[]>;
  readonly answers: ReadonlyMap<string, string>;
}

export type Half = "calibration" | "measured";

/** Rules and thresholds are made on one half, figures come from the other. Depends on the family's name alone. */
export function halfOf(family: string): Half {
  const firstByte = createHash("sha256").update(family).digest()[0] ?? 0;
  return firstByte < 128 ? "calibration" : "measured";
}

export function onlyHalf(groups: readonly Group[], half: Half | "all"): readonly Group[] {
  return half === "all" ? groups : groups.filter((group) => halfOf(group.family) === half);
}

/** A row that is not what its file should hold; the message begins with file and place. */
export class WorkloadDataError extends Error {
  override readonly name = "WorkloadDataError";
}

const BUNDLED_DIR = join(import.meta.dirname, "../../../data/workload");

/** Reads every *.json of the directory: arrays of groups as data/workload holds them. */
export function loadBundled(directory: string = BUNDLED_DIR): Group[] {
  const files = readdirSync(directory)
    .filter((file) => file.endsWith(".json"))
    .toSorted();
  if (files.length === 0) throw new WorkloadDataError(`${directory}: no *.json file`);
  const groups = files.flatMap((file) =>
    parseBundled(readFileSync(join(directory, file), "utf8"), basename(file)),
  );
  refuseAmbiguous(groups);
  return groups;
}

/** Parses one file's text; `file` is named in errors. */
export function parseBundled(text: string, file: string): Group[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WorkloadDataError(`${file}: ${error instanceof Error ? error.message : "not JSON"}`);
  }
  if (!Array.isArray(value)) throw new WorkloadDataError(`${file}: not an array of groups`);
  return value.flatMap((item, index) => parseGroup(item, `${file}: group ${index + 1}`));
}

function parseGroup(item: unknown, place: string): Group[] {
  if (!isRecord(item)) throw new WorkloadDataError(`${place}: not an object`);
  const id = item["id"];
  if (typeof id !== "string" || id === "") throw new WorkloadDataError(`${place}: no id`);
  const where = `${place} (${id})`;
  const texts = parseTexts(item, where);
  const relation = isSingle(texts.questions) ? "single" : "base";
  const groups: Group[] = [{ id, family: id, relation, ...texts }];
  for (const [field, relative] of [
    ["changed", "changed"],
    ["negated", "changed"],
    ["followUps", "follow-up"],
  ] as const) {
    const list = item[field] ?? [];
    if (!Array.isArray(list)) throw new WorkloadDataError(`${where}: ${field} is not an array`);
    for (const [index, member] of list.entries()) {
      const memberId = `${id}#${field}-${index}`;
      if (!isRecord(member)) throw new WorkloadDataError(`${where}: ${memberId} is not an object`);
      const memberTexts = parseTexts(member, `${where}: ${memberId}`);
      groups.push({
        id: memberId,
        family: id,
        relation: relative,
        ...(relative === "follow-up" && { parent: id }),
        ...memberTexts,
      });
    }
  }
  return groups;
}

function parseTexts(
  item: Readonly<Record<string, unknown>>,
  where: string,
): Pick<Group, "questions" | "answers"> {
  const { questions: rawQuestions, answers: rawAnswers } = item;
  if (!isRecord(rawQuestions)) throw new WorkloadDataError(`${where}: no questions`);
  if (!isRecord(rawAnswers)) throw new WorkloadDataError(`${where}: no answers`);
  const questions = new Map<string, readonly string[]>();
  const answers = new Map<string, string>();
  for (const [lang, value] of Object.entries(rawQuestions)) {
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (texts.length === 0 || !texts.every(isText)) {
      throw new WorkloadDataError(`${where}: questions.${lang} needs at least one text`);
    }
    const answer = rawAnswers[lang];
    if (!isText(answer)) throw new WorkloadDataError(`${where}: answers.${lang} is missing`);
    questions.set(lang, texts);
    answers.set(lang, answer);
  }
  if (questions.size === 0) throw new WorkloadDataError(`${where}: no questions`);
  return { questions, answers };
}

/** One text in two groups would make "correct = same group" undecidable; follow-ups count with their parent. */
export function refuseAmbiguous(groups: readonly Group[]): void {
  const ids = new Set<string>();
  const owners = new Map<string, string>();
  for (const group of groups) {
    if (ids.has(group.id)) throw new WorkloadDataError(`group ${group.id} exists twice`);
    ids.add(group.id);
    for (const text of [...group.questions.values()].flat()) {
      const key = group.parent === undefined ? text : `${group.parent}\u0000${text}`;
      const owner = owners.get(key);
      if (owner !== undefined) {
        throw new WorkloadDataError(`groups ${owner} and ${group.id} both ask "${text}"`);
      }
      owners.set(key, group.id);
    }
  }
}

function isSingle(questions: Group["questions"]): boolean {
  return [...questions.values()].flat().length === 1;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
