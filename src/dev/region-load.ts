// Plays isolates that report as fast as a region object takes it: POST /__dev/reports. The loop runs inside the Worker, so
// that neither HTTP nor a client's JSON is in the way; whoever calls it takes the time, because clocks stand still here.
import { type Report } from "../durable/report.ts";
import { SUBWORD_MODEL } from "../policy/embedding/subword-embedder.ts";
import { encodeHalf } from "../policy/half.ts";
import { CORRELATION_SIZE, NEIGHBOURS } from "../policy/network/policy.ts";
import { builtInEmbedder } from "../worker/built-in-embedder.ts";
import { asObject, type DevEnv, parseNumber } from "./settings.ts";

/** Sends `reports` reports of `batch` decisions each, `inFlight` at a time; resolves when all are acknowledged. */
export async function sendReports(env: DevEnv, body: unknown): Promise<{ experiences: number }> {
  const { object, reports, batch, inFlight } = asObject("body", body);
  const stub = env.REGION.getByName(String(object));
  const size = parseNumber("batch", batch);
  let left = parseNumber("reports", reports);
  const sender = async (): Promise<void> => {
    while (left-- > 0) await stub.report(reportOf(size));
  };
  const total = left * size;
  await Promise.all(Array.from({ length: parseNumber("inFlight", inFlight) }, sender));
  return { experiences: total };
}

let question: string | undefined;
const c = Array.from({ length: CORRELATION_SIZE }, (_, i) => (i + 1) / 31);

/** A report of misses, each with experience, outcome and a receipt with ten neighbours: the largest that is usual. */
function reportOf(size: number): Report {
  const ids = Array.from({ length: size }, () => `d0-${crypto.randomUUID()}-load`);
  const at = Date.now();
  question ??= encodeHalf(builtInEmbedder().embed("How many ounces are in a pound?"));
  const f = question;
  return {
    batchId: crypto.randomUUID(),
    experiences: ids.map((expId) => ({
      expId,
      tenant: "load",
      at,
      region: "load",
      f,
      c,
      omega: -1,
      noise: "zero",
      action: 0,
      mu: 0.98,
      probs: [0.98, 0.02],
      sub: "B",
      policyVersion: 0,
      resolverVersion: 0,
      embedder: SUBWORD_MODEL,
      share: true,
      usedRows: [],
    })),
    outcomes: ids.map((expId) => ({
      expId,
      tenant: "load",
      result: "final",
      kind: "MISS",
      delaySeconds: 2.5,
      parts: { embed: 30, vectors: 40, exact: 30, firstByte: 500 },
      tokensIn: 30,
      tokensOut: 150,
      costUsd: 0.0001,
      savedUsd: 0,
      overheadUsd: 0.00001,
    })),
    receipts: ids.map((id) => ({ id, tenant: "load", at, body: RECEIPT })),
    inserts: [],
    uses: [],
    labels: [],
    freshCursor: Number.MAX_SAFE_INTEGER,
  };
}

const RECEIPT = {
  kind: "MISS",
  reason: "policy",
  region: "load",
  route: "/v1/chat/completions",
  model: "velo-demo",
  question: "How many ounces are in a pound, and how many pounds are in a stone?",
  overheadMs: 80,
  neighbours: Array.from({ length: NEIGHBOURS }, (_, p) => ({
    id: "i".repeat(52),
    distance: 0.8 + p / 100,
    question: "How many ounces are there in one kilogram of flour?",
    uses: 1,
    verdicts: { guards: [{ guard: "number", pass: true, detail: "" }], budget: null },
  })),
};
