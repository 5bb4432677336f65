import { type Candidate } from "../../src/policy/cache/candidate.ts";

/** A row that nothing speaks against at `now` = 1000 under the fingerprint "fp", in English. */
export function candidate(fields: Partial<Candidate> = {}): Candidate {
  return {
    id: "row",
    ansId: "answer",
    role: 1,
    distance: 0.2,
    useCount: 1,
    fp: "fp",
    lang: "en",
    question: "How do I boil an egg?",
    createdAt: 0,
    expiresAt: 1_000_000,
    ...fields,
  };
}
