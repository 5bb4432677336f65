// The trainer's command against a running gateway, over signed requests: one pass learns and acknowledges, the next finds
// nothing new, and a service that is told to stop finishes, writes, and leaves a directory to go on from.
import { type ChildProcess, spawn } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../scripts/local/gateway.ts";
import { type RolloutView } from "../../src/durable/rollout.ts";
import { packPolicy } from "../../src/policy/network/packed-weights.ts";
import { Random } from "../../src/policy/random.ts";
import { type LiveEvent } from "../../src/trainer-node/live-lines.ts";
import {
  chat,
  control,
  inParallel,
  post,
  printedSeed,
  unlikeWords,
} from "../support/gateway-client.ts";
import { near } from "../support/handmade-policies.ts";

const PROGRAM = new URL("../../scripts/train.ts", import.meta.url).pathname;
const REGIONS = ["us", "eu", "asia"];
/** A minibatch has 180. */
const PER_REGION = 62;

const seed = printedSeed("train-live");
const random = new Random(seed);
let gateway: Gateway;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "velo-live-"));
  // The fixed rule serves, and the weights to begin with do nearly the same: then the log can vouch for them.
  gateway = await startGateway({
    quiet: true,
    vars: { DEMO_DELAY_SCALE: "0", BASELINE: "greedy" },
  });
  const { TRAINER_KEYS, SIGNING_PRIVATE_KEY } = gateway.secrets;
  const der = Buffer.from(SIGNING_PRIVATE_KEY, "base64");
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const policy = { name: "near", embedder: "velo/subword-768", input: "embedding" } as const;
  await writeFile(join(folder, "keys"), TRAINER_KEYS);
  await writeFile(join(folder, "key.pem"), key.export({ type: "pkcs8", format: "pem" }));
  await writeFile(
    join(folder, "begin.velo"),
    packPolicy({ ...policy, network: near.config, weights: near.weights }),
  );
});
afterAll(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

/** Questions that nobody asked before: each is a decision of the policy. Resolves when the regions can lease them. */
async function askNew(regions: readonly string[], each: number): Promise<void> {
  await inParallel(regions.length * each, 8, async (index) => {
    const region = regions[index % regions.length]!;
    const body = chat(
      "velo-demo",
      unlikeWords(() => random.uniform()),
    );
    const { status } = await post(`${gateway.url}/${region}/v1/chat/completions`, { body });
    expect(status).toBe(200);
  });
  // Isolates gather what they report for a moment.
  await sleep(1_000);
  for (const region of regions) await onRegion(region, "flush");
}

const onRegion = (region: string, method: string, ...args: unknown[]) =>
  control<unknown>(gateway, "/__dev/region", { object: `region/${region}/0`, method, args });

interface Running {
  readonly child: ChildProcess;
  readonly events: LiveEvent[];
  /** Exit code. */
  readonly ended: Promise<number | null>;
}

function trainer(edges: string, ...more: readonly string[]): Running {
  const path = (name: string) => join(folder, name);
  const files = ["--keys", path("keys"), "--signing-key", path("key.pem"), "--key-id", "local"];
  const begin = ["--from", path("begin.velo"), "--out", path("state"), "--backend", "cpu"];
  const sizes = ["--min-experiences", "60", "--wait", "0", "--label-wait", "0", "--json"];
  const flags = ["--edges", edges, ...files, ...begin, ...sizes, ...more];
  const child = spawn(process.execPath, [PROGRAM, ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const events: LiveEvent[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) events.push(JSON.parse(line) as LiveEvent);
  });
  return { child, events, ended: once(child, "close").then(([code]) => code as number | null) };
}

const last = ({ events }: Running): LiveEvent | undefined => events.at(-1);

test("a pass learns, writes and acknowledges; the next one finds nothing new and says so", async () => {
  await askNew(REGIONS, PER_REGION);
  const first = trainer(gateway.url, "--once");
  expect(await first.ended).toBe(0);
  console.log(first.events.map(({ text }) => text).join("\n"));
  const update = first.events.find(({ event }) => event === "update");
  expect(update?.["metrics"]).toMatchObject({ update: 1, requests: REGIONS.length * PER_REGION });
  // Whatever 186 decisions say, it is not enough.
  expect(update?.["published"]).toBe(null);
  expect(update?.text).toMatch(/not published: the gate refuses it: .*500 needed/);
  for (const region of REGIONS)
    expect(await onRegion(region, "lease", { trainer: "test", max: 10 })).toMatchObject({
      packs: [],
    });

  const second = trainer(gateway.url, "--once");
  expect(await second.ended).toBe(0);
  expect(second.events.some(({ event }) => event === "update")).toBe(false);
  expect(second.events[1]?.text).toMatch(/going on from update 1 .*, 186 decisions in the log/);
  expect(last(second)).toMatchObject({ event: "end", update: 1, updates: 0, fresh: 0 });
  expect(last(second)?.text).toMatch(/^nothing new/);
});

test("a service goes on where the last run ended, without a region that does not answer, and stops in order", async () => {
  const { url } = gateway;
  await askNew(["us", "eu"], 92);
  const service = trainer(`us=${url},eu=${url},asia=http://127.0.0.1:9`);
  const until = performance.now() + 30_000;
  while (!service.events.some(({ event }) => event === "update") && performance.now() < until)
    await sleep(50);
  service.child.kill("SIGTERM");
  expect(await service.ended).toBe(0);
  console.log(service.events.map(({ text }) => text).join("\n"));
  // 92 + 92 = 184 experiences in the second update.
  const update = service.events.find(({ event }) => event === "update");
  expect(update?.["metrics"]).toMatchObject({ update: 2, requests: 184 });
  const silent = service.events.filter(({ event }) => event === "place");
  expect(silent.map(({ place }) => place)).toEqual(["asia/0"]);
  expect(last(service)).toMatchObject({ event: "end", update: 2, updates: 1, fresh: 0 });
  expect(last(service)?.text).toMatch(/^stopped; .*holds update 2/);
});

test("what the log can vouch for is published, and the regions try it", async () => {
  // 186 + 184 + 180 decisions, of which the gate wants 500.
  await askNew(REGIONS, 60);
  const pass = trainer(gateway.url, "--once");
  expect(await pass.ended).toBe(0);
  console.log(pass.events.map(({ text }) => text).join("\n"));
  const update = pass.events.find(({ event }) => event === "update");
  expect(update).toMatchObject({ published: 1, against: "greedy-0.95@0" });
  const until = performance.now() + 20_000;
  const candidates = async () => {
    await askNew(REGIONS, 1);
    const { regions } = await control<Live>(gateway, "/admin/live");
    return regions.map(({ rollout: { candidate, stable } }) => candidate ?? stable);
  };
  let trying = await candidates();
  while (trying.includes(0) && performance.now() < until) trying = await candidates();
  expect(trying).toEqual([1, 1, 1]);
});

interface Live {
  readonly regions: readonly { readonly rollout: RolloutView }[];
}
