// npm run train -- --edges URL: the trainer as a service for running gateways. docs/train.md says how to run it.
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { parseTrainerKeys, type TrainerKey } from "../../src/durable/signed-request.ts";
import { type PackedPolicy, unpackPolicy } from "../../src/policy/network/packed-weights.ts";
import { EdgeClient } from "../../src/trainer-node/edge-client.ts";
import { openBackend } from "../../src/trainer-node/graph/backend.ts";
import { trainLive } from "../../src/trainer-node/live.ts";
import { type LiveEvent } from "../../src/trainer-node/live-lines.ts";
import { signingKey } from "../export-onnx/signing-key.ts";
import { readFlags, refuse } from "../local/flags.ts";

const USAGE = `usage: npm run train -- --edges URL --keys FILE --signing-key FILE --out DIR [options]
  --edges URL          the gateway; <region>=URL,<region>=URL where regions have their own
  --keys FILE          the deployment's TRAINER_KEYS: <region>/<id>:<secret>, several with blanks or commas
  --signing-key FILE   Ed25519 key (PEM) that signs what is published; --key-id when the deployment names it otherwise
  --out DIR            checkpoints, metrics.jsonl and gate.json; a later run goes on from there
  --regions us,eu,asia regions to learn from (all that the keys are for)
  --shards N           region objects in each region (1)
  --once               one look at the regions, then exit: for cron
  --min-experiences N  of each active region before an update (300)
  --wait MINUTES       then half as many will do (10)
  --label-wait MINUTES so long a decision waits for its label (15)
  --from FILE          begin with a packed policy, e.g. data/policies/any-embedder.bin; without it with seeded weights
  --embedder ID        of seeded weights (*: any)
  --seed S             of everything random (1)
  --backend NAME       auto (default), cpu or webgpu
  --json               one line of JSON for each thing that happens`;

const POLICIES = new URL("../../data/policies/", import.meta.url);
const BUILT_IN = ["subword-768.bin", "any-embedder.bin"];
/** A place that does not answer must not keep the others waiting for long. */
const PATIENCE = { timeoutMs: 30_000, attempts: 2 };

/** Sets the exit code: 1 when nothing could be reached. */
export async function trainLiveFromFlags(): Promise<void> {
  const flags = readFlags(USAGE, {
    edges: { type: "string" },
    keys: { type: "string" },
    "signing-key": { type: "string" },
    "key-id": { type: "string" },
    out: { type: "string" },
    regions: { type: "string" },
    shards: { type: "string", default: "1" },
    once: { type: "boolean", default: false },
    "min-experiences": { type: "string", default: "300" },
    wait: { type: "string", default: "10" },
    "label-wait": { type: "string", default: "15" },
    from: { type: "string" },
    embedder: { type: "string", default: "*" },
    seed: { type: "string", default: "1" },
    backend: { type: "string", default: "auto" },
    json: { type: "boolean", default: false },
  });
  const { edges, keys, "signing-key": signing, out, backend: wanted, from, json } = flags;
  if (!edges || !keys || !signing || !out)
    return refuse("--edges, --keys, --signing-key and --out are needed", USAGE);
  if (wanted !== "auto" && wanted !== "cpu" && wanted !== "webgpu")
    return refuse(`--backend ${wanted} is unknown`, USAGE);
  if (!existsSync(signing)) return refuse(`${signing} does not exist`, USAGE);
  const signer = signingKey(signing);
  const keyId = flags["key-id"] ?? signer.keyId;
  const say = json ? printJson : ({ text }: LiveEvent) => console.log(text);
  say({ event: "start", text: `signing as ${keyId}:${signer.publicKey.publicKey}`, keyId });
  const { isCutOff } = await trainLive({
    edges: edgesOf(edges, keysIn(keys, flags.regions)),
    shards: whole("shards", flags.shards, 1),
    trainer: `${hostname()
      .replaceAll(/[^\w.-]/g, "-")
      .slice(0, 50)}-${process.pid}`,
    directory: out,
    signer: { ...signer, keyId },
    backend: await openBackend(wanted),
    once: flags.once,
    minExperiences: whole("min-experiences", flags["min-experiences"], 1),
    waitMs: minutes("wait", flags.wait),
    labelWaitMs: minutes("label-wait", flags["label-wait"]),
    from: from === undefined ? null : policyIn(from),
    embedder: flags.embedder,
    builtIn: BUILT_IN.map((name) => new URL(name, POLICIES))
      .filter((file) => existsSync(file))
      .map((file) => unpackPolicy(readFileSync(file))),
    seed: whole("seed", flags.seed, 0),
    signal: stopOnSignal(),
    say,
  });
  if (isCutOff) process.exitCode = 1;
}

const printJson = (event: LiveEvent): void =>
  console.log(JSON.stringify({ time: new Date().toISOString(), ...event }));

/** The first signal ends the work in order, the second one at once. */
function stopOnSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

function keysIn(file: string, regions: string | undefined): readonly TrainerKey[] {
  const setting = parseTrainerKeys(existsSync(file) ? readFileSync(file, "utf8") : "");
  if (setting.state === "unusable") return refuse(`${file}: ${setting.problem}`, USAGE);
  if (setting.state === "off") return refuse(`${file} holds no keys`, USAGE);
  const wanted = regions?.split(",") ?? [...new Set(setting.keys.map(({ region }) => region))];
  return wanted.map(
    (name) =>
      // While a key is being exchanged there are two; the newest stands last.
      setting.keys.findLast(({ region }) => region === name) ??
      refuse(`${file} has no key for region ${name}`, USAGE),
  );
}

function edgesOf(setting: string, keys: readonly TrainerKey[]): readonly EdgeClient[] {
  const parts = setting.split(",").map((part) => part.split(/=(?=https?:)/));
  const common = parts.find(([, url]) => url === undefined)?.[0];
  return keys.map((key) => {
    const own = parts.find(([name, address]) => name === key.region && address !== undefined);
    const url = own?.[1] ?? common;
    if (url === undefined || !URL.canParse(url))
      return refuse(`--edges ${setting} has no address for region ${key.region}`, USAGE);
    return new EdgeClient({ url: url.replace(/\/$/, ""), key, ...PATIENCE });
  });
}

function policyIn(file: string): PackedPolicy {
  try {
    return unpackPolicy(readFileSync(file));
  } catch (error) {
    return refuse(
      `--from ${file}: ${error instanceof Error ? error.message : String(error)}`,
      USAGE,
    );
  }
}

function minutes(flag: string, text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1_440) || text.trim() === "")
    return refuse(`--${flag} ${text} is no number of minutes`, USAGE);
  return 60_000 * value;
}

function whole(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least || text.trim() === "")
    return refuse(`--${flag} ${text} is no whole number of at least ${least}`, USAGE);
  return value;
}
