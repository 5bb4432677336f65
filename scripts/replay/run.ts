// Sends a request stream in its order and judges every answer by the group it belongs to.
import { Random } from "../../src/policy/random.ts";
import { type WorkloadRequest } from "../../src/trainer-node/simulator/request.ts";
import { type ModelCall } from "../local/model-server.ts";
import { type Client, type Reply } from "./client.ts";

/** How the reply says it was made; NONE for a server that says nothing, which is taken as a model call. */
export type CacheResult = "HIT-EXACT" | "HIT-SEMANTIC" | "AUGMENTED" | "MISS" | "BYPASS" | "NONE";

export interface Outcome {
  readonly request: WorkloadRequest;
  readonly cache: CacheResult;
  /** After `reason=`, or empty. */
  readonly reason: string;
  readonly similarity: number | undefined;
  readonly overheadMs: number | undefined;
  /** x-velo-policy: `name@version` of the policy that was asked, if one was. */
  readonly policy: string | undefined;
  /** x-velo-decision, under which the answer can be judged. */
  readonly decision: string | undefined;
  /** Request sent to last byte, with the model's delay as it was before scaling. */
  readonly delaySeconds: number;
  /** Group of the served answer; undefined when nobody knows this text. */
  readonly servedGroup: string | undefined;
  readonly servedLang: string | undefined;
  /** The same text was answered completely before, in the same cache domain. */
  readonly answeredBefore: boolean;
  /** A model gave that answer, so an exact match exists. */
  readonly exactPossible: boolean;
  /** Set when there was no complete answer. */
  readonly failure: string | undefined;
}

export interface RunOptions {
  readonly requests: readonly WorkloadRequest[];
  readonly client: Client;
  /** Path of the chat route for one region. */
  readonly pathOf: (region: string) => string;
  /** Requests of one family (a question and its near misses) go one after the other. */
  readonly familyOf: (group: string) => string;
  readonly concurrency: number;
  readonly domain: "region" | "shared";
  readonly model: string;
  readonly seed: number;
  /** Group and language of an answer text that the workload knows. */
  readonly answerWith: (
    text: string,
  ) => { readonly group: string; readonly lang?: string } | undefined;
  /** Takes the oldest model call for a question that no outcome has taken yet. */
  readonly takeCall: (question: string) => ModelCall | undefined;
  readonly scale: number;
  /** Added to a request's body, such as `user` or `cache`. */
  readonly extraBody?: (request: WorkloadRequest) => Readonly<Record<string, unknown>>;
  /** Awaited before the next request of the family is sent. */
  readonly afterwards?: (outcome: Outcome) => Promise<void>;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Waiting requests per request in flight: enough to keep going while a popular family queues up. */
const LOOKAHEAD = 4;

/** Resolves to one outcome per request, in the order of the stream. */
export async function runReplay(options: RunOptions): Promise<Outcome[]> {
  const { requests, concurrency, familyOf } = options;
  const random = new Random(options.seed);
  const judge = new Judge(options);
  const outcomes: Outcome[] = [];
  const families = new Map<string, Promise<void>>();
  const slots = new Slots(concurrency);
  const open = new Slots(concurrency * LOOKAHEAD);
  const all: Promise<void>[] = [];
  let done = 0;
  for (const [index, request] of requests.entries()) {
    await open.take();
    const stream = random.uniform() < 0.5;
    const family = familyOf(request.group);
    const turn = (families.get(family) ?? Promise.resolve()).then(async () => {
      await slots.take();
      const outcome = await ask(request, stream, options, judge);
      outcomes[index] = outcome;
      slots.give();
      await options.afterwards?.(outcome);
      open.give();
      done++;
      options.onProgress?.(done, requests.length);
    });
    families.set(family, turn);
    all.push(turn);
  }
  await Promise.all(all);
  return outcomes;
}

async function ask(
  request: WorkloadRequest,
  stream: boolean,
  { client, pathOf, model, extraBody }: RunOptions,
  judge: Judge,
): Promise<Outcome> {
  const messages = [...(request.history ?? []), { role: "user", content: request.question }];
  const begin = performance.now();
  try {
    const reply = await client.ask(pathOf(request.region), {
      ...extraBody?.(request),
      model,
      messages,
      stream,
    });
    return judge.outcome(request, reply);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return judge.failure(request, reason, (performance.now() - begin) / 1000);
  }
}

class Judge {
  readonly #options: RunOptions;
  /** Texts that a model gave in this run, for upstreams whose answers the workload does not know. */
  readonly #fresh = new Map<string, WorkloadRequest[]>();
  readonly #answered = new Set<string>();
  readonly #storable = new Set<string>();

