// npm run bench -- decision [--json]: CPU of one decision inside workerd. The runtime's clocks stand still while it
// computes, so batches of 10,000 are timed from outside by the process's own CPU counter.
import { DEFAULT_NETWORK } from "../../src/policy/network/layout.ts";
import { actorModel } from "../../src/policy/network/onnx-graph.ts";
import { seededWeights } from "../support/golden-policy.ts";
import { startPolicyServer } from "../support/policy-server.ts";

const BATCH = 10_000;
const ROUNDS = 3;
const SEED = 1;

const model = actorModel(DEFAULT_NETWORK, seededWeights(SEED));
const server = await startPolicyServer();
try {
  /** CPU and wall of a request, milliseconds. */
  const timed = async (path: string, init?: RequestInit) => {
    const cpu = server.cpuMs();
    const start = performance.now();
    await server.get(path, init);
    return { cpuMs: server.cpuMs() - cpu, wallMs: performance.now() - start };
  };
  const batches = async (path: string) => {
    await server.get(`${path}?n=1000`); // warm
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await timed(`${path}?n=${BATCH}`));
    const per = rounds.map(({ cpuMs }) => cpuMs / BATCH).toSorted((a, b) => a - b);
    return { cpuMs: per[Math.floor(ROUNDS / 2)]!, lowest: per[0]!, highest: per[ROUNDS - 1]! };
  };
  const post = { method: "POST", body: model };
  await server.get("/model", post);
  const forward = await batches("/forward");
  const boot = await timed("/boot", post);
  const onnx = await batches("/decisions");
  const swap = await timed("/swap", post);
  const { memoryBytes } = await server.get("/status");
  const result = {
    batch: BATCH,
    rounds: ROUNDS,
    seed: SEED,
    onnxruntimeCpuMs: onnx,
    typescriptCpuMs: forward,
    bootCpuMs: boot.cpuMs,
    swapCpuMs: swap.cpuMs,
    linearMemoryBytes: memoryBytes,
    targetCpuMs: 1,
    withinTarget: onnx.cpuMs <= 1,
  };
  if (process.argv.includes("--json")) console.log(JSON.stringify(result));
  else {
    const line = (label: string, { cpuMs, lowest, highest }: typeof onnx) =>
      `${label.padEnd(28)} ${cpuMs.toFixed(3)} ms CPU (${lowest.toFixed(3)} to ${highest.toFixed(3)})`;
    console.log(
      `${ROUNDS} batches of ${BATCH} decisions inside workerd, weights of seed ${SEED}, median`,
    );
    console.log(line("onnxruntime-web, warm", onnx));
    console.log(line("TypeScript pass, warm", forward));
    console.log(`${"boot and first session".padEnd(28)} ${boot.cpuMs} ms CPU, once per isolate`);
    console.log(`${"session of a new version".padEnd(28)} ${swap.cpuMs} ms CPU`);
    console.log(`target 1 ms CPU on onnxruntime: ${result.withinTarget ? "met" : "missed"}`);
  }
} finally {
  await server.stop();
}
