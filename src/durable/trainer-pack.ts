// What may be in a pack. The gateway sends a trainer the fields below and no others, so that a text that finds its way
// into a record one day still stays at home; the trainer reads each record as if anybody had written it.
import { type Experience, type Outcome } from "../policy/experience.ts";
import { CORRELATION_SIZE, EMBEDDING_SIZE } from "../policy/network/policy.ts";
import { type TrainerPack } from "./leases.ts";
import { type Label } from "./report.ts";

export type TrainerLabel = TrainerPack["labels"][number];

/** All fields of a record, checked by the compiler: one that is new must be let out on purpose. */
type Fields<T> = Readonly<Record<keyof T, true>>;

const EXPERIENCE_FIELDS: Fields<Experience> = {
  expId: true,
  tenant: true,
  region: true,
  at: true,
  f: true,
  c: true,
  omega: true,
  price: true,
  noise: true,
  action: true,
  mu: true,
  probs: true,
  sub: true,
  policyVersion: true,
  resolverVersion: true,
  embedder: true,
  nearest: true,
  share: true,
  usedRows: true,
};

const OUTCOME_FIELDS: Fields<Outcome> = {
  expId: true,
  tenant: true,
  result: true,
  kind: true,
  delaySeconds: true,
  parts: true,
  tokensIn: true,
  tokensOut: true,
  costUsd: true,
  savedUsd: true,
  overheadUsd: true,
  lookUpUsd: true,
  lang: true,
  notes: true,
};

const LABEL_FIELDS: Fields<TrainerLabel> = {
  labelId: true,
  expId: true,
  tenant: true,
  source: true,
  correct: true,
  weight: true,
  rowId: true,
  distance: true,
  match: true,
  scorer: true,
  reuse: true,
  costUsd: true,
  samplingProbability: true,
  notes: true,
  plain: true,
  noteRows: true,
};

/** A copy of a pack with the known fields alone. */
export function withoutTexts(pack: TrainerPack): TrainerPack {
  return {
    packId: pack.packId,
    experiences: pack.experiences.map((record) => only(record, EXPERIENCE_FIELDS)),
    outcomes: pack.outcomes.map((record) => only(record, OUTCOME_FIELDS)),
    labels: pack.labels.map((record) => only(record, LABEL_FIELDS)),
  };
}

function only<T extends object>(record: T, fields: Fields<T>): T {
  return Object.fromEntries(
    Object.entries(record).filter(([field]) => Object.hasOwn(fields, field)),
  ) as T;
}

/** K = 16 chains with T + 1 = 21 steps and three actions are 4 kB of float32. */
const MAX_NOISE = 100_000;
const MAX_ROWS = 100;
const MAX_PARTS = 50;
/** Probabilities are rounded on their way. */
const SUM_TOLERANCE = 1e-3;

/** null unless every field is of its type, in its size and finite; unknown fields are left out. */
export function readExperience(value: unknown): Experience | null {
  if (!isRecord(value)) return null;
  const e = value as Readonly<Record<keyof Experience, unknown>>;
  const good =
    [e.expId, e.tenant, e.region, e.embedder].every(isId) &&
    [e.at, e.policyVersion, e.resolverVersion].every(isCount) &&
    isBase64(e.f, 2 * EMBEDDING_SIZE) &&
    isNumbers(e.c, CORRELATION_SIZE) &&
    Number.isFinite(e.omega) &&
    (e.price === undefined || isNumber(e.price)) &&
    (e.noise === "zero" ||
      (isShortText(e.noise, MAX_NOISE) && e.noise.length % 4 === 0 && BASE64.test(e.noise))) &&
    isDistribution(e.probs) &&
    isCount(e.action) &&
    e.action < e.probs.length &&
    isProbability(e.mu) &&
    SUBS.has(e.sub) &&
    typeof e.share === "boolean" &&
    (e.nearest === undefined || isNumber(e.nearest)) &&
    isRows(e.usedRows);
  return good ? only(value as unknown as Experience, EXPERIENCE_FIELDS) : null;
}

