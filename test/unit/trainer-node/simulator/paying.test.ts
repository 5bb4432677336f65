import { expect, test } from "vitest";
import { embedderProfile } from "../../../../src/policy/embedders.ts";
import { alwaysCache } from "../../../../src/trainer-node/simulator/baselines.ts";
import { DOES_NOT_PAY, Environment } from "../../../../src/trainer-node/simulator/environment.ts";
import { type Executed } from "../../../../src/trainer-node/simulator/executed.ts";
import { play } from "../../../../src/trainer-node/simulator/scoreboard.ts";
import { workloadSource } from "../../../../src/trainer-node/simulator/source.ts";

const LOOK_UPS = 5_000;

/**
 * The first question is asked 5,000 times while its first call is under way: each is looked up, and joins that call. Then
 * come others, and the last of them twice.
 */
async function played(lookUpUsd: number): Promise<readonly Executed[]> {
  const asked = [
    ...Array.from({ length: LOOK_UPS }, (_, i) => ({ t: i * 1e-6, question: "first" })),
    // The report after the one that ends the window brings the word.
    ...[100, 200, 300].map((t) => ({ t, question: `in between, at ${t}` })),
    { t: 1_000, question: "second" },
    { t: 2_000, question: "second" },
  ];
  const source = workloadSource({
    requests: asked.map(({ t, question }, i) => ({
      t,
      id: `r${i}`,
      group: question,
      question,
      lang: "en",
      kind: "new",
      region: "us",
    })),
    groups: [],
    embedder: embedderProfile("velo/hash-ngram-768"),
    embed: (text) => Float32Array.from({ length: 768 }, (_, i) => Number(i === text.length)),
  });
  const environment = new Environment({
    source,
    seed: 1,
    scorer: null,
    regions: ["us"],
    price: { input: 1, output: 1 },
    lookUpUsd,
  });
  const all: Executed[] = [];
  environment.subscribe((executed) => all.push(executed));
  await play(environment, alwaysCache);
  return all.slice(LOOK_UPS);
}

test("look-ups stop where they do not pay, and repeats go on", async () => {
  // A call is some 200 millionths of a dollar; 5,000 look-ups of a tenth of that are worth many more than three calls.
  const [before, , , second, again] = await played(20e-6);
  expect(before!.decision).not.toBeNull();
  expect(second).toMatchObject({ kind: "MISS", reason: DOES_NOT_PAY, decision: null });
  expect(again).toMatchObject({ kind: "HIT-EXACT", correct: true });
});
