import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openUpstream } from "../../../../../../scripts/reproduce/upstream.ts";
import { qualityFromReference } from "../../../../../../src/policy/reward.ts";
import { builtInEmbed } from "../../../../../../src/trainer-node/built-in-embedder.ts";
import {
  type DialogueItem,
  readDialogues,
} from "../../../../../../src/trainer-node/reproduction/velo/dataset/dialogues.ts";
import {
  type DatasetResult,
  runDatasetExperiment,
} from "../../../../../../src/trainer-node/reproduction/velo/dataset/experiment.ts";
import {
  datasetWorld,
  type DatasetWorld,
} from "../../../../../../src/trainer-node/reproduction/velo/dataset/source.ts";
import { fileUpstream } from "../../../../../../src/trainer-node/reproduction/velo/dataset/upstream.ts";
import { randomRule } from "../../../../../../src/trainer-node/reproduction/velo/players.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`dataset experiment seed ${seed}`);
const root = mkdtempSync(join(tmpdir(), "velo-dataset-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let items: readonly DialogueItem[];
beforeAll(async () => {
  ({ items } = await readDialogues("data/dialogues/dialogues.trees.jsonl"));
});

const of = ({ algorithms }: DatasetResult, name: string) =>
  algorithms.find(({ player }) => player === name)!;

describe("the experiment on the dialogues that come along", () => {
  let world: DatasetWorld;
  let result: DatasetResult;
  const players = () => [randomRule(seed)];
  beforeAll(async () => {
    world = await datasetWorld({ items, upstream: fileUpstream("second-reply"), seed });
    result = await runDatasetExperiment({ world, players: players() });
  });

  test("plays all rules, the oracle and the players that are passed in", () => {
    expect(result.algorithms.map(({ player }) => player)).toEqual([
      "Greedy-0.1",
      "Greedy-0.3",
      "Greedy-0.5",
      "Greedy-LLM",
      "Always-A",
      "Always-B",
      "Oracle",
      "Random",
    ]);
    for (const { requests, reward, qos, direct, served, augmented, called } of result.algorithms) {
      expect(requests).toBe(world.test.requests.length);
      // 10 * 0.6 for every decision for the model.
      expect(reward).toBeCloseTo(qos - 6 * direct, 6);
      expect(served + augmented + called).toBeCloseTo(1, 9);
    }
  });

  test("asks the model less, the farther a rule reaches", () => {
    const direct = [0.1, 0.3, 0.5].map((theta) => of(result, `Greedy-${theta}`).direct);
    expect(direct).toEqual(direct.toSorted((a, b) => b - a));
    expect(of(result, "Always-B")).toMatchObject({ direct: 1, served: 0, wrongPerHit: null });
    expect(of(result, "Always-A").direct).toBe(0);
  });

  test("takes satisfaction from the texts themselves", () => {
    let sum = 0;
    for (const { item } of world.test.requests)
      sum += qualityFromReference(
        builtInEmbed(item.answers.get("second-reply")!),
        builtInEmbed(item.reference),
      );
    expect(of(result, "Always-B").satisfaction).toBeCloseTo(sum / world.test.requests.length, 9);
  });

  test("counts another dialogue's answer as wrong, and satisfaction falls with it", async () => {
    // Whatever is nearest is served: in databases that never grow, pairs that nobody asks for.
    const environment = { limits: { paperServeDistance: 2 } };
    const wrong = of(await runDatasetExperiment({ world, environment }), "Always-A");
    expect(wrong.served).toBeGreaterThan(0);
    expect(wrong.wrongPerHit).toBe(1);
    expect(wrong.wrongPerRequest).toBe(wrong.served);
    expect(wrong.satisfactionBy.A!).toBeLessThan(of(result, "Always-B").satisfaction);
  });

  test("says what is a proxy", () => {
    expect(result.proxies.join("\n")).toMatch(/delays are modelled from their length/);
    expect(result.proxies.join("\n")).toMatch(/C's answer is the model's stored one/);
    // All of these dialogues have paraphrases: nothing was made by rule.
    expect(result.wordings.frame).toBe(0);
    expect(result.proxies.join("\n")).not.toMatch(/polite frame/);
  });

  test("comes to the same figures again", async () => {
    expect(await runDatasetExperiment({ world, players: players() })).toEqual(result);
  });
});

test("over HTTP the model is asked with notes where the cache action is C, and a second run costs nothing", async () => {
  const run = async () => {
    const open = await openUpstream("local", {
      items,
      folder: root,
      localScale: 1000,
    });
    onTestFinished(() => open.close());
    const { upstream, counts } = open;
    const world = await datasetWorld({ items, upstream, seed, trainingSlots: 1, testSlots: 12 });
    const asked = counts!.asked;
    return { result: await runDatasetExperiment({ world }), asked, counts: counts! };
  };
  const first = await run();
  expect(of(first.result, "Always-A").augmented).toBeGreaterThan(0);
  expect(first.counts.asked).toBeGreaterThan(first.asked);
  // Measured: the local server takes longer than nothing.
  expect(of(first.result, "Always-B").delay).toBeGreaterThan(0);
  const second = await run();
  expect(second.counts.asked).toBe(0);
  expect(second.result).toEqual(first.result);
});
