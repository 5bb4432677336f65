// Decisions as the resolver takes them: the guards on every candidate, then the verifier, whatever the guards have said.
import { type Candidate } from "../../../src/policy/cache/candidate.ts";
import { guardsFor } from "../../../src/policy/cache/guards.ts";
import { type PairScorer } from "../../../src/policy/verifier/pair-scorer.ts";

const CANDIDATES = 10;
/** Popular rows, of which ten are candidates of a request. */
const POPULAR = 40;

const CANDIDATE: Omit<Candidate, "question"> = {
  id: "row",
  ansId: "answer",
  role: 1,
  distance: 0.2,
  useCount: 1,
  fp: "f",
  lang: "en",
  createdAt: 0,
  expiresAt: 2,
};

export class DecisionLoop {
  readonly #scorer: PairScorer;
  /** All in English. */
  readonly #texts: readonly string[];
  /** Goes into every new text, so that none was read before. */
  #call = 0;

  constructor(scorer: PairScorer, texts: readonly string[]) {
    this.#scorer = scorer;
    this.#texts = texts;
  }

  /** `calls` requests whose candidates were read before. @returns guards that passed, so that nothing is left out */
  known(calls: number): number {
    return this.#run(calls, (call, k) => this.#texts[(call * 7 + k * 3) % POPULAR]!);
  }

  /** `calls` requests whose candidates are new as well. */
  allNew(calls: number): number {
    return this.#run(
      calls,
      (call, k) => `${this.#texts[(call * CANDIDATES + k) % this.#texts.length]!} ${call}`,
    );
  }

  #run(calls: number, row: (call: number, k: number) => string): number {
    let passed = 0;
    for (let i = 0; i < calls; i++) {
      const call = this.#call++;
      const text = `${this.#texts[(call * 31) % this.#texts.length]!} ${call}`;
      const check = guardsFor({ text, lang: "en", fp: "f", now: 1 }, { fuzzy: "signal" });
      for (let k = 0; k < CANDIDATES; k++) {
        const candidate = { ...CANDIDATE, question: row(call, k) };
        for (const { pass } of check(candidate)) if (pass) passed++;
        const stored = { text: candidate.question, lang: "en" };
        if (this.#scorer.score({ text, lang: "en" }, stored, 0.8).probability > 0.5) passed++;
      }
    }
    return passed;
  }
}
