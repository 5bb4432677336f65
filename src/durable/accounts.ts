// A tenant's account: how many requests each of its slices had, and what its labels cost beside what its hits saved. Labels
// may cost a tenth of the money saved in the same day; what they cost beyond is not spent, by asking for no more of them.
import { type Batch } from "./ledger.ts";
import {
  NEW_TRIAL,
  notesShareAt,
  type NotesTrial,
  notesView,
  type NotesView,
  TRIAL_SHARE,
  withNotedLabel,
  withNotedRequest,
} from "./notes-trial.ts";
import { NEW_PAYING, type Paying, paysAt, withLabelCost, withRequest } from "./paying.ts";
import { sliceOf } from "../policy/cache/slice.ts";
import { type Label } from "./report.ts";
import { type Traffic } from "./slice-record.ts";
import { type SqlStore } from "./rows.ts";

interface Account {
  readonly slices: Readonly<Record<string, Traffic>>;
  /** The last 24 hours with money in them, oldest first: hour since the epoch, US dollars saved, spent on labels. */
  readonly hours: readonly (readonly [hour: number, saved: number, spent: number])[];
  /** What is left of the starting credit; spending it is not counted in `hours`. */
  readonly credit: number;
  /** Left out by releases that did not count it. */
  readonly paying?: Paying;
  /** By language. */
  readonly notes?: Readonly<Record<string, NotesTrial>>;
}

export interface LabelBudgetView {
  readonly tenant: string;
  /** US dollars of the last 24 hours. */
  readonly savedUsd: number;
  readonly spentUsd: number;
  readonly creditUsd: number;
  readonly paused: boolean;
}

/** Once per tenant and region, so that there are labels before there are hits. US dollars. */
export const LABEL_CREDIT_USD = 0.25;
/** A tenth of what was saved, less what is already on its way when the budget is used up. */
const LABEL_SHARE = 0.09;
const WINDOW_HOURS = 24;
const HOUR_MS = 3_600_000;
const MAX_VIEWS = 100;

const NEW_ACCOUNT: Account = { slices: {}, hours: [], credit: LABEL_CREDIT_USD };

export class Accounts {
  readonly #store: SqlStore;
  readonly #accounts = new Map<string, Account>();

  constructor(store: SqlStore) {
    this.#store = store;
    for (const { tenant, body } of store.exec<{ tenant: string; body: string }>(
      "SELECT tenant, body FROM account",
    ))
      this.#accounts.set(tenant, JSON.parse(body) as Account);
  }

  traffic(tenant: string, lang: string): Traffic {
    return trafficOf(this.#accounts.get(tenant), lang);
  }

  /** Tenants that get no more labels for now. */
  paused(now: number): readonly string[] {
    return this.#budgets(now).flatMap(({ tenant, paused }) => (paused ? [tenant] : []));
  }

  /** Tenants whose look-ups of other wordings do not pay. */
  lookUpsOff(now: number): readonly string[] {
    return [...this.#accounts].flatMap(([tenant, { paying = NEW_PAYING }]) =>
      paysAt(paying, now) ? [] : tenant,
    );
  }

  /** Slices without notes, and the share of requests with notes in those of which something is known. */
  notesOrders(now: number): {
    readonly off: readonly string[];
    readonly share: readonly (readonly [slice: string, share: number])[];
  } {
    const shares = this.#trials().map(
      ([tenant, lang, trial]) => [sliceOf(tenant, lang), notesShareAt(trial, now)] as const,
    );
    return {
      off: shares.flatMap(([slice, share]) => (share === 0 ? [slice] : [])),
      share: shares.filter(([, share]) => share > 0 && share !== TRIAL_SHARE),
    };
  }

  notesViews(now: number): readonly NotesView[] {
    return this.#trials()
      .toSorted(([, , a], [, , b]) => b.requests - a.requests)
      .slice(0, MAX_VIEWS)
      .map(([tenant, lang, trial]) => notesView({ tenant, lang }, trial, now));
  }

