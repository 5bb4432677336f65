// Reads stored state back: it may be of another version, and a rule without its state still works.

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value);

/** A finite number of at least 0. */
export const isQuantity = (value: unknown): value is number => isFiniteNumber(value) && value >= 0;

/** A quality or a probability. */
export const isShare = (value: unknown): value is number => isQuantity(value) && value <= 1;

/** A map from its stored `[key, value]` pairs, or null where one of them is something else. */
export function entriesOf<T>(
  state: unknown,
  isValue: (value: unknown) => value is T,
): Map<string, T> | null {
  if (!Array.isArray(state)) return null;
  const map = new Map<string, T>();
  for (const entry of state as readonly unknown[]) {
    if (!Array.isArray(entry)) return null;
    const [key, value] = entry as readonly unknown[];
    if (typeof key !== "string" || !isValue(value)) return null;
    map.set(key, value);
  }
  return map;
}
