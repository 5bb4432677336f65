// Requests that a server treats alike: deadline and prompt length, in bins (PerLLM's service classes k).

interface ClassEdges {
  /** Seconds, ascending. */
  readonly deadline: readonly number[];
  /** Tokens, ascending. */
  readonly prompt: readonly number[];
}

/** 4 x 3 classes for people who wait: at once, soon, in a while, whenever. */
const DEFAULT_EDGES: ClassEdges = { deadline: [2, 5, 15], prompt: [128, 1_024] };

/** Class in [0, 12) with three and two edges. A value on an edge belongs above it; no deadline, or no number, is the last. */
export function serviceClass(
  request: { readonly deadlineSeconds: number | null; readonly promptTokens: number },
  { deadline, prompt }: ClassEdges = DEFAULT_EDGES,
): number {
  const deadlineBin = binOf(request.deadlineSeconds ?? Infinity, deadline);
  return deadlineBin * (prompt.length + 1) + binOf(request.promptTokens, prompt);
}

const binOf = (value: number, edges: readonly number[]): number => {
  const bin = edges.findIndex((edge) => value < edge);
  return bin === -1 ? edges.length : bin;
};
