// Whether a stored answer keeps what `response_format` promises. The fingerprint makes sure that it was made for the same
// format; this makes sure that the model kept to it. A schema that is not understood completely is not served from the
// cache.

import { isObject } from "../openai/json.ts";

/** Why the text does not keep to the format, or null. */
export function formatMisfit(format: unknown, text: string): "not-json" | "schema" | null {
  if (!isObject(format)) return null;
  if (format["type"] !== "json_object" && format["type"] !== "json_schema") return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "not-json";
  }
  if (format["type"] === "json_object") return null;
  const wrapper = format["json_schema"];
  return fitsSchema(isObject(wrapper) ? wrapper["schema"] : undefined, value) ? null : "schema";
}

/** Keywords that are checked, and those that say nothing about validity. */
export const SCHEMA_KEYWORDS = [
  "type",
  "properties",
  "required",
  "items",
  "enum",
  "additionalProperties",
] as const;
const ANNOTATIONS = ["title", "description", "default", "examples", "$comment", "$schema"];
const UNDERSTOOD: ReadonlySet<string> = new Set([...SCHEMA_KEYWORDS, ...ANNOTATIONS]);

const MAX_DEPTH = 64;

/** Whether the value surely is valid: false also for a schema with any other keyword, or one that is no schema. */
export function fitsSchema(schema: unknown, value: unknown, depth = 0): boolean {
  if (!isObject(schema) || depth > MAX_DEPTH) return false;
  if (Object.keys(schema).some((keyword) => !UNDERSTOOD.has(keyword))) return false;
  const { type, enum: choices } = schema;
  if (type !== undefined) {
    const types: readonly unknown[] = Array.isArray(type) ? type : [type];
    if (!types.some((name) => typeof name === "string" && isOfType(name, value))) return false;
  }
  if (choices !== undefined && !(Array.isArray(choices) && choices.some((c) => isSame(c, value))))
    return false;
  return (
    (!isObject(value) || fitsProperties(schema, value, depth)) &&
    (!Array.isArray(value) || fitsItems(schema, value, depth))
  );
}

function fitsProperties(
  { properties = {}, required = [], additionalProperties = true }: Record<string, unknown>,
  value: Record<string, unknown>,
  depth: number,
): boolean {
  if (!isObject(properties) || !Array.isArray(required)) return false;
  if (!required.every((name) => typeof name === "string" && Object.hasOwn(value, name)))
    return false;
  return Object.entries(value).every(([name, item]) =>
    Object.hasOwn(properties, name)
      ? fitsSchema(properties[name], item, depth + 1)
      : typeof additionalProperties === "boolean"
        ? additionalProperties
        : fitsSchema(additionalProperties, item, depth + 1),
  );
}

const fitsItems = (
  { items }: Record<string, unknown>,
  value: readonly unknown[],
  depth: number,
): boolean => items === undefined || value.every((item) => fitsSchema(items, item, depth + 1));

function isOfType(name: string, value: unknown): boolean {
  switch (name) {
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === name;
    default:
      return false;
  }
}

/** Only scalars are compared: an enum of objects is not understood. */
const isSame = (choice: unknown, value: unknown): boolean =>
  (choice === null || typeof choice !== "object") && choice === value;
