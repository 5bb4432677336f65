// The answers of a simulated world: what R2 holds in production, and which calls for an answer are under way.
import { type ObjectStore } from "../../durable/packs.ts";
import { type Candidate } from "../../policy/cache/candidate.ts";
import { TENANT } from "./executed.ts";
import { type SimulatedRequest } from "./source.ts";

interface StoredAnswer {
  readonly request: SimulatedRequest;
  readonly expiresAt: number;
}

export class StoredAnswers {
  /** For the region object, by R2 key. Packs are dropped: whoever simulates has what is in them. */
  readonly objects: ObjectStore;
  readonly #answers = new Map<string, StoredAnswer>();
  readonly #ids = new Map<string, string>();
  readonly #underWay = new Map<string, number>();
  readonly #domain: "region" | "shared";

  constructor(domain: "region" | "shared") {
    this.#domain = domain;
    this.objects = {
      put: () => Promise.resolve(),
      get: () => Promise.resolve(null),
      has: (key) => Promise.resolve(this.#answers.has(key)),
      delete: (keys) => {
        for (const key of keys) this.#answers.delete(key);
        return Promise.resolve();
      },
    };
  }

  namespaceOf(region: string): string {
    return this.#domain === "region" ? `region-${region}` : "shared";
  }

  /** Equal for exact repeats in one cache domain, and for them alone. */
  ansIdOf(request: SimulatedRequest): string {
    const key = this.#textKey(request);
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = `ans-${this.#ids.size}`;
      this.#ids.set(key, id);
    }
    return id;
  }

  put(request: SimulatedRequest, expiresAt: number): void {
    this.#answers.set(keyOf(this.ansIdOf(request)), { request, expiresAt });
  }

  drop(ansId: string): void {
    this.#answers.delete(keyOf(ansId));
  }

  hasExactly(request: SimulatedRequest, at: number): boolean {
    return this.#valid(this.ansIdOf(request), at) !== null;
  }

  /** The request whose answer a row leads to; null when it is gone or has expired. */
  behind(row: Candidate, at: number): SimulatedRequest | null {
    return this.#valid(row.ansId, at);
  }

  begin(request: SimulatedRequest, ends: number): void {
    this.#underWay.set(this.ansIdOf(request), ends);
  }

  end(request: SimulatedRequest): void {
    this.#underWay.delete(this.ansIdOf(request));
  }

  /** When a call for this very text that is under way ends; null when there is none. Changes nothing. */
  endOf(request: SimulatedRequest, at: number): number | null {
    const id = this.#ids.get(this.#textKey(request));
    const ends = id === undefined ? undefined : this.#underWay.get(id);
    return ends !== undefined && ends > at ? ends : null;
  }

  #textKey({ region, fp, text }: SimulatedRequest): string {
    return `${this.namespaceOf(region)}\u0000${fp}\u0000${text}`;
  }

  #valid(ansId: string, at: number): SimulatedRequest | null {
    const answer = this.#answers.get(keyOf(ansId));
    return answer !== undefined && answer.expiresAt > at ? answer.request : null;
  }
}

const keyOf = (ansId: string): string => `a/${TENANT}/${ansId}`;
