// Who asks what when in the synthetic world: the stream of training, what is stored beforehand, and test requests.
import { type Random } from "../../policy/random.ts";
import { randomOf } from "./random-of.ts";
import { type RequestKind } from "./request.ts";
import { type SimulatedRequest } from "./source.ts";

export interface StreamOptions {
  readonly seed: number;
  /** Every agent gets one request a slot. */
  readonly slots: number;
  readonly slotSeconds?: number;
  readonly topics?: number;
  /** Popularity of the k-th topic is k^-zipf. */
  readonly zipf?: number;
  /** How much likelier a topic is asked in its home region: 0.7 against 0.3 for all the others. */
  readonly homeShare?: number;
  /** Share of requests for a known topic that are translations, which lie farther out. */
  readonly translationShare?: number;
  /** Topics, the most popular first, that every region has an answer to from the start. */
  readonly prefillTopics?: number;
  /** Further topics that are never asked in the stream. */
  readonly strangers?: number;
  /** So many of the strangers, drawn for each region, have an answer in its database from the start. */
  readonly prefill?: number;
  /** Quantiles of the distance of new test requests from the stored question that they lie near, linear in between. */
  readonly newDistances?: readonly (readonly [share: number, distance: number])[];
}

export interface GeometryRequest extends SimulatedRequest {
  readonly topic: number;
  /** L2 distance from the topic, or from the stranger's stored question. */
  readonly radius: number;
  readonly around: "topic" | "stored";
}

/** L2 distance of a wording from its topic. */
export const PARAPHRASE = [0.15, 0.45] as const;
const TRANSLATION = [0.2, 0.6] as const;
/** What Table VI of DLRS implies of requests that were never asked: the shares that greedy rules and C have. */
const NEW_DISTANCES = [
  [0, 0],
  [0.1, 0.15],
  [0.35, 0.3],
  [0.74, 0.6],
  [1, 1],
] as const;

/** Places in the stream that training never gets to: tests meet luck of their own. */
const FIRST_TEST = { similar: 0x4000_0000, new: 0x5000_0000 } as const;
const FIRST_STRANGER = -0x4000_0000;
/** Streams of randomness beside the stream's own. */
const PREFILL_STREAM = 0xf111;
const TEST_STREAM = { similar: 0x7e51, new: 0x7e52 } as const;

export type TestKind = keyof typeof FIRST_TEST;

export interface GeometryStream {
  readonly requests: readonly GeometryRequest[];
  readonly prefill: readonly GeometryRequest[];
  readonly tests: (count: number, kind: TestKind) => readonly GeometryRequest[];
}

