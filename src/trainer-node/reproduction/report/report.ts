// What a report is made of, before it is written down.
import { type Plot, type Provenance } from "./plot.ts";
import { type Estimate } from "./statistics.ts";
import { type ClaimResult } from "./verdict.ts";

export interface Report {
  readonly title: string;
  /** Paragraphs in Markdown. */
  readonly introduction: readonly string[];
  readonly claims: readonly ClaimResult[];
  readonly sections: readonly Section[];
}

export interface Section {
  /** Lower-case letters, digits and hyphens: the anchor, or the file of a page of its own. */
  readonly id: string;
  readonly title: string;
  /** Paragraphs in Markdown. */
  readonly text: readonly string[];
  readonly tables: readonly Table[];
  readonly plots: readonly Plot[];
  /** Sections of one page go into PAGE.md, in their order; those without one into README.md. */
  readonly page?: string;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly (string | Column)[];
  readonly rows: readonly (readonly Cell[])[];
  readonly provenance: Provenance;
}

export interface Column {
  readonly title: string;
  /** Of all its figures; default as many as their intervals bear, 2 where there are none. */
  readonly digits?: number;
  /** Shares are written as per cents. */
  readonly isPercent?: boolean;
}

/** Figures are aligned to the right, null is written "-". */
export type Cell = string | number | Estimate | null;
