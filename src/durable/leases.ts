// Leases of packs to a trainer: at least once from here, exactly once at the trainer, which remembers what its last
// checkpoint holds and acknowledges only after it. Time is the object's own clock and nobody else's.
import { type Experience, type Outcome } from "../policy/experience.ts";
import { type Label } from "./report.ts";
import { type SqlStore } from "./rows.ts";

/** What a trainer receives of one pack: features, ids and figures, no texts. */
export interface TrainerPack {
  readonly packId: string;
  readonly experiences: readonly Experience[];
  readonly outcomes: readonly Outcome[];
  readonly labels: readonly Omit<Label, "comment" | "by">[];
}

export interface TrainerLease {
  /** 128 random bits, hex. Empty when there was nothing to lease. */
  readonly leaseToken: string;
  /** Milliseconds since the epoch by the object's clock. */
  readonly expiresAt: number;
  readonly packs: readonly TrainerPack[];
}

export type AckReply =
  | { readonly ok: true; readonly acked: number }
  | { readonly ok: false; readonly reason: "stale token" };

export interface LeaseRequest {
  readonly trainer: string;
  /** Experiences. */
  readonly max: number;
  /** How long the packs are this trainer's without a heartbeat; a minute when unset. */
  readonly holdMs?: number;
}

/** The trainer's calls to a region object. */
export interface TrainerRpc {
  /** Whether a signed request with this nonce is the first; from now on it is not. */
  takeNonce(nonce: string): Promise<boolean>;
  /** Packs nobody holds, oldest first: at least one if there is any, no more than `max` experiences beyond the first. */
  lease(request: LeaseRequest): Promise<TrainerLease>;
  /** The new expiry, or null when the token holds nothing any more. */
  heartbeat(leaseToken: string, holdMs?: number): Promise<number | null>;
  ack(leaseToken: string, packIds: readonly string[]): Promise<AckReply>;
}

export interface LeaseLimits {
  readonly visibilityMs: number;
  /** A pack that was leased this often and never acknowledged is set aside. */
  readonly maxLeases: number;
  /**
   * Decisions of one lease, those without an experience among them (exact hits, bypasses): each has an outcome, and a lease
   * is built in memory.
   */
  readonly maxDecisions: number;
}

const LEASE_LIMITS: LeaseLimits = { visibilityMs: 60_000, maxLeases: 3, maxDecisions: 10_000 };

export interface LeasedPack {
  readonly first: number;
  readonly last: number;
}

interface PackRow {
  readonly [column: string]: string | number | null;
  readonly first: number;
  readonly last: number;
  readonly experiences: number;
  /** One per decision. */
  readonly receipts: number;
  readonly status: string;
  readonly leases: number;
}

export const packIdOf = ({ first, last }: LeasedPack): string => `${first}-${last}`;

/** Status of a pack: ready -> leased -> acked, or back to ready by time, or quarantined. */
export class Leases {
  readonly #store: SqlStore;
  readonly #limits: LeaseLimits;
  /** No pack before this one is open: spares reading weeks of finished ones. */
  #from = 0;

  constructor(store: SqlStore, limits: LeaseLimits = LEASE_LIMITS) {
    this.#store = store;
    this.#limits = limits;
  }

  /** @param token 128 random bits made by the caller */
  lease(
    token: string,
    max: number,
    now: number,
    holdMs = this.#limits.visibilityMs,
  ): { readonly packs: readonly LeasedPack[]; readonly expiresAt: number } {
    const expiresAt = now + holdMs;
    const packs = this.#store.transaction(() => {
      const open = this.#store.exec<PackRow & { lease_until: number | null }>(
        `SELECT first, last, experiences, receipts, status, leases, lease_until FROM pack
         WHERE first >= ? AND status IN ('ready', 'leased') ORDER BY first LIMIT 200`,
        this.#from,
      );
      this.#from = open[0]?.first ?? this.#from;
      const taken: PackRow[] = [];
      let experiences = 0;
      let decisions = 0;
      for (const pack of open) {
        if (pack.status === "leased" && (pack.lease_until ?? 0) > now) continue;
        if (pack.leases >= this.#limits.maxLeases) {
          this.#setStatus(pack.first, "quarantined");
          continue;
        }
        const fits =
          experiences + pack.experiences <= max &&
          decisions + pack.receipts <= this.#limits.maxDecisions;
        // A pack that failed before travels alone, so that it takes no other with it if it is poison.
        if (taken.length > 0 && (pack.leases > 0 || !fits)) break;
        this.#store.exec(
          "UPDATE pack SET status = 'leased', token = ?, lease_until = ?, leases = leases + 1 WHERE first = ?",
          token,
          expiresAt,
          pack.first,
        );
        taken.push(pack);
        experiences += pack.experiences;
        decisions += pack.receipts;
        if (pack.leases > 0) break;
      }
      return taken;
    });
    return { packs, expiresAt };
  }

  heartbeat(token: string, now: number, holdMs = this.#limits.visibilityMs): number | null {
    const expiresAt = now + holdMs;
    const held = this.#store.exec(
      `UPDATE pack SET lease_until = ?
       WHERE first >= ? AND status = 'leased' AND token = ? AND lease_until > ? RETURNING first`,
      expiresAt,
      this.#from,
      token,
      now,
    );
    return held.length > 0 ? expiresAt : null;
  }

  /**
   * An id that is unknown or was acknowledged before is fine: the reply to the first ack may have been lost. A pack
   * that is leased to somebody else, or whose lease ran out, refuses the whole call and nothing changes.
   */
  ack(token: string, packIds: readonly string[], now: number): AckReply {
    return this.#store.transaction(() => {
      const packs = packIds.flatMap((id) => this.#find(id));
      const stale = packs.some(
        ({ status, token: holder, lease_until }) =>
          status !== "acked" &&
          (status !== "leased" || holder !== token || Number(lease_until) <= now),
      );
      if (stale) return { ok: false, reason: "stale token" };
      const held = packs.filter(({ status }) => status === "leased");
      for (const { first } of held) this.#setStatus(first, "acked");
      return { ok: true, acked: held.length };
    });
  }

  /** Sets a pack aside whose object cannot be read. */
  quarantine(pack: LeasedPack): void {
    this.#setStatus(pack.first, "quarantined");
  }

  /** Undoes a lease that could not be handed over for a reason that is not in its packs. */
  giveBack(token: string): void {
    this.#store.exec(
      `UPDATE pack SET status = 'ready', leases = leases - 1, token = NULL
       WHERE first >= ? AND status = 'leased' AND token = ?`,
      this.#from,
      token,
    );
  }

  /** Puts the packs that were set aside back in line; for an operator who knows why they failed. */
  reopen(): number {
    const reopened = this.#store.exec<{ first: number }>(
      "UPDATE pack SET status = 'ready', leases = 0, token = NULL WHERE status = 'quarantined' RETURNING first",
    );
    this.#from = 0;
    return reopened.length;
  }

  #find(packId: string): (PackRow & { token: string | null; lease_until: number | null })[] {
    const [first, last] = packId.split("-").map(Number);
    if (first === undefined || last === undefined || !Number.isSafeInteger(first + last)) return [];
    return this.#store.exec(
      "SELECT first, last, experiences, receipts, status, leases, token, lease_until FROM pack WHERE first = ? AND last = ?",
      first,
      last,
    );
  }

  #setStatus(first: number, status: "acked" | "quarantined"): void {
    this.#store.exec("UPDATE pack SET status = ? WHERE first = ?", status, first);
  }
}
