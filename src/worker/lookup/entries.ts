// Stored answers. One R2 object per exact key, `a/<tenant>/<ansId>`: the exact-match key and the answer's key are the
// same, so a repeat costs one read and a new answer one write. Deleting the object is the tombstone.
import { type TenantId } from "../../durable/tenant.ts";
import { base32, sha256Hex } from "./digest.ts";
import { type Origin, type Scope, scopeIn } from "./fingerprint.ts";

export interface StoredAnswer {
  readonly v: 1;
  readonly ansId: string;
  readonly tenant: string;
  readonly namespace: string;
  readonly fingerprint: string;
  readonly question: string;
  readonly embedder: string;
  /** Left out by a release before there was one: such an answer cannot follow a change of the embedder. */
  readonly origin?: Origin;
  readonly text: string;
  readonly finishReason: string;
  readonly model: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Seconds the model took, for what a hit saves. */
  readonly modelSeconds: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** SHA-256 of `text`, hex. */
  readonly sha256: string;
}

/** Exact key of a question: covers tenant (through the namespace), fingerprint and text. */
export async function answerIdOf(
  hmac: (parts: readonly string[]) => Promise<Uint8Array>,
  scope: { readonly tenant: string; readonly namespace: string; readonly fingerprint: string },
  question: string,
): Promise<string> {
  const mac = await hmac(["answer", scope.tenant, scope.namespace, scope.fingerprint, question]);
  return base32(mac).slice(0, 52);
}

/** Vector id of a question row: unique over all tenants and not computable by one for another. */
export async function vectorIdOf(
  hmac: (parts: readonly string[]) => Promise<Uint8Array>,
  tenant: string,
  ansId: string,
): Promise<string> {
  return base32(await hmac(["vector", tenant, ansId])).slice(0, 52);
}

/** The store of record as the gateway sees it; R2 in production, a Map in tests. */
export interface AnswerStore {
  get(key: string): Promise<string | null>;
  put(key: string, body: string): Promise<void>;
}

const keyOf = (tenant: TenantId, ansId: string): string => `a/${tenant}/${ansId}`;

/**
 * Reads one answer and re-checks everything that makes it this caller's: tenant, key, fingerprint, embedder, expiry,
 * integrity. Anything wrong is a miss.
 */
export async function readAnswer(
  store: AnswerStore,
  expected: Expected,
): Promise<StoredAnswer | null> {
  const body = await store.get(keyOf(expected.tenant, expected.ansId));
  return body === null ? null : await asAnswer(body, expected);
}

interface Expected {
  readonly tenant: TenantId;
  readonly ansId: string;
  readonly namespace: string;
  readonly fingerprint: string;
  readonly now: number;
}

async function asAnswer(body: string, expected: Expected): Promise<StoredAnswer | null> {
  let answer: StoredAnswer;
  try {
    answer = JSON.parse(body) as StoredAnswer;
  } catch {
    return null;
  }
  const own =
    answer.v === 1 &&
    answer.tenant === expected.tenant &&
    answer.ansId === expected.ansId &&
    answer.namespace === expected.namespace &&
    answer.fingerprint === expected.fingerprint &&
    answer.expiresAt > expected.now &&
    typeof answer.text === "string";
  return own && (await sha256Hex(answer.text)) === answer.sha256 ? answer : null;
}

/**
 * An answer as its own object says where it belongs, for a change of the embedder: null unless key, namespace, fingerprint
 * and text all follow from what it says of itself.
 */
export async function readOwnAnswer(
  store: Pick<AnswerStore, "get">,
  hmac: (parts: readonly string[]) => Promise<Uint8Array>,
  expected: { readonly tenant: TenantId; readonly ansId: string; readonly now: number },
): Promise<{ readonly answer: StoredAnswer; readonly scope: Scope } | null> {
  const { tenant, ansId } = expected;
  const body = await store.get(keyOf(tenant, ansId));
  if (body === null) return null;
  let said: Partial<StoredAnswer>;
  try {
    said = JSON.parse(body) as Partial<StoredAnswer>;
  } catch {
    return null;
  }
  const { origin, question } = said;
  if (typeof question !== "string" || !isOrigin(origin)) return null;
  const scope = await scopeIn(tenant, origin);
  if ((await answerIdOf(hmac, scope, question)) !== ansId) return null;
  const { namespace, fingerprint } = scope;
  const answer = await asAnswer(body, { ...expected, namespace, fingerprint });
  return answer && { answer, scope };
}

const isOrigin = (origin: Partial<Origin> | null | undefined): origin is Origin =>
  typeof origin?.place === "string" &&
  typeof origin.request === "string" &&
  typeof origin.embedder === "string";

export async function writeAnswer(store: AnswerStore, answer: StoredAnswer): Promise<void> {
  await store.put(keyOf(answer.tenant as TenantId, answer.ansId), JSON.stringify(answer));
}

/** Answers that this isolate has just read or made; short-lived, bounded, keyed by tenant first. */
export class AnswerMemory {
  readonly #entries = new Map<string, { readonly answer: StoredAnswer; readonly at: number }>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = 8 << 20) {
    this.#maxBytes = maxBytes;
  }

  get(tenant: TenantId, ansId: string, now: number, maxAgeMs: number): StoredAnswer | null {
    const entry = this.#entries.get(keyOf(tenant, ansId));
    if (entry === undefined || now - entry.at > maxAgeMs) return null;
    return entry.answer.tenant === tenant && entry.answer.expiresAt > now ? entry.answer : null;
  }

  set(answer: StoredAnswer, now: number): void {
    const key = keyOf(answer.tenant as TenantId, answer.ansId);
    // An answer that was served from here is no younger for it: it must be read again some time.
    if (this.#entries.get(key)?.answer === answer) return;
    this.#delete(key);
    this.#entries.set(key, { answer, at: now });
    this.#bytes += sizeOf(answer);
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#delete(oldest);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#bytes -= sizeOf(entry.answer);
    this.#entries.delete(key);
  }
}

const sizeOf = (answer: StoredAnswer): number =>
  2 * (answer.text.length + answer.question.length) + 600;
