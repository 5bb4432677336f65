import { type Wait } from "../upstream/deadline.ts";

/**
 * Asks a second time when the first reply has not come after `afterMs`, and takes whichever comes first (the tied
 * requests of "The Tail at Scale"). For reads that are idempotent and cost next to nothing, never for a model call.
 * Rejects when the first fails before it is repeated, or when both fail.
 */
export async function hedged<T>(call: () => Promise<T>, afterMs: number, wait: Wait): Promise<T> {
  const over = new AbortController();
  let hasSettled = false;
  const first = call().finally(() => {
    hasSettled = true;
    over.abort();
  });
  const second = wait(afterMs, over.signal).then(() => (hasSettled ? first : call()));
  try {
    return await Promise.any([first, second]);
  } finally {
    over.abort();
  }
}
