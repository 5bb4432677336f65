// node scripts/golden-policy.ts: writes test/fixtures/golden-policy.json, the logits of the seeded parity network as
// onnxruntime-node computes them. Run it again only when the network or its seed changes.
import { writeFileSync } from "node:fs";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { DEFAULT_NETWORK } from "../src/policy/network/layout.ts";
import { actorModel } from "../src/policy/network/onnx-graph.ts";
import { GOLDEN_SEED, goldenInputs, seededWeights } from "../test/support/golden-policy.ts";

const session = await InferenceSession.create(
  actorModel(DEFAULT_NETWORK, seededWeights(GOLDEN_SEED)),
  { intraOpNumThreads: 1 },
);
const logits: number[][] = [];
for (const { f, c, omega, noise } of goldenInputs()) {
  const output = await session.run({
    f: new Tensor("float32", f, [1, f.length]),
    c: new Tensor("float32", c, [1, c.length]),
    omega: new Tensor("float32", Float32Array.of(omega), [1, 1]),
    noise: new Tensor("float32", noise, [1, DEFAULT_NETWORK.steps + 1, DEFAULT_NETWORK.actions]),
  });
  if (!(output["logits"]?.data instanceof Float32Array)) throw new TypeError("no logits");
  logits.push(Array.from(output["logits"].data, (value) => Number(value.toPrecision(9))));
}
const lines = logits.map((pair) => `    ${JSON.stringify(pair)}`).join(",\n");
writeFileSync(
  new URL("../test/fixtures/golden-policy.json", import.meta.url),
  `{\n  "seed": ${GOLDEN_SEED},\n  "logits": [\n${lines}\n  ]\n}\n`,
);
console.log(`${logits.length} inputs of seed ${GOLDEN_SEED}`);
