// Whoever answers in the place of the paper's model: a file that holds a model's answers, or an OpenAI-compatible endpoint.
import { setTimeout as pause } from "node:timers/promises";
import { isRecord } from "../../../simulator/groups.ts";
import { type DialogueItem } from "./dialogues.ts";

export interface UpstreamAnswer {
  readonly text: string;
  /** To the last byte; null where nobody measured it, and a model of delays has to stand in. */
  readonly seconds: number | null;
  /** Of the answer; null where nobody counted. */
  readonly tokens: number | null;
}

export interface Upstream {
  /** The model; answers are cached under it. */
  readonly model: string;
  /** What a report has to say about its answers and delays. */
  readonly about: string;
  /** Whether it reads the prompt. One that does not gives the same answer with and without notes. */
  readonly readsPrompt: boolean;
  /**
   * @param prompt what the model is told: a wording of the item's question, or that and notes
   * @throws UpstreamError when there is no answer to be had
   */
  answer(item: DialogueItem, prompt: string): Promise<UpstreamAnswer>;
}

/** The message says what was asked of whom, and how often. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
}

/** Answers that the dialogues' file holds for `model`. */
export function fileUpstream(model: string): Upstream {
  return {
    model: `file:${model}`,
    about: `answers of ${model} as the file holds them, the same with and without notes; delays are modelled from their length`,
    readsPrompt: false,
    answer({ id, answers }) {
      const text = answers.get(model);
      return text === undefined
        ? Promise.reject(
            new UpstreamError(
              `the file has no answer of ${model} to ${id}; it has: ${[...answers.keys()].join(", ")}`,
            ),
          )
        : Promise.resolve({ text, seconds: null, tokens: null });
    },
  };
}

export interface HttpUpstreamOptions {
  /** Base URL, usually ending in /v1. */
  readonly url: string;
  readonly model: string;
  readonly apiKey?: string | undefined;
  /** Measured seconds are multiplied by it: a stand-in may answer faster than what it stands for, by a known factor. */
  readonly secondsFactor?: number;
  readonly about?: string;
  readonly timeoutMs?: number;
  /** Pauses before the second and the third try. */
  readonly pausesMs?: readonly number[];
  readonly print?: (line: string) => void;
}

/** One chat completion an answer, temperature 0. What fails is tried three times in all, each reason printed. */
export function httpUpstream({
  url,
  model,
  apiKey,
  secondsFactor = 1,
  about = `answers and delays of ${model} over HTTP, measured to the last byte`,
  timeoutMs = 120_000,
  pausesMs = [1_000, 5_000],
  print = console.error,
}: HttpUpstreamOptions): Upstream {
  const endpoint = endpointOf(url);
  const ask = async (prompt: string): Promise<UpstreamAnswer> => {
    const started = performance.now();
    const response = await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({
        model,
        messages: [{ role: "user", content: prompt }],
        temperature: 0,
      }),
      // A redirect would carry the key to somebody else.
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await response.text();
    const seconds = ((performance.now() - started) / 1000) * secondsFactor;
    if (!response.ok) throw new Refusal(response.status, body);
    return { ...completionOf(body), seconds };
  };
  return {
    model,
    about,
    readsPrompt: true,
    async answer({ id }, prompt) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await ask(prompt);
        } catch (error) {
          const reason = reasonOf(error);
          const wait = isFinal(error) ? undefined : pausesMs[attempt - 1];
          if (wait === undefined)
            throw new UpstreamError(
              `${endpoint} gave no answer of ${model} to ${id} after ${attempt} ${attempt === 1 ? "try" : "tries"}: ${reason}`,
              { cause: error },
            );
          print(`${endpoint}, ${id}, try ${attempt}: ${reason}; again in ${wait / 1000} s`);
          await pause(wait);
        }
      }
    },
  };
}

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, body: string) {
    super(`status ${status}, ${printable(body)}`);
    this.status = status;
  }
}

/** Asking again changes nothing about a wrong key or name. */
const FINAL = new Set([400, 401, 402, 403, 404, 405, 413, 415, 422]);
const isFinal = (error: unknown): boolean => error instanceof Refusal && FINAL.has(error.status);

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

function completionOf(body: string): Pick<UpstreamAnswer, "text" | "tokens"> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Error(`the body is not JSON: ${printable(body)}`);
  }
  const choices: unknown = isRecord(value) ? value["choices"] : undefined;
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const message = isRecord(choice) ? choice["message"] : undefined;
  const text = isRecord(message) ? message["content"] : undefined;
  if (typeof text !== "string" || text.trim() === "")
    throw new Error(`no text in the answer: ${printable(body)}`);
  const usage = isRecord(value) && isRecord(value["usage"]) ? value["usage"] : {};
  const tokens = usage["completion_tokens"];
  return { text, tokens: typeof tokens === "number" && tokens > 0 ? tokens : null };
}

/** A query stays behind the path. Throws TypeError for what is no address. */
function endpointOf(url: string): string {
  const endpoint = new URL(url);
  endpoint.pathname = `${endpoint.pathname.replace(/\/+$/, "")}/chat/completions`;
  return endpoint.href;
}

/** The beginning of a stranger's text, without what would move a terminal's cursor. */
const printable = (text: string): string => text.slice(0, 200).replaceAll(/\p{Cc}+/gu, " ");