  #trials(): readonly (readonly [tenant: string, lang: string, trial: NotesTrial])[] {
    return [...this.#accounts].flatMap(([tenant, { notes = {} }]) =>
      Object.entries(notes).map(([lang, trial]) => [tenant, lang, trial] as const),
    );
  }

  /** Those that save or spend most first. */
  views(now: number): readonly LabelBudgetView[] {
    const money = ({ savedUsd, spentUsd }: LabelBudgetView): number => savedUsd + spentUsd;
    return this.#budgets(now)
      .toSorted((a, b) => money(b) - money(a))
      .slice(0, MAX_VIEWS);
  }

  #budgets(now: number): readonly LabelBudgetView[] {
    return [...this.#accounts].map(([tenant, { hours, credit }]) => {
      const window = inWindow(hours, now);
      const savedUsd = window.reduce((sum, [, saved]) => sum + saved, 0);
      const spentUsd = window.reduce((sum, [, , spent]) => sum + spent, 0);
      const paused = credit <= 0 && spentUsd >= LABEL_SHARE * savedUsd;
      return { tenant, savedUsd, spentUsd, creditUsd: credit, paused };
    });
  }

  /** One application of a run of batches; memory follows the tables when `keep` is called after the transaction. */
  begin(): AccountPass {
    return new AccountPass(this.#store, this.#accounts);
  }
}

export class AccountPass {
  readonly #store: SqlStore;
  readonly #kept: Map<string, Account>;
  readonly #changed = new Map<string, Account>();

  constructor(store: SqlStore, kept: Map<string, Account>) {
    this.#store = store;
    this.#kept = kept;
  }

  traffic(tenant: string, lang: string): Traffic {
    return trafficOf(this.#get(tenant), lang);
  }

  /** @param langOf the language of a decision whose outcome does not tell it */
  apply({ report, receivedAt }: Batch, langOf: (expId: string) => string | null): void {
    const hour = Math.floor(receivedAt / HOUR_MS);
    for (const outcome of report.outcomes) {
      const { tenant, expId, kind, lang, savedUsd } = outcome;
      const slice = lang ?? langOf(expId) ?? "und";
      const account = withMoney(this.#get(tenant), hour, savedUsd, 0);
      const { requests, hits } = trafficOf(account, slice);
      const traffic = { requests: requests + 1, hits: hits + (kind === "HIT-SEMANTIC" ? 1 : 0) };
      this.#changed.set(tenant, {
        ...account,
        slices: { ...account.slices, [slice]: traffic },
        paying: withRequest(account.paying ?? NEW_PAYING, outcome, receivedAt),
      });
      this.#notes(outcome, (trial) => withNotedRequest(trial, outcome, receivedAt));
    }
    for (const label of report.labels) {
      this.#notes(label, (trial) => withNotedLabel(trial, label, receivedAt));
      const { tenant, costUsd = 0 } = label;
      if (!(costUsd > 0)) continue;
      const account = this.#get(tenant);
      const fromCredit = Math.min(account.credit, costUsd);
      this.#changed.set(tenant, {
        ...withMoney(account, hour, 0, costUsd - fromCredit),
        credit: account.credit - fromCredit,
        paying: withLabelCost(account.paying ?? NEW_PAYING, costUsd, receivedAt),
      });
    }
  }

  /** For inside the transaction. */
  write(): void {
    for (const [tenant, account] of this.#changed)
      this.#store.exec(
        "INSERT INTO account (tenant, body) VALUES (?, ?) ON CONFLICT (tenant) DO UPDATE SET body = excluded.body",
        tenant,
        JSON.stringify(account),
      );
  }

  keep(): void {
    for (const [tenant, account] of this.#changed) this.#kept.set(tenant, account);
  }

  #notes(
    { tenant, notes }: Pick<Label, "tenant" | "notes">,
    next: (trial: NotesTrial) => NotesTrial,
  ): void {
    if (notes === undefined) return;
    const account = this.#get(tenant);
    const trials = account.notes ?? {};
    const trial = next(trials[notes.lang] ?? NEW_TRIAL);
    this.#changed.set(tenant, { ...account, notes: { ...trials, [notes.lang]: trial } });
  }

  #get(tenant: string): Account {
    return this.#changed.get(tenant) ?? this.#kept.get(tenant) ?? NEW_ACCOUNT;
  }
}

function trafficOf(account: Account | undefined, lang: string): Traffic {
  return account?.slices[lang] ?? { requests: 0, hits: 0 };
}

function withMoney(account: Account, hour: number, saved: number, spent: number): Account {
  if (!(saved > 0) && !(spent > 0)) return account;
  // A clock that is set back adds to the newest hour.
  const newest = Math.max(hour, account.hours.at(-1)?.[0] ?? 0);
  const others = account.hours.filter(([at]) => at !== newest && at > newest - WINDOW_HOURS);
  const [, before, paid] = account.hours.find(([at]) => at === newest) ?? [newest, 0, 0];
  return { ...account, hours: [...others, [newest, before + saved, paid + spent]] };
}

const inWindow = (hours: Account["hours"], now: number): Account["hours"] =>
  hours.filter(([hour]) => hour > Math.floor(now / HOUR_MS) - WINDOW_HOURS);
