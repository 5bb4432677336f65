import { describe, expect, test } from "vitest";
import { THREE_WAY, TWO_WAY } from "../../../../../src/policy/action.ts";
import { type Candidate } from "../../../../../src/policy/cache/candidate.ts";
import { decide } from "../../../../../src/policy/decide.ts";
import { DEFAULT_NETWORK } from "../../../../../src/policy/network/layout.ts";
import { type PolicyOutput } from "../../../../../src/policy/network/policy.ts";
import {
  type Actor,
  networkPlayer,
} from "../../../../../src/trainer-node/reproduction/velo/network-player.ts";
import { type ActorRequest } from "../../../../../src/trainer-node/served-actor.ts";
import { certain } from "../../../../../src/trainer-node/simulator/baselines.ts";
import { certainly } from "../../../../../src/trainer-node/simulator/executed.ts";
import { candidate } from "../../../../support/candidate.ts";
import { actionOf, pendingWith } from "../../../../support/paper-pending.ts";

const seed = Number(process.env["SEED"] ?? 20_261_121);
console.log(`network player seed ${seed}`);

/** An actor that says the same of every request, or what a function makes of it. */
const fakeActor = (
  probsOf: (request: ActorRequest, i: number) => readonly number[],
  actions: Actor["actions"] = TWO_WAY,
): Actor => ({
  name: "fake",
  actions,
  inferAll: (requests) =>
    Promise.resolve(
      requests.map((request, i) => {
        const probs = Float32Array.from(probsOf(request, i));
        return { probs, logits: probs.map((p) => Math.log(p)), feat: new Float32Array(30) };
      }),
    ),
});

describe("a network's execution", () => {
  const network = DEFAULT_NETWORK;

  test("samples the action from what one chain says", async () => {
    const player = networkPlayer(
      fakeActor(() => [0.3, 0.7]),
      { network, execution: "sampled", seed },
    );
    const pendings = Array.from({ length: 2000 }, (_, index) => pendingWith([0.2], { index }));
    const caches = (await player.chooseAll!(pendings)).filter((one) => actionOf(one) === 1).length;
    // 1400 expected, five standard deviations: 5 sqrt(2000 * 0.3 * 0.7) = 102
    expect(Math.abs(caches - 1400)).toBeLessThan(102);
  });

  test("averages the chains' probabilities, not their actions", async () => {
    const actor = fakeActor((_, i) => (i % 3 === 2 ? [0.99, 0.01] : [0.4, 0.6]));
    const player = networkPlayer(actor, { network, execution: "mean-argmax", chains: 3, seed });
    const outputs = await player.chooseAll!([pendingWith([0.2]), pendingWith([0.3], { index: 1 })]);
    // (0.4 + 0.4 + 0.99) / 3 = 0.597 for the model, although two of three chains prefer the cache.
    expect(outputs.map(actionOf)).toEqual([0, 0]);
  });

  test("draws each server's noise from the request, standard normal, and none where there is to be none", async () => {
    const seen: (Float32Array | null)[] = [];
    const actor = fakeActor(({ noise }) => {
      seen.push(noise);
      return [0.5, 0.5];
    });
    const options = { network, chains: 2, seed };
    const at = (index: number, agent: number) => pendingWith([0.2], { index, agent });
    const noisy = networkPlayer(actor, { ...options, execution: "mean-sampled" });
    await noisy.choose(at(7, 0));
    await noisy.chooseAll!([at(6, 0), at(7, 0), at(7, 1)]);
    const [first, second, , , again, againSecond, otherAgent] = seen;
    expect(first).toHaveLength(22);
    expect([again, againSecond]).toEqual([first, second]);
    expect(second).not.toEqual(first);
    expect(otherAgent).not.toEqual(first);
    const values = seen.flatMap((noise) => [...noise!]);
    // 176 draws: five standard errors of the mean are 0.38.
    expect(Math.abs(values.reduce((a, b) => a + b, 0) / values.length)).toBeLessThan(0.38);
    seen.length = 0;
    await networkPlayer(actor, { ...options, execution: "zero-noise" }).choose(at(7, 0));
    const mlp = { ...network, head: "mlp", steps: 0 } as const;
    await networkPlayer(actor, { ...options, network: mlp, execution: "mean-argmax" }).choose(
      at(7, 0),
    );
    expect(seen).toEqual([null, null]);
  });

  test("refuses numbers of chains that no stream of noise exists for", () => {
    const actor = fakeActor(() => [0.5, 0.5]);
    for (const chains of [0, 65, Number.NaN])
      expect(() =>
        networkPlayer(actor, { network, execution: "mean-argmax", chains, seed }),
      ).toThrow(RangeError);
  });

  test("shows the decision what is not a number, which then calls the model", async () => {
    const player = networkPlayer(
      fakeActor(() => [Number.NaN, 0.5]),
      { network, execution: "mean-argmax", seed },
    );
    const output = await player.choose(pendingWith([0.1]));
    expect(decisionOn([candidate({ distance: 0.1 })], output, TWO_WAY)).toMatchObject({
      handling: "B",
      reason: "not-finite",
    });
  });
});

