// npm run bench -- guards [--calls N] [--json]: CPU of guards and verifier for ten candidates, in Node and inside workerd, whose
// clocks stand still while it computes: batches are timed from outside by the process's own CPU counter, which counts
// garbage collection on other threads too.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/local/build.ts";
import { unpackEmbedder } from "../../src/policy/embedding/packed-embedder.ts";
import { unpackScorer } from "../../src/policy/verifier/pair-scorer.ts";
import { loadParaphrases } from "../../src/trainer-node/paraphrases.ts";
import { startPolicyServer } from "../support/policy-server.ts";
import { DecisionLoop } from "../support/reading-worker/decision-loop.ts";
import { type BenchResult, atMost, option, publish } from "./result.ts";

const CALLS = option("calls", 10_000);
const ROUNDS = 3;

const [weights, words] = ["data/verifier/pairs.bin", "data/embedders/subword-768.bin"].map(
  (path) => new Uint8Array(readFileSync(join(ROOT, path))),
);
const texts = loadParaphrases()
  .groups.filter(({ lang }) => lang === "en")
  .flatMap(({ same }) => same);

/** Microseconds of CPU a call: median, least and most of the rounds. */
async function timed(
  cpuMs: () => number,
  run: (calls: number) => unknown,
): Promise<readonly number[]> {
  await run(CALLS / 10); // warm
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = cpuMs();
    await run(CALLS);
    rounds.push((1000 * (cpuMs() - before)) / CALLS);
  }
  const [least, median, most] = rounds.toSorted((a, b) => a - b);
  return [median!, least!, most!];
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const embedder = unpackEmbedder(words!);
const loop = new DecisionLoop(
  unpackScorer(weights!, (text) => embedder.embed(text)),
  texts,
);
const inNode = {
  known: await timed(ownCpuMs, (calls) => loop.known(calls)),
  new: await timed(ownCpuMs, (calls) => loop.allNew(calls)),
};

const server = await startPolicyServer("reading-worker");
const inWorkerd = { known: [Number.NaN], new: [Number.NaN] } as Record<string, readonly number[]>;
try {
  await server.get("/embedder", { method: "POST", body: words! });
  await server.get("/scorer", { method: "POST", body: weights! });
  await server.get("/texts", { method: "POST", body: JSON.stringify(texts) });
  for (const path of ["known", "new"])
    inWorkerd[path] = await timed(
      () => server.cpuMs(),
      (calls) => server.get(`/${path}?n=${calls}`),
    );
} finally {
  await server.stop();
}

publish({
  bench: "guards",
  seed: null,
  settings: { candidates: 10, calls: CALLS, rounds: ROUNDS },
  tables: [
    {
      title: "microseconds of CPU for the guards and the verifier on ten candidates",
      columns: ["", "median", "least", "most"],
      rows: [
        ["Node, rows read before, request new", ...inNode.known],
        ["Node, all texts new", ...inNode.new],
        ["workerd, rows read before, request new", ...inWorkerd["known"]!],
        ["workerd, all texts new", ...inWorkerd["new"]!],
      ],
    },
  ],
  targets: [atMost("microseconds in workerd, rows read before", inWorkerd["known"]![0]!, 1000)],
  notes: [
    "Every new text holds a number that was never met, and all ten candidates are scored whatever the guards have said.",
  ],
} satisfies BenchResult);
