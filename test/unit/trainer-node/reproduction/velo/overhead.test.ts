import { beforeAll, describe, expect, it } from "vitest";
import {
  DEFAULT_NETWORK,
  elements,
  parameterShapes,
} from "../../../../../src/policy/network/layout.ts";
import { criticShapes } from "../../../../../src/trainer-node/networks.ts";
import { decisionTimes } from "../../../../../src/trainer-node/reproduction/velo/decision-times.ts";
import { networkOf } from "../../../../../src/trainer-node/reproduction/velo/learned.ts";
import {
  type SmallWorld,
  smallWorld,
} from "../../../../../src/trainer-node/reproduction/velo/small-world.ts";
import { stepTimes } from "../../../../../src/trainer-node/reproduction/velo/step-times.ts";
import {
  type Transfer,
  packBytes,
  transfer,
} from "../../../../../src/trainer-node/reproduction/velo/transfer.ts";

const SEED = 5;
console.log(`seed ${SEED}`);

let world: SmallWorld;
let sizes: Transfer;
beforeAll(async () => {
  world = await smallWorld(40, SEED);
  sizes = await transfer({
    network: DEFAULT_NETWORK,
    experiences: world.experiences.slice(0, 3),
    outcomes: world.outcomes.slice(0, 3),
    seed: SEED,
    servers: 3,
    slotSeconds: 10,
    samplesPerAgent: 300,
  });
});

const numbersIn = (shapes: ReadonlyMap<string, readonly number[]>): number =>
  [...shapes.values()].reduce((sum, dims) => sum + elements(dims), 0);

describe("bytes over the wire", () => {
  it("an experience's are what it adds to the pack that a region writes", async () => {
    const { experiences, outcomes } = world;
    const [two, three] = [
      await packBytes({ experiences: experiences.slice(0, 2) }),
      await packBytes({ experiences: experiences.slice(0, 3) }),
    ];
    // Its own text, and the comma before it.
    expect(three - two).toBe(Buffer.byteLength(JSON.stringify(experiences[2])) + 1);
    const one = await packBytes({ experiences: experiences.slice(0, 1) });
    expect(sizes.experienceBytes[0]).toEqual({ chains: 0, bytes: (three - one) / 2 });
    const outcomesAdded =
      (await packBytes({ outcomes: outcomes.slice(0, 3) })) -
      (await packBytes({ outcomes: outcomes.slice(0, 1) }));
    expect(sizes.outcomeBytes).toBe(outcomesAdded / 2);
    // 11 x 2 float32 of a chain are 88 bytes, in base64 4 ceil(88 / 3) = 120 characters, in place of "zero"; of 16 chains
    // 1,408 bytes and 1,880 characters.
    const [product, single, many] = sizes.experienceBytes.map(({ bytes }) => bytes);
    expect(single! - product!).toBe(120 - 4);
    expect(many! - product!).toBe(1880 - 4);
    // Three servers, one request in ten seconds each; an update for each of them every 300 requests.
    expect(sizes.experiencesKBps).toBeCloseTo((0.3 * (single! + sizes.outcomeBytes)) / 1000, 9);
    expect(sizes.weightsKBps).toBeCloseTo((3 * sizes.updateBytes) / 3000 / 1000, 9);
  });

  it("an update's are four for each weight and a few more", () => {
    const weights = 4 * numbersIn(parameterShapes(DEFAULT_NETWORK));
    expect(sizes.updateBytes).toBeGreaterThan(weights);
    expect(sizes.updateBytes).toBeLessThan(1.05 * weights);
  });
});

describe("times", () => {
  it("are measured for every network, runtime and number of chains; a head without a chain has one", async () => {
    const rows = await decisionTimes({
      networks: { LRS: networkOf("LRS", "paper"), "DLRS-L5": networkOf("DLRS-L5", "paper") },
      pendings: world.pendings,
      seed: SEED,
      decisions: 2,
    });
    expect(rows.map(({ algorithm, chains, runtime }) => [algorithm, chains, runtime])).toEqual([
      ["LRS", 1, "onnxruntime-node"],
      ["LRS", 1, "typescript"],
      ["DLRS-L5", 1, "onnxruntime-node"],
      ["DLRS-L5", 1, "typescript"],
      ["DLRS-L5", 16, "onnxruntime-node"],
      ["DLRS-L5", 16, "typescript"],
    ]);
    for (const { network, paper, product } of rows)
      for (const { p50, p95 } of [network, paper, product]) {
        expect(p50).toBeGreaterThan(0);
        expect(p95).toBeGreaterThanOrEqual(p50);
      }
  });

  it("of a training step come with the bytes of weights and moments, which are held twice", async () => {
    const network = networkOf("LRS", "paper");
    const [row] = await stepTimes({
      networks: { LRS: network },
      minibatchSizes: [60],
      threads: 1,
      world,
      seed: SEED,
      steps: 1,
    });
    const weights = numbersIn(parameterShapes(network)) + numbersIn(criticShapes());
    expect(row!.stateBytes).toBe(2 * 3 * 4 * weights);
    expect(row!.step.p50).toBeGreaterThan(0);
    // Embeddings and correlations alone.
    expect(row!.roundBytes).toBeGreaterThan(world.samples.length * 4 * (768 + 30));
  });

  it("of a training step need a full minibatch", async () => {
    const steps = stepTimes({
      networks: { LRS: networkOf("LRS", "paper") },
      minibatchSizes: [1000],
      threads: 1,
      world,
      seed: SEED,
      steps: 1,
    });
    await expect(steps).rejects.toThrow("do not fill a minibatch of 1000");
  });
});
