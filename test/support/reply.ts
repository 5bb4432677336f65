// What a client makes of a response, whichever of the two shapes it has.

export interface Reply {
  readonly status: number;
  /** HIT-EXACT, HIT-SEMANTIC, AUGMENTED, MISS or BYPASS; "" without the header. */
  readonly result: string;
  readonly reason: string;
  /** Text of the answer as the client puts it together. */
  readonly text: string;
  readonly finishReason: string | null;
  /** `usage` of the body or of the last chunk that has one. */
  readonly usage: Readonly<Record<string, number>> | null;
  /** Code of the error envelope or of a stream's last event. */
  readonly error: string | null;
  readonly headers: Headers;
  /** The body as received. */
  readonly body: string;
  /** Request sent to headers received, and to the last byte. */
  readonly firstMs: number;
  readonly totalMs: number;
}

interface Part {
  readonly error?: { readonly code: string };
  readonly usage?: Readonly<Record<string, number>> | null;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly message?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
}

export type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/** @param onReader gets the body's reader, for clients that leave */
export async function readReply(
  pending: Promise<Response>,
  elapsed: () => number,
  onReader?: (reader: BodyReader) => void,
): Promise<Reply> {
  const response = await pending;
  const firstMs = elapsed();
  let body = "";
  if (response.body !== null) {
    const reader: BodyReader = response.body.getReader();
    onReader?.(reader);
    const decoder = new TextDecoder();
    for (let read = await reader.read(); !read.done; read = await reader.read())
      body += decoder.decode(read.value, { stream: true });
    body += decoder.decode();
  }
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const parts = isStream ? body.split("\n\n").flatMap(partOf) : partOf(`data: ${body}`);
  const choices = parts.flatMap((part) => part.choices ?? []);
  const header = response.headers.get("x-velo-cache") ?? "";
  const [result = "", reason = ""] = header.split("; reason=");
  return {
    status: response.status,
    result,
    reason,
    text: choices.map((choice) => choice.delta?.content ?? choice.message?.content ?? "").join(""),
    finishReason: choices.findLast((choice) => choice.finish_reason)?.finish_reason ?? null,
    usage: parts.findLast((part) => part.usage)?.usage ?? null,
    error: parts.find((part) => part.error)?.error?.code ?? null,
    headers: response.headers,
    body,
    firstMs,
    totalMs: elapsed(),
  };
}

function partOf(event: string): Part[] {
  const data = event.trim().slice("data: ".length);
  if (!data.startsWith("{")) return [];
  try {
    return [JSON.parse(data) as Part];
  } catch {
    return [];
  }
}
