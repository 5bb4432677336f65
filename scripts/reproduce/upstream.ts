// --upstream NAME: who answers the questions of --dataset FILE. Answers that cost something are kept in a folder.
import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  cachedUpstream,
  type CachedUpstream,
} from "../../src/trainer-node/reproduction/velo/dataset/answer-cache.ts";
import { type DialogueItem } from "../../src/trainer-node/reproduction/velo/dataset/dialogues.ts";
import { requestIn } from "../../src/trainer-node/reproduction/velo/dataset/notes-prompt.ts";
import {
  fileUpstream,
  httpUpstream,
  type Upstream,
  UpstreamError,
} from "../../src/trainer-node/reproduction/velo/dataset/upstream.ts";
import { wordingsOf } from "../../src/trainer-node/reproduction/velo/dataset/wordings.ts";
import { describeDelays, DEFAULT_DELAYS } from "../local/delays.ts";
import { type KnownAnswer, startModelServer } from "../local/model-server.ts";

export const UPSTREAM_USAGE = `--upstream NAME is one of
  file:MODEL             the answers of MODEL that the file holds (second-reply and last-reply in any tree export)
  local                  a model server of this project, over HTTP: it answers with the file's second-best replies
  http(s)://HOST/v1#MODEL  any OpenAI-compatible endpoint; its key is read from UPSTREAM_API_KEY`;

export interface UpstreamOptions {
  readonly items: readonly DialogueItem[];
  /** Where answers are kept. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The local server's sampled delays are divided by it before they are waited for. */
  readonly localScale?: number;
  readonly print?: (line: string) => void;
}

export interface OpenUpstream {
  readonly upstream: Upstream;
  /** Of those that are asked over HTTP. */
  readonly counts: CachedUpstream["counts"] | null;
  /** Ends what was started for it. */
  close(): Promise<void>;
}

/** @throws UpstreamError for a name that means nothing: see UPSTREAM_USAGE */
export async function openUpstream(
  name: string,
  { items, folder, env = process.env, localScale = 50, print = console.error }: UpstreamOptions,
): Promise<OpenUpstream> {
  if (name.startsWith("file:")) {
    const upstream = fileUpstream(name.slice("file:".length));
    return { upstream, counts: null, close: () => Promise.resolve() };
  }
  if (name === "local") {
    const answers = secondBest(items);
    const server = await startModelServer({ answers, scale: localScale });
    // Another file, or another reply in it, is another model.
    const basis = createHash("sha256")
      .update(JSON.stringify([...answers]))
      .digest("hex");
    const upstream = cachedUpstream(
      httpUpstream({
        url: server.url,
        model: "velo-local",
        secondsFactor: localScale,
        about:
          "second-best replies over HTTP from a local server that does not read notes; " +
          describeDelays(DEFAULT_DELAYS, localScale),
        print,
      }),
      join(folder, `local-${basis.slice(0, 12)}`),
    );
    return { upstream, counts: upstream.counts, close: () => server.stop() };
  }
  const { url, host, model } = endpointOf(name);
  const apiKey = env["UPSTREAM_API_KEY"];
  const upstream = cachedUpstream(
    counting(httpUpstream({ url, model, apiKey, print }), print),
    // Whose delays they are: two hosts may have a model of one name.
    join(folder, host.replaceAll(/[^a-z0-9.-]/g, "_")),
  );
  return { upstream, counts: upstream.counts, close: () => Promise.resolve() };
}

/** Calls cost money, and how many prompts with notes there will be depends on what the policies do. */
function counting(upstream: Upstream, print: (line: string) => void): Upstream {
  let calls = 0;
  return {
    ...upstream,
    answer(item, prompt) {
      if (++calls % 100 === 0) print(`${calls} calls of ${upstream.model}`);
      return upstream.answer(item, prompt);
    },
  };
}

function endpointOf(name: string): Record<"url" | "host" | "model", string> {
  const url = URL.canParse(name) ? new URL(name) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new UpstreamError(`no upstream is called ${name}`);
  if (url.username !== "" || url.password !== "")
    throw new UpstreamError("a key belongs into UPSTREAM_API_KEY, not into the upstream's URL");
  const model = decoded(url.hash.slice(1));
  if (model === "") throw new UpstreamError(`${name} names no model`);
  url.hash = "";
  return { url: url.href, host: url.host, model };
}

/** A name with a per cent sign that encodes nothing is meant as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Knows a question also where notes follow it. */
class AnswersByRequest extends Map<string, KnownAnswer> {
  override get(prompt: string): KnownAnswer | undefined {
    return super.get(prompt) ?? super.get(requestIn(prompt));
  }
}

/** What the local server says to every wording: the second-best reply, and the best where there is no other. */
function secondBest(items: readonly DialogueItem[]): ReadonlyMap<string, KnownAnswer> {
  const answers = new AnswersByRequest();
  const owners = new Map<string, string>();
  for (const item of items) {
    const { id, dialogue, lang, reference } = item;
    const plain = item.answers.get("second-reply") ?? reference;
    // The server tells by the text whose answer it is: one that two dialogues share gets its own's name added.
    const text = (owners.get(plain) ?? dialogue) === dialogue ? plain : `${plain} [${id}]`;
    owners.set(plain, owners.get(plain) ?? dialogue);
    for (const voice of ["training", "test"] as const)
      for (const wording of wordingsOf(item, voice))
        answers.set(wording.text, { text, group: dialogue, lang });
  }
  return answers;
}
