// Files that say which of several models answers which question well.
import { normaliseQuestion } from "../../policy/cache/question.ts";
import { isRecord } from "../simulator/groups.ts";
import { InputError, type JsonLine, jsonLines, optionalText, textField } from "./json-lines.ts";

interface ModelAnswer {
  /** In [0, 1]. */
  readonly score: number;
  /** Length of the answer; null where the file does not tell it. */
  readonly outputChars: number | null;
}

export interface RoutedQuestion {
  readonly id: string;
  /** What hangs together lies in one half: the file's group, or the id; equal texts are one group. */
  readonly group: string;
  readonly question: string;
  readonly task: string | null;
  /** By model, in the order of the file's `models`. */
  readonly answers: readonly ModelAnswer[];
}

export interface RoutingData {
  /** Those that every question has, sorted. */
  readonly models: readonly string[];
  /** Models that some questions lack, and how many have them. */
  readonly leftOut: readonly { readonly model: string; readonly questions: number }[];
  readonly questions: readonly RoutedQuestion[];
}

const FIELDS = ["id", "question", "models", "group", "task"] as const;

/** What each of our fields is called in the file. */
export type RoutingFields = Readonly<Record<(typeof FIELDS)[number], string>>;

export const OWN_ROUTING_FIELDS: RoutingFields = {
  id: "id",
  question: "question",
  models: "models",
  group: "group",
  task: "task",
};

/** Field names of public files, by the name of what made them. */
export const KNOWN_ROUTING_FIELDS: Readonly<Record<string, RoutingFields>> = {
  llmrouter: { ...OWN_ROUTING_FIELDS, models: "scores" },
  zeroeval: OWN_ROUTING_FIELDS,
};

/** Names by field, as {"models": "scores"}; throws RangeError. */
export function routingFields(names: Readonly<Record<string, unknown>>): RoutingFields {
  for (const [field, name] of Object.entries(names))
    if (!Object.hasOwn(OWN_ROUTING_FIELDS, field) || typeof name !== "string" || name === "")
      throw new RangeError(`${field} is not one of the fields ${FIELDS.join(", ")} with a name`);
  return { ...OWN_ROUTING_FIELDS, ...names };
}

/**
 * Lines {id, question, models: {name: answer}, group?, task?}; an answer is {correct} or {score}, either with output_chars, or
 * a score alone. Throws InputError with file and line.
 */
export async function readRouting(
  file: string,
  fields: RoutingFields = OWN_ROUTING_FIELDS,
): Promise<RoutingData> {
  const rows: (Omit<RoutedQuestion, "answers"> & {
    readonly byModel: ReadonlyMap<string, ModelAnswer>;
  })[] = [];
  const groups = new Map<string, string>();
  const places = new Map<string, string>();
  for await (const line of jsonLines(file)) {
    const id = idOf(line, fields.id);
    const earlier = places.get(id);
    if (earlier !== undefined)
      throw new InputError(`${line.place}: the id ${id} is that of ${earlier} too`);
    places.set(id, line.place);
    const question = textField(line, fields.question);
    const text = normaliseQuestion(question);
    const group = groups.get(text) ?? optionalText(line, fields.group) ?? id;
    groups.set(text, group);
    const task = optionalText(line, fields.task) ?? null;
    rows.push({ id, group, question, task, byModel: answersOf(line, fields.models) });
  }
  if (rows.length === 0) throw new InputError(`${file}: holds no questions`);
  const counts = new Map<string, number>();
  for (const { byModel } of rows)
    for (const model of byModel.keys()) counts.set(model, (counts.get(model) ?? 0) + 1);
  const names = [...counts.keys()].toSorted();
  const models = names.filter((model) => counts.get(model) === rows.length);
  if (models.length < 2)
    throw new InputError(`${file}: fewer than two models have an answer to every question`);
  return {
    models,
    leftOut: names
      .filter((model) => counts.get(model)! < rows.length)
      .map((model) => ({ model, questions: counts.get(model)! })),
    questions: rows.map(({ id, group, question, task, byModel }) => ({
      id,
      group,
      question,
      task,
      answers: models.map((model) => byModel.get(model)!),
    })),
  };
}

/** Only these models. */
export function onlyModels(data: RoutingData, wanted: (model: string) => boolean): RoutingData {
  const places = data.models.flatMap((model, i) => (wanted(model) ? [i] : []));
  return {
    models: places.map((i) => data.models[i]!),
    leftOut: data.leftOut,
    questions: data.questions.map((question) => ({
      ...question,
      answers: places.map((i) => question.answers[i]!),
    })),
  };
}

function idOf({ value, place }: JsonLine, field: string): string {
  const id = value[field];
  if ((typeof id === "string" && id !== "") || typeof id === "number") return String(id);
  throw new InputError(`${place}: ${field} must be a text or a number`);
}

function answersOf({ value, place }: JsonLine, field: string): Map<string, ModelAnswer> {
  const models = value[field];
  if (!isRecord(models)) throw new InputError(`${place}: ${field} must be an object`);
  const answers = new Map<string, ModelAnswer>();
  for (const [name, answer] of Object.entries(models)) {
    const where = `${place}: ${field}.${name}`;
    const parts = isRecord(answer) ? answer : { score: answer };
    answers.set(name, {
      score: scoreOf(parts["score"] ?? parts["correct"], where),
      outputChars: charsOf(parts["output_chars"], where),
    });
  }
  return answers;
}

function scoreOf(value: unknown, where: string): number {
  const score = typeof value === "boolean" ? Number(value) : value;
  if (typeof score === "number" && score >= 0 && score <= 1) return score;
  throw new InputError(`${where} needs "correct", true or false, or "score" from 0 to 1`);
}

function charsOf(value: unknown, where: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && value >= 0 && value < Infinity) return value;
  throw new InputError(`${where}: output_chars must be a number, 0 or more`);
}
