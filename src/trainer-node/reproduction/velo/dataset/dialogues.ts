// Real dialogues as the paper has them: a question, and the reply that people ranked highest as its reference. Read from the
// trees that oasst1 exports (*.trees.jsonl, plain or gzip), from trees reduced to their texts, or from prompts with the
// answers of several models. Whatever else is in a file is left out and counted.
import { normaliseQuestion, MAX_QUESTION_CHARS } from "../../../../policy/cache/question.ts";
import { languageOf } from "../../../../policy/cache/language.ts";
import {
  InputError,
  type JsonLine,
  jsonLines,
  optionalText,
  textField,
} from "../../../evaluation/json-lines.ts";
import { isRecord } from "../../../simulator/groups.ts";
import { type Reply, usableReplies } from "./replies.ts";

export interface DialogueItem {
  readonly id: string;
  /** A dialogue and its translations: what training and test must never share. */
  readonly dialogue: string;
  /** ISO 639-1. */
  readonly lang: string;
  readonly question: string;
  /** The best-ranked reply. */
  readonly reference: string;
  /** Other wordings that the file brings along; most bring none. */
  readonly paraphrases: readonly string[];
  /**
   * Answers in the file that are not the reference, by model. A tree's own are "second-reply" and "last-reply": people in the
   * place of models.
   */
  readonly answers: ReadonlyMap<string, string>;
}

type LeftOut =
  | "follow-up"
  | "deleted or refused"
  | "unfinished tree"
  | "no reply"
  | "no words"
  | "too long"
  | "asked twice";

export interface Dialogues {
  readonly items: readonly DialogueItem[];
  /** Lines that gave no item, by reason. */
  readonly leftOut: ReadonlyMap<LeftOut, number>;
}

/**
 * The first turn of every dialogue. An item that several files hold (same dialogue and question) is one, with the answers of
 * all; its reference is the first file's.
 * @throws InputError with file and line for whatever is not of one of the three forms
 */
export async function readDialogues(...files: readonly string[]): Promise<Dialogues> {
  const items = new Map<string, DialogueItem>();
  const leftOut = new Map<LeftOut, number>();
  const leave = (reason: LeftOut) => leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  for (const file of files) {
    const own = new Set<string>();
    for await (const line of jsonLines(file)) {
      const item = itemOf(line);
      if (typeof item === "string") {
        leave(item);
        continue;
      }
      const known = items.get(item.question);
      if (known === undefined) items.set(item.question, item);
      // Two dialogues that begin alike have no one reference.
      else if (own.has(item.question) || known.dialogue !== item.dialogue) leave("asked twice");
      else items.set(item.question, joined(known, item));
      own.add(item.question);
    }
  }
  return { items: [...items.values()], leftOut };
}

/** Names of the models that answered every one of the items. */
export function answeredByAll(items: readonly DialogueItem[]): readonly string[] {
  return [...(items[0]?.answers.keys() ?? [])].filter((model) =>
    items.every(({ answers }) => answers.has(model)),
  );
}

function joined(known: DialogueItem, other: DialogueItem): DialogueItem {
  return {
    ...known,
    paraphrases: [...new Set([...known.paraphrases, ...other.paraphrases])],
    answers: new Map([...other.answers, ...known.answers]),
  };
}

function itemOf(line: JsonLine): DialogueItem | LeftOut {
  const { value, place } = line;
  if (isRecord(value["answers"])) return fromAnswers(line, value["answers"]);
  if (isRecord(value["prompt"])) return fromTree(line, { value: value["prompt"], place });
  if (typeof value["prompt"] === "string") return fromReducedTree(line);
  const isMessage = typeof value["message_id"] === "string" && typeof value["role"] === "string";
  throw new InputError(
    isMessage
      ? `${place}: a single message; the export that holds trees (*.trees.jsonl) is read`
      : `${place}: neither a message tree nor a prompt with answers`,
  );
}

