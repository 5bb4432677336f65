// The closed loop: every user has one request under way and sends the next one when it is answered. Event by event, exact,
// and the same for the same seed.
import { randomOf } from "../../simulator/random-of.ts";
import { carriedOf, hiddenWaitOf, slowdownOf, strikingOrder } from "./drift.ts";
import { EventQueue } from "./event-queue.ts";
import { type Figures, type Tracked } from "./figures.ts";
import { Link } from "./link.ts";
import { Meter, regretOf } from "./meter.ts";
import {
  type Decision,
  expected,
  type Player,
  type RequestSeen,
  type ServerView,
  type Speed,
  totalOf,
} from "./player.ts";
import { Server, type Way } from "./server.ts";
import { PREDICTOR_WEIGHT, type WorldSettings } from "./settings.ts";
import { CLASSES, classOf, type ServiceRequest, workload } from "./workload.ts";

/** Streams of randomness: the workload has 1. */
const LINKS = 2;

interface Asked {
  readonly request: ServiceRequest;
  readonly at: number;
}

type Event =
  | { readonly kind: "asked" | "slot" }
  | { readonly kind: "sent"; readonly asked: Asked; readonly server: number }
  | { readonly kind: "released"; readonly server: number; readonly gathering: number }
  | { readonly kind: "arrived" | "started"; readonly server: number }
  | { readonly kind: "done"; readonly server: number; readonly way: Way; readonly asked: Asked }
  | {
      readonly kind: "answered";
      readonly server: number;
      readonly predictedSeconds: number;
      readonly way: Way;
      readonly asked: Asked;
    };

/** Where a server's requests are, and what was measured at it. */
interface Book {
  uploading: number;
  waiting: number;
  running: number;
  measured: Speed;
  answeredAt: number;
  secondsByClass: readonly number[];
  lateSeconds: number;
  readonly told: Speed;
  /** Held at its gate, and how many times the gate opened. */
  held: Asked[];
  gathering: number;
}

export interface SimulateOptions {
  readonly world: WorldSettings;
  readonly seed: number;
  readonly player: Player;
  /** Hears of every request's way; for tests. */
  readonly onAnswered?: (
    request: ServiceRequest,
    askedAt: number,
    way: Way,
    server: Server,
  ) => void;
}

export function simulate({ world, seed, player, onAnswered }: SimulateOptions): Figures & Tracked {
  const requests = workload(world, seed);
  const servers = serversOf(world, seed);
  const books = servers.map(bookOf);
  const events = new EventQueue<Event>();
  const meter = new Meter(world);
  /** For the next slot; empty where every request is decided at once. */
  let gathered: Asked[] = [];
  let next = 0;
  for (let user = 0; user < Math.min(world.users, world.requests); user++)
    events.add(0, { kind: "asked" });

  const send = (asked: Asked, index: number, now: number) => {
    const server = servers[index]!;
    meter.sent(regretOf(asked.request, asked.at, servers, index, now));
    const view = viewOf(server, books[index]!, now, world);
    const predictedSeconds = totalOf(expected(view, asked.request, "measured"));
    const way = server.plan(asked.request, now);
    server.take(way);
    books[index]!.uploading++;
    events.add(way.arrival, { kind: "arrived", server: index });
    events.add(way.start, { kind: "started", server: index });
    events.add(way.done, { kind: "done", server: index, way, asked });
    events.add(way.answered, { kind: "answered", server: index, predictedSeconds, way, asked });
  };
  const release = (index: number, now: number) => {
    const book = books[index]!;
    book.gathering++;
    for (const asked of book.held.splice(0)) send(asked, index, now);
  };
  const decided = (asked: Asked, { server, deferSeconds = 0, gate }: Decision, now: number) => {
    const book = books[server]!;
    if (gate !== undefined && book.uploading + book.waiting + book.running === 0) {
      book.held.push(asked);
      if (book.held.length >= gate.batch) release(server, now);
      else if (book.held.length === 1) {
        const { gathering } = book;
        events.add(now + gate.seconds, { kind: "released", server, gathering });
      }
    } else if (deferSeconds > 0) events.add(now + deferSeconds, { kind: "sent", asked, server });
    else send(asked, server, now);
  };

  const viewsAt = (now: number) =>
    servers.map((server, i) => viewOf(server, books[i]!, now, world));
  const decide = (asked: Asked, now: number) =>
    decided(asked, player.choose(seenOf(asked.request), viewsAt(now), now), now);

  for (let item = events.next(); item !== undefined; item = events.next()) {
    const { at: now, event } = item;
    switch (event.kind) {
      case "asked": {
        const asked = { request: requests[next++]!, at: now };
        meter.asked(now);
        if (player.slot === undefined) decide(asked, now);
        else if (gathered.push(asked) === 1)
          events.add(nextBorder(now, player.slot.seconds), { kind: "slot" });
        break;
      }
      case "slot": {
        const waiting = gathered;
        gathered = [];
        const seen = waiting.map(({ request }) => seenOf(request));
        // Each meets the servers with what the ones before it took.
        for (const place of player.slot!.inOrder(seen, viewsAt(now))) decide(waiting[place]!, now);
        break;
      }
      case "sent":
        send(event.asked, event.server, now);
        break;
      case "released":
        if (books[event.server]!.gathering === event.gathering) release(event.server, now);
        break;
      case "arrived":
        books[event.server]!.uploading--;
        books[event.server]!.waiting++;
        break;
      case "started":
        books[event.server]!.waiting--;
        books[event.server]!.running++;
        break;
      case "done":
        books[event.server]!.running--;
        break;
      case "answered": {
        const { asked, way } = event;
        const { request, at } = asked;
        const server = servers[event.server]!;
        const joules = server.joules(way, at);
        meter.answered(request, at, way, joules, server.kind === "cloud");
        onAnswered?.(request, at, way, server);
        measure(books[event.server]!, request, way, event.predictedSeconds);
        player.observe?.({
          request: seenOf(request),
          server: server.id,
          seconds: now - at,
          inferenceSeconds: way.done - way.start,
          outputTokens: world.outputTokens * request.relativeLength,
          joules,
        });
        if (next < requests.length) events.add(now, { kind: "asked" });
        break;
      }
      default:
        event satisfies never;
    }
  }
  return meter.figures(servers);
}

