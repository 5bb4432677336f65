// Several isolates before four model servers with queues, event by event: each isolate knows its own calls at once, and what the
// others did as it was some time ago. Chooses, counts, measures and forgets with the production's Selection and backend state.
import {
  type BackendCall,
  type BackendsState,
  NO_BACKENDS,
  afterCalls,
  afterRunning,
  viewFor,
} from "../../src/durable/backend-state.ts";
import { lognormalFromQuantiles } from "../../src/policy/random.ts";
import { type Constraints } from "../../src/policy/routing/prediction.ts";
import { EventQueue } from "../../src/trainer-node/reproduction/perllm/event-queue.ts";
import { randomOf } from "../../src/trainer-node/simulator/random-of.ts";
import { parseConfig } from "../../src/worker/config.ts";
import { backendsOf } from "../../src/worker/upstream/backends.ts";
import { costAt } from "../../src/worker/upstream/rules.ts";
import { type Ask, type Ranking, Selection } from "../../src/worker/upstream/selection.ts";
import { serviceTimes } from "../../src/worker/upstream/service-time.ts";

/** Seconds; a server answers `slots` calls at a time, later ones wait in their order. */
const SERVERS = [
  { name: "a", quality: 0.9, output: 8, slots: 6, first: [0.3, 1], perToken: 0.01 },
  { name: "b", quality: 0.89, output: 3, slots: 8, first: [0.4, 1.5], perToken: 0.014 },
  { name: "c", quality: 0.8, output: 1, slots: 8, first: [0.5, 2], perToken: 0.02 },
  { name: "d", quality: 0.7, output: 0.3, slots: 4, first: [0.2, 0.8], perToken: 0.008 },
] as const;
const LENGTH = { mean: 150, sigma: 0.4 };
const PACE_SIGMA = 0.2;
const DEADLINE_SECONDS = [3, 10] as const;
const PROMPT_TOKENS = 200;
/** One server after the other takes three times as long for half of this time; the rest of it all are well. */
const TROUBLE_SECONDS = 40;
const SLOWDOWN = 3;
/** How often isolates hear of each other, as a share of the age; at least so many milliseconds. */
const REFRESH_SHARE = 0.1;
const LEAST_REFRESH_MS = 100;
/** Measurements of the first part count for nobody. */
const WARM_UP_SHARE = 0.1;

export interface AgedOptions {
  readonly seed: number;
  readonly rule: string;
  readonly ageSeconds: number;
  readonly isolates: number;
  readonly seconds: number;
  /** Of all isolates together. */
  readonly requestsPerSecond: number;
  /** In place of the production's. */
  readonly constraints?: Constraints;
  /** Whether operators have said how many calls each server answers at a time. */
  readonly knowsSlots: boolean;
}

export interface AgedFigures {
  readonly requests: number;
  /** Shares of the requests. */
  readonly inTime: number;
  readonly meanSeconds: number;
  readonly p95Seconds: number;
  readonly quality: number;
}

interface Call {
  readonly ask: Ask;
  readonly isolate: Isolate;
  readonly ranking: Ranking;
  readonly askedAt: number;
  readonly first: number;
  readonly per: number;
  readonly tokens: number;
}

type Event =
  | { readonly kind: "asked" }
  | { readonly kind: "heard" }
  | { readonly kind: "spoke"; readonly call: Call }
  | {
      readonly kind: "done";
      readonly call: Call;
      readonly server: Server;
      readonly startedAt: number;
    };

interface Isolate {
  readonly selection: Selection;
  state: BackendsState;
  /** Own calls that ended, which the copy of the region's state may not show. */
  own: { readonly call: BackendCall; readonly at: number }[];
}

interface Server {
  readonly index: number;
  running: number;
  readonly waiting: Call[];
}

/** Milliseconds from here, so that no time is 0. */
const START = 1_800_000_000_000;

