// A test with everything frozen (DLRS section V): parameters and databases stay as training left them. Every request meets
// each server as it is, nothing is stored, counted, valued or evicted, and nobody slows anybody down, so that what a request
// comes to depends on its own decision alone and every policy meets the same luck.
import { type ActionNames } from "../../policy/action.ts";
import { type Decision } from "../../policy/decide.ts";
import { type PolicyOutput } from "../../policy/network/policy.ts";
import { type AgentRegion } from "./agent-region.ts";
import { type Consequences } from "./consequences.ts";
import { type Branch, type Pending } from "./executed.ts";
import { type LookUp } from "./look-up.ts";
import { type RequestSource, type SimulatedRequest } from "./source.ts";

/** Decides; the likeliest action of its outputs is taken, so that one which draws its actions says so with certainty. */
export interface FrozenPlayer {
  readonly actions: ActionNames;
  choose(pending: Pending): PolicyOutput | Promise<PolicyOutput>;
  /** One run for all; left out: `choose`, one after the other. */
  chooseAll?(
    pendings: readonly Pending[],
  ): readonly PolicyOutput[] | Promise<readonly PolicyOutput[]>;
}

export interface FrozenOptions {
  /** nearest: a request goes to its own server. all: to every server at once, and the fastest response is the answer. */
  readonly method: "nearest" | "all";
  /** Price of time; the environment's when left out. */
  readonly omega?: number;
  /** Model calls of others under way, the same for every policy; none when left out. */
  readonly load?: number;
  /** Requests that a player is asked about at once. */
  readonly batch?: number;
}

/** What one server makes of a request. */
export interface FrozenResponse extends Branch {
  readonly server: string;
  /** Index of the server. */
  readonly agent: number;
  /** L2 distance of the nearest row; Infinity in an empty database. */
  readonly nearest: number;
  /** Index of the action taken; 0 calls the model. */
  readonly action: number;
  /** What calling the model and what the cache action would have come to, in the very same state. */
  readonly direct: Branch;
  readonly cache: Branch;
  /** A call with notes, for players that may choose it; else null, as where there is nothing to note. */
  readonly noted: Branch | null;
  /** Paid to the model. */
  readonly tokensIn: number;
  readonly tokensOut: number;
}

export interface FrozenResult {
  readonly request: SimulatedRequest;
  /** Of every server asked. */
  readonly responses: readonly FrozenResponse[];
  /** The answer: the fastest response, right or wrong. */
  readonly answer: FrozenResponse;
  /** The response that is worth most. */
  readonly best: FrozenResponse;
  /** The fastest of those that are right; null when none is. */
  readonly fastestCorrect: FrozenResponse | null;
  /** Paid for all responses together. */
  readonly tokensIn: number;
  readonly tokensOut: number;
}

interface FrozenServer {
  readonly name: string;
  readonly region: AgentRegion;
  /** Of this server's own randomness, without load. */
  readonly consequences: Consequences;
}

/** The world that a test looks at and does not touch. */
export interface FrozenWorld {
  readonly source: RequestSource;
  readonly lookUp: LookUp;
  readonly servers: readonly FrozenServer[];
}

const BATCH = 256;
/** Notes in a prompt are cut to so many tokens (paper mode). */
const MAX_NOTE_TOKENS = 1500;
/** Past any exploration of the error budget. */
const LIKELIEST = { greedy: true, epsilon: 0, draw: 1 - Number.EPSILON } as const;

export async function testFrozen(
  world: FrozenWorld,
  requests: readonly SimulatedRequest[],
  player: FrozenPlayer,
  { method, batch = BATCH }: FrozenOptions,
): Promise<readonly FrozenResult[]> {
  const results: FrozenResult[] = [];
  for (let from = 0; from < requests.length; from += batch) {
    const asked = requests
      .slice(from, from + batch)
      .map((request) => pendingsOf(world, request, method));
    if (world.source.prepare !== undefined)
      for (const pending of asked.flat()) await prepare(world, pending);
    const outputs = (await outputsOf(player, asked.flat())).values();
    for (const pendings of asked)
      results.push(
        resultOf(
          pendings[0]!.request,
          pendings.map((pending) =>
            responseOf(world, pending, outputs.next().value!, player.actions),
          ),
        ),
      );
  }
  return results;
}