export function readOutcome(value: unknown): Outcome | null {
  if (!isRecord(value)) return null;
  const o = value as Readonly<Record<keyof Outcome, unknown>>;
  const good =
    [o.expId, o.tenant, o.kind].every(isId) &&
    RESULTS.has(o.result) &&
    [o.delaySeconds, o.tokensIn, o.tokensOut].every((x) => isNumber(x) && x >= 0) &&
    [o.costUsd, o.savedUsd, o.overheadUsd].every(isNumber) &&
    (o.lookUpUsd === undefined || isNumber(o.lookUpUsd)) &&
    (o.lang === undefined || isId(o.lang)) &&
    (o.notes === undefined || isNotesArm(o.notes)) &&
    isRecord(o.parts) &&
    Object.keys(o.parts).length <= MAX_PARTS &&
    Object.keys(o.parts).every(isId) &&
    Object.values(o.parts).every(isNumber);
  return good ? only(value as unknown as Outcome, OUTCOME_FIELDS) : null;
}

export function readLabel(value: unknown): TrainerLabel | null {
  if (!isRecord(value)) return null;
  const l = value as Readonly<Record<keyof Label, unknown>>;
  const good =
    [l.labelId, l.expId, l.tenant].every(isId) &&
    SOURCES.has(l.source) &&
    (l.correct === 0 || l.correct === 1) &&
    isNumber(l.weight) &&
    l.weight >= 0 &&
    (l.rowId === undefined || isId(l.rowId)) &&
    (l.scorer === undefined || isId(l.scorer)) &&
    (l.reuse === undefined || REUSES.has(l.reuse)) &&
    [l.distance, l.match, l.costUsd].every((x) => x === undefined || isNumber(x)) &&
    (l.samplingProbability === undefined || isProbability(l.samplingProbability)) &&
    (l.notes === undefined || isNotesArm(l.notes)) &&
    (l.plain === undefined || l.plain === 0 || l.plain === 1) &&
    (l.noteRows === undefined || isRows(l.noteRows));
  return good ? only(value as unknown as TrainerLabel, LABEL_FIELDS) : null;
}

const RESULTS: ReadonlySet<unknown> = new Set<Outcome["result"]>([
  "final",
  "client_abort",
  "upstream_error",
  "incomplete",
  "unknown",
]);
const SOURCES: ReadonlySet<unknown> = new Set<Label["source"]>([
  "feedback",
  "regenerate",
  "shadow",
  "judge",
  "human",
]);
const REUSES: ReadonlySet<unknown> = new Set<Label["reuse"]>(["served", "withheld", "refused"]);
const SUBS: ReadonlySet<unknown> = new Set<Experience["sub"]>(["A", "B", "C", "B_FALLBACK"]);
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isShortText = (value: unknown, most: number): value is string =>
  typeof value === "string" && value.length <= most;
const isId = (value: unknown): value is string => isShortText(value, 200) && value !== "";
const isNumbers = (value: unknown, length: number): value is readonly number[] =>
  Array.isArray(value) && value.length === length && value.every(isNumber);
const isProbability = (value: unknown): boolean => isNumber(value) && value > 0 && value <= 1;
const isRows = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= MAX_ROWS && value.every(isId);
const isNotesArm = (value: unknown): boolean =>
  isRecord(value) &&
  (value["arm"] === "B" || value["arm"] === "C") &&
  isProbability(value["probability"]) &&
  isId(value["lang"]);

/** base64 of exactly `bytes` bytes, or empty: the embedding was not available. */
const isBase64 = (value: unknown, bytes: number): boolean =>
  value === "" ||
  (isShortText(value, 4 * Math.ceil(bytes / 3)) &&
    value.length === 4 * Math.ceil(bytes / 3) &&
    BASE64.test(value));

const isDistribution = (value: unknown): value is readonly number[] =>
  Array.isArray(value) &&
  (value.length === 2 || value.length === 3) &&
  value.every((p) => isNumber(p) && p >= 0 && p <= 1) &&
  Math.abs(value.reduce((sum: number, p: number) => sum + p, 0) - 1) <= SUM_TOLERANCE;
