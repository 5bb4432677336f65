// What a simulated world is made of: who asks what and when, where that lies in embedding space, which stored answer is
// right for it, and how long a model takes. The workload's questions here, a synthetic geometry in geometry.ts.
import { type EmbedderProfile } from "../../policy/embedders.ts";
import { languageOf } from "../../policy/cache/language.ts";
import { normaliseQuestion, personalDataIn, readQuestion } from "../../policy/cache/question.ts";
import { type Random } from "../../policy/random.ts";
import { PRODUCT_WEIGHTS } from "../../policy/reward.ts";
import {
  DEFAULT_DELAYS,
  type DelayAssumptions,
  delaySampler,
  type EdgeDelay,
  edgeDelay,
} from "./delays.ts";
import { type Group } from "./groups.ts";
import { type RequestKind, type WorkloadRequest } from "./request.ts";

export interface SimulatedRequest {
  readonly id: string;
  /** Place in the stream. All that is random about a request follows from it and the seed, whatever the policy does. */
  readonly index: number;
  /** Arrival, seconds after the start. */
  readonly t: number;
  readonly region: string;
  readonly kind: RequestKind;
  /** Requests of one group are answered by the same answer. */
  readonly group: string;
  /** A group and its near misses. */
  readonly family: string;
  /** What the guards read, as the gateway normalises it. */
  readonly question: string;
  readonly lang: string;
  /** 26 characters: equal for requests that may share answers. */
  readonly fp: string;
  /** Requests with equal fp and text are exact repeats. */
  readonly text: string;
  /** What the words alone allow the cache (policy/cache/question.ts). */
  readonly level: "bypass" | "exact" | "semantic";
  readonly tokensIn: number;
  readonly tokensOut: number;
}

/** Whose answers a request is handled with: one for A, those of the notes for C, best first, none for B. */
export interface Handled {
  readonly request: SimulatedRequest;
  readonly stored: readonly SimulatedRequest[];
}

export interface RequestSource {
  readonly name: string;
  readonly embedder: EmbedderProfile;
  /** Whether its questions are text that can be read, or stand for text. */
  readonly hasWords: boolean;
  /** Whose agents get its requests; the environment's own when left out. */
  readonly regions?: readonly string[];
  readonly requests: readonly SimulatedRequest[];
  /** Answered by the model before the stream begins. */
  readonly prefill: readonly SimulatedRequest[];
  /** Unit vector [768]. */
  embeddingOf(request: SimulatedRequest): Float32Array;
  /** Unit vector in a space in which distances are the same and cheaper to compute. */
  searchVectorOf(request: SimulatedRequest): Float32Array;
  /** The same for a vector that came back from storage. */
  toSearchSpace(embedding: Float32Array): Float32Array;
  /** Unit vector of the answer's own row, in the space searched; null where there is none. Paper mode alone asks for it. */
  answerVectorOf(request: SimulatedRequest, random: Random): Float32Array | null;
  /** Whether the answer stored for another request, its question `distance` away, is right for this one. */
  isRight(request: SimulatedRequest, stored: SimulatedRequest, distance: number): boolean;
  /** The paper's q in [-2, 0]; `right` of a call with notes says whether a note was relevant. */
  paperQuality(handling: "A" | "B" | "C", right: boolean, random: Random, handled: Handled): number;
  edgeDelay(random: Random): EdgeDelay;
  /** Seconds of a model call on an idle backend. */
  modelSeconds(request: SimulatedRequest, random: Random): number;
  /** What notes in the prompt add to it. */
  notesSeconds(random: Random, handled: Handled): number;
  /**
   * Awaited before a request is handled, with whose answers its notes would be: a source whose model is a real one asks it
   * here, because what follows from a decision is computed at once.
   */
  prepare?(handled: Handled): Promise<void>;
  /** Model delays grow by this share for every call under way. */
  readonly congestion: number;
}

