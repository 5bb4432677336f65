// What isolates know late: the long version, over ages and rules, is npm run bench -- snapshot-age.
import { expect, test } from "vitest";
import { type AgedOptions, agedIsolates } from "../../../support/aged-isolates.ts";

const run = (changes: Partial<AgedOptions> = {}) =>
  agedIsolates({
    seed: 1,
    rule: "least-completion",
    ageSeconds: 0.1,
    isolates: 8,
    seconds: 60,
    requestsPerSecond: 7,
    knowsSlots: true,
    ...changes,
  });

test("a seed gives the same figures again", () => {
  expect(run({ seconds: 20 })).toEqual(run({ seconds: 20 }));
  expect(run({ seconds: 20, seed: 2 })).not.toEqual(run({ seconds: 20 }));
});

test("calls of other isolates, heard of soon, are worth more than one's own alone", () => {
  const alone = run({ constraints: { loadHalfLifeMs: 1 } });
  expect(run().inTime).toBeGreaterThan(alone.inTime + 0.03);
});

test("what is ten seconds old makes more requests late than what is new", () => {
  expect(run({ ageSeconds: 10 }).inTime).toBeLessThan(run().inTime - 0.03);
});
