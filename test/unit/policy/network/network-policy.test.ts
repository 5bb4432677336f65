import { beforeEach, describe, expect, it } from "vitest";
import { type Session, NetworkPolicy } from "../../../../src/policy/network/network-policy.ts";
import { DEFAULT_NETWORK } from "../../../../src/policy/network/layout.ts";
import { goldenInputs, seededForward } from "../../../support/golden-policy.ts";

const observation = goldenInputs()[0]!;

/** A session whose runs do what the list says, and after that answer [1, 2]. */
function scripted(...runs: readonly ("throws" | "nan")[]) {
  const log = { runs: 0, released: 0 };
  const session: Session = {
    run: () => {
      const what = runs[log.runs++];
      if (what === "throws") return Promise.reject(new Error("Aborted()"));
      return Promise.resolve({ logits: Float32Array.of(what === "nan" ? NaN : 1, 2) });
    },
    release: () => {
      log.released++;
      return Promise.resolve();
    },
  };
  return { session, log };
}

describe("NetworkPolicy", () => {
  const forward = seededForward(1);
  const byForward = forward.run(observation.f, observation.c, observation.omega, null);
  let policy: NetworkPolicy;
  beforeEach(() => {
    policy = new NetworkPolicy({ version: 3, name: "test", forward });
  });

  it("answers by the TypeScript pass, with zero noise, until a session is there", async () => {
    expect((await policy.infer(observation)).logits).toEqual(byForward.logits);
    expect(policy.actions).toEqual(["direct", "cache"]);
    const { session } = scripted();
    policy.accelerate(session);
    expect([...(await policy.infer(observation)).logits]).toEqual([1, 2]);
    expect(policy.counts).toEqual({ session: 1, forward: 1, direct: 0, failures: 0 });
  });

  it("feeds the session zero noise of shape [T+1, A]", async () => {
    const { session } = scripted();
    const noises: Float32Array[] = [];
    policy.accelerate({
      ...session,
      run: (seen, noise) => {
        noises.push(noise);
        return session.run(seen, noise);
      },
    });
    await policy.infer(observation);
    expect(noises).toEqual([new Float32Array(22)]);
  });

  it("gives probabilities that are the softmax of its logits", async () => {
    policy.accelerate(scripted().session);
    const { probs } = await policy.infer(observation);
    // 1 / (1 + e)
    expect(probs[0]).toBeCloseTo(0.268_941, 6);
    expect(probs[1]).toBeCloseTo(0.731_059, 6);
  });

  it("answers the same by the TypeScript pass when the session throws or is not finite", async () => {
    policy.accelerate(scripted("throws", "nan").session);
    for (let i = 0; i < 2; i++)
      expect((await policy.infer(observation)).logits).toEqual(byForward.logits);
    expect([...(await policy.infer(observation)).logits]).toEqual([1, 2]);
    expect(policy.counts).toEqual({ session: 1, forward: 2, direct: 0, failures: 2 });
  });

  it("stops asking a session after five failures in a row", async () => {
    const { session, log } = scripted("nan", "nan", "nan", "nan", "nan");
    policy.accelerate(session);
    for (let i = 0; i < 8; i++) await policy.infer(observation);
    expect(log.runs).toBe(5);
    expect(policy.accelerated).toBe(false);
    expect(policy.counts).toEqual({ session: 0, forward: 8, direct: 0, failures: 5 });
  });

  it("calls the model when not even the TypeScript pass is finite", async () => {
    const { logits, probs } = await policy.infer({ ...observation, omega: NaN });
    expect([...logits]).toEqual([20, 0]);
    expect(probs[0]).toBeGreaterThan(0.999);
    expect(policy.counts.direct).toBe(1);
  });

  it("releases a session when its last user is done, and answers on without it", async () => {
    let finish = () => {};
    const { session, log } = scripted();
    policy.accelerate({
      ...session,
      run: async (seen, noise) => {
        await new Promise<void>((resolve) => (finish = resolve));
        return session.run(seen, noise);
      },
    });
    const user = policy.infer(observation);
    await policy.retire();
    expect(log.released).toBe(0);
    finish();
    expect([...(await user).logits]).toEqual([1, 2]);
    expect(log.released).toBe(1);
    expect((await policy.infer(observation)).logits).toEqual(byForward.logits);
  });

  it("names three actions for a three-way head", () => {
    const three = new NetworkPolicy({
      version: 1,
      name: "three",
      forward: seededForward(1, { ...DEFAULT_NETWORK, actions: 3 }),
    });
    expect(three.actions).toEqual(["B", "C", "A"]);
  });
});
