// The region's slices and accounts: read from their tables at start, changed by passes over the ledger, and told to
// isolates with every reply.
import { coldStartPrior, UNIFORM_PRIOR } from "../policy/cache/error-budget.ts";
import { type SliceOrders, sliceOf, YOUNG_SLICE } from "../policy/cache/slice.ts";
import { type AccountPass, Accounts } from "./accounts.ts";
import { type Entry, type Observation } from "./entry.ts";
import { alphaOf, type Reading, reuseOf, toldOf } from "./evidence.ts";
import { type Batch } from "./ledger.ts";
import { type RegionState } from "./region-state.ts";
import { type ReportReply } from "./report.ts";
import { type SqlStore } from "./rows.ts";
import {
  isClosed,
  NEW_SLICE,
  onAxis,
  ordersOf,
  priorOf,
  settled,
  type SliceLimits,
  type SliceRecord,
  type SliceView,
  viewOf,
  withLabel,
} from "./slice-record.ts";
import { DEFAULT_SETTINGS } from "./tenant.ts";

type Serving = Pick<RegionState, "coldStart" | "scorer">;
type SliceKey = Pick<Entry, "tenant" | "lang">;
type Pool = Parameters<typeof withLabel>[1];

interface Known extends SliceKey {
  readonly record: SliceRecord;
  readonly prior: ReturnType<typeof priorOf>;
}

/** What only costs money is told of so many slices at most. What keeps wrong answers from being served is never left out. */
const MAX_OFF = 5_000;
const MAX_ORDERS = 1_000;
const MAX_VIEWS = 100;
const TOLD_MS = 1_000;

type Orders = Pick<
  ReportReply,
  "slicesOff" | "slices" | "labelsPaused" | "lookUpsOff" | "notesOff" | "notesShare"
>;

export class SliceBook {
  readonly accounts: Accounts;
  readonly #store: SqlStore;
  readonly #known = new Map<string, Known>();
  /** Until the next pass. */
  #told: { readonly at: number; readonly orders: Orders } | null = null;

  constructor(store: SqlStore) {
    this.#store = store;
    this.accounts = new Accounts(store);
    for (const { tenant, lang, head } of store.exec<{
      tenant: string;
      lang: string;
      head: string;
    }>("SELECT tenant, lang, head FROM slice"))
      this.#known.set(sliceOf(tenant, lang), knownOf({ tenant, lang }, JSON.parse(head)));
  }

  /** How the labels of a slice's rows are read now. */
  reading(slice: SliceKey, serving: Serving): Reading {
    return readingOf(this.#known.get(sliceOf(slice.tenant, slice.lang)), serving);
  }

  /** For a reply; without the fields that say nothing. A second old at most: there may be hundreds of replies in it. */
  orders(now: number, serving: Serving): Orders {
    const told = this.#told;
    if (told !== null && now >= told.at && now < told.at + TOLD_MS) return told.orders;
    const orders = this.#ordersAt(now, serving);
    this.#told = { at: now, orders };
    return orders;
  }

  #ordersAt(now: number, serving: Serving): Orders {
    const off: string[] = [];
    const reaches: [string, SliceOrders][] = [];
    const shares: [string, SliceOrders][] = [];
    for (const [slice, { record }] of this.#known) {
      if (isClosed(record, now)) off.push(slice);
      const order = ordersOf(onAxis(record, serving.scorer));
      if (order.reach !== undefined) reaches.push([slice, order]);
      else if (order.examine !== YOUNG_SLICE.examine) shares.push([slice, order]);
    }
    const orders = [...reaches, ...shares.slice(-MAX_ORDERS)];
    const paused = this.accounts.paused(now);
    const unpaying = this.accounts.lookUpsOff(now);
    const notes = this.accounts.notesOrders(now);
    return {
      ...(off.length > 0 && { slicesOff: off }),
      ...(orders.length > 0 && { slices: Object.fromEntries(orders) }),
      ...(paused.length > 0 && { labelsPaused: paused }),
      ...(unpaying.length > 0 && { lookUpsOff: unpaying.slice(-MAX_OFF) }),
      ...(notes.off.length > 0 && { notesOff: notes.off.slice(-MAX_OFF) }),
      ...(notes.share.length > 0 && {
        notesShare: Object.fromEntries(notes.share.slice(-MAX_ORDERS)),
      }),
    };
  }