export interface WorkloadSourceOptions {
  readonly name?: string;
  readonly requests: readonly WorkloadRequest[];
  /** Tells the families of the requests' groups; a group that is missing is its own family. */
  readonly groups: readonly Pick<Group, "id" | "family">[];
  readonly embedder: EmbedderProfile;
  readonly embed: (text: string) => Float32Array;
  readonly delays?: DelayAssumptions;
  /** Tokens of an answer; a reference is counted as the local model server does it. */
  readonly answerTokens?: (request: WorkloadRequest) => number;
  /**
   * A shorter answer takes as long as one of so many tokens. References are often one word, while models explain: an hour of
   * a public chat service had 211 tokens on average (Azure LLM inference trace 2023, conversations).
   */
  readonly minDelayTokens?: number;
}

/** Length of an answer without a reference. */
const USUAL_TOKENS = 200;
/** A prompt's frame. */
const FRAME_TOKENS = 4;
/** What 512 tokens of notes add to the time to the first token, seconds: an assumption. */
const NOTES_SECONDS = 0.1;
const TOKEN = /\s*[\p{L}\p{N}\p{M}]{1,6}|\s*[^\s\p{L}\p{N}\p{M}]|\s+$/gu;

/** Labelled questions (workload.ts) as a world: right = same group. */
export function workloadSource({
  name = "workload",
  requests,
  groups,
  embedder,
  embed,
  delays = DEFAULT_DELAYS,
  answerTokens = ({ reference_answer: answer }) =>
    answer === undefined ? USUAL_TOKENS : countTokens(answer),
  minDelayTokens = USUAL_TOKENS,
}: WorkloadSourceOptions): RequestSource {
  const families = new Map(groups.map(({ id, family }) => [id, family]));
  const vectors = new Map<string, Float32Array>();
  const vectorOf = (text: string): Float32Array => {
    const known = vectors.get(text);
    if (known !== undefined) return known;
    const made = embed(text);
    vectors.set(text, made);
    return made;
  };
  const answers = new Map(requests.map(({ id, reference_answer: answer }) => [id, answer]));
  return {
    name,
    embedder,
    hasWords: true,
    requests: requests.map((request, index) => simulated(request, index, families, answerTokens)),
    prefill: [],
    embeddingOf: ({ question }) => vectorOf(question),
    searchVectorOf: ({ question }) => vectorOf(question),
    toSearchSpace: (embedding) => embedding,
    answerVectorOf({ id }) {
      const answer = answers.get(id);
      return answer === undefined ? null : vectorOf(answer);
    },
    isRight: (request, stored) => request.group === stored.group,
    paperQuality: (handling, right) =>
      handling === "C" || right ? PRODUCT_WEIGHTS.acceptedQuality : PRODUCT_WEIGHTS.wrongQuality,
    edgeDelay,
    modelSeconds: ({ tokensOut }, random) =>
      delaySampler(delays, random.next())(Math.max(minDelayTokens, tokensOut)).total,
    notesSeconds: () => NOTES_SECONDS,
    congestion: 0,
  };
}

function simulated(
  request: WorkloadRequest,
  index: number,
  families: ReadonlyMap<string, string>,
  answerTokens: (request: WorkloadRequest) => number,
): SimulatedRequest {
  const { history = [] } = request;
  const question = normaliseQuestion(request.question);
  const earlier = history.map(({ content }) => content);
  const { level } = readQuestion(question);
  const isPersonal = [...earlier, question].some((text) => personalDataIn(text) !== null);
  return {
    id: request.id,
    index,
    t: request.t,
    region: request.region,
    kind: request.kind,
    group: request.group,
    family: families.get(request.group) ?? request.group,
    question,
    lang: languageOf(question),
    // As in the gateway, what was said before limits a request to repeats.
    fp: history.length === 0 ? "f".repeat(26) : "h".repeat(26),
    text: [...earlier, question].join("\u0000"),
    level: isPersonal ? "bypass" : history.length > 0 && level === "semantic" ? "exact" : level,
    tokensIn: [...earlier, question].reduce(
      (sum, text) => sum + FRAME_TOKENS + countTokens(text),
      0,
    ),
    tokensOut: Math.max(1, answerTokens(request)),
  };
}

export const countTokens = (text: string): number => text.match(TOKEN)?.length ?? 0;
