// npm run bench -- memory [--json]: resident memory of workerd and onnxruntime's linear memory, before and after the
// runtime boots and after many swaps.
import { DEFAULT_NETWORK } from "../../src/policy/network/layout.ts";
import { actorModel } from "../../src/policy/network/onnx-graph.ts";
import { seededWeights } from "../support/golden-policy.ts";
import { startPolicyServer } from "../support/policy-server.ts";

const SWAPS = 1000;
const MIB = 2 ** 20;

interface Sample {
  readonly when: string;
  readonly residentMiB: number;
  readonly aboveStartMiB: number;
  readonly linearMiB: number;
}

const model = actorModel(DEFAULT_NETWORK, seededWeights(1));
const post = { method: "POST", body: model };
const server = await startPolicyServer();
try {
  const samples: Sample[] = [];
  const sample = async (when: string) => {
    const { memoryBytes } = await server.get("/status");
    const residentMiB = server.residentBytes() / MIB;
    const aboveStartMiB = residentMiB - (samples[0]?.residentMiB ?? residentMiB);
    samples.push({ when, residentMiB, aboveStartMiB, linearMiB: Number(memoryBytes) / MIB });
  };
  await sample("isolate started");
  await server.get("/model", post);
  await server.get("/decisions?n=100");
  await sample("TypeScript pass in use");
  await server.get("/boot", post);
  await server.get("/decisions?n=1000");
  await sample("onnxruntime booted, in use");
  await server.get("/swap", post);
  await sample("after one swap");
  for (let swap = 2; swap <= SWAPS; swap++) {
    await server.get("/swap", post);
    if (swap === 100 || swap === 500) await sample(`after ${swap} swaps`);
  }
  await server.get("/decisions?n=1000");
  await sample(`after ${SWAPS} swaps`);
  if (process.argv.includes("--json")) console.log(JSON.stringify({ samples }));
  else
    for (const { when, residentMiB, aboveStartMiB, linearMiB } of samples)
      console.log(
        `${when.padEnd(28)} workerd ${residentMiB.toFixed(0)} MiB (${aboveStartMiB.toFixed(0)} above start), onnxruntime ${linearMiB.toFixed(1)} MiB`,
      );
} finally {
  await server.stop();
}
