// One JSON record a line, plain or gzip. Whatever is wrong is said with file and line.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { isRecord } from "../simulator/groups.ts";

/** What a user's file holds and should not; the message begins with file and line. */
export class InputError extends Error {
  override readonly name = "InputError";
}

export interface JsonLine {
  readonly value: Readonly<Record<string, unknown>>;
  /** File and line number, for messages. */
  readonly place: string;
}

/** Empty lines are left out. Throws InputError for a line that is no JSON object, or a file that cannot be read. */
export async function* jsonLines(file: string): AsyncGenerator<JsonLine> {
  const raw = createReadStream(file);
  const input = file.endsWith(".gz") ? raw.pipe(createGunzip()) : raw;
  // An error of the file does not travel through a pipe by itself.
  if (input !== raw) raw.on("error", (error) => input.destroy(error));
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      line++;
      if (text.trim() === "") continue;
      const place = `${file}:${line}`;
      yield { value: parse(text, place), place };
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(
      line === 0 ? `${file}: ${reason}` : `${file}: unreadable after line ${line} (${reason})`,
    );
  }
}

function parse(text: string, place: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError(`${place}: not JSON`);
  }
  if (!isRecord(value)) throw new InputError(`${place}: not an object`);
  return value;
}

export function textField({ value, place }: JsonLine, field: string): string {
  const text = value[field];
  if (typeof text === "string" && text.trim() !== "") return text;
  throw new InputError(`${place}: ${field} must be a text`);
}

/** Undefined where the field is missing or null. */
export function optionalText(line: JsonLine, field: string): string | undefined {
  const value = line.value[field];
  return value === undefined || value === null ? undefined : textField(line, field);
}

/** true, false, 1, 0, or the same as text. */
export function flagField({ value, place }: JsonLine, field: string): boolean {
  const flag = value[field];
  if (flag === true || flag === 1 || flag === "1" || flag === "true") return true;
  if (flag === false || flag === 0 || flag === "0" || flag === "false") return false;
  throw new InputError(`${place}: ${field} must be true, false, 1 or 0`);
}
