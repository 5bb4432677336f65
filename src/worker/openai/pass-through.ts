import { asGatewayError, errorEnvelope } from "./errors.ts";

/** How the client's side of a stream ended. */
export type StreamEnd = "done" | "error" | "cancel";

export interface PassThroughOptions {
  /** Sees every byte before the client does; must not throw. */
  readonly onChunk: (bytes: Uint8Array) => void;
  /**
   * Called exactly once; `error` is set for "error" only. The client's stream closes after what it returns has settled,
   * because a Worker may be stopped as soon as its response is complete.
   */
  readonly onEnd: (end: StreamEnd, error?: unknown) => void | Promise<void>;
  /** In an event stream a failure can still be told as the last event. */
  readonly contentType: string | null;
  /**
   * If given, a client that leaves does not stop the upstream: after `onEnd("cancel")` the rest is read, goes to
   * `onChunk`, and this promise, which never rejects, tells whether the body came to a clean end. Keep it alive
   * (waitUntil).
   */
  readonly readOn?: (rest: Promise<"done" | "error">) => void;
  /**
   * Aborts when the client leaves. One that leaves before the response is on its way cancels nothing: the platform just
   * drops the stream, and whoever waits for its end would wait for ever.
   */
  readonly signal?: AbortSignal;
}

/**
 * Forwards bytes unchanged, at the client's pace. A failure in the middle becomes a last `data: {"error":...}` event
 * and the stream closes without [DONE]; where the body is no event stream, the stream errors.
 *
 * Written by hand because a TransformStream runs none of our code when the client leaves.
 */
export function passThrough(
  upstream: ReadableStream<Uint8Array>,
  { onChunk, onEnd, contentType, readOn, signal }: PassThroughOptions,
): ReadableStream<Uint8Array> {
  const reader = upstream.getReader();
  const isEventStream = /^text\/event-stream\b/i.test(contentType ?? "");
  let hasEnded = false;
  const end = async (kind: StreamEnd, error?: unknown) => {
    if (hasEnded) return;
    hasEnded = true;
    await onEnd(kind, error);
  };
  const readRest = async (): Promise<"done" | "error"> => {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return "done";
        onChunk(value);
      }
    } catch {
      return "error";
    }
  };
  const leave = async (reason: unknown): Promise<void> => {
    if (hasEnded) return;
    const ended = end("cancel");
    if (readOn !== undefined) readOn(readRest());
    else await reader.cancel(reason).catch(() => {});
    await ended;
  };
  const onAbort = (): void => void leave(signal?.reason);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let chunk: Awaited<ReturnType<typeof reader.read>>;
        try {
          chunk = await reader.read();
        } catch (error) {
          // After a cancel nobody is left to tell.
          if (hasEnded) return;
          if (isEventStream) {
            controller.enqueue(new TextEncoder().encode(errorEvent(error)));
          }
          await end("error", error);
          if (isEventStream) controller.close();
          else controller.error(error);
          return;
        }
        // The client may have left during the read; whoever reads on must not miss this chunk.
        if (hasEnded && readOn === undefined) return;
        if (!chunk.done) onChunk(chunk.value);
        if (hasEnded) return;
        if (chunk.done) {
          await end("done");
          controller.close();
        } else {
          controller.enqueue(chunk.value);
        }
      },
      async cancel(reason) {
        await leave(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Begins with a blank line, which ends whatever event was cut off and means nothing otherwise. */
function errorEvent(error: unknown): string {
  return `\n\ndata: ${JSON.stringify(errorEnvelope(asGatewayError(error)))}\n\n`;
}
