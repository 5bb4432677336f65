// npm run bench -- region [--seconds 6] [--rounds 3] [--in-flight 16] [--json]: how many decisions a second one region object
// takes, by the number that isolates send together. The reports come from a loop inside the Worker; the time is taken here.
import { tmpdir } from "node:os";
import { startGateway } from "../../scripts/local/gateway.ts";
import { control } from "../support/gateway-client.ts";
import { cpuMsOf } from "./process-usage.ts";
import { option, publish, say } from "./result.ts";

const BATCHES = [1, 4, 64] as const;
/** Decisions that one call of the loop sends: about a second of work. */
const PER_CALL = { 1: 500, 4: 1_000, 64: 3_200 } as const;

const seconds = option("seconds", 6);
const rounds = option("rounds", 3);
const inFlight = option("in-flight", 16);

interface Round {
  readonly perSecond: number;
  /** Including the work the object does between reports: applying, packing, trimming. */
  readonly settledPerSecond: number;
  readonly cpuMsPerReport: number;
}

const gateway = await startGateway({ quiet: true });
try {
  const results = new Map<(typeof BATCHES)[number], Round[]>(BATCHES.map((batch) => [batch, []]));
  // In turns, so that whatever else the machine does hits all sizes alike.
  for (let round = 0; round < rounds; round++)
    for (const batch of BATCHES) {
      results.get(batch)!.push(await measure(batch, `region/load${batch}/0`));
      say(`round ${round + 1} of ${rounds}, ${batch} a report`);
    }
  publish({
    bench: "region",
    seed: null,
    settings: { rounds, seconds, "reports in flight": inFlight, "state in": tmpdir() },
    tables: [
      {
        title: "Decisions a second, one region object",
        columns: [
          "decisions a report",
          "acknowledged",
          "each round",
          "reports",
          "packed too",
          "CPU ms a report",
        ],
        rows: BATCHES.map((batch) => {
          const all = results.get(batch)!;
          const median = middle(all.map(({ perSecond }) => perSecond));
          const packed = middle(all.map(({ settledPerSecond }) => settledPerSecond));
          const each = all.map(({ perSecond }) => Math.round(perSecond)).join(" ");
          const cpu = middle(all.map(({ cpuMsPerReport }) => cpuMsPerReport));
          return [String(batch), median, each, median / batch, packed, cpu];
        }),
      },
    ],
    targets: [],
    notes: [
      "Medians of the rounds. acknowledged: durable in the object's storage, the object's own alarms running meanwhile. packed too: until everything is applied, packed into the local bucket and trimmed. CPU: of the whole local runtime, packing included; where the processor is not busy, the disk under the state folder is the limit (TMPDIR=/dev/shm takes it away). Each decision has its experience, outcome and a receipt with ten neighbours.",
    ],
  });
} finally {
  await gateway.stop();
}

async function measure(batch: (typeof BATCHES)[number], object: string): Promise<Round> {
  const reports = PER_CALL[batch] / batch;
  const send = () =>
    control<{ experiences: number }>(gateway, "/__dev/reports", {
      object,
      reports,
      batch,
      inFlight,
    });
  const flush = () => control(gateway, "/__dev/region", { object, method: "flush" });
  await send();
  await flush();
  const cpuBefore = cpuMsOf(gateway.workerdPid());
  const begin = performance.now();
  let sent = 0;
  while (performance.now() - begin < seconds * 1000) sent += (await send()).experiences;
  const acknowledged = performance.now() - begin;
  await flush();
  const settled = performance.now() - begin;
  return {
    perSecond: (sent / acknowledged) * 1000,
    settledPerSecond: (sent / settled) * 1000,
    cpuMsPerReport: ((cpuMsOf(gateway.workerdPid()) - cpuBefore) * batch) / sent,
  };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
