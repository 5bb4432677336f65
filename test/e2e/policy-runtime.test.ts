// onnxruntime in a real workerd, with clients that leave: a request that vanishes inside the runtime, while it boots, or
// while it waits for its turn must cost nobody else an answer.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Forward } from "../../src/policy/network/forward.ts";
import { DEFAULT_NETWORK } from "../../src/policy/network/layout.ts";
import { actorModel } from "../../src/policy/network/onnx-graph.ts";
import { Random } from "../../src/policy/random.ts";
import { goldenInputs, seededWeights } from "../support/golden-policy.ts";
import { type PolicyServer, startPolicyServer } from "../support/policy-server.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_122);
const random = new Random(SEED);
const weights = seededWeights(1);
const post = { method: "POST", body: actorModel(DEFAULT_NETWORK, weights) };
const forward = new Forward(DEFAULT_NETWORK, weights);
const inputs = goldenInputs();
const want = inputs.map(({ f, c, omega }) => forward.run(f, c, omega, null).logits);

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

let server: PolicyServer;
beforeAll(async () => {
  console.log(`seed ${SEED}`);
  server = await startPolicyServer();
  await server.get("/model", post);
});
afterAll(async () => {
  await server.stop();
});

/** How often an answer differs from the TypeScript pass by more than rounding. */
async function wrongAnswers(requests: Iterable<number>): Promise<number> {
  const answers = await Promise.all(
    Array.from(requests, async (i) => ({
      i,
      logits: (
        await server.get(`/decide?i=${i}&wait=${i % 5}`, { signal: AbortSignal.timeout(20_000) })
      )["logits"],
    })),
  );
  return answers.filter(
    ({ i, logits }) =>
      !Array.isArray(logits) ||
      logits.some((value, a) => !(Math.abs(Number(value) - want[i]![a]!) <= 3e-5)),
  ).length;
}

/** A request whose client hangs up after so many milliseconds. */
async function abandoned(path: string, afterMs: number, init: RequestInit = {}): Promise<void> {
  const signal = AbortSignal.timeout(Math.ceil(afterMs));
  await fetch(server.url + path, { ...init, signal }).then(
    (response) => response.body?.cancel(),
    () => {},
  );
}

describe("onnxruntime in workerd, with clients that leave", () => {
  it("answers everybody when the request that boots the runtime is abandoned", async () => {
    const boots = Array.from({ length: 5 }, () =>
      abandoned("/boot", 1 + 60 * random.uniform(), post),
    );
    const wrong = await wrongAnswers(Array.from({ length: 50 }, (_, i) => i));
    await Promise.all(boots);
    expect(wrong).toBe(0);
    const status = await server.get("/boot", post);
    expect(status).toMatchObject({ up: true, accelerated: true });
    expect(await wrongAnswers([0, 1, 2])).toBe(0);
  });

  it("answers whoever stays when half of the callers leave at any moment", async () => {
    const leaving = Array.from({ length: 300 }, (_, i) =>
      abandoned(`/decide?i=${i % 100}&wait=${i % 7}`, 12 * random.uniform()),
    );
    const wrong = await wrongAnswers(Array.from({ length: 300 }, (_, i) => i % 100));
    await Promise.all(leaving);
    expect(wrong).toBe(0);
    // Nobody ever waits inside the runtime, so nobody can vanish there.
    expect(await server.get("/status")).toMatchObject({
      takeovers: 0,
      accelerated: true,
      counts: { failures: 0 },
    });
  });

  it("takes over a turn whose holder vanished while it waited for something", async () => {
    const gone = abandoned("/hold?ms=600000", 200);
    while ((await server.get("/held"))["held"] !== 1) await sleep(5);
    await gone;
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        server.get("/take", { signal: AbortSignal.timeout(10_000) }),
      ),
    );
    expect(answers.map((answer) => answer["takeovers"])).toContain(1);
  });

  it("swaps sessions while requests come and go", async () => {
    const until = { swapped: false };
    let wrong = 0;
    const load = (async () => {
      while (!until.swapped) {
        const leaving = abandoned("/decide?i=3&wait=2", 3 * random.uniform());
        wrong += await wrongAnswers([1, 2, 3, 4]);
        await leaving;
      }
    })();
    for (let swap = 0; swap < 20; swap++) {
      await server.get("/swap", post);
      await sleep(100);
    }
    until.swapped = true;
    await load;
    expect(wrong).toBe(0);
    expect(await server.get("/status")).toMatchObject({ accelerated: true, takeovers: 0 });
  });
});
