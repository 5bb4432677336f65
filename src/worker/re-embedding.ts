// Cron's part of a change of the embedder: takes old rows from a region object, embeds their questions anew, names row and
// answer for the new space and hands them back. Never on a request's path; the region object writes what it accepts.
import { type Move, type LeasedRow, type MoveLease, type MoveResult } from "../durable/moves.ts";
import { type TenantId } from "../durable/tenant.ts";
import { languageOf } from "../policy/cache/language.ts";
import { encodeFloats } from "../policy/half.ts";
import { type Embed, type EmbedderInfo } from "./lookup/embedder.ts";
import {
  type AnswerStore,
  type StoredAnswer,
  answerIdOf,
  readOwnAnswer,
  vectorIdOf,
} from "./lookup/entries.ts";
import { type Scope, scopeIn } from "./lookup/fingerprint.ts";
import { PRICES } from "./prices.ts";
import { estimateTokens } from "./upstream/notes.ts";

export interface MovingPorts {
  readonly embedder: EmbedderInfo;
  readonly embed: Embed;
  readonly hmac: (parts: readonly string[]) => Promise<Uint8Array>;
  readonly answers: Pick<AnswerStore, "get">;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The two calls of a region object that the job makes. */
export interface MovingRegion {
  takeMoves(to: string): Promise<MoveLease>;
  settleMoves(result: MoveResult): Promise<number>;
}

/** Per pass and region object: each row costs one of the calls that a Worker may make in one run. */
const MAX_ROWS = 200;
const MAX_MS = 45_000;
const READ_CHUNK = 10;
/** Of answers, per lease, in UTF-16 units: they lie in memory together and go to the region object in one call. */
const MAX_TEXT = 4_000_000;
/** A text that any embedder takes. */
const HARMLESS = "question";
/** Rows, of the entry itself, its batch and the state. */
const ROWS_WRITTEN = 2.1;

/** @returns how many rows have moved in this pass */
export async function moveRows(region: MovingRegion, ports: MovingPorts): Promise<number> {
  const since = ports.now();
  let [taken, moved] = [0, 0];
  while (taken < MAX_ROWS && ports.now() - since < MAX_MS) {
    const { token, rows } = await region.takeMoves(ports.embedder.space);
    if (rows.length === 0) break;
    const settled = await region.settleMoves({ token, ...(await prepare(rows, ports)) });
    // The store or the embedder refuses what it is given: the next pass may have better luck.
    if (settled === 0) break;
    taken += rows.length;
    moved += settled;
  }
  return moved;
}

interface Readable {
  readonly row: LeasedRow;
  readonly answer: StoredAnswer;
  /** As the new space names it. */
  readonly scope: Scope;
  readonly ansId: string;
  readonly wording: string;
}

async function prepare(
  rows: readonly LeasedRow[],
  ports: MovingPorts,
): Promise<Omit<MoveResult, "token">> {
  const readable: Readable[] = [];
  const gone: LeasedRow[] = [];
  let [reads, length] = [0, 0];
  // Rows that are left out come with a later lease.
  for (let i = 0; i < rows.length && length < MAX_TEXT; i += READ_CHUNK) {
    const chunk = rows.slice(i, i + READ_CHUNK);
    reads += chunk.length;
    const read = await Promise.all(chunk.map((row) => readRow(row, ports)));
    for (const [j, found] of read.entries())
      if (found === null) gone.push(chunk[j]!);
      else {
        readable.push(found);
        length += found.answer.text.length;
      }
  }
  const vectors = await embedEach(
    readable.map(({ wording }) => wording),
    ports.embed,
  );
  const moves: Move[] = [];
  for (const [i, found] of readable.entries()) {
    const vector = vectors[i];
    if (vector) moves.push(await moveOf(found, vector, ports));
    else gone.push(found.row);
  }
  const tokens = readable.reduce((sum, { wording }) => sum + estimateTokens(wording), 0);
  return {
    moves,
    gone: gone.map(({ tenant, id }) => ({ tenant, id })),
    costUsd:
      tokens * ports.embedder.usdPerToken +
      // Each answer is read, and its new key looked up before anything is written there.
      (reads + moves.length) * PRICES.storeRead +
      moves.length * (PRICES.storeWrite + ROWS_WRITTEN * PRICES.objectRowWritten),
  };
}

/** The row's answer, and its wording: the answer's own question, or another one that was found to mean the same. */
async function readRow(row: LeasedRow, ports: MovingPorts): Promise<Readable | null> {
  const { hmac, answers, embedder, now } = ports;
  const tenant = row.tenant as TenantId;
  const read = await readOwnAnswer(answers, hmac, { tenant, ansId: row.ansId, now: now() });
  if (read === null || read.answer.createdAt !== row.createdAt) return null;
  const { answer } = read;
  const isRowOf = async (wording: string): Promise<boolean> =>
    (await vectorIdOf(hmac, tenant, await answerIdOf(hmac, read.scope, wording))) === row.id;
  let wording = answer.question;
  if (!(await isRowOf(wording))) {
    if (row.question === null || !(await isRowOf(row.question))) return null;
    wording = row.question;
  }
  const scope = await scopeIn(tenant, { ...read.scope.origin, embedder: embedder.space });
  const ansId = await answerIdOf(hmac, scope, answer.question);
  return { row, answer, scope, ansId, wording };
}

async function moveOf(found: Readable, vector: Float32Array, ports: MovingPorts): Promise<Move> {
  const { row, answer, scope, ansId, wording } = found;
  const { namespace, fingerprint, fp, origin, tenant } = scope;
  const { hmac, embedder } = ports;
  const moved: StoredAnswer = {
    ...answer,
    ansId,
    namespace,
    fingerprint,
    origin,
    embedder: embedder.id,
  };
  return {
    tenant: row.tenant,
    id: row.id,
    answer: JSON.stringify(moved),
    insert: {
      id: await vectorIdOf(hmac, tenant, await answerIdOf(hmac, scope, wording)),
      tenant,
      namespace,
      ansId,
      role: 1,
      fp,
      lang: languageOf(wording),
      question: wording,
      createdAt: answer.createdAt,
      expiresAt: answer.expiresAt,
      vector: encodeFloats(vector),
      embedder: embedder.space,
    },
  };
}

/**
 * One vector per text, null for a text that the embedder refuses while it takes a harmless one. Throws when it does not take
 * that either: then it is down, and no row is at fault.
 */
async function embedEach(
  texts: readonly string[],
  embed: Embed,
): Promise<readonly (Float32Array | null)[]> {
  if (texts.length === 0) return [];
  try {
    return await embed(texts);
  } catch {
    const vectors: (Float32Array | null)[] = [];
    for (const text of texts) {
      try {
        vectors.push((await embed([text]))[0] ?? null);
      } catch {
        await embed([HARMLESS]);
        vectors.push(null);
      }
    }
    return vectors;
  }
}