  constructor(options: RunOptions) {
    this.#options = options;
  }

  outcome(request: WorkloadRequest, reply: Reply): Outcome {
    const { cache, reason } = parseCacheHeader(reply.headers["x-velo-cache"]);
    const hit = cache === "HIT-EXACT" || cache === "HIT-SEMANTIC";
    const call = hit ? undefined : this.#options.takeCall(request.question);
    // The model waited delay / scale; the rest of its delay is added here.
    const modelSeconds = call ? call.delay.total * (1 - 1 / this.#options.scale) : 0;
    if (reply.status !== 200 || !reply.complete) {
      const what = reply.status === 200 ? "incomplete answer" : `status ${reply.status}`;
      return this.failure(request, what, reply.totalMs / 1000 + modelSeconds);
    }
    const given = this.#fresh.get(reply.text) ?? [];
    if (!hit) this.#fresh.set(reply.text, [...given, request]);
    const served =
      this.#options.answerWith(reply.text) ??
      given.find(({ group }) => group === request.group) ??
      given[0];
    const before = this.#before(request);
    const key = this.#textKey(request);
    this.#answered.add(key);
    if (cache === "MISS" || cache === "NONE") this.#storable.add(key);
    return {
      request,
      cache,
      reason,
      similarity: numberIn(reply.headers["x-velo-similarity"]),
      overheadMs: numberIn(reply.headers["x-velo-overhead-ms"]),
      policy: textIn(reply.headers["x-velo-policy"]),
      decision: textIn(reply.headers["x-velo-decision"]),
      delaySeconds: reply.totalMs / 1000 + modelSeconds,
      servedGroup: served?.group,
      servedLang: served?.lang,
      ...before,
      failure: undefined,
    };
  }

  failure(request: WorkloadRequest, failure: string, delaySeconds: number): Outcome {
    return {
      request,
      cache: "NONE",
      reason: "",
      similarity: undefined,
      overheadMs: undefined,
      policy: undefined,
      decision: undefined,
      delaySeconds,
      servedGroup: undefined,
      servedLang: undefined,
      ...this.#before(request),
      failure,
    };
  }

  #before(request: WorkloadRequest): Pick<Outcome, "answeredBefore" | "exactPossible"> {
    const key = this.#textKey(request);
    return { answeredBefore: this.#answered.has(key), exactPossible: this.#storable.has(key) };
  }

  #textKey({ region, question, history = [] }: WorkloadRequest): string {
    const domain = this.#options.domain === "region" ? region : "shared";
    return [domain, ...history.map((turn) => turn.content), question].join("\u0000");
  }
}

const CACHE_RESULTS = ["HIT-EXACT", "HIT-SEMANTIC", "AUGMENTED", "MISS", "BYPASS"] as const;

/** Reads `MISS; reason=...`; a header with another word is an error of the gateway and throws. */
export function parseCacheHeader(header: string | string[] | undefined): {
  readonly cache: CacheResult;
  readonly reason: string;
} {
  if (header === undefined) return { cache: "NONE", reason: "" };
  const [word, ...parameters] = String(header).split(";");
  const cache = CACHE_RESULTS.find((known) => known === word?.trim());
  if (cache === undefined) throw new Error(`unknown x-velo-cache: ${String(header)}`);
  const reason = parameters.map((text) => text.trim()).find((text) => text.startsWith("reason="));
  return { cache, reason: reason?.slice("reason=".length) ?? "" };
}

function numberIn(header: string | string[] | undefined): number | undefined {
  return typeof header === "string" && Number.isFinite(Number(header)) ? Number(header) : undefined;
}

function textIn(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : undefined;
}

/** A counting semaphore; takers wait in order. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
