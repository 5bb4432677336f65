import { describe, expect, it } from "vitest";
import { roundToHalf } from "../../../../src/policy/half.ts";
import { initialWeights } from "../../../../src/policy/network/initial-weights.ts";
import { DEFAULT_NETWORK, type Weights } from "../../../../src/policy/network/layout.ts";
import { packPolicy, unpackPolicy } from "../../../../src/policy/network/packed-weights.ts";
import { Random } from "../../../../src/policy/random.ts";
import { EVERY_HEAD, plainWeights } from "../../../support/networks.ts";

const SEED = 11;
const random = new Random(SEED);
const weights: Weights = initialWeights(DEFAULT_NETWORK, { normal: () => random.normal() });
const head = {
  name: "dlrs-l10",
  embedder: "velo/hash",
  input: "embedding",
  network: DEFAULT_NETWORK,
} as const;
const policy = { ...head, weights };

describe(`a packed policy (seed ${SEED})`, () => {
  const bytes = packPolicy(policy);

  it("comes back with its weights rounded to fp16", () => {
    const { weights: back, ...rest } = unpackPolicy(bytes);
    expect(rest).toEqual(head);
    expect([...back.keys()]).toEqual([...weights.keys()]);
    for (const [name, values] of weights) expect(back.get(name)).toEqual(roundToHalf(values));
  });

  it.each(EVERY_HEAD)("comes back with a %s", (_, network) => {
    const own = plainWeights(network, random);
    const back = unpackPolicy(packPolicy({ ...policy, network, weights: own }));
    expect(back.network).toEqual(network);
    expect([...back.weights.keys()]).toEqual([...own.keys()]);
    expect(back.weights.has("position")).toBe(network.extractor !== "raw");
  });

  it("can be unpacked from the middle of a buffer", () => {
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(unpackPolicy(shifted.subarray(3)).weights.get("eps.out.b")).toEqual(new Float32Array(2));
  });

  it.each([
    ["cut short", bytes.subarray(0, bytes.length - 1)],
    [
      "with a byte too much",
      Uint8Array.from([...bytes.subarray(0, 400), 0, ...bytes.subarray(400)]),
    ],
    ["without its first line", bytes.subarray(300)],
    ["empty", new Uint8Array()],
  ])("is refused %s", (_, damaged) => {
    expect(() => unpackPolicy(damaged)).toThrow(RangeError);
  });

  it("is not made of weights that fp16 cannot hold, or that are missing", () => {
    const broken = new Map(weights).set("eps.out.b", Float32Array.of(70_000, 0));
    expect(() => packPolicy({ ...policy, weights: broken })).toThrow("eps.out.b");
    broken.set("eps.out.b", Float32Array.of(Number.NaN, 0));
    expect(() => packPolicy({ ...policy, weights: broken })).toThrow("eps.out.b");
    broken.delete("eps.out.b");
    expect(() => packPolicy({ ...policy, weights: broken })).toThrow("eps.out.b");
  });
});
