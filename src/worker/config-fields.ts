// Reading one value of the configuration: of the right kind, within its bounds, or an error that says where it stands.
import { checkBaseUrl } from "./upstream/target.ts";

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export type Fields = Readonly<Record<string, unknown>>;

export const fail = (path: string, expected: string): never => {
  throw new ConfigError(`configuration: ${path} ${expected}`);
};

export function fields(value: unknown, path: string, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return fail(path, "must be an object");
  for (const key of Object.keys(value))
    if (!known.includes(key)) fail(`${path}.${key}`, "is not a known setting");
  return value as Fields;
}
export const text = (value: unknown, path: string): string =>
  typeof value === "string" && value !== "" ? value : fail(path, "must be a non-empty string");
export const texts = (value: unknown, path: string): readonly string[] =>
  Array.isArray(value)
    ? value.map((item, i) => text(item, `${path}[${i}]`))
    : fail(path, "must be a list of strings");
export const number = (value: unknown, path: string, min: number, max: number): number =>
  typeof value === "number" && value >= min && value <= max
    ? value
    : fail(path, `must be a number from ${min} to ${max}`);
export const list = (value: unknown, path: string): readonly unknown[] =>
  Array.isArray(value) && value.length > 0 ? value : fail(path, "must be a non-empty list");

/** Local addresses are for a model server on the developer's own machine. */
export function baseUrlOf(value: unknown, path: string, environment: string): string {
  try {
    return checkBaseUrl(text(value, path), { allowLocal: environment === "local" });
  } catch (error) {
    return fail(path, `is not usable: ${error instanceof Error ? error.message : String(error)}`);
  }
}
