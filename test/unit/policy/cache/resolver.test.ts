import { expect, test } from "vitest";
import { resolve, selectRow } from "../../../../src/policy/cache/resolver.ts";
import { type PairScorer } from "../../../../src/policy/verifier/pair-scorer.ts";
import { candidate } from "../../../support/candidate.ts";

const request = { text: "How do I boil an egg?", lang: "en", fp: "fp", now: 1000 };
const limits = { coldStartDistance: 0.35, noteDistance: 0.95, deltaHit: 0.02, deltaRequest: 0.01 };
const wrongRow = { labels: 9, alpha: Array<number>(32).fill(0.5) };

test.each([
  ["a near question row is servable", {}, "row", null],
  ["one in another language is not", { lang: "de" }, undefined, "guard:language"],
  ["one of another scope is not", { fp: "other" }, undefined, "guard:scope"],
  ["an expired one is not", { expiresAt: 1000 }, undefined, "guard:expiry"],
  ["a quarantined one is not", { quarantined: true }, undefined, "guard:quarantine"],
  ["an answer row is not", { role: 2 as const }, undefined, "answer-row"],
  ["one too far for a cold start is not", { distance: 0.5 }, undefined, "distance"],
  ["one that was often wrong is not", { evidence: wrongRow }, undefined, "budget"],
  [
    "one that asks another thing is not",
    { question: "How do I boil 2 eggs?" },
    undefined,
    "guard:number",
  ],
])("%s", (_, fields, servable, obstacle) => {
  const found = resolve(request, [candidate(fields)], limits);
  expect(found.servable?.id).toBe(servable);
  expect(found.obstacle).toBe(obstacle);
});

test("an empty database leaves nothing to serve and nothing to note", () => {
  expect(resolve(request, [], limits)).toEqual({
    servable: null,
    notes: [],
    verdicts: [],
    obstacle: "no-candidate",
  });
});

test("a nearer row that fails a guard does not hide a farther one that passes", () => {
  const found = resolve(
    request,
    [
      candidate({ id: "near", distance: 0.1, question: "How do I boil 3 eggs?" }),
      candidate({ id: "far", distance: 0.3 }),
    ],
    limits,
  );
  expect(found.servable?.id).toBe("far");
  expect(found.verdicts.map((verdict) => verdict.id)).toEqual(["near", "far"]);
});

test("notes are the three nearest rows within the note distance, of the right scope", () => {
  const rows = [0.9, 0.4, 0.5, 0.6, 0.45, 0.96].map((distance) =>
    candidate({ id: `${distance}`, distance, fp: distance === 0.45 ? "other" : "fp" }),
  );
  expect(resolve(request, rows, limits).notes.map((row) => row.id)).toEqual(["0.4", "0.5", "0.6"]);
});

test("a popular row wins only within the window behind the nearest", () => {
  // Score 0.9 (1 - d^2/2) + 0.1 ln(1+n)/ln(1+n_max): 0.9 * 0.98 + 0.1 * 0.15 against 0.9 * 0.971 + 0.1.
  const near = candidate({ id: "near", distance: 0.2 });
  const popular = candidate({ id: "popular", distance: 0.24, useCount: 99 });
  expect(selectRow([near, popular], 0.05)?.id).toBe("popular");
  expect(selectRow([near, { ...popular, distance: 0.26 }], 0.05)?.id).toBe("near");
  expect(selectRow([near, { ...near, id: "twin" }], 0.05)?.id).toBe("near");
});

test("paper mode has no guards and no window, and a boundary at 0.6", () => {
  const far = candidate({ distance: 0.6, lang: "de", question: "2", fp: "other" });
  expect(resolve(request, [far], limits, "paper").servable).toBe(far);
  const farther = { ...far, distance: 0.61 };
  expect(resolve(request, [farther], limits, "paper")).toMatchObject({
    servable: null,
    notes: [farther],
    obstacle: "distance",
  });
  const answer = { ...far, role: 2 as const };
  expect(resolve(request, [answer], limits, "paper").obstacle).toBe("answer-row");
});

/** Finds a stored question as likely to fit as its text says: "p=0.9 ...". */
const scorer: PairScorer = {
  id: "test/pairs",
  score: (_, { text }, cosine) => {
    const probability = Number(/p=([\d.]+)/.exec(text)?.[1]);
    const reasons = [{ feature: `cosine ${cosine}`, weight: 1 }];
    return { probability, matchDistance: Math.sqrt(2 - 2 * probability), reasons };
  },
  coldStartMatch: () => 0.3,
  knowsCosine: () => true,
};
// tau_0 = 0.3 is a probability of 1 - 0.09 / 2 = 0.955.
const verified = { ...limits, verifier: { scorer, knowsCosine: true }, coldStartMatch: 0.3 };
// Numbers in the texts are equal, so that no guard speaks.
const asks = (p: string) => ({ ...request, text: `Boiling eggs, p=${p}?` });
const stored = (p: string) => `How are eggs boiled, p=${p}?`;

