// What V8 says about an isolate, over the inspector's WebSocket.
import { setTimeout as sleep } from "node:timers/promises";

export interface HeapUsage {
  /** Bytes of live objects, and of the buffers they hold. Memories and code of WebAssembly are in neither. */
  readonly used: number;
  readonly buffers: number;
}

/**
 * Collects garbage, then asks.
 * @param wake a request to the Worker: an isolate at rest does not collect, it waits for its next event
 */
export async function heapUsageOf(
  inspectorUrl: string,
  wake: () => Promise<unknown>,
): Promise<HeapUsage> {
  const socket = new WebSocket(inspectorUrl);
  const replies = new Map<number, (result: Readonly<Record<string, unknown>>) => void>();
  const opened = Promise.withResolvers<void>();
  socket.addEventListener("open", () => opened.resolve());
  socket.addEventListener("error", () => opened.reject(new Error(`no inspector: ${inspectorUrl}`)));
  socket.addEventListener("message", ({ data }) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the inspector's protocol
    const { id, result } = JSON.parse(String(data)) as {
      id?: number;
      result?: Readonly<Record<string, unknown>>;
    };
    if (id !== undefined) replies.get(id)?.(result ?? {});
  });
  await opened.promise;
  const send = (id: number, method: string) =>
    new Promise<Readonly<Record<string, unknown>>>((resolve) => {
      replies.set(id, resolve);
      socket.send(JSON.stringify({ id, method }));
    });
  try {
    await send(1, "HeapProfiler.enable");
    const collecting = send(2, "HeapProfiler.collectGarbage");
    for (let tries = 0; ; tries++) {
      if (tries === 100) throw new Error("the isolate does not collect");
      await wake();
      if ((await Promise.race([collecting, sleep(100, "waiting")])) !== "waiting") break;
    }
    const { usedSize, backingStorageSize } = await send(3, "Runtime.getHeapUsage");
    if (typeof usedSize !== "number" || typeof backingStorageSize !== "number")
      throw new Error("the inspector tells no heap sizes");
    return { used: usedSize, buffers: backingStorageSize };
  } finally {
    socket.close();
  }
}
