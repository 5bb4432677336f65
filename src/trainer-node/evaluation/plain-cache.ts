// A semantic cache as others build one: what was asked is embedded and stored, the nearest row is served if a rule says
// so. Nothing of ours stands in front but what a rule brings along; repeats of a text are always served.
import { type Random } from "../../policy/random.ts";
import { randomOf } from "../simulator/random-of.ts";
import { type RequestSource, type SimulatedRequest } from "../simulator/source.ts";
import { type Answered } from "./answered.ts";
import { type Neighbour, neighboursOf } from "./neighbours.ts";

/** A row as a rule sees it. */
export interface PlainRow {
  readonly question: string;
  readonly cosine: number;
}

export interface PlainRule {
  readonly name: string;
  /** `rows`: nearest first; the row to serve, or null. `draw` is uniform in [0, 1). */
  readonly choose: (question: string, rows: readonly PlainRow[], draw: number) => PlainRow | null;
  /** After a model call: whether the nearest row's answer would have been right. */
  readonly learn?: (question: string, nearest: PlainRow, right: boolean) => void;
}

/** What a stream's requests have to do with each other, for many rules. */
export interface PlainStream {
  readonly source: RequestSource;
  readonly seed: number;
  /** Place of each request's text among the texts. */
  readonly textOf: Uint32Array;
  readonly questions: readonly string[];
  readonly neighbours: readonly (readonly Neighbour[])[];
  readonly langOf: (request: SimulatedRequest) => string;
}

/** Rows farther away are never served by any rule. */
const LEAST_COSINE = 0.5;
/** Nearest rows that a rule gets to see. */
const ROWS = 10;
const STREAMS = { draw: 101, model: 102 } as const;

export function plainStream(
  source: RequestSource,
  langOf: (request: SimulatedRequest) => string,
  seed: number,
  onProgress?: (done: number, total: number) => void,
): PlainStream {
  const places = new Map<string, number>();
  const vectors: Float32Array[] = [];
  const textOf = Uint32Array.from(source.requests, (request) => {
    let place = places.get(request.question);
    if (place === undefined) {
      place = places.size;
      places.set(request.question, place);
      vectors.push(source.embeddingOf(request));
    }
    return place;
  });
  return {
    source,
    seed,
    textOf,
    questions: [...places.keys()],
    neighbours: neighboursOf(vectors, LEAST_COSINE, onProgress),
    langOf,
  };
}

/** One rule on a whole stream, in one cache per region. */
export function playPlain(stream: PlainStream, rule: PlainRule): Answered[] {
  const shelves = new Map<string, PlainShelf>();
  return stream.source.requests.map((request): Answered => {
    const shelf = shelves.get(request.region) ?? new PlainShelf();
    shelves.set(request.region, shelf);
    shelf.advance(request.t);
    const own = (salt: number): Random => randomOf(stream.seed, request.index, salt);
    const text = stream.textOf[request.index]!;
    const common = {
      index: request.index,
      kind: request.kind,
      family: request.family,
      tokensIn: request.tokensIn,
      tokensOut: request.tokensOut,
    };
    const owner = shelf.owner(text);
    if (owner !== undefined)
      return {
        ...common,
        by: "exact",
        asked: "repeats",
        fit: fitOf(stream, request, owner),
        label: null,
      };
    const rows = shelf.nearest(stream, text);
    const chosen = rule.choose(request.question, rows, own(STREAMS.draw).uniform());
    const row = rows.find((each) => each === chosen);
    if (row !== undefined)
      return {
        ...common,
        by: "semantic",
        asked: "rows",
        fit: fitOf(stream, request, row.owner),
        label: null,
      };
    const nearest = rows[0];
    if (nearest !== undefined)
      rule.learn?.(request.question, nearest, fitOf(stream, request, nearest.owner) === "right");
    shelf.insert(
      request.t + stream.source.modelSeconds(request, own(STREAMS.model)),
      text,
      request,
    );
    return {
      ...common,
      by: "model",
      asked: "rows",
      fit: "right",
      label: rule.learn !== undefined && nearest !== undefined ? "free" : null,
    };
  });
}

function fitOf(
  { langOf }: PlainStream,
  request: SimulatedRequest,
  stored: SimulatedRequest,
): Answered["fit"] {
  if (stored.group !== request.group) return "wrong";
  return langOf(stored) === langOf(request) ? "right" : "other-language";
}

interface OwnedRow extends PlainRow {
  readonly owner: SimulatedRequest;
}

class PlainShelf {
  readonly #rows = new Map<number, SimulatedRequest>();
  readonly #coming: { at: number; text: number; request: SimulatedRequest }[] = [];

  /** Who asked for this text first; a call that is under way is joined, as the gateway does it. */
  owner(text: number): SimulatedRequest | undefined {
    return this.#rows.get(text) ?? this.#coming.find((each) => each.text === text)?.request;
  }

  advance(to: number): void {
    while (this.#coming[0] !== undefined && this.#coming[0].at <= to) {
      const { text, request } = this.#coming.shift()!;
      if (!this.#rows.has(text)) this.#rows.set(text, request);
    }
  }

  insert(at: number, text: number, request: SimulatedRequest): void {
    let place = this.#coming.length;
    while (place > 0 && this.#coming[place - 1]!.at > at) place--;
    this.#coming.splice(place, 0, { at, text, request });
  }

  nearest({ neighbours, questions }: PlainStream, text: number): OwnedRow[] {
    const rows: OwnedRow[] = [];
    for (const { text: other, cosine } of neighbours[text]!) {
      const owner = this.#rows.get(other);
      if (owner === undefined) continue;
      rows.push({ question: questions[other]!, cosine, owner });
      if (rows.length === ROWS) break;
    }
    return rows;
  }
}
