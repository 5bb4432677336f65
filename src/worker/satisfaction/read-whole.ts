// A reply of a model that nobody streams: read to its end, bounded, and only if it is a complete answer.
import { type Answer, AnswerCollector } from "../openai/answer.ts";
import { type ModelReply } from "../ports.ts";

/** More than any answer worth comparing. */
const MAX_BYTES = 1 << 20;

export interface WholeReply {
  /** null: refused, cut, several choices, tool calls, or not an answer at all. */
  readonly answer: Answer | null;
  readonly status: number;
  readonly upstream: string;
}

/** Rejects when the connection breaks. `signal` closes it. */
export async function readWhole(reply: ModelReply, signal: AbortSignal): Promise<WholeReply> {
  const { status, upstream, body } = reply;
  if (body === null) return { answer: null, status, upstream };
  const collector = new AnswerCollector({
    status,
    contentType: reply.headers.get("content-type"),
    contentLength: reply.contentLength,
  });
  const reader = body.getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.length;
      if (bytes > MAX_BYTES) {
        stop();
        return { answer: null, status, upstream };
      }
      collector.push(value);
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
  // A read that was cut off by the signal ends like a whole body does.
  if (signal.aborted) return { answer: null, status, upstream };
  const verdict = collector.end();
  return { answer: verdict.storable ? verdict.answer : null, status, upstream };
}
