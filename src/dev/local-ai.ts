// Stand-in for the Workers AI binding: an embedder and the demo model, with the service's shapes. The embedder has the name of
// production's default one and the vectors of the built-in one.
import { WorkerEntrypoint } from "cloudflare:workers";
import { type Lognormal, lognormalFromQuantiles } from "../policy/random.ts";
import { builtInEmbedder } from "../worker/built-in-embedder.ts";
import { type AiBinding } from "../worker/env.ts";
import { countTokens, DEMO_MODEL, demoAnswer } from "./demo-model.ts";
import { delays } from "./latency.ts";
import { type DevEnv, devSettings } from "./settings.ts";

const MAX_TEXTS = 100;

export const EMBEDDING_MODEL = "@cf/google/embeddinggemma-300m";

/** Pace of a mid-size hosted model in milliseconds. Assumptions, not measurements. */
const FIRST_TOKEN = lognormalFromQuantiles(500, 2000);
const NEXT_TOKEN = lognormalFromQuantiles(15, 27);

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export class LocalAi extends WorkerEntrypoint<DevEnv> implements AiBinding {
  /** Options are accepted and have no effect, as for a model that the service runs without a gateway. */
  async run(
    model: string,
    inputs: Record<string, unknown>,
    _options?: Record<string, unknown>,
  ): Promise<unknown> {
    switch (model) {
      case EMBEDDING_MODEL:
        return embedTexts(inputs["text"]);
      case DEMO_MODEL:
        return this.#chat(inputs);
      default:
        throw new Error(`5007: No such model ${model} or task`);
    }
  }

  async #chat(inputs: Record<string, unknown>): Promise<unknown> {
    const messages = readMessages(inputs["messages"]);
    const question = messages.findLast(({ role }) => role === "user")?.text ?? "";
    const pieces = split(demoAnswer(question).text, inputs["max_tokens"]);
    const prompt = messages.reduce((sum, { text }) => sum + countTokens(text), 0);
    const usage: Usage = {
      prompt_tokens: prompt,
      completion_tokens: pieces.length,
      total_tokens: prompt + pieces.length,
    };
    const wait = async (delay: Lognormal) => {
      const ms = delays.lognormal(delay) * devSettings(this.env).demoDelayScale;
      if (ms > 0) await scheduler.wait(ms);
    };

    await wait(FIRST_TOKEN);
    if (inputs["stream"] === true) return streamPieces(pieces, usage, () => wait(NEXT_TOKEN));
    for (let i = 1; i < pieces.length; i++) await wait(NEXT_TOKEN);
    return { response: pieces.join(""), usage };
  }
}

function embedTexts(text: unknown) {
  const texts: unknown[] = Array.isArray(text) ? text : [text];
  if (texts.length === 0 || texts.length > MAX_TEXTS) {
    throw new Error(`5006: text takes 1 to ${MAX_TEXTS} strings, got ${texts.length}`);
  }
  const embedder = builtInEmbedder();
  const data = texts.map((item) => {
    if (typeof item !== "string" || item === "") throw new Error("5006: text must not be empty");
    return Array.from(embedder.embed(item));
  });
  return { shape: [data.length, embedder.dimensions], data };
}

function readMessages(value: unknown): { role: string; text: string }[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new Error("5006: messages must be a list of at least one message");
  }
  return value.map((message: { role?: unknown; content?: unknown }) => ({
    role: String(message.role),
    text: readContent(message.content),
  }));
}

/** Text of a message whose content is a string or a list of parts. */
function readContent(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : ""))
    .join("");
}

/** An answer in pieces of about one token each, cut after `maxTokens` of them. */
function split(answer: string, maxTokens: unknown): string[] {
  const pieces = answer.match(/\s*(?:\p{Script=Han}|[^\s\p{Script=Han}]{1,6})/gu) ?? [];
  return typeof maxTokens === "number" ? pieces.slice(0, Math.max(1, maxTokens)) : pieces;
}

/** Server-sent events as Workers AI writes them: pieces, the usage, `[DONE]`. Stops when the reader leaves. */
function streamPieces(
  pieces: readonly string[],
  usage: Usage,
  pause: () => Promise<void>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const event = (data: unknown) => encoder.encode(`data: ${JSON.stringify(data)}\n\n`);
  let next = 0;
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      if (next > 0 && next < pieces.length) await pause();
      const piece = pieces[next++];
      if (piece !== undefined) {
        controller.enqueue(event({ response: piece }));
        return;
      }
      controller.enqueue(event({ response: "", usage }));
      controller.enqueue(encoder.encode("data: [DONE]\n\n"));
      controller.close();
    },
  });
}
