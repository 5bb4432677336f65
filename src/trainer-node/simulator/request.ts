// One request of a workload and the label it carries.

/**
 * What a request is to the cache domain that gets it. repeat: this text was asked before. rephrase: its group was
 * asked in this language, in other words. translation: its group was asked in other languages only. changed: its
 * group was not asked, but another of its family was. follow-up: asked after its parent, with `history`. new: none.
 */
export type RequestKind = "new" | "repeat" | "rephrase" | "changed" | "translation" | "follow-up";

export const REQUEST_KINDS: readonly RequestKind[] = [
  "new",
  "repeat",
  "rephrase",
  "changed",
  "translation",
  "follow-up",
];

export interface WorkloadRequest {
  /** Arrival, seconds after the start. */
  readonly t: number;
  readonly id: string;
  readonly group: string;
  readonly question: string;
  readonly lang: string;
  readonly kind: RequestKind;
  readonly region: string;
  readonly reference_answer?: string;
  /** Earlier turns, oldest first; only for follow-ups. */
  readonly history?: readonly Turn[];
}

export interface Turn {
  readonly role: "user" | "assistant";
  readonly content: string;
}
