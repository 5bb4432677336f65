import { describe, expect, test } from "vitest";
import { hedged } from "../../../src/worker/lookup/hedge.ts";
import { waitFor } from "../../../src/worker/upstream/deadline.ts";

/** Calls that answer (or fail) after the given times, counted. */
function calls(...replies: readonly { readonly ms: number; readonly fails?: boolean }[]) {
  let made = 0;
  const call = async (): Promise<number> => {
    const number = made++;
    const { ms, fails = false } = replies[number] ?? { ms: 0 };
    await waitFor(ms);
    if (fails) throw new Error(`call ${number}`);
    return number;
  };
  return { call, made: () => made };
}

describe("a hedged read", () => {
  test("is asked once when the reply comes in time", async () => {
    const { call, made } = calls({ ms: 0 });
    expect(await hedged(call, 200, waitFor)).toBe(0);
    await waitFor(5);
    expect(made()).toBe(1);
  });

  test("is asked again when it is late, and the faster reply wins", async () => {
    const { call, made } = calls({ ms: 5_000 }, { ms: 1 });
    expect(await hedged(call, 1, waitFor)).toBe(1);
    expect(made()).toBe(2);
  });

  test("is not asked again once it has failed", async () => {
    const { call, made } = calls({ ms: 1, fails: true });
    await expect(hedged(call, 200, waitFor)).rejects.toThrow("All promises were rejected");
    expect(made()).toBe(1);
  });

  test("survives one failure of two", async () => {
    const { call } = calls({ ms: 20, fails: true }, { ms: 40 });
    expect(await hedged(call, 1, waitFor)).toBe(1);
  });
});
