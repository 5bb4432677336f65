import { expect, test } from "vitest";
import { PRODUCT_TRAINING } from "../../../src/trainer-node/config.ts";
import { type Backend, openBackend } from "../../../src/trainer-node/graph/backend.ts";
import { trainingStep } from "../../../src/trainer-node/training-step.ts";
import { freshState, randomFeeds } from "../../support/training-batch.ts";

const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const SIZE = { samples: 64, demonstrations: 16 };
const STEPS = 5;

/** Losses and weights of the same few steps on one device. */
async function trainOn(backend: Backend) {
  const { onnx, stateful, acceptWhen } = trainingStep(PRODUCT_TRAINING, SIZE);
  const computation = await backend.compile(onnx, { stateful, acceptWhen });
  computation.writeState(freshState(PRODUCT_TRAINING, SEED));
  const feeds = randomFeeds(PRODUCT_TRAINING, SIZE, SEED);
  const losses = [];
  for (let step = 1; step <= STEPS; step++) {
    const run = await computation.run({ ...feeds, step: Float32Array.of(step) });
    expect(run["finite"]![0], `step ${step} on ${backend.device}`).toBe(1);
    losses.push({
      policy: run["policyLoss"]![0]!,
      value: run["valueLoss"]![0]!,
      entropy: run["entropy"]![0]!,
    });
  }
  const weights = await computation.readState();

  const advantage = feeds["advantage"]!.with(3, NaN);
  const bad = await computation.run({ ...feeds, advantage, step: Float32Array.of(STEPS + 1) });
  expect(bad["finite"]![0], `a step with NaN on ${backend.device}`).toBe(0);
  expect(await computation.readState(), "the state after a step with NaN").toEqual(weights);
  await computation.dispose();
  return { losses, weights };
}

// The GPU's shaders are compiled in the first run, by the processor's driver where there is no GPU: 10 to 20 s.
test("training steps on WebGPU give the losses and weights of the CPU, and one with NaN changes nothing", async (context) => {
  const gpu = await openBackend("webgpu");
  console.log(`seed ${SEED}, ${gpu.reason}`);
  if (gpu.device !== "webgpu") context.skip(gpu.reason);
  const onGpu = await trainOn(gpu);
  const onCpu = await trainOn(await openBackend("cpu"));

  for (const name of ["policy", "value"] as const)
    expect(
      Math.abs(onCpu.losses.at(-1)![name] - onCpu.losses[0]![name]),
      `${name} loss that does not move would show nothing`,
    ).toBeGreaterThan(1e-3);
  for (const [i, expected] of onCpu.losses.entries())
    for (const [name, loss] of Object.entries(expected))
      expect(
        Math.abs(onGpu.losses[i]![name as keyof typeof expected] - loss),
        `${name} loss of step ${i + 1}`,
      ).toBeLessThan(1e-4);
  // Five steps of Adam move a weight by at most 5 * 1e-3.
  for (const [name, expected] of onCpu.weights) {
    const actual = onGpu.weights.get(name)!;
    let largest = 0;
    for (const [i, value] of expected.entries())
      largest = Math.max(largest, Math.abs(actual[i]! - value));
    expect(largest, `tensor ${name}`).toBeLessThan(2e-5);
  }
}, 120_000);