  /** The busiest first. */
  views(now: number): readonly SliceView[] {
    return [...this.#known.values()]
      .map((slice) => ({
        slice,
        traffic: this.accounts.traffic(slice.tenant, slice.lang),
      }))
      .toSorted((a, b) => b.traffic.requests - a.traffic.requests)
      .slice(0, MAX_VIEWS)
      .map(({ slice, traffic }) => viewOf(slice, slice.record, traffic, now));
  }

  begin(): SlicePass {
    this.#told = null;
    return new SlicePass(this.#store, this.#known, this.accounts.begin());
  }
}

/** One application of a run of batches, inside a transaction; `keep` when that went through. */
export class SlicePass {
  readonly #store: SqlStore;
  readonly #kept: Map<string, Known>;
  readonly #accounts: AccountPass;
  readonly #changed = new Map<string, Known & { readonly pool: Pool }>();

  constructor(store: SqlStore, kept: Map<string, Known>, accounts: AccountPass) {
    this.#store = store;
    this.#kept = kept;
    this.#accounts = accounts;
  }

  count(batch: Batch, langOf: (expId: string) => string | null): void {
    this.#accounts.apply(batch, langOf);
  }

  reading(slice: SliceKey, serving: Serving): Reading {
    const key = sliceOf(slice.tenant, slice.lang);
    return readingOf(this.#changed.get(key) ?? this.#kept.get(key), serving);
  }

  /** The number of the change test's run that a label of this slice comes in now. */
  stamp({ tenant, lang }: SliceKey): number {
    const key = sliceOf(tenant, lang);
    return (this.#changed.get(key) ?? this.#kept.get(key))?.record.stamp ?? 0;
  }

  /**
   * One more label of a row of the slice.
   * @param entry as it was before the label
   * @returns whether the slice's rows are to be told to the index again: what they are read by has changed
   */
  label(
    entry: Entry,
    observation: Observation,
    earlier: Observation | undefined,
    world: { readonly serving: Serving; readonly now: number },
  ): boolean {
    const { tenant, lang } = entry;
    const { serving, now } = world;
    const slice = this.#open({ tenant, lang });
    const reading = readingOf(slice, serving);
    const place = reuseOf(toldOf(observation), reading);
    // A wrong answer that an older scorer measured has no place of its own.
    const isMeasured = reading.scorer === null || observation[5]?.scorer === reading.scorer.id;
    const believed =
      place === null || !isMeasured ? null : alphaOf(entry.observations, reading, place.distance);
    const others = entry.observations.filter((other) => other !== earlier);
    const event = {
      row: entry.id,
      observation,
      earlier,
      believed,
      labels: others.length,
      wasWrong: others.some(([, correct]) => correct === 0),
    };
    const labelled = withLabel(slice.record, slice.pool, event);
    const record = settled(labelled, slice.pool, this.#accounts.traffic(tenant, lang), {
      limits: limitsOf(serving),
      reading,
      now,
    });
    this.#changed.set(sliceOf(tenant, lang), { ...knownOf(slice, record), pool: slice.pool });
    return record.drifts !== slice.record.drifts;
  }

  write(): void {
    this.#accounts.write();
    for (const { tenant, lang, record, pool } of this.#changed.values())
      this.#store.exec(
        `INSERT INTO slice (tenant, lang, head, pool) VALUES (?, ?, ?, ?)
         ON CONFLICT (tenant, lang) DO UPDATE SET head = excluded.head, pool = excluded.pool`,
        tenant,
        lang,
        JSON.stringify(record),
        JSON.stringify(pool),
      );
  }

  keep(): void {
    this.#accounts.keep();
    for (const [key, { tenant, lang, record, prior }] of this.#changed)
      this.#kept.set(key, { tenant, lang, record, prior });
  }

  #open({ tenant, lang }: SliceKey): Known & { readonly pool: Pool } {
    const key = sliceOf(tenant, lang);
    const open = this.#changed.get(key);
    if (open) return open;
    const known = this.#kept.get(key) ?? { tenant, lang, record: NEW_SLICE, prior: null };
    const [row] = this.#store.exec<{ pool: string }>(
      "SELECT pool FROM slice WHERE tenant = ? AND lang = ?",
      tenant,
      lang,
    );
    return { ...known, pool: row ? (JSON.parse(row.pool) as Pool) : [] };
  }
}

const knownOf = ({ tenant, lang }: SliceKey, record: SliceRecord): Known => ({
  tenant,
  lang,
  record,
  prior: priorOf(record),
});

/** The cold start on the axis that serves now. */
const coldStartOf = ({ coldStart, scorer }: Serving): SliceLimits["coldStart"] =>
  coldStart && { distance: scorer?.coldStart ?? coldStart.distance, deltaHit: coldStart.deltaHit };

const limitsOf = (serving: Serving): SliceLimits => ({
  coldStart: coldStartOf(serving),
  deltaHit: serving.coldStart?.deltaHit ?? DEFAULT_SETTINGS.deltaHit,
  deltaRequest: DEFAULT_SETTINGS.deltaRequest,
});

function readingOf(known: Known | undefined, serving: Serving): Reading {
  const isCurrent = known !== undefined && known.record.axis === (serving.scorer?.id ?? null);
  return {
    prior: (isCurrent && known.prior) || calibratedPrior(coldStartOf(serving)),
    scorer: serving.scorer,
    validFrom: known?.record.validFrom ?? 0,
  };
}

let computed: { readonly key: string; readonly prior: Reading["prior"] } | null = null;

/** It follows from two numbers and takes milliseconds to compute: the last one is kept. */
function calibratedPrior(coldStart: SliceLimits["coldStart"]): Reading["prior"] {
  if (coldStart === null) return UNIFORM_PRIOR;
  const key = `${coldStart.distance} ${coldStart.deltaHit}`;
  if (computed?.key !== key)
    computed = { key, prior: coldStartPrior(coldStart.distance, coldStart.deltaHit) };
  return computed.prior;
}
