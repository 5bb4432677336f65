// What a region object takes in: whole records only, less of them when its storage fills, and no row larger than SQLite
// allows. Whatever is left out is counted by reason; a caller never sees an error because of it.
import { type Experience } from "../policy/experience.ts";
import { type EntryInsert, type Label, type Report } from "./report.ts";

/** Shares of the storage cap above which less is stored; acknowledging and deleting always works. */
const NO_TEXTS_ABOVE = 0.7;
const SAMPLE_ABOVE = 0.85;
const REFUSE_ABOVE = 0.95;
/** Above the second mark one experience in this many is kept, chosen by its id. */
const SAMPLE_ONE_IN = 4;
/** Rows hold at most 2 MB; a UTF-16 unit takes up to three bytes. */
const MAX_BODY_UNITS = 600_000;
/** Vectorize takes no longer vectors. */
const MAX_DIMENSIONS = 1_536;
const MAX_ID_BYTES = 64;
const MAX_QUESTION_BYTES = 2_048;
/** No label costs more; a wrong price would stop a tenant's labels for a day. */
const MAX_LABEL_USD = 100;

type DropReason =
  | "full"
  | "sampled"
  | "invalid experience"
  | "invalid row"
  | "invalid label"
  | "too large"
  | "index refused"
  | "overflow";

export type Drops = Partial<Record<DropReason, number>>;

/**
 * @param filled share of the storage cap in use
 * @returns what may be stored, or null when nothing may
 */
export function admit(
  report: Report,
  filled: number,
): { readonly report: Report | null; readonly drops: Drops } {
  if (filled >= REFUSE_ABOVE) return { report: null, drops: { full: recordsOf(report) } };
  const experiences = report.experiences.filter(isExperience);
  const kept =
    filled >= SAMPLE_ABOVE ? experiences.filter(({ expId }) => isSampled(expId)) : experiences;
  const inserts = report.inserts.filter(isInsert);
  const labels = report.labels.filter(isLabel);
  return {
    report: {
      ...report,
      experiences: kept,
      inserts,
      labels,
      receipts:
        filled < NO_TEXTS_ABOVE
          ? report.receipts
          : // Everything else of a receipt may be somebody's words.
            report.receipts.map(({ id, tenant, at, body }) => ({
              id,
              tenant,
              at,
              body: { kind: body["kind"], reason: body["reason"], left_out: "storage is filling" },
            })),
    },
    drops: {
      ...some("invalid experience", report.experiences.length - experiences.length),
      ...some("sampled", experiences.length - kept.length),
      ...some("invalid row", report.inserts.length - inserts.length),
      ...some("invalid label", report.labels.length - labels.length),
    },
  };
}

const some = (reason: DropReason, count: number): Drops => (count > 0 ? { [reason]: count } : {});

function isSampled(id: string): boolean {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) >>> 0;
  return (hash >>> 7) % SAMPLE_ONE_IN === 0;
}

const areFinite = (values: readonly number[]): boolean => values.every((v) => Number.isFinite(v));

/** A trainer divides by mu and feeds the rest to a network: one NaN would spoil its weights. */
function isExperience(experience: Experience): boolean {
  const { expId, tenant, f, c, omega, price = omega, probs, mu, action } = experience;
  return (
    expId !== "" &&
    tenant !== "" &&
    typeof f === "string" &&
    areFinite([...c, omega, price, ...probs]) &&
    mu > 0 &&
    mu <= 1 &&
    Number.isInteger(action) &&
    action >= 0 &&
    action < probs.length
  );
}

/** A row that the index would refuse would fail the whole upsert with it. */
function isInsert(row: EntryInsert): boolean {
  return (
    row.tenant !== "" &&
    bytesOf(row.id) <= MAX_ID_BYTES &&
    row.id !== "" &&
    bytesOf(row.namespace) <= MAX_ID_BYTES &&
    row.namespace !== "" &&
    bytesOf(row.question) <= MAX_QUESTION_BYTES &&
    areFinite([row.createdAt, row.expiresAt]) &&
    isVector(row.vector)
  );
}

/** base64 of as many float32 values as an index may have. */
function isVector(vector: string): boolean {
  const bytes = (vector.length / 4) * 3 - (vector.match(/=*$/)?.[0].length ?? 0);
  return vector !== "" && bytes % 4 === 0 && bytes <= MAX_DIMENSIONS * 4;
}

const isBetween = (value: unknown, least: number, most: number): boolean =>
  typeof value === "number" && value >= least && value <= most;

/** A posterior multiplies over all labels: one NaN would spoil its row, and its slice with it. */
function isLabel(label: Label): boolean {
  const { correct, weight, distance, match, samplingProbability: p, costUsd } = label;
  return (
    (correct === 0 || correct === 1) &&
    isBetween(weight, 0, 1) &&
    (distance === undefined || isBetween(distance, 0, 2)) &&
    (match === undefined || isBetween(match, 0, 2)) &&
    (p === undefined || (isBetween(p, 0, 1) && p > 0)) &&
    (costUsd === undefined || isBetween(costUsd, 0, MAX_LABEL_USD))
  );
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

const KINDS = ["experiences", "outcomes", "receipts", "inserts", "uses", "labels"] as const;
type Lists = Record<(typeof KINDS)[number], unknown[]>;

export const recordsOf = (report: Report): number =>
  KINDS.reduce((sum, kind) => sum + report[kind].length, 0);

/** Parts of a report that each fit a row, in order, at least one. A record that fits none is left out. */
export function partsOf(report: Report): {
  readonly parts: readonly Report[];
  readonly tooLarge: number;
} {
  if (JSON.stringify(report).length <= MAX_BODY_UNITS) return { parts: [report], tooLarge: 0 };
  const empty = (): Lists => ({
    experiences: [],
    outcomes: [],
    receipts: [],
    inserts: [],
    uses: [],
    labels: [],
  });
  let open = empty();
  const parts = [open];
  let units = 0;
  let tooLarge = 0;
  for (const kind of KINDS) {
    for (const record of report[kind]) {
      const size = JSON.stringify(record).length + 1;
      if (size > MAX_BODY_UNITS - 1_000) {
        tooLarge++;
        continue;
      }
      if (units + size > MAX_BODY_UNITS - 1_000) {
        open = empty();
        parts.push(open);
        units = 0;
      }
      open[kind].push(record);
      units += size;
    }
  }
  return { parts: parts.map((lists) => Object.assign({}, report, lists) as Report), tooLarge };
}