const decisionOn = (
  candidates: readonly Candidate[],
  output: PolicyOutput,
  actions: Actor["actions"],
  draw = 0.5,
) =>
  decide({
    request: { text: "How do I boil an egg?", lang: "en", fp: "fp", now: 1000 },
    candidates,
    output,
    actions,
    explore: { epsilon: 0, draw },
    limits: { coldStartDistance: 0.35, noteDistance: 0.95, deltaHit: 0.02, deltaRequest: 0.01 },
    allow: { serve: true, augment: true },
    mode: "paper",
  });

describe("three actions", () => {
  const network = { ...DEFAULT_NETWORK, actions: 3 } as const;
  const far = [candidate({ distance: 0.8 })];
  const near = [candidate({ distance: 0.2 })];

  test("leave a masked one to the next likeliest", async () => {
    const actor = fakeActor(() => [0.1, 0.2, 0.7], THREE_WAY);
    const player = networkPlayer(actor, { network, execution: "zero-noise", seed });
    const output = await player.choose(pendingWith([0.8]));
    for (const likely of [output, certainly(output)]) {
      expect(decisionOn(near, likely, THREE_WAY).handling).toBe("A");
      // Beyond tau_A = 0.6 nothing may be served; notes are the next likeliest.
      expect(decisionOn(far, likely, THREE_WAY)).toMatchObject({ handling: "C", action: 1 });
      expect(decisionOn([], likely, THREE_WAY).handling).toBe("B");
    }
  });

  test("are drawn as if a masked one had never been there", async () => {
    const actor = fakeActor(() => [0.1, 0.3, 0.6], THREE_WAY);
    const player = networkPlayer(actor, { network, execution: "sampled", seed });
    const pendings = Array.from({ length: 2000 }, (_, index) => pendingWith([0.8], { index }));
    const outputs = await player.chooseAll!(pendings);
    const countOf = (rows: readonly Candidate[], handling: string) =>
      outputs.filter((one) => decisionOn(rows, one, THREE_WAY).handling === handling).length;
    // Open: 1200 served, 600 with notes. Masked: 0.3 / 0.4 of them with notes. Five standard deviations are below 110.
    expect(Math.abs(countOf(near, "A") - 1200)).toBeLessThan(110);
    expect(Math.abs(countOf(near, "C") - 600)).toBeLessThan(110);
    expect(countOf(far, "A")).toBe(0);
    expect(Math.abs(countOf(far, "C") - 1500)).toBeLessThan(110);
  });

  test("are certain without traces of others only where there are two", () => {
    expect([...certainly(certain(1)).probs]).toEqual([0, 1]);
    const { probs } = certainly({
      logits: Float32Array.of(0, 1, 2),
      probs: Float32Array.of(0.2, 0.3, 0.5),
    });
    expect(probs[2]).toBe(1);
    expect(probs[1]!).toBeGreaterThan(probs[0]!);
    expect(probs[1]!).toBeLessThan(1e-14);
    expect(probs[0]!).toBeGreaterThan(0);
  });
});
