import { beforeAll, describe, expect, it } from "vitest";
import { type Bytes, equalBytes, fromAscii } from "../../../../src/policy/network/bytes.ts";
import { DEFAULT_NETWORK } from "../../../../src/policy/network/layout.ts";
import {
  type Envelope,
  MAX_MANIFEST_BYTES,
  type Manifest,
  canonicalBytes,
  canonicalJson,
  followsVersion,
  manifestKey,
  pointerVersion,
} from "../../../../src/policy/network/manifest.ts";
import {
  type Refusal,
  parsePublicKeys,
  skeletonHash,
  verifyBlob,
  verifyManifest,
} from "../../../../src/policy/network/manifest-gate.ts";
import { Forward } from "../../../../src/policy/network/forward.ts";
import { NetworkPolicy } from "../../../../src/policy/network/network-policy.ts";
import { readOnnx } from "../../../../src/policy/network/onnx-file.ts";
import { actorModel } from "../../../../src/policy/network/onnx-graph.ts";
import { Message, fieldsOf } from "../../../../src/policy/network/protobuf.ts";
import { Random } from "../../../../src/policy/random.ts";
import { type Release } from "../../../../src/trainer-node/publish.ts";
import {
  RELEASED_AT,
  type TestSigner,
  goldenInputs,
  resealed,
  seededWeights,
  testRelease,
  testSigner,
} from "../../../support/golden-policy.ts";
import { EVERY_HEAD, plainWeights } from "../../../support/networks.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_121);
const random = new Random(SEED);
const below = (n: number): number => Math.floor(n * random.uniform());
const { subtle } = crypto;

let signer: TestSigner;
let release: Release;
let envelope: Bytes;

beforeAll(async () => {
  console.log(`seed ${SEED}`);
  signer = await testSigner("key-a");
  release = await testRelease(signer, { version: 5 });
  envelope = release.files.get(manifestKey(5))!;
});

interface Reader {
  readonly known?: { readonly version: number; readonly newest?: number };
  readonly now?: number;
}

/** What an edge on version 4 says to the two files. */
async function verdict(
  manifest: Bytes,
  blob: Bytes,
  reader: Reader = {},
): Promise<Refusal | "accepted"> {
  const checked = await verifyManifest(manifest, {
    subtle,
    keys: [signer.publicKey],
    known: { version: 4 },
    now: RELEASED_AT + 1,
    ...reader,
  });
  if (!checked.ok) return checked.reason;
  const loaded = await verifyBlob(blob, checked.value, subtle);
  return loaded.ok ? "accepted" : loaded.reason;
}

const verdictOn = (of: Release, reader?: Reader) =>
  verdict(of.files.get(manifestKey(of.manifest.version))!, of.model, reader);

function flipped(bytes: Bytes): Bytes {
  const copy = Uint8Array.from(bytes);
  copy[below(copy.length)]! ^= 1 << below(8);
  return copy;
}