test.each([
  [
    "one that the scorer finds nearly certain is served, however far",
    "0.98",
    { distance: 0.9 },
    null,
  ],
  ["one below tau_0 is not, however near", "0.95", { distance: 0.1 }, "verifier"],
  ["one beyond the hard distance is not, however certain", "0.99", { distance: 0.96 }, "distance"],
  ["labels may allow what the cold start does not", "0.9", { evidence: goodAt() }, null],
  [
    "labels do not allow what the scorer finds unlikely",
    "0.49",
    { evidence: goodAt() },
    "verifier",
  ],
  ["labels that speak against the row are heard", "0.98", { evidence: badAt() }, "budget"],
  ["a probability that is no number is none", "x", {}, "verifier"],
])("with a scorer: %s", (_, p, fields, obstacle) => {
  const row = candidate({ question: stored(p), ...fields });
  expect(resolve(asks(p), [row], verified).obstacle).toBe(obstacle);
});

function goodAt() {
  return { labels: 20, wrong: 0, scorer: "test/pairs", alpha: Array<number>(32).fill(0.99) };
}
function badAt() {
  return { labels: 20, wrong: 9, scorer: "test/pairs", alpha: Array<number>(32).fill(0.5) };
}

test("the receipt says how likely the answer fits, what was needed and why", () => {
  const row = candidate({ question: stored("0.98"), distance: 0.2 });
  const { verdicts } = resolve(asks("0.98"), [row], verified);
  expect(verdicts[0]?.verifier).toEqual({
    scorer: "test/pairs",
    probability: 0.98,
    matchDistance: expect.closeTo(0.2, 10),
    // cos = 1 - 0.2^2 / 2
    reasons: [{ feature: "cosine 0.98", weight: 1 }],
    threshold: expect.closeTo(0.955, 10),
    pass: true,
  });
});

test("of two rows that may be served the better match is, not the nearer vector", () => {
  const byOpening: PairScorer = {
    ...scorer,
    score: (_, { text }) => {
      const probability = text.startsWith("How") ? 0.96 : 0.99;
      return { probability, matchDistance: Math.sqrt(2 - 2 * probability), reasons: [] };
    },
  };
  const rows = [
    candidate({ id: "near", question: "How are eggs boiled?", distance: 0.1 }),
    candidate({ id: "sure", question: "Eggs: boiling them?", distance: 0.5 }),
  ];
  const verifier = { scorer: byOpening, knowsCosine: false };
  const found = resolve({ ...request, text: "Boiling eggs?" }, rows, { ...verified, verifier });
  expect(found.servable?.id).toBe("sure");
});

test("a guard that is certain comes before the scorer, which is not asked", () => {
  const row = candidate({ question: "How do I boil 2 eggs, p=0.99?" });
  const { verdicts, obstacle } = resolve(asks("0.98"), [row], verified);
  expect(obstacle).toBe("guard:number");
  expect(verdicts[0]?.verifier).toBeNull();
});

test("with a scorer only rows that it finds relevant become notes, the likeliest first", () => {
  const likelihood: Readonly<Record<string, number>> = {
    unlikely: 0.4,
    likely: 0.6,
    likelier: 0.8,
  };
  const byName: PairScorer = {
    ...scorer,
    score: (_, { text }) => {
      const p = likelihood[text.split(" ").at(-1)!] ?? 1;
      return { probability: p, matchDistance: Math.sqrt(2 - 2 * p), reasons: [] };
    },
  };
  const rows = ["unlikely", "likely", "likelier"].map((word, i) =>
    candidate({ id: word, distance: 0.3 + i / 10, question: `How do I boil 3 eggs, ${word}` }),
  );
  const vetoed = candidate({ id: "vetoed", distance: 0.2, question: "How do I boil 2 eggs?" });
  const found = resolve({ ...request, text: "How do I boil 3 eggs?" }, [...rows, vetoed], {
    ...verified,
    verifier: { scorer: byName, knowsCosine: true },
  });
  expect(found.notes.map(({ id }) => id)).toEqual(["likelier", "likely"]);
  const stricter = resolve({ ...request, text: "How do I boil 3 eggs?" }, rows, {
    ...verified,
    verifier: { scorer: byName, knowsCosine: true },
    minNoteProbability: 0.7,
  });
  expect(stricter.notes.map(({ id }) => id)).toEqual(["likelier"]);
});
