// Who asks what in a world of dialogues: every item has a popularity and a home, every region gets one request a slot.
import { Random } from "../../../../policy/random.ts";
import { type RequestKind } from "../../../simulator/request.ts";
import { type SimulatedRequest } from "../../../simulator/source.ts";
import { type DialogueItem } from "./dialogues.ts";
import { type Wording } from "./wordings.ts";

export interface DatasetRequest extends SimulatedRequest {
  readonly item: DialogueItem;
  readonly wording: Wording;
  /** Its row holds the reference, not a model's answer: a pair of the file that databases begin with. */
  readonly isPrefill: boolean;
}

export interface AskingOptions {
  readonly seed: number;
  readonly regions: readonly string[];
  readonly slots: number;
  readonly slotSeconds: number;
  /** Popularity of the k-th item is k^-zipf. */
  readonly zipf: number;
  /** How much likelier an item is asked in its home region than in all others together. */
  readonly homeShare: number;
}

/** What was asked, before anybody has answered: tokens are added by whoever knows the answers. */
export type Asked = Omit<DatasetRequest, "tokensIn" | "tokensOut">;

/** Asking the same item again, even in the same words, is somebody else's request. Equal options give equal requests. */
export function ask(
  items: readonly (readonly [DialogueItem, readonly Wording[]])[],
  { seed, regions, slots, slotSeconds, zipf, homeShare }: AskingOptions,
): readonly Asked[] {
  const random = new Random(seed);
  const order = shuffled(items, random);
  const home = order.map(() => Math.floor(random.uniform() * regions.length));
  const awayShare = (1 - homeShare) / Math.max(1, regions.length - 1);
  const totals = regions.map((_, agent) => {
    let total = 0;
    return home.map(
      (at, k) => (total += (k + 1) ** -zipf * (at === agent ? homeShare : awayShare)),
    );
  });
  const seen = regions.map(() => new Set<string>());
  const asked: Asked[] = [];
  for (let slot = 0; slot < slots; slot++)
    for (const [agent, region] of regions.entries()) {
      const draw = random.uniform() * totals[agent]!.at(-1)!;
      const [item, wordings] = order[totals[agent]!.findIndex((total) => total > draw)]!;
      const wording = wordings[Math.floor(random.uniform() * wordings.length)]!;
      const t = slotSeconds * (slot + (agent + random.uniform()) / regions.length);
      const kind = kindOf(item, wording, seen[agent]!);
      asked.push(requestOf({ item, wording, index: asked.length, t, region, kind }));
    }
  return asked;
}

/** The pairs that a region's database begins with. */
export const prefillOf = (items: readonly DialogueItem[], regions: readonly string[]): Asked[] =>
  regions.flatMap((region, agent) =>
    items.map((item, i) =>
      requestOf({
        item,
        wording: { text: item.question, how: "as asked" },
        // Of no request that is asked: its randomness is its own.
        index: -1 - (agent * items.length + i),
        t: 0,
        region,
        kind: "new",
      }),
    ),
  );

function kindOf(item: DialogueItem, wording: Wording, seen: Set<string>): RequestKind {
  const keys = [`text ${wording.text}`, `item ${item.dialogue} ${item.lang}`, item.dialogue];
  const known = keys.findIndex((key) => seen.has(key));
  for (const key of keys) seen.add(key);
  return (["repeat", "rephrase", "translation"] as const)[known] ?? "new";
}

function requestOf(parts: {
  readonly item: DialogueItem;
  readonly wording: Wording;
  readonly index: number;
  readonly t: number;
  readonly region: string;
  readonly kind: RequestKind;
}): Asked {
  const { item, wording, index, t, region, kind } = parts;
  const id = `d${index}-${region}`;
  return {
    id,
    index,
    t,
    region,
    kind,
    item,
    wording,
    group: item.dialogue,
    family: item.dialogue,
    question: wording.text,
    lang: item.lang,
    fp: "d".repeat(26),
    // The paper looks everything up: there is no exact match in front, and no question that may not be cached.
    text: id,
    level: "semantic",
    isPrefill: index < 0,
  };
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
