// Answers that were paid for once: one file for each model and prompt. A run that is stopped goes on where it was, and a
// second one costs nothing.
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isRecord } from "../../../simulator/groups.ts";
import { type Upstream, type UpstreamAnswer } from "./upstream.ts";

export interface CachedUpstream extends Upstream {
  /** Calls that reached the model, answers that lay in the folder, and files there that were no answers. */
  readonly counts: { readonly asked: number; readonly found: number; readonly torn: number };
}

/**
 * The upstream behind a folder of answers, which is made where it is missing. A file is complete or not there: it is written
 * beside its place and then renamed; one that is damaged all the same is asked for again. Errors are not kept.
 */
export function cachedUpstream(upstream: Upstream, folder: string): CachedUpstream {
  mkdirSync(folder, { recursive: true });
  const counts = { asked: 0, found: 0, torn: 0 };
  const underWay = new Map<string, Promise<UpstreamAnswer>>();
  const answerOf: Upstream["answer"] = async (item, prompt) => {
    const file = join(folder, `${keyOf(upstream.model, prompt)}.json`);
    const stored = await read(file, upstream.model);
    if (stored === "torn") counts.torn++;
    else if (stored !== null) {
      counts.found++;
      return stored;
    }
    const answer = await upstream.answer(item, prompt);
    counts.asked++;
    await write(file, { model: upstream.model, ...answer });
    return answer;
  };
  return {
    ...upstream,
    counts,
    answer(item, prompt) {
      const key = keyOf(upstream.model, prompt);
      const other = underWay.get(key);
      if (other !== undefined) return other;
      const own = answerOf(item, prompt).finally(() => underWay.delete(key));
      underWay.set(key, own);
      return own;
    },
  };
}

/** Model and prompt cannot run into each other. */
const keyOf = (model: string, prompt: string): string =>
  createHash("sha256")
    .update(JSON.stringify([model, prompt]))
    .digest("hex");

async function read(file: string, model: string): Promise<UpstreamAnswer | "torn" | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value) || value["model"] !== model) return "torn";
    const { text: answer, seconds, tokens } = value;
    return typeof answer === "string" && isCount(seconds) && isCount(tokens)
      ? { text: answer, seconds, tokens }
      : "torn";
  } catch {
    return "torn";
  }
}

const isCount = (value: unknown): value is number | null =>
  value === null || (typeof value === "number" && Number.isFinite(value) && value >= 0);

async function write(file: string, value: object): Promise<void> {
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(draft, JSON.stringify(value), { flush: true });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
