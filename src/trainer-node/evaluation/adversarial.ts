// The adversarial suite of data/adversarial: questions with honest paraphrases (same answer) and traps (another answer).
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Half, halfOf, isRecord, WorkloadDataError } from "../simulator/groups.ts";

const TRAP_CATEGORIES = [
  "negation",
  "antonym",
  "number",
  "date",
  "unit",
  "entity",
  "direction",
  "scope",
  "tense",
  "language",
  "code",
] as const;

type TrapCategory = (typeof TRAP_CATEGORIES)[number];

export interface AdversarialPair {
  /** The row's id with "#paraphrase-0" or "#trap-0". */
  readonly id: string;
  /** The row's id: pairs of one row share their base and lie in the same half. */
  readonly group: string;
  /** The file's language; a trap of category `language` may be written in another one. */
  readonly lang: string;
  /** What is asked: the paraphrase or the trap. */
  readonly a: string;
  /** What was asked before and has an answer: the row's base. */
  readonly b: string;
  /** Whether the answer to `b` is right for `a`. */
  readonly same: boolean;
  readonly category: TrapCategory | "paraphrase";
  readonly half: Half;
}

const BUNDLED_DIR = join(import.meta.dirname, "../../../data/adversarial");

/** Reads every *.json of the directory; throws `WorkloadDataError` naming file and row at the first malformed row. */
export function loadAdversarial(directory: string = BUNDLED_DIR): readonly AdversarialPair[] {
  const files = readdirSync(directory)
    .filter((file) => file.endsWith(".json"))
    .toSorted();
  if (files.length === 0) throw new WorkloadDataError(`${directory}: no *.json file`);
  const owners = new Map<string, string>();
  return files.flatMap((file) =>
    readRows(directory, file).flatMap((row) => {
      for (const text of [row.id, row.text, ...row.paraphrases, ...row.traps.map((t) => t.text)]) {
        const key = text.normalize("NFKC").toLowerCase();
        const owner = owners.get(key);
        if (owner !== undefined) refuse(file, row.id, `"${text}" already stands in ${owner}`);
        owners.set(key, row.id);
      }
      return pairsOf(row, file.slice(0, -".json".length));
    }),
  );
}

interface Row {
  readonly id: string;
  readonly text: string;
  readonly paraphrases: readonly string[];
  readonly traps: readonly { readonly category: TrapCategory; readonly text: string }[];
}

function pairsOf(row: Row, lang: string): AdversarialPair[] {
  const shared = { group: row.id, lang, b: row.text, half: halfOf(row.id) };
  return [
    ...row.paraphrases.map((a, index) => ({
      id: `${row.id}#paraphrase-${index}`,
      ...shared,
      a,
      same: true,
      category: "paraphrase" as const,
    })),
    ...row.traps.map(({ category, text: a }, index) => ({
      id: `${row.id}#trap-${index}`,
      ...shared,
      a,
      same: false,
      category,
    })),
  ];
}

function readRows(directory: string, file: string): Row[] {
  let rows: unknown;
  try {
    rows = JSON.parse(readFileSync(join(directory, file), "utf8"));
  } catch (error) {
    throw new WorkloadDataError(`${file}: not JSON`, { cause: error });
  }
  if (!Array.isArray(rows)) throw new WorkloadDataError(`${file}: not an array of rows`);
  return rows.map((row: unknown, index) => parseRow(row, file, index));
}

const ROW_FIELDS = new Set(["id", "topic", "text", "paraphrases", "traps"]);

function parseRow(row: unknown, file: string, index: number): Row {
  const place = `row ${index + 1}`;
  if (!isRecord(row)) return refuse(file, place, "not an object");
  const { id, topic, text, paraphrases, traps } = row;
  if (!isText(id)) return refuse(file, place, "no id");
  const lang = file.slice(0, -".json".length);
  if (!id.startsWith(`${lang}-`)) refuse(file, id, `the id does not begin with "${lang}-"`);
  const unknown = Object.keys(row).find((field) => !ROW_FIELDS.has(field));
  if (unknown !== undefined) refuse(file, id, `unknown field "${unknown}"`);
  if (!isText(topic)) return refuse(file, id, "no topic");
  if (!isText(text)) return refuse(file, id, "no text");
  if (!Array.isArray(paraphrases) || paraphrases.length === 0 || !paraphrases.every(isText)) {
    return refuse(file, id, "paraphrases needs at least one text");
  }
  if (!Array.isArray(traps) || traps.length === 0) {
    return refuse(file, id, "traps needs at least one trap");
  }
  return { id, text, paraphrases, traps: traps.map((trap: unknown) => parseTrap(trap, file, id)) };
}

function parseTrap(trap: unknown, file: string, id: string): Row["traps"][number] {
  if (!isRecord(trap) || !isText(trap["text"])) return refuse(file, id, "a trap has no text");
  const category = TRAP_CATEGORIES.find((known) => known === trap["category"]);
  if (category === undefined) {
    return refuse(file, id, `no trap category: ${JSON.stringify(trap["category"])}`);
  }
  return { category, text: trap["text"] };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && value === value.trim();
}

function refuse(file: string, row: string, reason: string): never {
  throw new WorkloadDataError(`${file}: ${row}: ${reason}`);
}