export function geometryStream(
  options: StreamOptions,
  regions: readonly string[],
  random: Random,
): GeometryStream {
  const { slots, slotSeconds = 10, topics = 2000, zipf = 1, homeShare = 0.7 } = options;
  const { translationShare = 0.25, prefillTopics = 0 } = options;
  const home = Array.from({ length: topics }, () => Math.floor(random.uniform() * regions.length));
  const awayShare = (1 - homeShare) / Math.max(1, regions.length - 1);
  const popularity = regions.map((_, agent) => {
    let total = 0;
    return Float64Array.from(home, (at, topic) => {
      total += (topic + 1) ** -zipf * (at === agent ? homeShare : awayShare);
      return total;
    });
  });
  const known = regions.map(() => new Set(Array.from({ length: prefillTopics }, (_, j) => j)));
  const requests: GeometryRequest[] = [];
  for (let slot = 0; slot < slots; slot++)
    for (const [agent, region] of regions.entries()) {
      const topic = drawTopic(popularity[agent]!, random);
      const isTranslation = random.uniform() < translationShare;
      const kind: RequestKind = !known[agent]!.has(topic)
        ? "new"
        : isTranslation
          ? "translation"
          : "rephrase";
      known[agent]!.add(topic);
      const radius = between(kind === "translation" ? TRANSLATION : PARAPHRASE, random);
      const t = slotSeconds * (slot + (agent + random.uniform()) / regions.length);
      requests.push(requestOf({ topic, index: requests.length, t, region, kind, radius }));
    }
  const strangers = strangersOf(options, regions);
  const asked = new Set(requests.map(({ topic }) => topic));
  const end = slots * slotSeconds;

  const similar = (index: number, agent: number, own: Random): GeometryRequest => {
    // A wording of something that was asked, though perhaps elsewhere.
    let topic = drawTopic(popularity[agent]!, own);
    while (!asked.has(topic)) topic = drawTopic(popularity[agent]!, own);
    const isTranslation = own.uniform() < translationShare;
    const radius = between(isTranslation ? TRANSLATION : PARAPHRASE, own);
    const kind = isTranslation ? "translation" : "rephrase";
    return requestOf({ topic, index, t: end, region: regions[agent]!, kind, radius });
  };
  const unknown = (index: number, agent: number, own: Random): GeometryRequest => {
    const stored = strangers[agent]!;
    const topic = stored[Math.floor(own.uniform() * stored.length)]!;
    const radius = quantile(options.newDistances ?? NEW_DISTANCES, own.uniform());
    const place = { topic, index, t: end, region: regions[agent]!, radius };
    return requestOf({ ...place, kind: "new", around: "stored" });
  };
  return {
    requests,
    prefill: regions.flatMap((region, agent) => [
      ...Array.from({ length: prefillTopics }, (_, topic) =>
        requestOf({ topic, index: -1 - topic, t: 0, region, kind: "new", radius: PARAPHRASE[0] }),
      ),
      ...strangers[agent]!.map((topic) => strangerOf(options.seed, topic, region)),
    ]),
    tests(count, kind) {
      if (kind === "similar" ? asked.size === 0 : strangers.some(({ length }) => length === 0))
        throw new RangeError(`a world without ${kind === "similar" ? "slots" : "prefill"}`);
      const own = randomOf(options.seed, 0, TEST_STREAM[kind]);
      // Users and servers are mapped evenly.
      return Array.from({ length: count }, (_, i) =>
        (kind === "similar" ? similar : unknown)(FIRST_TEST[kind] + i, i % regions.length, own),
      );
    },
  };
}

/** The stored question of a stranger is the same wherever it is stored. */
export function strangerOf(seed: number, topic: number, region: string): GeometryRequest {
  const index = FIRST_STRANGER - topic;
  const radius = between(PARAPHRASE, randomOf(seed, index, PREFILL_STREAM));
  return requestOf({ topic, index, t: 0, region, kind: "new", radius, id: `s${topic}` });
}

/** [regions][prefill] topics, without repetition in a region. */
function strangersOf(
  { seed, topics = 2000, strangers = 0, prefill = 0 }: StreamOptions,
  regions: readonly string[],
): readonly (readonly number[])[] {
  if (prefill > strangers) throw new RangeError(`${prefill} of ${strangers} strangers`);
  return regions.map((_, agent) => {
    const own = randomOf(seed, agent, PREFILL_STREAM);
    const left = Array.from({ length: strangers }, (__, i) => topics + i);
    return Array.from(
      { length: prefill },
      () => left.splice(Math.floor(own.uniform() * left.length), 1)[0]!,
    );
  });
}

function requestOf(parts: {
  readonly topic: number;
  readonly index: number;
  readonly t: number;
  readonly region: string;
  readonly kind: RequestKind;
  readonly radius: number;
  readonly around?: "topic" | "stored";
  readonly id?: string;
}): GeometryRequest {
  const { topic, index, t, region, kind, radius, around = "topic" } = parts;
  const { id = `g${index}-${region}` } = parts;
  return {
    id,
    index,
    t,
    region,
    kind,
    topic,
    radius,
    around,
    group: `topic-${topic}`,
    family: `topic-${topic}`,
    // One text for all: nothing for the guards to see, so that only distances and places tell.
    question: "question",
    lang: "en",
    fp: "g".repeat(26),
    text: id,
    level: "semantic",
    tokensIn: 30,
    tokensOut: 400,
  };
}

/** Binary search in the running totals. */
function drawTopic(totals: Float64Array, random: Random): number {
  const at = random.uniform() * totals.at(-1)!;
  let low = 0;
  let high = totals.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (totals[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

function quantile(knots: readonly (readonly [number, number])[], share: number): number {
  const next = Math.max(
    1,
    knots.findIndex(([to]) => to >= share),
  );
  const [[from, low], [to, high]] = [knots[next - 1]!, knots[next]!];
  return low + ((high - low) * (share - from)) / (to - from);
}

export const between = ([low, high]: readonly [number, number], random: Random): number =>
  low + (high - low) * random.uniform();
