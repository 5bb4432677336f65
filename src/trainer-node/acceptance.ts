// How often an answer is acceptable, pooled over everything that was ever labelled: per way of handling and, where an
// earlier answer took part, per distance of the nearest row. Each cell is drawn towards the rate of its handling, and that
// towards a Beta prior, so that a few labels move little.
//
//   R_h = (accepted_h + a_h) / (labels_h + a_h + b_h)
//   y-hat = (accepted_hx + m R_h) / (labels_hx + m)
import { type Handling } from "../policy/action.ts";

/** Weights of the labels seen, by cell: [accepted, wrong]. JSON, so that it fits a checkpoint. */
export type AcceptanceTable = Readonly<Record<string, readonly [accepted: number, wrong: number]>>;

/** What a label says about which cell. */
export interface LabelledCase {
  readonly handling: Handling;
  /** Of the nearest row, in [0, 2]. */
  readonly distance: number;
  readonly correct: 0 | 1;
  readonly weight: number;
}

/**
 * Beta(a, b) before any label. A fresh answer is what stored ones are compared with, so only many labels move it; a
 * stored one that passed the guards is expected to be right nine times in ten, which ten labels outweigh.
 */
const PRIOR: Record<Handling, readonly [a: number, b: number]> = {
  A: [9, 1],
  B: [99, 1],
  C: [18, 2],
};

/** m: the handling's rate counts as this many labels in each of its cells. */
const CELL_PRIOR = 10;
const BIN_WIDTH = 0.2;
const BINS = 10;

/** The table with one more label in it, or with one taken out (`sign` -1). */
export function withLabel(table: AcceptanceTable, label: LabelledCase, sign = 1): AcceptanceTable {
  const cell = cellOf(label.handling, label.distance);
  const [accepted, wrong] = table[cell] ?? [0, 0];
  const weight = sign * label.weight;
  return {
    ...table,
    [cell]: label.correct === 1 ? [accepted + weight, wrong] : [accepted, wrong + weight],
  };
}

/** y-hat: the estimated probability that an answer given this way at this distance is acceptable. */
export function acceptanceRate(
  table: AcceptanceTable,
  handling: Handling,
  distance: number,
): number {
  const [a, b] = PRIOR[handling];
  let accepted = a;
  let labels = a + b;
  for (const [cell, [good, bad]] of Object.entries(table)) {
    if (!cell.startsWith(handling)) continue;
    accepted += good;
    labels += good + bad;
  }
  const [good, bad] = table[cellOf(handling, distance)] ?? [0, 0];
  return (good + (CELL_PRIOR * accepted) / labels) / (good + bad + CELL_PRIOR);
}

/** A model call without notes has one cell: how near a row lies says nothing about it. */
function cellOf(handling: Handling, distance: number): string {
  if (handling === "B") return handling;
  return `${handling}${Math.max(0, Math.min(BINS - 1, Math.floor(distance / BIN_WIDTH)))}`;
}
