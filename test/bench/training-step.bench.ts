// npm run bench -- training-step [--threads 2] [--largest 4096] [--json]: one gradient step of training (training-step.ts) on
// the CPU, ours and PyTorch's in one run, taking turns. Before anything is timed, both make three steps from the same
// weights and must agree. PyTorch is what python3 can import; on Debian: apt-get install python3-torch libopenblas0-openmp.
import { type StepSize, trainingStep } from "../../src/trainer-node/training-step.ts";
import { PRODUCT_TRAINING } from "../../src/trainer-node/config.ts";
import { openBackend } from "../../src/trainer-node/graph/backend.ts";
import { type Computation } from "../../src/trainer-node/graph/computation.ts";
import { freshState, randomFeeds } from "../support/training-batch.ts";
import { type StepTimes, TorchSteps } from "./torch-steps.ts";
import { type Table, type Target, atMost, option, publish, runSeed, say } from "./result.ts";

const threads = option("threads", 2);
/** Batch size -> rounds, each of STEPS steps of every competitor. */
const ROUNDS: ReadonlyMap<number, number> = new Map([
  [256, 12],
  [1024, 6],
  [4096, 3],
]);
const STEPS = 4;
const CHECKED_STEPS = 3;
const LOSS_TOLERANCE = 1e-4;
/** An actor's weight moves by at most 3e-4 a step, a critic's by 1e-3. */
const WEIGHT_TOLERANCE = 2e-5;
const TARGET_RATIO = 0.8;
const TARGET_SIZE = 256;
/** Our threads keep their cores busy throughout; where they got less of them than this, others were at work. */
const IDLE_SHARE = 0.75;
/** A busy machine gets fewer rounds. */
const MAX_MS_PER_SIZE = 60_000;

const config = PRODUCT_TRAINING;
const seed = runSeed();
const initial = freshState(config, seed);
const backend = await openBackend("cpu", { threads });
const sizes = [...ROUNDS.keys()].filter((samples) => samples <= option("largest", 4096));

/** Our steps of one batch size. */
class OurSteps {
  readonly #computation: Computation;
  readonly #feeds: Readonly<Record<string, Float32Array>>;
  #step = 0;

  constructor(computation: Computation, feeds: Readonly<Record<string, Float32Array>>) {
    this.#computation = computation;
    this.#feeds = feeds;
  }
  static async open(size: StepSize): Promise<OurSteps> {
    const step = trainingStep(config, size, "flat");
    const computation = await backend.compile(step.onnx, step);
    computation.writeState(initial);
    return new OurSteps(computation, randomFeeds(config, size, seed));
  }
  async run(count: number): Promise<StepTimes & { losses: (readonly [number, number])[] }> {
    const losses: (readonly [number, number])[] = [];
    const ms: number[] = [];
    const cpu = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      const out = await this.#computation.run({
        ...this.#feeds,
        step: Float32Array.of(++this.#step),
      });
      ms.push(performance.now() - start);
      losses.push([out["policyLoss"]![0]!, out["valueLoss"]![0]!]);
    }
    const { user, system } = process.cpuUsage(cpu);
    return { losses, ms, cpuMs: (user + system) / 1000 / count };
  }
  weights(): Promise<ReadonlyMap<string, Float32Array>> {
    return this.#computation.readState();
  }
  dispose(): Promise<void> {
    return this.#computation.dispose();
  }
}

/** What the rounds of one competitor come to. */
const FIGURES: Readonly<Record<string, (rounds: readonly StepTimes[]) => number>> = {
  median: (rounds) => middle(rounds.flatMap(({ ms }) => ms)),
  least: (rounds) => Math.min(...rounds.flatMap(({ ms }) => ms)),
  "processor, median": (rounds) => middle(rounds.map(({ cpuMs }) => cpuMs)),
};

