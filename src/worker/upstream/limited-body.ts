import { GatewayError } from "../openai/errors.ts";
import { type Wait } from "./deadline.ts";

type Chunk = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

export interface BodyOptions {
  /** Names the upstream in errors. */
  readonly name: string;
  /** What `reader` gave for its first read, already awaited. */
  readonly first: Chunk;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly idleMs: number;
  /** Moment on `now`'s clock at which the whole body must have been read. */
  readonly endsAt: number;
  readonly now: () => number;
  readonly wait: Wait;
  /** The caller's; its abort ends the body. */
  readonly signal: AbortSignal;
  /** Closes the connection. Called once, however the body ends. */
  readonly release: (reason: unknown) => void;
}

export interface LimitedBody {
  readonly body: ReadableStream<Uint8Array>;
  /** Milliseconds in which nobody asked for what came next, until it was asked for. */
  readonly heldBackMs: () => number;
}

/**
 * An upstream's body that cannot trickle for ever: it errors with `upstream_timeout` when nothing comes for `idleMs`
 * while someone reads, or at `endsAt`, and with `upstream_error` when the connection breaks.
 */
export function limitedBody(options: BodyOptions): LimitedBody {
  const { name, reader, idleMs, endsAt, now, wait, signal, release } = options;
  const stopped = new AbortController();
  let first: Chunk | null = options.first;
  let waitingSince: number | null = null;
  let unaskedSince: number | null = now();
  let heldBackMs = 0;

  const finish = (reason: unknown) => {
    if (stopped.signal.aborted) return;
    stopped.abort();
    release(reason);
  };
  const fail = (controller: ReadableStreamDefaultController<Uint8Array>, error: GatewayError) => {
    if (stopped.signal.aborted) return;
    controller.error(error);
    finish(error);
    reader.cancel(error).catch(() => {});
  };
  // One timer for the whole body instead of one for each chunk.
  const watch = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    for (;;) {
      const idleAt = waitingSince === null ? Number.POSITIVE_INFINITY : waitingSince + idleMs;
      const leftMs = Math.min(idleAt, endsAt) - now();
      if (leftMs <= 0) {
        fail(
          controller,
          new GatewayError("upstream_timeout", `The upstream '${name}' stopped sending.`),
        );
        return;
      }
      await wait(Math.min(leftMs, idleMs), stopped.signal);
      if (stopped.signal.aborted) return;
    }
  };

  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const leave = () => {
          fail(controller, new GatewayError("client_closed", "The caller closed the connection."));
        };
        signal.addEventListener("abort", leave);
        stopped.signal.addEventListener("abort", () => signal.removeEventListener("abort", leave));
        if (signal.aborted) leave();
        void watch(controller);
      },
      async pull(controller) {
        if (unaskedSince !== null) heldBackMs += now() - unaskedSince;
        unaskedSince = null;
        let chunk = first;
        first = null;
        if (chunk === null) {
          waitingSince = now();
          try {
            chunk = await reader.read();
          } catch (cause) {
            const message = `The upstream '${name}' broke off its answer.`;
            fail(controller, new GatewayError("upstream_error", message, { cause }));
            return;
          }
          waitingSince = null;
        }
        if (stopped.signal.aborted) return;
        if (chunk.done) {
          controller.close();
          finish(undefined);
        } else {
          controller.enqueue(chunk.value);
          unaskedSince = now();
        }
      },
      async cancel(reason) {
        await reader.cancel(reason).catch(() => {});
        finish(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, heldBackMs: () => heldBackMs };
}