export function agedIsolates(options: AgedOptions): AgedFigures {
  const { seed, rule, ageSeconds, isolates: count, seconds, requestsPerSecond } = options;
  const config = configOf(rule, options.knowsSlots);
  const backends = backendsOf(config.upstreams);
  const isolates = Array.from({ length: count }, (): Isolate => ({
    selection: new Selection(config.routing, backends, options.constraints),
    state: NO_BACKENDS,
    own: [],
  }));
  const servers = SERVERS.map((_, index): Server => ({ index, running: 0, waiting: [] }));
  const random = randomOf(seed, 0, 0);
  const uniform = () => random.uniform();
  const events = new EventQueue<Event>();
  const history: { readonly at: number; readonly state: BackendsState }[] = [];
  let region = NO_BACKENDS;
  const taken: number[] = [];
  let inTime = 0;
  let quality = 0;
  let asked = 0;

  const begin = (call: Call, server: Server, now: number) => {
    server.running++;
    const slow = slowServer(now - START) === server.index ? SLOWDOWN : 1;
    const spokeAt = now + 1000 * slow * call.first;
    events.add(spokeAt, { kind: "spoke", call });
    const doneAt = spokeAt + 1000 * slow * call.per * call.tokens;
    events.add(doneAt, { kind: "done", call, server, startedAt: now });
  };

  events.add(START, { kind: "asked" });
  events.add(START, { kind: "heard" });
  for (let item = events.next(); item !== undefined; item = events.next()) {
    const { at: now, event } = item;
    switch (event.kind) {
      case "asked": {
        const next = now - (1000 * Math.log(1 - uniform())) / requestsPerSecond;
        if (next < START + 1000 * seconds) events.add(next, { kind: "asked" });
        const isolate = isolates[Math.floor(uniform() * count)]!;
        const [least, most] = DEADLINE_SECONDS;
        const ask: Ask = {
          id: String(asked++),
          tenant: "t",
          stream: true,
          promptTokens: PROMPT_TOKENS,
          maxTokens: null,
          deadlineSeconds: least + (most - least) * uniform(),
          budgetUsd: null,
          draw: uniform(),
        };
        const drawn = SERVERS.map(({ first, perToken }) => ({
          first: random.lognormal(lognormalFromQuantiles(first[0], first[1])),
          per: random.lognormal({ mu: Math.log(perToken), sigma: PACE_SIGMA }),
        }));
        const { mean, sigma } = LENGTH;
        const tokens = Math.round(random.lognormal({ mu: Math.log(mean) - sigma ** 2 / 2, sigma }));
        const ranking = isolate.selection.rank(
          ask,
          { state: isolate.state, ageMs: 1000 * ageSeconds },
          now,
        );
        const backend = ranking.order[0]!;
        const server = servers[backends.indexOf(backend)]!;
        isolate.selection.begin(ask, backend, ranking.prospects[0]!.dueSeconds, now);
        const call = { ask, isolate, ranking, askedAt: now, tokens, ...drawn[server.index]! };
        if (server.running < SERVERS[server.index]!.slots) begin(call, server, now);
        else server.waiting.push(call);
        break;
      }
      case "spoke":
        event.call.isolate.selection.spoke(event.call.ask.id, now);
        break;
      case "done": {
        const { call, server } = event;
        server.running--;
        const next = server.waiting.shift();
        if (next !== undefined) begin(next, server, now);
        const ended = endOf(call, event.startedAt, now);
        call.isolate.selection.end(call.ask.id, true, now);
        call.isolate.selection.observe({
          ...ended,
          requestId: call.ask.id,
          class: call.ranking.class,
          deadlineSeconds: call.ask.deadlineSeconds,
          cost: costAt(call.ranking.order[0]!, "usd", PROMPT_TOKENS, call.tokens),
          quality: null,
          embedding: null,
        });
        call.isolate.state = afterCalls(call.isolate.state, [ended], now);
        call.isolate.own.push({ call: ended, at: now });
        region = afterCalls(region, [ended], now);
        if (Number(call.ask.id) < WARM_UP_SHARE * seconds * requestsPerSecond) break;
        const took = (now - call.askedAt) / 1000;
        taken.push(took);
        if (took <= call.ask.deadlineSeconds!) inTime++;
        quality += SERVERS[server.index]!.quality;
        break;
      }
      case "heard": {
        for (const { selection } of isolates)
          region = afterRunning(region, selection.running(now), now);
        history.push({ at: now, state: region });
        const seenAt = now - 1000 * ageSeconds;
        while (history[1] !== undefined && history[1].at <= seenAt) history.shift();
        const seen = history[0]!.at <= seenAt ? history[0]! : null;
        for (const isolate of isolates) hear(isolate, seen, now);
        const every = Math.max(LEAST_REFRESH_MS, 1000 * ageSeconds * REFRESH_SHARE);
        if (now < START + 1000 * seconds) events.add(now + every, { kind: "heard" });
        break;
      }
      default:
        event satisfies never;
    }
  }
  taken.sort((a, b) => a - b);
  return {
    requests: taken.length,
    inTime: inTime / taken.length,
    meanSeconds: taken.reduce((sum, each) => sum + each, 0) / taken.length,
    p95Seconds: taken[Math.floor(0.95 * taken.length)]!,
    quality: quality / taken.length,
  };
}

/** The region's state of some time ago, and on top of it what the isolate itself has met since. */
function hear(
  isolate: Isolate,
  seen: { readonly at: number; readonly state: BackendsState } | null,
  now: number,
): void {
  if (seen === null) return;
  isolate.own = isolate.own.filter(({ at }) => at > seen.at);
  const { isolate: name } = isolate.selection.running(now);
  isolate.state = afterCalls(
    viewFor(name, seen.state, now).state,
    isolate.own.map(({ call }) => call),
    now,
  );
}

/** As the gateway notes it: the first byte from the call on, its waiting included. */
function endOf(call: Call, startedAt: number, now: number): BackendCall {
  const seconds = (now - call.askedAt) / 1000;
  const service = (now - startedAt) / 1000;
  const firstShare = call.first / (call.first + call.per * call.tokens);
  const expected = call.ranking.expected[0]!;
  const backend = call.ranking.order[0]!;
  const times = {
    seconds,
    firstTokenSeconds: (startedAt - call.askedAt) / 1000 + service * firstShare,
    outputTokens: call.tokens,
  };
  return {
    backend: backend.id,
    tenant: "t",
    succeeded: true,
    ...serviceTimes(times, backend.auto),
    arrival: { expected, isCut: false, seconds },
  };
}

/** Which server is slow; -1: none. */
function slowServer(ms: number): number {
  const turn = ms / 1000 / TROUBLE_SECONDS;
  return turn % 1 < 0.5 ? -1 : Math.floor(turn) % SERVERS.length;
}

function configOf(rule: string, knowsSlots: boolean) {
  const upstreams = SERVERS.map(({ name, quality, output, slots, first, perToken }) => ({
    name,
    kind: "openai",
    baseUrl: "https://llm.example.com/v1",
    models: [
      {
        id: "m",
        inputUsdPerMillionTokens: 0,
        outputUsdPerMillionTokens: output,
        auto: {
          quality,
          firstTokenSeconds: first[0],
          secondsPerToken: perToken,
          outputTokens: LENGTH.mean,
          ...(knowsSlots && { slots }),
        },
      },
    ],
  }));
  return parseConfig({ upstreams, routing: { rule } }, { environment: "production" });
}