async function tally(verdicts: Iterable<Promise<string>>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const each of verdicts) {
    const name = await each;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function* times(count: number, make: () => Promise<string>) {
  for (let i = 0; i < count; i++) yield make();
}

/** The file with its graph's fields passed through `edit`; null leaves a field out. */
function withGraph(
  model: Bytes,
  edit: (all: Uint8Array, field: number, i: number) => Uint8Array | null,
  extra?: Message,
) {
  const out = new Message();
  for (const part of fieldsOf(model)) {
    if (part.field !== 7) {
      out.raw(part.all);
      continue;
    }
    const graph = new Message();
    let i = 0;
    for (const field of fieldsOf(part.content)) {
      const kept = edit(field.all, field.field, i++);
      if (kept !== null) graph.raw(kept);
    }
    if (extra) graph.raw(extra.finish());
    out.message(7, graph);
  }
  return out.finish();
}

/** The file with the first float tensor's fields passed through `edit`. */
function withTensor(
  model: Bytes,
  edit: (tensor: Message, field: { field: number; all: Uint8Array }) => void,
) {
  let done = false;
  return withGraph(model, (all, field) => {
    if (field !== 5 || done) return all;
    done = true;
    const tensor = new Message();
    for (const outer of fieldsOf(all))
      for (const inner of fieldsOf(outer.content)) edit(tensor, inner);
    return new Message().message(5, tensor).finish();
  });
}

/** The file with its first float set. */
function withValue(model: Bytes, value: number): Bytes {
  return withTensor(model, (tensor, { field, all }) => {
    if (field !== 9) return tensor.raw(all);
    for (const { content } of fieldsOf(all)) {
      const raw = Uint8Array.from(content);
      new DataView(raw.buffer).setFloat32(0, value, true);
      tensor.bytes(9, raw);
    }
    return tensor;
  });
}

/** Signs a changed file with its own skeleton hash, so that only the pinned one can refuse it. */
async function sealedModel(model: Bytes): Promise<Release> {
  let skeleton = release.manifest.skeleton;
  try {
    const digest = await subtle.digest("SHA-256", readOnnx(model).skeleton);
    skeleton = [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
  } catch {
    // A file that cannot be read has no skeleton to claim.
  }
  return resealed(release, signer, { model, manifest: { skeleton } });
}

describe("the publication gate", () => {
  it("accepts what was published", async () => {
    expect(await verdictOn(release)).toBe("accepted");
  });

  it("refuses 300 single bit flips in the blob by its hash", async () => {
    const counts = await tally(times(300, () => verdict(envelope, flipped(release.model))));
    expect(counts).toEqual({ "blob-hash": 300 });
  });

  it("refuses 400 single bit flips in the manifest", async () => {
    const counts = await tally(times(400, () => verdict(flipped(envelope), release.model)));
    console.log("flips in the manifest", counts);
    expect(counts["accepted"]).toBeUndefined();
    expect(counts["signature-wrong"]).toBeGreaterThan(0);
    expect(counts["manifest-malformed"]).toBeGreaterThan(0);
  });

  it("refuses 200 truncations", async () => {
    const cut = (bytes: Bytes) => bytes.slice(0, below(bytes.length));
    expect(await tally(times(100, () => verdict(envelope, cut(release.model))))).toEqual({
      "blob-size": 100,
    });
    expect(await tally(times(100, () => verdict(cut(envelope), release.model)))).toEqual({
      "manifest-malformed": 100,
    });
  });

  it.each([
    ["weights-not-finite", NaN],
    ["weights-not-finite", Infinity],
    ["weights-not-finite", -Infinity],
    ["weights-too-large", 1e30],
    ["golden-vectors", 7],
  ] as const)("says %s for a signed file with the weight %d", async (reason, value) => {
    expect(
      await verdictOn(await resealed(release, signer, { model: withValue(release.model, value) })),
    ).toBe(reason);
  });

  it("refuses signed graphs that are not ours, whatever skeleton they claim", async () => {
    const { model } = release;
    const renamed = (from: string, to: string): Bytes => {
      const text = Buffer.from(model);
      const at = text.indexOf(from);
      expect(at).toBeGreaterThan(0);
      text.write(to, at, "latin1");
      return Uint8Array.from(text);
    };
    const node = (operator: string) =>
      new Message().message(1, new Message().text(1, "f").text(2, "extra").text(4, operator));
    const files: Record<string, Bytes> = {
      "another operator": renamed("Tanh", "Sqrt"),
      "another input": renamed("omega", "other"),
      "a loop": withGraph(model, (all) => all, node("Loop")),
      "an operator of another domain": withGraph(model, (all) => all, node("com.evil.Op")),
      "a sparse initialiser": withGraph(
        model,
        (all) => all,
        new Message().message(15, new Message().varint(3, 4)),
      ),
      "a quantisation annotation": withGraph(
        model,
        (all) => all,
        new Message().message(14, new Message().text(1, "f")),
      ),
      "a missing node": withGraph(model, (all, field, i) => (field === 1 && i === 3 ? null : all)),
      "nodes in another order": withGraph(
        model,
        (all, field, i) => (field === 1 && i === 0 ? null : all),
        node("Reshape"),
      ),
      "external data beside the values": withTensor(model, (tensor, { field, all }) => {
        tensor.raw(all);
        if (field === 9)
          tensor
            .message(13, new Message().text(1, "location").text(2, "/etc/passwd"))
            .varint(14, 1);
      }),
      "another output width": actorModel(
        { ...DEFAULT_NETWORK, actions: 3 },
        seededWeights(1, { ...DEFAULT_NETWORK, actions: 3 }),
      ),
      "more steps": actorModel({ ...DEFAULT_NETWORK, steps: 11 }, seededWeights(1)),
      "a local function": new Message()
        .raw(model)
        .message(25, new Message().text(1, "Gemm"))
        .finish(),
      "a newer operator set": new Message()
        .raw(model)
        .message(8, new Message().text(1, "").varint(2, 23))
        .finish(),
      "a training graph": new Message().raw(model).message(20, new Message()).finish(),
    };
    for (const [name, file] of Object.entries(files))
      expect({ name, verdict: await verdictOn(await sealedModel(file)) }).toEqual({
        name,
        verdict: "skeleton",
      });
  });

  it("refuses signed files whose tensors do not hold what they announce", async () => {
    const { model } = release;
    const files: Record<string, Bytes> = {
      "external data instead of values": withTensor(model, (tensor, { field, all }) => {
        if (field === 9)
          tensor.message(13, new Message().text(1, "location").text(2, "w.bin")).varint(14, 1);
        else tensor.raw(all);
      }),
      "giant dimensions": withTensor(model, (tensor, { field, all }) => {
        if (field === 1) tensor.varint(1, 2 ** 40);
        else tensor.raw(all);
      }),
      "a dimension too many": withTensor(model, (tensor, { field, all }) => {
        if (field === 2) tensor.varint(1, 2);
        tensor.raw(all);
      }),
      "values in float_data": withTensor(model, (tensor, { field, all }) => {
        if (field === 9) tensor.bytes(4, new Uint8Array(4));
        else tensor.raw(all);
      }),
      "values twice": withTensor(model, (tensor, { field, all }) => {
        tensor.raw(all);
        if (field === 9) tensor.raw(all);
      }),
      "no protobuf": fromAscii("<html>not found</html>"),
      "a length beyond the file": Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f),
    };
    for (const [name, file] of Object.entries(files)) {
      const sealed = await sealedModel(file);
      expect({ name, verdict: await verdictOn(sealed) }).toEqual({
        name,
        verdict: "blob-malformed",
      });
    }
    expect(await verdictOn(await sealedModel(new Uint8Array(0)))).toBe("skeleton");
  });

  it("refuses a manifest that claims another network than its file holds", async () => {
    const claims: Partial<Manifest> = { network: { ...DEFAULT_NETWORK, clipX0: null } };
    expect(await verdictOn(await resealed(release, signer, { manifest: claims }))).toBe("skeleton");
    const schedule = { kind: "linear", start: 0.01, end: 0.7 } as const;
    const noisier = { network: { ...DEFAULT_NETWORK, schedule } };
    expect(await verdictOn(await resealed(release, signer, { manifest: noisier }))).toBe(
      "golden-vectors",
    );
  });

  it.each(EVERY_HEAD)("accepts and serves a %s", async (_, config) => {
    const weights = plainWeights(config, new Random(SEED));
    const of = await testRelease(signer, { version: 5, config, weights });
    expect(await verdictOn(of)).toBe("accepted");
    const loaded = await verifyBlob(of.model, of.manifest, subtle);
    if (!loaded.ok) throw new Error(loaded.reason);
    const policy = new NetworkPolicy({ version: 5, name: "head", forward: loaded.value });
    const [{ f, c, omega }] = goldenInputs(config, 1) as [ReturnType<typeof goldenInputs>[0]];
    const { probs, logits } = await policy.infer({ f, c, omega });
    expect(probs.length).toBe(config.actions);
    expect(logits).toEqual(new Forward(config, weights).run(f, c, omega, null).logits);
  });

  it("refuses a file with another head than its manifest claims", async () => {
    const config = { ...DEFAULT_NETWORK, head: "mlp", steps: 0 } as const;
    const weights = plainWeights(config, new Random(SEED));
    const of = await testRelease(signer, { version: 5, config, weights });
    expect(await verdictOn(await resealed(release, signer, { model: of.model }))).toBe("skeleton");
  });

  it("knows the graphs of releases that say nothing about their head", async () => {
    // Printed by skeletonHash before there was a second head: policies published then must still pass.
    expect(await skeletonHash(DEFAULT_NETWORK, subtle)).toBe(
      "fcae0c20fab9b6b22999ffa5de3846f9f8bba1d57564b3666d52672c46b6b42a",
    );
    expect(await skeletonHash({ ...DEFAULT_NETWORK, actions: 3 }, subtle)).toBe(
      "2082b00aaee86503d66842e7a2664cbfee33d4d27be7129515820b3a2a2fcd5b",
    );
    expect(Object.keys(release.manifest.network).toSorted()).toEqual([
      "actions",
      "clipX0",
      "schedule",
      "steps",
      "tanhEps",
    ]);
  });

  it("refuses what is not signed by a key it knows", async () => {
    const other = await testSigner("key-b");
    expect(await verdictOn(await resealed(release, other, {}))).toBe("signature-unknown-key");
    const impostor = { ...other, keyId: signer.keyId };
    expect(await verdictOn(await resealed(release, impostor, {}))).toBe("signature-wrong");
    const { manifest } = release;
    const unsigned = canonicalBytes({ manifest, signatures: [] });
    expect(await verdict(unsigned, release.model)).toBe("signature-unknown-key");
    const changed = { ...parsed(), manifest: { ...manifest, version: 6 } };
    expect(await verdict(canonicalBytes(changed), release.model)).toBe("signature-wrong");
  });

  it("accepts a signature of either key while keys are rotated", async () => {
    const next = await testSigner("key-b");
    const files = (await resealed(release, next, {})).files.get(manifestKey(5))!;
    const checked = await verifyManifest(files, {
      subtle,
      keys: [signer.publicKey, next.publicKey],
      known: { version: 4 },
      now: RELEASED_AT,
    });
    expect(checked.ok).toBe(true);
  });

  it("refuses one signature that is given twice", async () => {
    const { manifest, signatures } = parsed();
    const twice = canonicalBytes({ manifest, signatures: [...signatures, ...signatures] });
    expect(await verdict(twice, release.model)).toBe("signature-duplicated");
  });

  it("refuses versions that are older, repeated, or too far ahead", async () => {
    expect(await verdictOn(release, { known: { version: 5 } })).toBe("version-not-newer");
    expect(await verdictOn(release, { known: { version: 9 } })).toBe("version-not-newer");
    const far = await resealed(release, signer, { manifest: { version: 1_000_005 } });
    expect(await verdictOn(far)).toBe("version-too-far");
    expect(await verdictOn(far, { known: { version: 4, newest: 999_500 } })).toBe("accepted");
    const edge = await resealed(release, signer, { manifest: { version: 1004 } });
    expect(await verdictOn(edge)).toBe("accepted");
    const beyond = await resealed(release, signer, { manifest: { version: 1005 } });
    expect(await verdictOn(beyond)).toBe("version-too-far");
  });

  it("refuses a release from its expiry on, and a candidate always", async () => {
    const { expires } = release.manifest;
    expect(await verdictOn(release, { now: expires - 1 })).toBe("accepted");
    expect(await verdictOn(release, { now: expires })).toBe("expired");
    const candidate = await resealed(release, signer, { manifest: { role: "candidate" } });
    expect(await verdictOn(candidate)).toBe("not-a-release");
  });

  it("refuses one release's manifest with another's blob", async () => {
    const other = await testRelease(signer, { version: 6, seed: 6 });
    expect(other.model.length).toBe(release.model.length);
    expect(await verdict(envelope, other.model)).toBe("blob-hash");
    expect(await verdict(other.files.get(manifestKey(6))!, release.model)).toBe("blob-hash");
  });

  it("does not parse 10 MB", async () => {
    const padded = new Uint8Array(10_000_000).fill(0x20);
    padded.set(envelope);
    expect(await verdict(padded, release.model)).toBe("manifest-too-large");
  });

  it("refuses a second spelling of the same manifest", async () => {
    const text = Buffer.from(envelope).toString();
    const respelt = [
      `${text}\n`,
      text.replace('"format":1', '"format":1.0'),
      text.replace('"role":"release"', '"role":"\\u0072elease"'),
      text.replace('"format":1', '"format":1,"format":1'),
    ];
    for (const variant of respelt) {
      expect(variant).not.toBe(text);
      expect(await verdict(fromAscii(variant), release.model)).toBe("manifest-not-canonical");
    }
  });

  it.each<[string, (manifest: Record<string, unknown>) => void]>([
    ["an unknown field", (m) => (m["extra"] = 1)],
    ["a missing field", (m) => delete m["golden"]],
    ["no golden vectors", (m) => (m["golden"] = [])],
    ["a fraction as version", (m) => (m["version"] = 5.5)],
    ["other shapes than its network's", (m) => (m["shapes"] = { f: "B,769" })],
    ["an unknown format", (m) => (m["format"] = 2)],
    ["upper-case hashes", (m) => (m["skeleton"] = String(m["skeleton"]).toUpperCase())],
    ["four actions", (m) => (m["network"] = { ...DEFAULT_NETWORK, actions: 4 })],
    ["a head that nobody knows", (m) => (m["network"] = { ...DEFAULT_NETWORK, head: "tree" })],
    [
      "an extractor that nobody knows",
      (m) => (m["network"] = { ...DEFAULT_NETWORK, extractor: 1 }),
    ],
    ["any width", (m) => (m["network"] = { ...DEFAULT_NETWORK, hidden: 300 })],
    ["a width of null", (m) => (m["network"] = { ...DEFAULT_NETWORK, hidden: null })],
    ["another field of its network", (m) => (m["network"] = { ...DEFAULT_NETWORK, depth: 2 })],
    ["a chain without steps", (m) => (m["network"] = { ...DEFAULT_NETWORK, steps: 0 })],
    ["a million steps", (m) => (m["network"] = { ...DEFAULT_NETWORK, steps: 1_000_000 })],
  ])("refuses a manifest with %s", async (_, change) => {
    const manifest: Record<string, unknown> = { ...release.manifest };
    change(manifest);
    const bytes = fromAscii(canonicalJson({ ...parsed(), manifest }));
    expect(await verdict(bytes, release.model)).toBe("manifest-malformed");
  });

  it("refuses lists that nest deeper than its stack, before any signature", async () => {
    const nested = "[".repeat(20_000) + "]".repeat(20_000);
    const shapes = canonicalJson(release.manifest.shapes);
    const text = canonicalJson({ manifest: release.manifest, signatures: [] });
    const bytes = fromAscii(text.replace(shapes, nested));
    expect(bytes.length).toBeLessThan(MAX_MANIFEST_BYTES);
    expect(await verdict(bytes, release.model)).toBe("manifest-malformed");
  });
});

describe("the skeleton", () => {
  it("stays when only numbers change, and no number hides in it", async () => {
    const one = readOnnx(actorModel(DEFAULT_NETWORK, seededWeights(1)));
    const two = readOnnx(actorModel(DEFAULT_NETWORK, seededWeights(6)));
    expect(equalBytes(one.skeleton, two.skeleton)).toBe(true);
    expect(release.manifest.skeleton).toBe(await skeletonHash(DEFAULT_NETWORK, subtle));
    expect(one.floats.get("fc0.w")).toEqual(seededWeights(1).get("fc0.w"));
  });
});

describe("manifest files", () => {
  it("have one canonical form: sorted keys, no spaces, ASCII", () => {
    expect(canonicalJson({ b: [1, "é\n"], a: null })).toBe('{"a":null,"b":[1,"\\u00e9\\n"]}');
  });

  it("are named by a pointer that holds a version and nothing else", () => {
    expect(pointerVersion(fromAscii('{"version":7}'))).toBe(7);
    for (const text of ["", "7", '{"version":0}', '{"version":7,"x":1}', '{"version":"7"}'])
      expect(pointerVersion(fromAscii(text))).toBeNull();
  });

  it("follow each other by at most 1000 versions", () => {
    expect([
      followsVersion(5, 5),
      followsVersion(6, 5),
      followsVersion(1005, 5),
      followsVersion(1006, 5),
    ]).toEqual([false, true, true, false]);
  });

  it("are signed by keys listed as id:hex", () => {
    const hex = "ab".repeat(32);
    expect(parsePublicKeys(` a:${hex}, b:${hex},`)).toEqual([
      { id: "a", publicKey: hex },
      { id: "b", publicKey: hex },
    ]);
    expect(parsePublicKeys("")).toEqual([]);
    for (const wrong of [hex, `a:${hex}00`, `a:${hex}:b`, ":", "a:zz"])
      expect(() => parsePublicKeys(wrong)).toThrow(/signing keys/);
  });
});

/** The published envelope as data. */
function parsed(): Envelope {
  const value: Envelope = JSON.parse(Buffer.from(envelope).toString());
  return value;
}
