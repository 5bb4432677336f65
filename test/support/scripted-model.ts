// A model that says what a test wrote down for it, as a stream or as JSON, at a pace of virtual time.
import { type UpstreamConfig } from "../../src/worker/config.ts";
import { type ModelCall, type ModelReply } from "../../src/worker/ports.ts";
import { type UpstreamFetch } from "../../src/worker/upstream/target.ts";

export interface Script {
  readonly text?: string;
  /** How a stream cuts the text; four characters a piece when left out. */
  readonly pieces?: readonly string[];
  readonly finishReason?: string | null;
  /** Fields of the message beside its content, such as a refusal. */
  readonly message?: Readonly<Record<string, unknown>>;
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  /** Whether a stream ends with [DONE]. */
  readonly done?: boolean;
  /** Number of pieces after which the connection breaks. */
  readonly breaksAfter?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole body, in place of a rendered answer. */
  readonly body?: string;
  /** callModel rejects with this. */
  readonly error?: Error;
  readonly firstByteMs?: number;
  readonly pieceMs?: number;
}

type Wait = (ms: number) => Promise<void>;

export class ScriptedModel {
  /** What to answer; by default the question's own words. */
  script: (call: ModelCall) => Script = (call) => ({ text: `Answer to: ${questionOf(call)}` });
  readonly calls: ModelCall[] = [];
  /** Bodies that were cancelled, or whose call was aborted, before their end. */
  stopped = 0;

  async answer(call: ModelCall, wait: Wait): Promise<ModelReply> {
    this.calls.push(call);
    const script = this.script(call);
    const { firstByteMs = 300, status = 200 } = script;
    await wait(firstByteMs);
    if (script.error) throw script.error;
    const streams = call.json["stream"] === true && script.body === undefined;
    const headers = new Headers({
      "content-type": streams ? "text/event-stream; charset=utf-8" : "application/json",
      ...script.headers,
    });
    return {
      status,
      headers,
      contentLength: null,
      upstream: call.upstream.name,
      firstByteMs,
      attempts: 1,
      body: streams
        ? this.#stream(events(script), script, call.signal, wait)
        : this.#stream([script.body ?? completion(script)], script, call.signal, wait),
    };
  }

  /** The same as an upstream's network: a call that the gateway makes of its own accord, one for each backend tried. */
  fetchFor(call: ModelCall, upstream: UpstreamConfig, wait: Wait): UpstreamFetch {
    return async (_url, { headers, body, signal }) => {
      const raw = body ?? new Uint8Array();
      const json = JSON.parse(new TextDecoder().decode(raw)) as Record<string, unknown>;
      const model = upstream.models.find(({ target }) => target === json["model"])!;
      const made = { ...call, upstream, model, raw, json, headers, signal };
      const { body: answer, ...reply } = await this.answer(made, wait);
      return new Response(answer, reply);
    };
  }

  #stream(
    parts: readonly string[],
    { breaksAfter, pieceMs = 20 }: Script,
    signal: AbortSignal,
    wait: Wait,
  ): ReadableStream<Uint8Array> {
    let sent = 0;
    return new ReadableStream(
      {
        pull: async (controller) => {
          if (sent > 0) await wait(pieceMs);
          if (signal.aborted) {
            this.stopped++;
            return controller.error(signal.reason);
          }
          if (sent === breaksAfter) return controller.error(new Error("connection reset"));
          const part = parts[sent++];
          if (part === undefined) controller.close();
          else controller.enqueue(new TextEncoder().encode(part));
        },
        cancel: () => {
          this.stopped++;
        },
      },
      { highWaterMark: 0 },
    );
  }
}

/** Text of the last message of a call. */
function questionOf(call: Pick<ModelCall, "json">): string {
  const messages = call.json["messages"] as readonly { readonly content: unknown }[];
  return String(messages.at(-1)?.content);
}

const usageOf = ({ usage }: Script) =>
  usage === null ? {} : { usage: usage ?? { prompt_tokens: 7, completion_tokens: 5 } };

function completion(script: Script): string {
  const { text = "", finishReason = "stop", message } = script;
  return JSON.stringify({
    id: "chatcmpl-upstream",
    object: "chat.completion",
    created: 1,
    model: "upstream-model",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: text, ...message },
        finish_reason: finishReason,
      },
    ],
    ...usageOf(script),
  });
}

function events(script: Script): string[] {
  const { text = "", finishReason = "stop", done = true, message = {} } = script;
  const pieces = script.pieces ?? text.match(/[^]{1,4}/gu) ?? [];
  const chunk = (delta: Record<string, unknown>, finish: string | null, more = {}) =>
    `data: ${JSON.stringify({
      id: "chatcmpl-upstream",
      object: "chat.completion.chunk",
      created: 1,
      model: "upstream-model",
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...more,
    })}\n\n`;
  return [
    chunk({ role: "assistant", content: "", ...message }, null),
    ...pieces.map((content) => chunk({ content }, null)),
    ...(finishReason === null ? [] : [chunk({}, finishReason, usageOf(script))]),
    ...(done ? ["data: [DONE]\n\n"] : []),
  ];
}
