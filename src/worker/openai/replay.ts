// Renders a stored answer as the caller asked for it. One stored answer serves both shapes.
import { type Answer, type TokenUsage } from "./answer.ts";

export interface ReplayOptions {
  /** A new id: a hit is a new completion for the client. */
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  /** The model name to show, normally the one that was asked for. */
  readonly model: string;
  /**
   * zero (default): `usage` is 0, because nothing was spent, and `velo.avoided` holds what the answer once cost.
   * stored: `usage` repeats what it once cost, for clients that meter by it.
   */
  readonly usage?: "zero" | "stored";
}

export interface StreamReplayOptions extends ReplayOptions {
  readonly includeUsage: boolean;
  /** Length of a content chunk in UTF-16 units; a longer grapheme is never cut. */
  readonly chunkLength?: number;
}

/** A `chat.completion` object. */
export function renderCompletion(answer: Answer, options: ReplayOptions) {
  return {
    id: options.id,
    object: "chat.completion",
    created: options.created,
    model: options.model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer.text, refusal: null },
        logprobs: null,
        finish_reason: answer.finishReason,
      },
    ],
    ...renderUsage(answer.usage, options.usage ?? "zero"),
  };
}

/**
 * The same answer as a `chat.completion.chunk` stream: role, content on grapheme borders, finish reason, usage if
 * asked for, [DONE]. Made as the client reads; a client that leaves costs nothing more.
 */
export function renderStream(
  answer: Answer,
  { includeUsage, chunkLength = 256, ...options }: StreamReplayOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const events = streamEvents(answer, options, includeUsage, chunkLength);
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = events.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(`data: ${value}\n\n`));
    },
    cancel() {
      events.return();
    },
  });
}

function* streamEvents(
  answer: Answer,
  options: ReplayOptions,
  includeUsage: boolean,
  chunkLength: number,
): Generator<string, void> {
  const chunks = chunkWriter({ ...options, includeUsage });
  yield chunks.role();
  for (const content of splitText(answer.text, chunkLength)) yield chunks.content(content);
  yield* chunks.finish(answer);
}

/** The data of each event of a chunk stream; for a whole answer, or for one that is still being made. */
export function chunkWriter({
  includeUsage,
  ...options
}: ReplayOptions & { readonly includeUsage: boolean }) {
  const head = {
    id: options.id,
    object: "chat.completion.chunk",
    created: options.created,
    model: options.model,
  };
  // With include_usage every chunk but the last says `usage: null`.
  const usage = includeUsage ? { usage: null } : {};
  const chunk = (delta: Record<string, unknown>, finishReason: string | null) =>
    JSON.stringify({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...usage,
    });
  return {
    role: () => chunk({ role: "assistant", content: "" }, null),
    content: (content: string) => chunk({ content }, null),
    *finish(answer: Pick<Answer, "finishReason" | "usage">): Generator<string, void> {
      yield chunk({}, answer.finishReason);
      if (includeUsage) {
        const counted = renderUsage(answer.usage, options.usage ?? "zero");
        yield JSON.stringify({ ...head, choices: [], ...counted });
      }
      yield "[DONE]";
    },
  };
}

/** Cuts text into pieces of about `length` UTF-16 units that end on grapheme borders; joined, they are the text. */
export function* splitText(text: string, length: number): Generator<string, void> {
  const segments = new Intl.Segmenter().segment(text);
  let start = 0;
  while (start < text.length) {
    const target = start + Math.max(1, length);
    // `containing` is undefined past the end: the rest is one piece.
    const grapheme = segments.containing(target);
    let end = grapheme?.index ?? text.length;
    if (grapheme !== undefined && end <= start) end += grapheme.segment.length;
    yield text.slice(start, end);
    start = end;
  }
}

function renderUsage(usage: TokenUsage | undefined, kind: "zero" | "stored") {
  const spent = usageObject(usage);
  if (kind === "stored") return { usage: spent };
  return {
    usage: usageObject(undefined),
    ...(usage !== undefined && { velo: { avoided: spent } }),
  };
}

function usageObject(usage: TokenUsage | undefined) {
  return {
    prompt_tokens: usage?.promptTokens ?? 0,
    completion_tokens: usage?.completionTokens ?? 0,
    total_tokens: usage?.totalTokens ?? 0,
  };
}
