/**
 * Resolves after `ms` milliseconds or as soon as `signal` aborts, whichever comes first, and never rejects: whoever
 * stops waiting has nothing to catch.
 */
export type Wait = (ms: number, signal?: AbortSignal) => Promise<void>;

export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: "timeout" | "error"; readonly error: unknown };

/**
 * Runs `attempt` for at most `ms` milliseconds, or until `parent` aborts, and always resolves. Either way its signal
 * aborts; what it does afterwards, a late rejection included, is ignored.
 */
export async function withDeadline<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  ms: number,
  wait: Wait,
  parent?: AbortSignal,
): Promise<Attempt<T>> {
  const work = new AbortController();
  const timer = new AbortController();
  const result = (async (): Promise<Attempt<T>> => {
    try {
      return { ok: true, value: await attempt(work.signal) };
    } catch (error) {
      return { ok: false, reason: "error", error };
    }
  })();
  const timeout = wait(ms, timer.signal).then((): Attempt<T> => {
    const error = new DOMException(`no result within ${ms} ms`, "TimeoutError");
    return { ok: false, reason: "timeout", error };
  });
  let leave = () => {};
  const left = new Promise<Attempt<T>>((resolve) => {
    leave = () => resolve({ ok: false, reason: "error", error: parent?.reason });
  });
  if (parent?.aborted) leave();
  parent?.addEventListener("abort", leave);
  const outcome = await Promise.race([result, left, timeout]);
  parent?.removeEventListener("abort", leave);
  timer.abort();
  // A finished attempt may have handed out a stream that its signal would break.
  if (!outcome.ok) work.abort(outcome.error);
  return outcome;
}

/** The real clock's `Wait`. */
export const waitFor: Wait = (ms, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(stop, ms);
    signal?.addEventListener("abort", stop);
  });
