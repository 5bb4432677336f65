// The text that the built-in embedder and the pair scorer learn from, as data/paraphrases holds it (README.md there).
//
//   <lang>-groups-*.json   wordings with the same right answer, and near misses which need another one
//   <lang>-synonyms.json   words that may replace each other, and pairs that change the answer
//   concepts.json          words of several languages for one thing
//   translations.json      whole questions in several languages
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRecord } from "./simulator/groups.ts";

export interface ParaphraseGroup {
  readonly id: string;
  readonly lang: string;
  /** At least two wordings which one answer serves. */
  readonly same: readonly string[];
  /** At least one question that looks like those and needs another answer. */
  readonly different: readonly string[];
}

export interface Lexicon {
  readonly lang: string;
  readonly synonyms: readonly (readonly string[])[];
  readonly opposites: readonly (readonly [string, string])[];
}

/** Words for one thing, by language. */
type Concept = ReadonlyMap<string, readonly string[]>;

/** One question, by language. */
type Translation = ReadonlyMap<string, string>;

export interface Paraphrases {
  readonly groups: readonly ParaphraseGroup[];
  readonly synonyms: readonly Lexicon[];
  readonly concepts: readonly Concept[];
  readonly translations: readonly Translation[];
}

/** A row that is not what its file should hold; the message begins with file and id or place. */
class ParaphraseDataError extends Error {
  override readonly name = "ParaphraseDataError";
}

const BUNDLED_DIR = join(import.meta.dirname, "../../data/paraphrases");
const FILE_NAME =
  /^(?:(?<lang>[a-z]{2})-(?<kind>groups|synonyms)(?:-[\w-]+)?|(?<shared>\w+))\.json$/;

/** @throws ParaphraseDataError at the first row or file that does not fit. */
export function loadParaphrases(directory: string = BUNDLED_DIR): Paraphrases {
  const files = readdirSync(directory)
    .filter((file) => file.endsWith(".json"))
    .toSorted();
  if (files.length === 0) throw new ParaphraseDataError(`${directory}: no *.json file`);
  const groups: ParaphraseGroup[] = [];
  const synonyms: Lexicon[] = [];
  const concepts: Concept[] = [];
  const translations: Translation[] = [];
  for (const file of files) {
    const value = parseJson(readFileSync(join(directory, file), "utf8"), file);
    const { lang = "", kind, shared } = FILE_NAME.exec(file)?.groups ?? {};
    const what = kind ?? shared;
    if (what === "groups") groups.push(...parseGroups(value, lang, file));
    else if (what === "synonyms" && lang !== "") synonyms.push(parseLexicon(value, lang, file));
    else if (what === "concepts") concepts.push(...parseConcepts(value, file));
    else if (what === "translations") translations.push(...parseTranslations(value, file));
    else throw new ParaphraseDataError(`${file}: unknown kind of file`);
  }
  refuseContradictions(groups);
  return { groups, synonyms, concepts, translations };
}

/** A fifth of the groups never takes part in training, so that progress can be measured on it. */
export function isWithheld(groupId: string): boolean {
  const firstByte = createHash("sha256").update(groupId).digest()[0] ?? 0;
  return firstByte % 5 === 0;
}

function parseGroups(value: unknown, lang: string, file: string): ParaphraseGroup[] {
  if (!Array.isArray(value)) throw new ParaphraseDataError(`${file}: not an array of groups`);
  return value.map((item: unknown, index) => {
    const place = `${file}: group ${index + 1}`;
    if (!isRecord(item)) throw new ParaphraseDataError(`${place}: not an object`);
    const { id } = item;
    if (!isText(id)) throw new ParaphraseDataError(`${place}: no id`);
    const where = `${place} (${id})`;
    const same = parseTexts(item["same"], 2, `${where}: same`);
    const different = parseTexts(item["different"], 1, `${where}: different`);
    refuseRepetition([...same, ...different], where);
    return { id, lang, same, different };
  });
}

function parseLexicon(value: unknown, lang: string, file: string): Lexicon {
  const synonyms = parseRows(value, "synonyms", file).map((row, index) => {
    const where = `${file}: synonyms ${index + 1}`;
    const words = parseTexts(row, 2, where);
    refuseRepetition(words, where);
    return words;
  });
  const rows = synonyms.map((words) => new Set(words));
  const opposites = parseRows(value, "opposites", file).map((row, index) => {
    const where = `${file}: opposites ${index + 1}`;
    const [a, b, ...more] = parseTexts(row, 2, where);
    if (a === undefined || b === undefined || more.length > 0) {
      throw new ParaphraseDataError(`${where}: not a pair`);
    }
    refuseRepetition([a, b], where);
    if (rows.some((words) => words.has(a) && words.has(b))) {
      throw new ParaphraseDataError(`${where}: "${a}" and "${b}" are also synonyms`);
    }
    return [a, b] as const;
  });
  return { lang, synonyms, opposites };
}

function parseConcepts(value: unknown, file: string): Concept[] {
  return parseRows(value, "concepts", file).map((row, index) => {
    const where = `${file}: concept ${index + 1}`;
    const words = languagesOf(row, where).map(
      ([lang, list]) => [lang, parseTexts(list, 1, `${where}: ${lang}`)] as const,
    );
    return new Map(words);
  });
}

function parseTranslations(value: unknown, file: string): Translation[] {
  return parseRows(value, "translations", file).map((row, index) => {
    const where = `${file}: translation ${index + 1}`;
    const texts = languagesOf(row, where).map(([lang, text]) => {
      if (!isText(text)) throw new ParaphraseDataError(`${where}: ${lang} is not a text`);
      return [lang, text] as const;
    });
    return new Map(texts);
  });
}

function languagesOf(row: unknown, where: string): readonly (readonly [string, unknown])[] {
  const entries = isRecord(row) ? Object.entries(row) : [];
  if (entries.length < 2) throw new ParaphraseDataError(`${where}: fewer than two languages`);
  return entries;
}

function parseRows(value: unknown, field: string, file: string): readonly unknown[] {
  const rows = isRecord(value) ? value[field] : undefined;
  if (!Array.isArray(rows)) throw new ParaphraseDataError(`${file}: no array "${field}"`);
  return rows;
}

function parseTexts(value: unknown, atLeast: number, where: string): readonly string[] {
  if (!Array.isArray(value) || !value.every(isText) || value.length < atLeast) {
    throw new ParaphraseDataError(`${where}: needs ${atLeast} or more texts`);
  }
  return value;
}

function refuseRepetition(texts: readonly string[], where: string): void {
  const seen = new Set<string>();
  for (const text of texts) {
    if (seen.has(text)) throw new ParaphraseDataError(`${where}: "${text}" stands twice`);
    seen.add(text);
  }
}

/** A wording in two groups would be both the same as and different from what surrounds it. */
function refuseContradictions(groups: readonly ParaphraseGroup[]): void {
  const ids = new Set<string>();
  const owners = new Map<string, string>();
  for (const { id, lang, same } of groups) {
    if (ids.has(id)) throw new ParaphraseDataError(`${lang}: group ${id} exists twice`);
    ids.add(id);
    for (const text of same) {
      const key = `${lang}\u0000${text}`;
      const owner = owners.get(key);
      if (owner !== undefined) {
        throw new ParaphraseDataError(`${lang}: groups ${owner} and ${id} both hold "${text}"`);
      }
      owners.set(key, id);
    }
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ParaphraseDataError(
      `${file}: ${error instanceof Error ? error.message : "not JSON"}`,
    );
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