function pendingsOf(
  { lookUp, servers }: FrozenWorld,
  request: SimulatedRequest,
  method: FrozenOptions["method"],
): readonly Pending[] {
  const pendings = [...servers.entries()]
    .filter(([, { name }]) => method === "all" || name === request.region)
    .map(([agent, { region, consequences }]) =>
      lookUp.pending(request, { region, agent, at: region.now, consequences }),
    );
  if (pendings.length === 0) throw new Error(`no server ${request.region}`);
  return pendings;
}

async function prepare({ source, lookUp, servers }: FrozenWorld, pending: Pending): Promise<void> {
  const { region, consequences } = servers[pending.agent]!;
  const notes = lookUp.notesFor(pending, region);
  const stored = consequences.storedBehind(notes, pending.at);
  await source.prepare?.({ request: pending.request, stored });
}

async function outputsOf(
  player: FrozenPlayer,
  pendings: readonly Pending[],
): Promise<readonly PolicyOutput[]> {
  if (player.chooseAll !== undefined) return player.chooseAll(pendings);
  const outputs: PolicyOutput[] = [];
  for (const pending of pendings) outputs.push(await player.choose(pending));
  return outputs;
}

function responseOf(
  { lookUp, servers }: FrozenWorld,
  pending: Pending,
  output: PolicyOutput,
  actions: ActionNames,
): FrozenResponse {
  const { name, region, consequences } = servers[pending.agent]!;
  const decision = lookUp.decide(pending, region, output, actions, LIKELIEST);
  const branch = consequences.of(pending, decision);
  const { direct, cache } = pending.counterfactual();
  const mayNote = (actions as readonly string[]).includes("C");
  const notes = mayNote ? lookUp.notesFor(pending, region) : [];
  const noted =
    notes.length === 0 ? null : consequences.of(pending, { ...decision, ...NOTED, notes });
  return {
    ...branch,
    server: name,
    agent: pending.agent,
    nearest: pending.candidates[0]?.distance ?? Infinity,
    action: decision.action,
    direct,
    cache,
    noted,
    ...tokensOf(pending, branch, decision, consequences),
  };
}

const NOTED = { handling: "C", selected: null, reason: "augmented" } as const;

function tokensOf(
  { request, at }: Pending,
  { handling }: Branch,
  { notes }: Decision,
  consequences: Consequences,
): Pick<FrozenResponse, "tokensIn" | "tokensOut"> {
  if (handling === "A") return { tokensIn: 0, tokensOut: 0 };
  const noted = consequences
    .storedBehind(handling === "C" ? notes : [], at)
    .reduce((sum, { tokensIn, tokensOut }) => sum + tokensIn + tokensOut, 0);
  return {
    tokensIn: request.tokensIn + Math.min(MAX_NOTE_TOKENS, noted),
    tokensOut: request.tokensOut,
  };
}

function resultOf(request: SimulatedRequest, responses: readonly FrozenResponse[]): FrozenResult {
  const faster = (a: FrozenResponse, b: FrozenResponse) =>
    b.delaySeconds < a.delaySeconds ? b : a;
  const correct = responses.filter((response) => response.correct);
  return {
    request,
    responses,
    answer: responses.reduce(faster),
    best: responses.reduce((a, b) => (b.utility > a.utility ? b : a)),
    fastestCorrect: correct.length === 0 ? null : correct.reduce(faster),
    tokensIn: responses.reduce((sum, { tokensIn }) => sum + tokensIn, 0),
    tokensOut: responses.reduce((sum, { tokensOut }) => sum + tokensOut, 0),
  };
}