/** {message_tree_id, tree_state, prompt: {text, role, lang, deleted, review_result, replies}} */
function fromTree(tree: JsonLine, prompt: JsonLine): DialogueItem | LeftOut {
  const id = textField(tree, "message_tree_id");
  const text = textField(prompt, "text");
  const role = optionalText(prompt, "role");
  if (role !== undefined && role !== "prompter")
    throw new InputError(`${tree.place}: a tree begins with a prompter, not with ${role}`);
  const state = optionalText(tree, "tree_state");
  if (state !== undefined && state !== "ready_for_export") return "unfinished tree";
  if (prompt.value["deleted"] === true || prompt.value["review_result"] === false)
    return "deleted or refused";
  return madeOf({
    id,
    dialogue: optionalText(tree, "translation_of") ?? id,
    lang: optionalText(prompt, "lang"),
    question: text,
    replies: usableReplies(prompt),
    paraphrases: textList(prompt, "paraphrases"),
  });
}

/** {tree_id, prompt: text, replies: [{text, rank, quality}]} */
function fromReducedTree(line: JsonLine): DialogueItem | LeftOut {
  const id = textField(line, "tree_id");
  const question = textField(line, "prompt");
  return madeOf({ id, dialogue: id, lang: undefined, question, replies: usableReplies(line) });
}

/** {id, lang, tree_id?, prompt, history?, human, answers: {model: text}} */
function fromAnswers(
  line: JsonLine,
  given: Readonly<Record<string, unknown>>,
): DialogueItem | LeftOut {
  const id = textField(line, "id");
  const question = textField(line, "prompt");
  const human = textField(line, "human");
  const answers = Object.entries(given).map(([model, text]): readonly [string, string] => {
    if (typeof text === "string") return [model, text];
    throw new InputError(`${line.place}: the answer of ${model} must be a text`);
  });
  // Beginning with another dialogue's last words does not make it the same question.
  const history = line.value["history"];
  if (Array.isArray(history) ? history.length > 0 : history !== undefined && history !== null)
    return "follow-up";
  return madeOf({
    id,
    // Only first turns are read, so a row that names no tree is a dialogue of its own.
    dialogue: optionalText(line, "tree_id") ?? id,
    lang: optionalText(line, "lang"),
    question,
    replies: [{ text: human }],
    answers: new Map(answers),
  });
}

function madeOf(parts: {
  readonly id: string;
  readonly dialogue: string;
  readonly lang: string | undefined;
  readonly question: string;
  readonly replies: readonly Reply[];
  readonly paraphrases?: readonly string[];
  readonly answers?: ReadonlyMap<string, string>;
}): DialogueItem | LeftOut {
  const { id, dialogue, replies, paraphrases = [] } = parts;
  const question = normaliseQuestion(parts.question);
  if (question.length > MAX_QUESTION_CHARS) return "too long";
  const [best, ...others] = replies;
  if (best === undefined) return "no reply";
  // Neither has a place in embedding space.
  if (!HAS_WORDS.test(question) || !HAS_WORDS.test(best.text)) return "no words";
  const second = others[0];
  const own: readonly (readonly [string, string])[] =
    second === undefined
      ? []
      : [
          ["second-reply", second.text],
          ["last-reply", others.at(-1)!.text],
        ];
  return {
    id,
    dialogue,
    lang: (parts.lang ?? languageOf(question)).split("-")[0]!.toLowerCase(),
    question,
    reference: best.text,
    paraphrases: [...new Set(paraphrases.map(normaliseQuestion))].filter(
      (text) => text !== question && HAS_WORDS.test(text),
    ),
    answers: new Map([...own, ...(parts.answers ?? [])]),
  };
}

const HAS_WORDS = /[\p{L}\p{N}]/u;

function textList({ value, place }: JsonLine, field: string): readonly string[] {
  const list = value[field] ?? [];
  if (Array.isArray(list) && list.every((text) => typeof text === "string")) return list;
  throw new InputError(`${place}: ${field} must be a list of texts`);
}