/** Processor time of our steps, of what their threads could have had. */
const shareOfCores = (rounds: readonly StepTimes[]): number =>
  rounds.reduce((sum, { cpuMs }) => sum + cpuMs, 0) /
  rounds.reduce((sum, { ms }) => sum + (threads * ms.reduce((a, b) => a + b, 0)) / ms.length, 0);

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Throws unless every variant computes what we compute. */
async function assertSameSteps(torch: TorchSteps, samples: number): Promise<void> {
  const ours = await OurSteps.open({ samples, demonstrations: 0 });
  const { losses } = await ours.run(CHECKED_STEPS);
  const weights = await ours.weights();
  await ours.dispose();
  for (const variant of torch.variants) {
    const theirs = await torch.fromFreshWeights(samples, variant, CHECKED_STEPS);
    for (const [i, pair] of losses.entries())
      for (const [k, loss] of pair.entries()) {
        const other = theirs.losses[i]![k]!;
        if (!(Math.abs(loss - other) <= LOSS_TOLERANCE))
          throw new Error(`loss ${k} of step ${i + 1}: ${loss} here, ${other} in ${variant}`);
      }
    for (const [name, values] of theirs.weights)
      for (const [i, other] of values.entries()) {
        const value = weights.get(name)![i]!;
        if (!(Math.abs(value - other) <= WEIGHT_TOLERANCE))
          throw new Error(`${name}[${i}]: ${value} here, ${other} in ${variant}`);
      }
  }
}

const torch = await TorchSteps.open(config, {
  threads,
  weights: initial,
  batches: new Map(
    sizes.map((samples) => [samples, randomFeeds(config, { samples, demonstrations: 0 }, seed)]),
  ),
});
const rows: (readonly (string | number)[])[] = [];
const targets: Target[] = [];
const busy: string[] = [];
try {
  if (torch !== null) {
    say(`checking that PyTorch ${torch.version} makes the same steps`);
    await assertSameSteps(torch, sizes[0]!);
  }
  for (const samples of sizes) {
    say(`timing batches of ${samples}`);
    const ours = await OurSteps.open({ samples, demonstrations: 0 });
    const mine: StepTimes[] = [];
    const others = new Map((torch?.variants ?? []).map((name) => [name, [] as StepTimes[]]));
    const end = performance.now() + MAX_MS_PER_SIZE;
    // The first round warms both up.
    for (let round = 0; round <= ROUNDS.get(samples)!; round++) {
      const own = await ours.run(STEPS);
      if (round > 0) mine.push(own);
      for (const [variant, all] of others) {
        const other = await torch!.run(samples, variant, STEPS);
        if (round > 0) all.push(other);
      }
      if (round > 0 && performance.now() > end) break;
    }
    await ours.dispose();
    const share = shareOfCores(mine);
    if (share < IDLE_SHARE)
      busy.push(
        `${samples}: the machine was busy, our threads had ${Math.round(100 * share)} % of their cores`,
      );
    for (const [name, figure] of Object.entries(FIGURES)) {
      const theirs = [...others.values()].map(figure);
      const ratio = theirs.length === 0 ? NaN : figure(mine) / Math.min(...theirs);
      rows.push([`${samples}, ${name}`, figure(mine), ...theirs, ratio]);
      if (samples === TARGET_SIZE && name === "median" && torch !== null && share >= IDLE_SHARE)
        targets.push(atMost(`ratio of medians at B = ${samples}`, ratio, TARGET_RATIO));
    }
  }
} finally {
  torch?.close();
}

const table: Table = {
  title: "One training step, milliseconds",
  columns: ["batch", "ours", ...(torch?.variants ?? []).map((v) => `PyTorch ${v}`), "ratio"],
  rows,
};
publish({
  bench: "training-step",
  seed,
  settings: { threads, stepsAtATime: STEPS, PyTorch: torch?.version ?? "not installed" },
  tables: [table],
  targets,
  notes: [
    ...busy,
    torch === null
      ? "PyTorch is not installed, so there is nothing to compare with: apt-get install python3-torch libopenblas0-openmp"
      : `PyTorch multiplies with ${torch.blas.join(", ") || "its own library"}. Its variants differ in how attention multiplies ` +
        "many small matrices: by matmul, or by products and a sum, which is faster where a build has no batched " +
        "product; compile, where the version has it. The ratio is to the fastest. Other work on the machine slows " +
        "PyTorch's threads more than ours and flatters us, so the target is judged only where our threads had their cores.",
  ],
});
