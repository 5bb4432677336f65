// Packs in R2: what leaves the object's own storage. Experiences and receipts lie apart, because the trainer reads the
// first and must never see the texts in the second.
import { type Ledger, type PackContent, type PackLimits } from "./ledger.ts";
import { type LeasedPack, packIdOf, type TrainerPack } from "./leases.ts";
import { type Receipt } from "./report.ts";
import { type SqlStore } from "./rows.ts";

/** The part of an R2 bucket that a region object uses. */
export interface ObjectStore {
  put(key: string, body: string): Promise<unknown>;
  get(key: string): Promise<string | null>;
  has(key: string): Promise<boolean>;
  /** At most 1,000 keys; a key that does not exist is fine. */
  delete(keys: readonly string[]): Promise<void>;
}

/** How long packs are kept. Receipts older than this cannot be shown, experiences not be trained on. */
const KEEP_MS = 30 * 86_400_000;
const MAX_EXPIRED = 100;
/** An edge's clock and its buffer: how far a decision's time may lie outside the times of its pack. */
const RECEIPT_SLACK_MS = 1_000;

export class Packs {
  readonly #store: SqlStore;
  readonly #objects: ObjectStore;
  /** `<region>/<shard>` */
  readonly #place: string;

  constructor(store: SqlStore, objects: ObjectStore, place: string) {
    this.#store = store;
    this.#objects = objects;
    this.#place = place;
  }

  /** Writes the next pack, if one is due; returns whether there was one. A second run writes the same objects. */
  async writeNext(ledger: Ledger, limits: PackLimits, now: number): Promise<boolean> {
    const begun = ledger.beginPack(limits, now);
    if (begun === null) return false;
    const { range, content } = begun;
    const { receipts, ...lessons } = content;
    if (hasLessons(content))
      await this.#objects.put(this.#lessonsKey(range), JSON.stringify(lessons));
    if (receipts.length > 0)
      await this.#objects.put(this.#receiptsKey(range), JSON.stringify(receipts));
    ledger.finishPack(range, content, now);
    return true;
  }

  /** What a trainer learns from a pack, or null when its object is missing or damaged. */
  async read(pack: LeasedPack): Promise<TrainerPack | null> {
    const body = await this.#objects.get(this.#lessonsKey(pack));
    if (body === null) return null;
    try {
      const { experiences, outcomes, labels } = JSON.parse(body) as TrainerPack;
      return { packId: packIdOf(pack), experiences, outcomes, labels };
    } catch {
      return null;
    }
  }

  async findReceipt(id: string): Promise<Receipt | null> {
    const at = timeOf(id);
    if (at === null) return null;
    const packs = this.#store.exec<{ first: number; last: number }>(
      "SELECT first, last FROM pack WHERE receipts > 0 AND from_at <= ? AND to_at >= ? ORDER BY first DESC LIMIT 20",
      at + RECEIPT_SLACK_MS,
      at - RECEIPT_SLACK_MS,
    );
    for (const pack of packs) {
      const receipts = JSON.parse(
        (await this.#objects.get(this.#receiptsKey(pack))) ?? "[]",
      ) as readonly Receipt[];
      const found = receipts.findLast((receipt) => receipt.id === id);
      if (found) return found;
    }
    return null;
  }

  /** Deletes packs past their time, objects first: an object without a row would stay for ever. */
  async deleteExpired(now: number): Promise<void> {
    const packs = this.#store.exec<{ first: number; last: number }>(
      "SELECT first, last FROM pack WHERE made_at < ? ORDER BY first LIMIT ?",
      now - KEEP_MS,
      MAX_EXPIRED,
    );
    if (packs.length === 0) return;
    await this.#objects.delete(
      packs.flatMap((pack) => [this.#lessonsKey(pack), this.#receiptsKey(pack)]),
    );
    this.#store.exec("DELETE FROM pack WHERE first <= ?", packs.at(-1)?.first ?? 0);
  }

  #lessonsKey(pack: LeasedPack): string {
    return `e/${this.#place}/${packIdOf(pack)}.json`;
  }

  #receiptsKey(pack: LeasedPack): string {
    return `r/${this.#place}/${packIdOf(pack)}.json`;
  }
}

/** Whether there is anything in a pack for the trainer. */
const hasLessons = (content: PackContent): boolean =>
  content.experiences.length + content.outcomes.length + content.labels.length > 0;

/** Milliseconds since the epoch that a decision id `d<time in base36>-...` begins with. */
function timeOf(decisionId: string): number | null {
  const [, time] = /^d([0-9a-z]{1,11})-/.exec(decisionId) ?? [];
  return time === undefined ? null : Number.parseInt(time, 36);
}
