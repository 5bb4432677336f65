// Writes a trained policy as signed files in the bucket's layout, reads them back through the gate that the edge uses, and
// runs them on onnxruntime. With --seed the weights are drawn and untrained: such files are for tests and drills.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { initialWeights } from "../../src/policy/network/initial-weights.ts";
import { DEFAULT_NETWORK, type NetworkConfig } from "../../src/policy/network/layout.ts";
import {
  type Manifest,
  POINTER_KEY,
  blobKey,
  manifestKey,
  parseAscii,
  parseEnvelope,
  pointerVersion,
} from "../../src/policy/network/manifest.ts";
import {
  goldenNumbers,
  verifyBlob,
  verifyManifest,
} from "../../src/policy/network/manifest-gate.ts";
import { type PackedPolicy, unpackPolicy } from "../../src/policy/network/packed-weights.ts";
import { Random } from "../../src/policy/random.ts";
import { RESOLVER_VERSION } from "../../src/policy/cache/resolver.ts";
import { makeRelease } from "../../src/trainer-node/publish.ts";
import { readFlags, refuse } from "../local/flags.ts";
import { signingKey } from "./signing-key.ts";

const USAGE = `usage: npm run export-onnx -- --policy FILE --out DIR [options]
  --policy FILE   a policy.velo of npm run train, or one of data/policies
  --seed N        in its place: untrained weights drawn from it; with --policy it draws the golden vectors (1)
  --out DIR       the files go there, in the bucket's layout
  --version V     default: one more than the newest version in DIR
  --key FILE      signing key, made when it does not exist (DIR/signing-key.pem)
  --embedder ID   the embedder it is for (*: any); a policy file says so itself
  --days N        until it expires (90)
  --json          print JSON`;

const options = readFlags(USAGE, {
  policy: { type: "string" },
  seed: { type: "string" },
  out: { type: "string" },
  version: { type: "string" },
  key: { type: "string" },
  embedder: { type: "string", default: "*" },
  days: { type: "string", default: "90" },
  json: { type: "boolean", default: false },
});
const { out } = options;
if (out === undefined || (options.seed === undefined && options.policy === undefined))
  refuse("--out, and --policy or --seed, are needed", USAGE);
const seed = wholeNumber("seed", options.seed ?? "1");
const packed = options.policy === undefined ? null : readPolicy(options.policy);
const days = wholeNumber("days", options.days);

mkdirSync(out, { recursive: true });
const read = (key: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(out, key)));
const last = existsSync(join(out, POINTER_KEY)) ? pointerVersion(read(POINTER_KEY)) : 0;
if (last === null) throw new Error(`${join(out, POINTER_KEY)} does not hold a version`);
const previous =
  last === 0 ? null : (parseEnvelope(parseAscii(read(manifestKey(last))))?.manifest ?? null);
const version = options.version === undefined ? last + 1 : wholeNumber("version", options.version);

const config: NetworkConfig = packed?.network ?? DEFAULT_NETWORK;
const random = new Random(seed);
// Of drawn weights a full-size head: near-uniform logits would not show a fault.
const weights =
  packed?.weights ?? initialWeights(config, { normal: () => random.normal(), headGain: 1 });
const keyFile = options.key ?? join(out, "signing-key.pem");
const signer = signingKey(keyFile);
const created = Date.now();
const release = await makeRelease({
  config,
  weights,
  version,
  previous,
  name: packed?.name ?? `dlrs-l${config.steps}-seed${seed}`,
  embedder: packed?.embedder ?? options.embedder,
  input: packed?.input ?? "embedding",
  resolverVersion: RESOLVER_VERSION,
  trainingEpoch: 0,
  created,
  expires: created + days * 86_400_000,
  gate: { note: packed ? "exported by hand, seen by no gate" : "drawn from a seed, not trained" },
  random,
  signer,
  subtle: crypto.subtle,
});
const write = (key: string): void => {
  mkdirSync(dirname(join(out, key)), { recursive: true });
  writeFileSync(join(out, key), release.files.get(key)!);
};
for (const key of release.files.keys()) if (key !== POINTER_KEY) write(key);

// Read back from the files, before the pointer names them.
const checked = await verifyManifest(read(manifestKey(version)), {
  subtle: crypto.subtle,
  keys: [signer.publicKey],
  known: { version: last, newest: last },
  now: Date.now(),
});
if (!checked.ok) throw new Error(`the manifest was refused: ${checked.reason}`);
const manifest = checked.value;
const model = read(blobKey(manifest.blob.sha256));
const verdict = await verifyBlob(model, manifest, crypto.subtle);
if (!verdict.ok) throw new Error(`the blob was refused: ${verdict.reason}`);
const difference = await goldenDifference(model, manifest);
write(POINTER_KEY);

const setting = `${signer.publicKey.id}:${signer.publicKey.publicKey}`;
if (options.json)
  console.log(
    JSON.stringify({
      ...(packed ? { policy: options.policy } : { seed }),
      out,
      version,
      previous: manifest.previous,
      blob: manifest.blob,
      skeleton: manifest.skeleton,
      keyFile,
      publicKey: setting,
      goldenDifference: difference,
    }),
  );
else {
  const rows: readonly (readonly [string, string])[] = [
    ["policy", `${manifest.name}, version ${version}, after ${last === 0 ? "none" : last}`],
    ["weights", options.policy ?? `seed ${seed}, untrained`],
    ["blob", `${blobKey(manifest.blob.sha256)} (${manifest.blob.size} bytes)`],
    ["manifest", `${manifestKey(version)}, expires ${new Date(manifest.expires).toISOString()}`],
    ["pointer", `${POINTER_KEY} -> ${version}`],
    ["skeleton", manifest.skeleton],
    ["signed by", `${keyFile} (${signer.keyId})`],
    ["gate", "accepted: signature, version, hash, skeleton, weights, golden vectors"],
    ["onnxruntime-node", `largest golden difference ${difference.toExponential(1)}`],
    ["SIGNING_PUBLIC_KEYS", setting],
  ];
  for (const [label, value] of rows) console.log(`${label.padEnd(20)} ${value}`);
}

/** Largest |logit - golden| / max(1, |golden|) on onnxruntime-node. */
async function goldenDifference(bytes: Uint8Array, of: Manifest): Promise<number> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const { actions, steps } = of.network;
  let worst = 0;
  for (const vector of of.golden.map(goldenNumbers)) {
    const { logits } = await session.run({
      f: new Tensor("float32", vector.f, [1, vector.f.length]),
      c: new Tensor("float32", vector.c, [1, vector.c.length]),
      omega: new Tensor("float32", Float32Array.of(vector.omega), [1, 1]),
      noise: new Tensor("float32", vector.noise, [1, steps + 1, actions]),
    });
    if (!(logits?.data instanceof Float32Array)) throw new TypeError("no output named logits");
    for (const [a, value] of logits.data.entries()) {
      const golden = vector.logits[a]!;
      worst = Math.max(worst, Math.abs(value - golden) / Math.max(1, Math.abs(golden)));
    }
  }
  await session.release();
  return worst;
}

function readPolicy(file: string): PackedPolicy {
  try {
    return unpackPolicy(readFileSync(file));
  } catch (error) {
    return refuse(`${file}: ${error instanceof Error ? error.message : String(error)}`, USAGE);
  }
}

function wholeNumber(name: string, value: string): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  return refuse(`--${name} must be a whole number, got ${value}`, USAGE);
}