function seenOf(request: ServiceRequest): RequestSeen {
  const { relativeLength: _, ...seen } = request;
  return seen;
}

/** First multiple of `seconds` after `now`. */
const nextBorder = (now: number, seconds: number): number =>
  (Math.floor(now / seconds + 1e-9) + 1) * seconds;

/** The edges, then the cloud. */
function serversOf(world: WorldSettings, seed: number): readonly Server[] {
  const { edge, edgeFactors, cloud, swing, drift } = world;
  const order = strikingOrder(edgeFactors.length + 1, seed);
  const serverOf = (kind: "edge" | "cloud", index: number, factor: number) => {
    const pool = kind === "edge" ? edge : cloud;
    const carried = carriedOf(drift, { kind, index }, order);
    return new Server({
      id: kind === "edge" ? `edge-${index + 1}` : "cloud",
      kind,
      index,
      pool,
      factor,
      hiddenWait: hiddenWaitOf(drift, { kind, index }, order),
      slowdown: slowdownOf(world, { kind, index }, order, seed),
      link: new Link(pool.megabitsPerSecond, swing, randomOf(seed, index, LINKS), carried),
      world,
    });
  };
  return [
    ...edgeFactors.map((factor, index) => serverOf("edge", index, factor)),
    serverOf("cloud", edgeFactors.length, 1),
  ];
}

function bookOf(server: Server): Book {
  const told = {
    seconds: server.toldSeconds,
    megabitsPerSecond: server.link.megabitsPerSecond,
  };
  const secondsByClass = Array.from({ length: CLASSES }, () => told.seconds);
  return {
    uploading: 0,
    waiting: 0,
    running: 0,
    told,
    measured: told,
    answeredAt: 0,
    secondsByClass,
    lateSeconds: 0,
    held: [],
    gathering: 0,
  };
}

const viewOf = (
  { id, kind, slots, link }: Server,
  book: Book,
  now: number,
  { fadeSeconds }: WorldSettings,
): ServerView => ({
  id,
  kind,
  slots,
  uplinkMegabits: link.backlog(now),
  uploading: book.uploading,
  waiting: book.waiting,
  running: book.running,
  told: book.told,
  measured: fadeSeconds === undefined ? book.measured : faded(book, now, fadeSeconds),
  secondsByClass: book.secondsByClass,
  lateSeconds: book.lateSeconds,
});

function faded({ measured, told, answeredAt }: Book, now: number, halfLife: number): Speed {
  const left = 2 ** (-(now - answeredAt) / halfLife);
  return { ...measured, seconds: told.seconds + left * (measured.seconds - told.seconds) };
}

/** Exponentially weighted means of what answers took. */
function measure(book: Book, request: ServiceRequest, way: Way, predictedSeconds: number): void {
  const { seconds, megabitsPerSecond } = book.measured;
  const took = way.done - way.start;
  const rate = request.megabits / (way.arrival - way.uplinkStart);
  book.measured = {
    seconds: nearer(seconds, took),
    megabitsPerSecond: nearer(megabitsPerSecond, rate),
  };
  book.answeredAt = way.answered;
  const late = way.answered - way.sentAt - predictedSeconds;
  book.lateSeconds = nearer(book.lateSeconds, late);
  const own = classOf(request);
  book.secondsByClass = book.secondsByClass.with(own, nearer(book.secondsByClass[own]!, took));
}

const nearer = (mean: number, value: number): number => mean + PREDICTOR_WEIGHT * (value - mean);
