// An incremental parser for server-sent events. It works on bytes and decodes one whole line at a time, so what it
// finds does not depend on where the network cut the stream, inside a code point or between CR and LF included.
// Format: https://html.spec.whatwg.org/multipage/server-sent-events.html

const MIB = 1 << 20;
const LF = 0x0a;
const CR = 0x0d;

export interface StreamEvent {
  /** The `event:` field; "message" when the stream names none. */
  readonly event: string;
  /** All `data:` lines, joined by newlines. */
  readonly data: string;
}

export type ParseFailure = "line_too_long" | "stream_too_long" | "bad_utf8";

export interface StreamLimits {
  readonly maxLineBytes?: number;
  readonly maxTotalBytes?: number;
}

/** Once `failure` is set the parser ignores what follows. */
export class EventStreamParser {
  failure: ParseFailure | null = null;

  readonly #onEvent: (event: StreamEvent) => void;
  readonly #maxLineBytes: number;
  readonly #maxTotalBytes: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** Pieces of the line that has not ended yet. */
  #pieces: Uint8Array[] = [];
  #lineBytes = 0;
  #totalBytes = 0;
  #isFirstLine = true;
  #endedWithCr = false;
  #event = "";
  #data: string[] = [];

  constructor(
    onEvent: (event: StreamEvent) => void,
    { maxLineBytes = MIB, maxTotalBytes = 32 * MIB }: StreamLimits = {},
  ) {
    this.#onEvent = onEvent;
    this.#maxLineBytes = maxLineBytes;
    this.#maxTotalBytes = maxTotalBytes;
  }

  push(bytes: Uint8Array): void {
    let start = 0;
    for (let i = 0; i < bytes.length && this.failure === null; i++) {
      const byte = bytes[i];
      if (this.#totalBytes++ >= this.#maxTotalBytes) {
        this.failure = "stream_too_long";
      } else if (byte === LF && this.#endedWithCr) {
        // Second half of a CRLF: its line ended at the CR.
        this.#endedWithCr = false;
        start = i + 1;
      } else if (byte === LF || byte === CR) {
        this.#endLine(bytes.subarray(start, i));
        this.#endedWithCr = byte === CR;
        start = i + 1;
      } else {
        this.#endedWithCr = false;
        if (++this.#lineBytes > this.#maxLineBytes) this.failure = "line_too_long";
      }
    }
    // Copied, because a producer may reuse its buffer.
    if (this.failure === null && start < bytes.length) this.#pieces.push(bytes.slice(start));
  }

  /**
   * The stream is over. An event that lacks its closing blank line is dropped, as the format asks, and returned here:
   * null means that nothing was left over.
   */
  end(): StreamEvent | null {
    if (this.failure !== null) return null;
    if (this.#lineBytes > 0) this.#endLine(new Uint8Array(0));
    if (this.#data.length === 0 && this.failure === null) return null;
    return this.#takeEvent();
  }

  #endLine(tail: Uint8Array): void {
    let line: string;
    try {
      line = this.#decoder.decode(this.#pieces.length === 0 ? tail : join([...this.#pieces, tail]));
    } catch {
      this.failure = "bad_utf8";
      return;
    }
    this.#pieces = [];
    this.#lineBytes = 0;
    if (this.#isFirstLine && line.startsWith("\uFEFF")) line = line.slice(1);
    this.#isFirstLine = false;
    if (line === "") {
      // An event without data is not dispatched.
      if (this.#data.length > 0) this.#onEvent(this.#takeEvent());
      this.#event = "";
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
  }

  #takeEvent(): StreamEvent {
    const event = { event: this.#event || "message", data: this.#data.join("\n") };
    this.#event = "";
    this.#data = [];
    return event;
  }
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}
