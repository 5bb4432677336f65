import { describe, expect, it } from "vitest";
import { Turn } from "../../../../src/policy/network/turn.ts";

const nextTask = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("Turn", () => {
  it("never lets two callers in at once, and serves all", async () => {
    const turn = new Turn(nextTask);
    let inside = 0;
    let most = 0;
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        turn.take(async () => {
          most = Math.max(most, ++inside);
          await Promise.resolve();
          inside--;
          return i;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(results).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(turn.takeovers).toBe(0);
  });

  it("hands on after a failure", async () => {
    const turn = new Turn(nextTask);
    await expect(turn.take(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(await turn.take(() => Promise.resolve("next"))).toBe("next");
  });

  it("takes over from a holder that vanished, after 100 looks", async () => {
    let looks = 0;
    const turn = new Turn(() => {
      looks++;
      return nextTask();
    });
    void turn.take(() => new Promise(() => {}));
    expect(await turn.take(() => Promise.resolve("served"))).toBe("served");
    expect({ looks, takeovers: turn.takeovers }).toEqual({ looks: 100, takeovers: 1 });
  });

  it("does not miss a waiter that vanished", async () => {
    let clockRuns = false;
    const turn = new Turn(() => (clockRuns ? nextTask() : new Promise(() => {})));
    let finish = () => {};
    const holder = turn.take(() => new Promise<void>((resolve) => (finish = resolve)));
    let ranGone = false;
    // Its clock stopped with its request: it never looks again.
    void turn.take(() => Promise.resolve((ranGone = true)));
    clockRuns = true;
    const waiter = turn.take(() => Promise.resolve("served"));
    finish();
    await holder;
    expect(await waiter).toBe("served");
    expect(ranGone).toBe(false);
  });

  it("keeps the turn of whoever took over when the old holder wakes up", async () => {
    const turn = new Turn(nextTask);
    let wake = () => {};
    const old = turn.take(() => new Promise<void>((resolve) => (wake = resolve)));
    let finish = () => {};
    let inside = false;
    let enter = () => {};
    const entered = new Promise<void>((resolve) => (enter = resolve));
    const taker = turn.take(async () => {
      inside = true;
      enter();
      await new Promise<void>((resolve) => (finish = resolve));
      inside = false;
    });
    await entered;
    wake();
    await old;
    const third = turn.take(() => Promise.resolve(inside));
    await nextTask();
    finish();
    await taker;
    expect(await third).toBe(false);
  });

  it("waits as long as it takes while others make progress", async () => {
    const turn = new Turn(nextTask);
    const slow = Array.from({ length: 5 }, () =>
      turn.take(async () => {
        for (let i = 0; i < 60; i++) await nextTask();
      }),
    );
    await Promise.all(slow);
    expect(turn.takeovers).toBe(0);
  });
});
