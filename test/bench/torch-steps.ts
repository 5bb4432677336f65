// The process that runs training-step.py: hands over network, weights and batches as files, then asks for steps line by
// line.
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { diffusion, stepCoefficients } from "../../src/policy/network/diffusion.ts";
import {
  BLOCKS,
  FC_SIZES,
  FFN_SIZE,
  HEADS,
  HIDDEN,
  MODEL_SIZE,
  TIME_HIDDEN,
  TIME_SIZE,
  TOKENS,
  elements,
  parameterShapes,
  stateSize,
  timeEmbedding,
} from "../../src/policy/network/layout.ts";
import { type TrainingConfig } from "../../src/trainer-node/config.ts";
import { JOINT_SIZE, criticShapes } from "../../src/trainer-node/networks.ts";

interface Place {
  readonly name: string;
  readonly dims: readonly number[];
  /** In numbers from the start of the file. */
  readonly at: number;
}

interface TorchOptions {
  readonly threads: number;
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Samples -> the feeds of a step. */
  readonly batches: ReadonlyMap<number, Readonly<Record<string, Float32Array>>>;
}

interface Answer {
  /** [policy, value] of each step, before it. */
  readonly losses: readonly (readonly [number, number])[];
  /** Wall time of each step. */
  readonly ms: readonly number[];
  /** Processor time of all threads, per step. */
  readonly cpuMs: number;
}

export type StepTimes = Pick<Answer, "ms" | "cpuMs">;

export class TorchSteps {
  readonly version: string;
  /** Files of the library that multiplies matrices. */
  readonly blas: readonly string[];
  readonly variants: readonly string[];
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #folder: string;
  readonly #places: readonly Place[];

  private constructor(
    child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
    { folder, places, hello }: { folder: string; places: readonly Place[]; hello: Hello },
  ) {
    this.#process = child;
    this.#lines = lines;
    this.#folder = folder;
    this.#places = places;
    this.version = hello.version;
    this.blas = hello.blas;
    this.variants = hello.variants;
  }

  /** null where no Python has PyTorch. */
  static async open(config: TrainingConfig, options: TorchOptions): Promise<TorchSteps | null> {
    const python = pythonWithTorch();
    if (python === null) return null;
    const folder = mkdtempSync(join(tmpdir(), "training-step-"));
    const places = writeStep(folder, config, options);
    const threads = String(options.threads);
    const child = spawn(python, [join(import.meta.dirname, "training-step.py"), folder], {
      env: { ...process.env, OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads },
    });
    child.stderr.pipe(process.stderr);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const hello = JSON.parse(await nextLine(lines)) as Hello;
    return new TorchSteps(child, lines, { folder, places, hello });
  }

  /** Goes on from the steps before. */
  run(samples: number, variant: string, steps: number): Promise<StepTimes> {
    return this.#ask({ batch: String(samples), variant, steps, fresh: false });
  }

  async fromFreshWeights(samples: number, variant: string, steps: number) {
    const { losses } = await this.#ask({ batch: String(samples), variant, steps, fresh: true });
    const bytes = readFileSync(join(this.#folder, "after.f32"));
    const all = new Float32Array(new Uint8Array(bytes).buffer);
    const weights = new Map(
      this.#places.map(({ name, dims, at }) => [name, all.subarray(at, at + elements(dims))]),
    );
    return { losses, weights };
  }

  close(): void {
    this.#process.stdin.end();
    rmSync(this.#folder, { recursive: true });
  }

  async #ask(wanted: Readonly<Record<string, string | number | boolean>>): Promise<Answer> {
    this.#process.stdin.write(`${JSON.stringify(wanted)}\n`);
    return JSON.parse(await nextLine(this.#lines)) as Answer;
  }
}

interface Hello {
  readonly version: string;
  readonly blas: readonly string[];
  readonly variants: readonly string[];
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const line = await lines.next();
  if (line.done === true) throw new Error("the PyTorch process has ended");
  return line.value;
}

/** The first of PYTHON, python3 and Debian's own one that can import torch. */
function pythonWithTorch(): string | null {
  const found = [process.env["PYTHON"], "python3", "/usr/bin/python3"].find((python) => {
    if (python === undefined) return false;
    try {
      execFileSync(python, ["-c", "import torch, numpy"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
  return found ?? null;
}

/** Writes step.json and tensors.f32; the places of the weights, which after.f32 shares. */
function writeStep(
  folder: string,
  config: TrainingConfig,
  { threads, weights, batches }: TorchOptions,
): readonly Place[] {
  const { network } = config;
  const { actions, steps } = network;
  const arrays: Float32Array[] = [];
  let end = 0;
  const place = (name: string, dims: readonly number[], values: Float32Array): Place => {
    arrays.push(values);
    const at = end;
    end += values.length;
    return { name, dims, at };
  };
  const places = [...parameterShapes(network), ...criticShapes()].map(([name, dims]) =>
    place(name, dims, weights.get(name)!),
  );
  const placed = (samples: number, feeds: Readonly<Record<string, Float32Array>>) =>
    Object.entries(feeds)
      .filter(([, values]) => values.length % samples === 0)
      .map(([name, values]) => place(name, dimsOf(name, samples, values, actions), values));
  const spec = {
    ...config,
    threads,
    actions,
    clipX0: network.clipX0,
    entropyCoef: config.entropyStart,
    steps: Array.from({ length: steps }, (_, i) =>
      stepCoefficients(diffusion(network.schedule, steps), i + 1),
    ),
    timeEmbedding: [...timeEmbedding(steps)],
    sizes: {
      tokens: TOKENS,
      model: MODEL_SIZE,
      heads: HEADS,
      blocks: BLOCKS,
      ffn: FFN_SIZE,
      fc: FC_SIZES,
      time: TIME_SIZE,
      timeHidden: TIME_HIDDEN,
      hidden: HIDDEN,
      state: stateSize(network),
      joint: JOINT_SIZE,
      criticHidden: criticShapes().get("critic.1.w")![0]!,
    },
    weights: places,
    batches: Object.fromEntries(
      [...batches].map(([samples, feeds]) => [samples, placed(samples, feeds)]),
    ),
  };
  writeFileSync(join(folder, "step.json"), JSON.stringify(spec));
  writeFileSync(
    join(folder, "tensors.f32"),
    Buffer.concat(arrays.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength))),
  );
  return places;
}

/** Feeds are [samples] or matrices, but for the noise, which is [samples, T + 1, actions]. */
function dimsOf(
  name: string,
  samples: number,
  { length }: Float32Array,
  actions: number,
): readonly number[] {
  if (name === "noise") return [samples, length / samples / actions, actions];
  if (name === "weight" || name === "advantage") return [samples];
  return [samples, length / samples];
}
