// Chooses where graphs run: ONNX Runtime on the CPU, or on a GPU through WebGPU (Vulkan, Metal or Direct3D 12).
import { type InferenceSession } from "onnxruntime-node";
import { type Computation, type ComputationOptions, RuntimeComputation } from "./computation.ts";
import { operatorsOf } from "./operators.ts";
import { TensorGraph } from "./tensor-graph.ts";

export type Device = "cpu" | "webgpu";

export interface Backend {
  readonly device: Device;
  /** What was chosen and why, in one line. */
  readonly reason: string;
  /** Throws what the runtime throws when it refuses the file. */
  compile(onnx: Uint8Array, options?: ComputationOptions): Promise<Computation>;
}

export interface BackendOptions {
  /** CPU threads of one run; more than there are cores makes every run slower. */
  readonly threads?: number;
}

/** A wish for WebGPU that cannot be met falls back to the CPU and says so; `auto` takes what runs a small probe faster. */
export async function openBackend(
  wanted: "auto" | Device,
  { threads = 2 }: BackendOptions = {},
): Promise<Backend> {
  const onCpu = (because: string) =>
    backendOn(
      "cpu",
      `cpu, ${threads} ${threads === 1 ? "thread" : "threads"}: ${because}`,
      threads,
    );
  if (wanted === "cpu") return onCpu("as asked");
  let gpuMs: number;
  try {
    gpuMs = await probe("webgpu", threads);
  } catch (error) {
    return onCpu(`WebGPU does not start (${summary(error)})`);
  }
  if (wanted === "webgpu") return backendOn("webgpu", "webgpu: as asked", threads);
  const cpuMs = await probe("cpu", threads);
  const times = `${gpuMs.toFixed(1)} ms on WebGPU, ${cpuMs.toFixed(1)} ms on the CPU`;
  return gpuMs < cpuMs
    ? backendOn("webgpu", `webgpu: faster in a probe (${times})`, threads)
    : onCpu(`faster in a probe (${times})`);
}

function backendOn(device: Device, reason: string, threads: number): Backend {
  return {
    device,
    reason,
    compile: (onnx, options = {}) =>
      RuntimeComputation.open(onnx, options, sessionOptions(device, threads), device),
  };
}

function sessionOptions(device: Device, threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    // Errors only: the runtime warns about every node that it leaves on the CPU.
    logSeverityLevel: 3,
  };
}

/** Milliseconds for a chain of small layers, the kind of work that a training step consists of; best of three. */
async function probe(device: Device, threads: number): Promise<number> {
  const graph = new TensorGraph({ precision: "float32" });
  const weights = graph.input("weights", [256, 256]);
  const ops = operatorsOf(graph, () => weights);
  let x = weights;
  for (let i = 0; i < 32; i++) x = ops.tanh(ops.matmul(x, weights));
  graph.output("mean", ops.mean(x));
  const options = sessionOptions(device, threads);
  const computation = await RuntimeComputation.open(graph.toOnnx(), {}, options, device);
  const feeds = { weights: new Float32Array(256 * 256).fill(1 / 256) };
  await computation.run(feeds);
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await computation.run(feeds);
    best = Math.min(best, performance.now() - start);
  }
  await computation.dispose();
  return best;
}

/** The part of a runtime's error that a person can use: its last sentence before the stack. */
function summary(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
  return line.replace(/^.*was false\. /, "").slice(0, 160);
}
