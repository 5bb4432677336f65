// Question groups from a data directory (README there): exact labels only. near-miss/gsm-plus and translations/mgsm
// share ids and become one group each; of pairs/qqp, whose labels are noisy, only unrelated single questions are used.
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { type Group, isRecord, refuseAmbiguous, WorkloadDataError } from "./groups.ts";

const FILES = {
  nearMiss: "near-miss/gsm-plus.jsonl.gz",
  mgsm: "translations/mgsm.jsonl.gz",
  xquad: "translations/xquad.jsonl.gz",
  pairs: "pairs/qqp.jsonl.gz",
} as const;

/** Reads those of the four files that exist; throws WorkloadDataError when there is none or a row is malformed. */
export async function loadDataDirectory(directory: string): Promise<Group[]> {
  const present = Object.values(FILES).filter((file) => existsSync(join(directory, file)));
  if (present.length === 0) {
    throw new WorkloadDataError(`${directory}: holds none of ${Object.values(FILES).join(", ")}`);
  }
  const rows = (file: (typeof present)[number]) =>
    present.includes(file) ? readRows(join(directory, file)) : [];
  const drafts = new Map<string, Draft>();
  const changed: Group[] = [];
  for await (const row of rows(FILES.nearMiss)) addNearMiss(row, drafts, changed);
  for (const file of [FILES.mgsm, FILES.xquad]) {
    for await (const row of rows(file)) {
      const [id, lang] = [row.text("id"), row.text("lang")];
      draftOf(drafts, id).add(lang, row.text("question"), row.text("answer"));
    }
  }
  const groups = [...drafts.values()].map((draft) => draft.group());
  const taken = new Set([...groups, ...changed].flatMap(allQuestions));
  const singles = await singlesOf(rows(FILES.pairs), taken);
  const all = withoutAmbiguous([...groups, ...changed, ...singles]);
  refuseAmbiguous(all);
  return all;
}

/** Texts that several groups ask (a short question about two passages) have no one right answer: left out. */
function withoutAmbiguous(groups: readonly Group[]): Group[] {
  const owners = new Map<string, number>();
  for (const text of groups.flatMap(allQuestions)) owners.set(text, (owners.get(text) ?? 0) + 1);
  return groups.flatMap((group) => {
    const questions = new Map<string, readonly string[]>();
    for (const [lang, texts] of group.questions) {
      const own = texts.filter((text) => owners.get(text) === 1);
      if (own.length > 0) questions.set(lang, own);
    }
    return questions.size === 0 ? [] : [{ ...group, questions }];
  });
}

type Rows = AsyncIterable<Row> | readonly Row[];

function addNearMiss(row: Row, drafts: Map<string, Draft>, changed: Group[]): void {
  const family = row.text("seed_id");
  const question = row.text("question");
  const answer = row.text("answer");
  const seed = draftOf(drafts, family);
  seed.add("en", row.text("seed_question"), row.text("seed_answer"));
  const sameAnswer = row.flag("same_answer");
  if (row.text("change") === "problem understanding") {
    seed.add("en", question, row.text("seed_answer"));
  } else if (!row.flag("same_problem") && !sameAnswer) {
    changed.push({
      id: row.text("id"),
      family,
      relation: "changed",
      questions: new Map([["en", [question]]]),
      answers: new Map([["en", answer]]),
    });
  }
  // Left out: added distractions, and other problems that have the same answer by luck.
}

/** One question of each set of related pairs, whatever their labels: no two singles were ever thought alike. */
async function singlesOf(rows: Rows, taken: ReadonlySet<string>): Promise<Group[]> {
  const parents = new Map<string, string>();
  const root = (text: string): string => {
    let at = text;
    for (let parent = parents.get(at); parent !== undefined && parent !== at;) {
      at = parent;
      parent = parents.get(at);
    }
    parents.set(text, at);
    return at;
  };
  const firstId = new Map<string, string>();
  for await (const row of rows) {
    const [a, b] = [row.text("a"), row.text("b")];
    for (const text of [a, b]) if (!firstId.has(text)) firstId.set(text, row.text("id"));
    parents.set(root(b), root(a));
  }
  const singles: Group[] = [];
  for (const text of parents.keys()) {
    if (root(text) !== text || taken.has(text)) continue;
    const id = `single:${firstId.get(text)}`;
    singles.push({
      id,
      family: id,
      relation: "single",
      questions: new Map([["en", [text]]]),
      answers: new Map(),
    });
  }
  return singles;
}

/** A group while its rows are being read. */
class Draft {
  readonly #questions = new Map<string, string[]>();
  readonly #answers = new Map<string, string>();
  readonly #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  add(lang: string, question: string, answer: string): void {
    const texts = this.#questions.get(lang) ?? [];
    if (!texts.includes(question)) texts.push(question);
    this.#questions.set(lang, texts);
    if (!this.#answers.has(lang)) this.#answers.set(lang, answer);
  }

  group(): Group {
    return {
      id: this.#id,
      family: this.#id,
      relation: "base",
      questions: this.#questions,
      answers: this.#answers,
    };
  }
}

function draftOf(drafts: Map<string, Draft>, id: string): Draft {
  const draft = drafts.get(id) ?? new Draft(id);
  drafts.set(id, draft);
  return draft;
}

function allQuestions(group: Group): string[] {
  return [...group.questions.values()].flat();
}

/** One line of a file, whose fields are checked when they are read. */
class Row {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #place: string;

  constructor(line: string, place: string) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new WorkloadDataError(`${place}: not JSON`);
    }
    if (!isRecord(value)) throw new WorkloadDataError(`${place}: not an object`);
    this.#value = value;
    this.#place = place;
  }

  text(field: string): string {
    const value = this.#value[field];
    if (typeof value === "string" && value.trim() !== "") return value;
    throw new WorkloadDataError(`${this.#place}: ${field} must be a text`);
  }

  flag(field: string): boolean {
    const value = this.#value[field];
    if (typeof value === "boolean") return value;
    throw new WorkloadDataError(`${this.#place}: ${field} must be true or false`);
  }
}

async function* readRows(file: string): AsyncGenerator<Row> {
  const input = createReadStream(file).pipe(createGunzip());
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      line++;
      if (text !== "") yield new Row(text, `${file}:${line}`);
    }
  } catch (error) {
    if (error instanceof WorkloadDataError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new WorkloadDataError(`${file}: unreadable after line ${line} (${reason})`);
  }
}
