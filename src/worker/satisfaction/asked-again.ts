// Whoever asks the same thing again at once was not content with the answer. Kept in isolate memory only, for minutes, by
// tenant and person: nothing of it is stored or sent but the label.
import { fingerprintOf } from "../../durable/fingerprint.ts";
import { checkGuards } from "../../policy/cache/guards.ts";
import { languageOf } from "../../policy/cache/language.ts";
import { type LabelledRow } from "./row-match.ts";

const SAME_MS = 120_000;
const NEAR_MS = 600_000;
/** A near duplicate; the guards must also find the two questions to ask for the same. */
const NEAR_COSINE = 0.9;
/** With 768 numbers each, 4 MB at most. */
const MAX_ASKS = 1_000;
const ASKS_EACH = 4;
const MAX_COMPLAINTS = 5_000;

/** One answered question. */
export interface Ask {
  readonly at: number;
  readonly decision: string;
  readonly ansId: string;
  /** Namespace and fingerprint: only within them are two questions the same. */
  readonly scope: string;
  readonly question: string;
  /** Whether the cache took part: as the answer (the row and its answer are named) or as notes. */
  readonly handling: "A" | "C" | "B";
  readonly embedding: Float32Array | null;
  readonly row: LabelledRow | null;
  readonly rowAnsId: string | null;
}

/** Who asked. A key alone may stand for every user of an application. */
export interface Asker {
  /** Begins with the tenant. */
  readonly id: string;
  readonly isPerson: boolean;
}

export function askerOf(tenant: string, keyId: string, user: unknown): Asker {
  return typeof user === "string" && user !== ""
    ? // Names may be of any length, and are nobody's business here.
      { id: `${tenant}|user|${fingerprintOf(user)}`, isPerson: true }
    : { id: `${tenant}|key|${keyId}`, isPerson: false };
}

export class RecentAsks {
  /** By asker, the one heard of last at the end; newest ask last. */
  readonly #asks = new Map<string, readonly Ask[]>();
  readonly #complaints = new Set<string>();
  #size = 0;

  note(asker: Asker, ask: Ask): void {
    const before = this.#asks.get(asker.id) ?? [];
    const after = [...before, ask].slice(-ASKS_EACH);
    this.#asks.delete(asker.id);
    this.#asks.set(asker.id, after);
    this.#size += after.length - before.length;
    // Askers lie in the order in which they were last heard of.
    for (const [oldest, asks] of this.#asks) {
      if (this.#size <= MAX_ASKS && ask.at - asks.at(-1)!.at <= NEAR_MS) break;
      this.#asks.delete(oldest);
      this.#size -= asks.length;
    }
  }

  /** The very same question within two minutes, or null. */
  same(asker: Asker, ansId: string, now: number): Ask | null {
    const asks = this.#asks.get(asker.id) ?? [];
    return asks.findLast((ask) => ask.ansId === ansId && now - ask.at <= SAME_MS) ?? null;
  }

  /** Another wording within ten minutes of a question that the cache answered, or null. */
  near(
    asker: Asker,
    asked: Pick<Ask, "ansId" | "scope" | "question"> & { readonly embedding: Float32Array },
    now: number,
  ): Ask | null {
    const asks = this.#asks.get(asker.id) ?? [];
    return (
      asks.findLast(
        (ask) =>
          ask.handling !== "B" &&
          ask.ansId !== asked.ansId &&
          ask.scope === asked.scope &&
          now - ask.at <= NEAR_MS &&
          ask.embedding !== null &&
          dot(ask.embedding, asked.embedding) >= NEAR_COSINE &&
          asksTheSame(asked.question, ask.question, now),
      ) ?? null
    );
  }

  /** Whether this is the asker's first complaint about the row or decision: repeating it makes it no truer. */
  isFirst(asker: Asker, about: string): boolean {
    const key = `${asker.id}|${about}`;
    if (this.#complaints.has(key)) return false;
    this.#complaints.add(key);
    for (const oldest of this.#complaints) {
      if (this.#complaints.size <= MAX_COMPLAINTS) break;
      this.#complaints.delete(oldest);
    }
    return true;
  }

  clear(): void {
    this.#asks.clear();
    this.#size = 0;
  }

  get size(): number {
    return this.#size;
  }
}

/** "5 % of 80" after "6 % of 80" is the next question, not a complaint. */
function asksTheSame(question: string, earlier: string, now: number): boolean {
  const verdicts = checkGuards(
    { text: question, lang: languageOf(question), fp: "", now },
    {
      id: "",
      ansId: "",
      role: 1,
      distance: 0,
      useCount: 1,
      fp: "",
      lang: languageOf(earlier),
      question: earlier,
      createdAt: now,
      expiresAt: Infinity,
    },
  );
  return verdicts.every(({ pass }) => pass);
}

function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
