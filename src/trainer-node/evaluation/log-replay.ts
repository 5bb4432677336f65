// What the cache would have served of a log that was made without it, by the production resolver, and how the answer that it
// would have served compares with the one that was given.
import { type Candidate } from "../../policy/cache/candidate.ts";
import { languageOf } from "../../policy/cache/language.ts";
import { normaliseQuestion } from "../../policy/cache/question.ts";
import { type ResolverLimits, resolve } from "../../policy/cache/resolver.ts";
import { inner } from "./neighbours.ts";

export interface LoggedRequest {
  /** Line in the file. */
  readonly line: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly model: string;
  /** What the gateway's eligibility rules allow, and why not more. */
  readonly level: "bypass" | "exact" | "semantic";
  readonly reason: string | null;
  /** Equal for requests that may share answers. */
  readonly scope: string;
  readonly fp: string;
  readonly question: string;
  /** Null where the gateway would not store it. */
  readonly answer: string | null;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Why another request's answer may not be served for this one though everything else is equal, or null. */
  readonly misfit: (stored: Pick<LoggedRequest, "answer" | "tokensOut">) => string | null;
}

/** A request that would have got an earlier request's answer. */
export interface LogHit {
  /** "12<-3": line 12 would have got the answer of line 3. */
  readonly id: string;
  readonly kind: "exact" | "semantic";
  readonly question: string;
  readonly storedQuestion: string;
  readonly distance: number;
  /** The verifier's P(the answer fits), where one was asked. */
  readonly probability: number | null;
  readonly served: string;
  readonly logged: string;
}

export interface ReplayedLog {
  /** By line: how the request would have been answered. */
  readonly answered: readonly { readonly request: LoggedRequest; readonly by: Answerer }[];
  readonly hits: readonly LogHit[];
  /** Why requests would not have been served semantically: what was in the nearest row's way, or the rules' reason. */
  readonly obstacles: Readonly<Record<string, number>>;
}

type Answerer = "exact" | "semantic" | "model";

export interface ReplayOptions {
  readonly embed: (text: string) => Float32Array;
  readonly limits: ResolverLimits;
  readonly ttlSeconds: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Nearest rows that the resolver sees, as in the gateway. */
const NEIGHBOURS = 10;

/** `requests` in the order of their times. */
export function replayLog(
  requests: readonly LoggedRequest[],
  { embed, limits, ttlSeconds, onProgress }: ReplayOptions,
): ReplayedLog {
  const shelves = new Map<string, Shelf>();
  const answered: { request: LoggedRequest; by: Answerer }[] = [];
  const hits: LogHit[] = [];
  const obstacles: Record<string, number> = {};
  for (const [done, request] of requests.entries()) {
    onProgress?.(done + 1, requests.length);
    const key = `${request.scope}\u0000${request.fp}`;
    const shelf = shelves.get(key) ?? new Shelf();
    shelves.set(key, shelf);
    const question = normaliseQuestion(request.question);
    const found = lookUp(shelf, request, question, { embed, limits });
    answered.push({ request, by: found.hit === null ? "model" : found.kind });
    if (found.hit !== null) {
      hits.push(found.hit);
      continue;
    }
    obstacles[found.obstacle] = (obstacles[found.obstacle] ?? 0) + 1;
    if (request.level === "bypass" || request.answer === null) continue;
    const expiresAt = request.at + 1000 * ttlSeconds;
    shelf.add({ request, question, expiresAt, vector: found.vector });
  }
  return { answered, hits, obstacles };
}

type Found =
  | { readonly hit: LogHit; readonly kind: "exact" | "semantic" }
  | { readonly hit: null; readonly obstacle: string; readonly vector: Float32Array | null };

function lookUp(
  shelf: Shelf,
  request: LoggedRequest,
  question: string,
  { embed, limits }: Pick<ReplayOptions, "embed" | "limits">,
): Found {
  const miss = (obstacle: string, vector: Float32Array | null = null): Found => ({
    hit: null,
    obstacle,
    vector,
  });
  if (request.level === "bypass") return miss(request.reason ?? "bypass");
  const same = shelf.exactly(question, request.at);
  if (same !== null) {
    const misfit = request.misfit(same.request);
    if (misfit !== null) return miss(misfit);
    const hit = hitOf("exact", request, same, { distance: 0, probability: null });
    return { kind: "exact", hit };
  }
  if (request.level === "exact") return miss(request.reason ?? "exact only");
  const vector = embed(question);
  const near = shelf.nearest(vector, request.at);
  const lang = languageOf(question);
  const asked = { text: question, lang, fp: request.fp, now: request.at };
  const { servable, verdicts, obstacle } = resolve(
    asked,
    near.map(({ row, distance }) => candidateOf(row, distance)),
    limits,
  );
  if (servable === null) return miss(obstacle ?? "distance", vector);
  const { row, distance } = near.find(({ row: each }) => idOf(each) === servable.id)!;
  const misfit = request.misfit(row.request);
  if (misfit !== null) return miss(misfit, vector);
  const verdict = verdicts.find(({ id }) => id === servable.id);
  const probability = verdict?.verifier?.probability ?? null;
  return { kind: "semantic", hit: hitOf("semantic", request, row, { distance, probability }) };
}

const hitOf = (
  kind: LogHit["kind"],
  request: LoggedRequest,
  row: Row,
  how: Pick<LogHit, "distance" | "probability">,
): LogHit => ({
  id: `${request.line}<-${row.request.line}`,
  kind,
  question: request.question,
  storedQuestion: row.request.question,
  ...how,
  served: row.request.answer ?? "",
  logged: request.answer ?? "",
});

interface Row {
  readonly request: LoggedRequest;
  readonly question: string;
  readonly expiresAt: number;
  /** Null for a row that answers repeats alone. */
  readonly vector: Float32Array | null;
}

const idOf = ({ request }: Row): string => String(request.line);

function candidateOf(row: Row, distance: number): Candidate {
  return {
    id: idOf(row),
    ansId: idOf(row),
    role: 1,
    distance,
    useCount: 1,
    fp: row.request.fp,
    lang: languageOf(row.question),
    question: row.question,
    createdAt: row.request.at,
    expiresAt: row.expiresAt,
  };
}

/** Stored answers of requests that may share them. */
class Shelf {
  /** By question: a newer answer takes an older one's place. */
  readonly #rows = new Map<string, Row>();

  add(row: Row): void {
    const vector = row.vector ?? this.#rows.get(row.question)?.vector ?? null;
    this.#rows.set(row.question, { ...row, vector });
  }

  exactly(question: string, at: number): Row | null {
    const row = this.#rows.get(question);
    return row !== undefined && row.expiresAt > at ? row : null;
  }

  nearest(vector: Float32Array, at: number): { row: Row; distance: number }[] {
    const best: { row: Row; cosine: number }[] = [];
    for (const row of this.#rows.values()) {
      if (row.vector === null || !(row.expiresAt > at)) continue;
      const cosine = inner(row.vector, vector);
      if (best.length === NEIGHBOURS && cosine <= best.at(-1)!.cosine) continue;
      let place = best.length;
      while (place > 0 && best[place - 1]!.cosine < cosine) place--;
      best.splice(place, 0, { row, cosine });
      if (best.length > NEIGHBOURS) best.pop();
    }
    return best.map(({ row, cosine }) => ({
      row,
      distance: Math.sqrt(Math.max(0, 2 - 2 * cosine)),
    }));
  }
}
