// The index of src/dev/remote.ts as seen from Node: the same methods, each one a request.
import type { Vectorize } from "@cloudflare/workers-types";

/** A request to the Worker, whose reply is T; rejects with the Worker's message when the status is not 200. */
export type CallWorker = <T>(path: string, body?: unknown) => Promise<T>;

export function callWorkerWith(
  send: (
    path: string,
    init: { method: string; body: string },
  ) => Promise<{
    readonly status: number;
    text(): Promise<string>;
  }>,
): CallWorker {
  return async <T>(path: string, body: unknown = null) => {
    const response = await send(path, { method: "POST", body: JSON.stringify(body) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    const { result }: { result: T } = JSON.parse(text);
    return result;
  };
}

export function vectorizeOverHttp(call: CallWorker): Vectorize {
  const method =
    (name: keyof Vectorize) =>
    <T>(...args: unknown[]): Promise<T> =>
      call("/index", { method: name, args });
  return {
    describe: method("describe"),
    query: method("query"),
    queryById: method("queryById"),
    insert: method("insert"),
    upsert: method("upsert"),
    deleteByIds: method("deleteByIds"),
    getByIds: method("getByIds"),
  };
}

/** Waits until `describe` names the mutation; mutations are processed in order. Rejects after `timeoutMs`. */
export function settledBy(
  index: Vectorize,
  { timeoutMs, pollMs }: { timeoutMs: number; pollMs: number },
): (mutationId: string) => Promise<void> {
  return async (mutationId) => {
    for (let waited = 0; waited <= timeoutMs; waited += pollMs) {
      const { processedUpToMutation } = await index.describe();
      if (String(processedUpToMutation) === mutationId) return;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    throw new Error(`the index did not show mutation ${mutationId} within ${timeoutMs} ms`);
  };
}
