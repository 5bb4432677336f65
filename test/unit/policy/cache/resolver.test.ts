import { expect, test } from "vitest";
import { resolve, selectRow } from "../../../../src/policy/cache/resolver.ts";
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
