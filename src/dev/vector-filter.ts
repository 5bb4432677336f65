// Metadata filters of Vectorize: AND over indexed properties, with eight operators.
// https://developers.cloudflare.com/vectorize/reference/metadata-filtering/

export type Scalar = string | number | boolean;
type IndexedType = "string" | "number" | "boolean";
/** Property -> type, as `wrangler vectorize create-metadata-index` makes them. A dot reaches into nested objects. */
export type IndexedProperties = Readonly<Record<string, IndexedType>>;

const MAX_INDEXED_BYTES = 64;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const byteLength = (text: string): number => encoder.encode(text).length;

/** The part of a string that an index keeps: the longest well-formed prefix of at most 64 bytes of UTF-8. */
export function indexedPrefix(text: string): string {
  const bytes = encoder.encode(text);
  if (bytes.length <= MAX_INDEXED_BYTES) return text;
  let end = MAX_INDEXED_BYTES;
  // 0b10xxxxxx continues a character: step back to its first byte.
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return decoder.decode(bytes.subarray(0, end));
}

/** What the metadata indexes hold of one vector: only properties of the declared type, strings cut to 64 bytes. */
export function indexedValues(
  metadata: unknown,
  indexed: IndexedProperties,
): Readonly<Record<string, Scalar>> {
  const values: Record<string, Scalar> = {};
  for (const [path, type] of Object.entries(indexed)) {
    let value: unknown = metadata;
    for (const key of path.split(".")) {
      value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
    }
    if (typeof value !== type || !isScalar(value)) continue;
    values[path] = typeof value === "string" ? indexedPrefix(value) : value;
  }
  return values;
}

const isScalar = (value: unknown): value is Scalar =>
  ["string", "number", "boolean"].includes(typeof value);

type Test = (value: Scalar | undefined) => boolean;

/** Compiles a filter once per query. Throws TypeError for an unknown property or operator. */
export function compileFilter(
  filter: VectorizeVectorMetadataFilter,
  indexed: IndexedProperties,
): (values: Readonly<Record<string, Scalar>>) => boolean {
  const tests: { path: string; test: Test }[] = [];
  for (const [path, condition] of Object.entries(filter)) {
    if (!(path in indexed)) throw new TypeError(`no metadata index on "${path}"`);
    const operators =
      typeof condition === "object" && condition !== null ? condition : { $eq: condition };
    for (const [operator, operand] of Object.entries(operators)) {
      tests.push({ path, test: compileOperator(operator, operand) });
    }
  }
  return (values) => tests.every(({ path, test }) => test(values[path]));
}

function compileOperator(operator: string, operand: unknown): Test {
  if (operator === "$in" || operator === "$nin") {
    if (!Array.isArray(operand)) throw new TypeError(`${operator} takes an array`);
    const set = new Set(operand.map(asIndexed));
    return operator === "$in" ? (value) => set.has(value) : (value) => !set.has(value);
  }
  const other = asIndexed(operand);
  switch (operator) {
    case "$eq":
      return (value) => value === other;
    case "$ne":
      return (value) => value !== other;
    case "$lt":
      return ordered(other, (value, bound) => value < bound);
    case "$lte":
      return ordered(other, (value, bound) => value <= bound);
    case "$gt":
      return ordered(other, (value, bound) => value > bound);
    case "$gte":
      return ordered(other, (value, bound) => value >= bound);
    default:
      throw new TypeError(`unknown operator "${operator}"`);
  }
}

/** Operands are cut like the index, so that a long string still finds the row it was written with. */
function asIndexed(operand: unknown): Scalar | undefined {
  if (!isScalar(operand)) {
    throw new TypeError("a filter compares with a string, number or boolean");
  }
  return typeof operand === "string" ? indexedPrefix(operand) : operand;
}

/** Order holds within one type only; a row without the property never matches. */
function ordered(
  bound: Scalar | undefined,
  compare: (value: string | number, bound: string | number) => boolean,
): Test {
  return (value) => {
    if (typeof value === "string" && typeof bound === "string") return compare(value, bound);
    return typeof value === "number" && typeof bound === "number" && compare(value, bound);
  };
}
