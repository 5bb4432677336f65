import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor, withDeadline } from "../../../../src/worker/upstream/deadline.ts";
import { FakeClock } from "../fake-clock.ts";

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
beforeAll(() => process.on("unhandledRejection", note));
afterAll(() => void process.off("unhandledRejection", note));

const never = () => new Promise<never>(() => {});

test("a result in time is its value, and no timer is left", async () => {
  const clock = new FakeClock();
  expect(await withDeadline(async () => 7, 100, clock.wait)).toEqual({ ok: true, value: 7 });
  expect(clock.pending).toBe(0);
});

test("a rejection and a throw are errors", async () => {
  const { wait } = new FakeClock();
  const error = new Error("no");
  expect(await withDeadline(() => Promise.reject(error), 100, wait)).toEqual({
    ok: false,
    reason: "error",
    error,
  });
  const thrower = () => {
    throw error;
  };
  expect(await withDeadline(thrower, 100, wait)).toMatchObject({ ok: false, reason: "error" });
});

test("at the deadline the attempt is aborted and its late rejection is nobody's", async () => {
  const clock = new FakeClock();
  let signal: AbortSignal | undefined;
  const attempt = withDeadline(
    (given) => {
      signal = given;
      return new Promise((_resolve, reject) => {
        given.addEventListener("abort", () => reject(new Error("late")));
      });
    },
    100,
    clock.wait,
  );
  await clock.advance(99);
  expect(signal?.aborted).toBe(false);
  await clock.advance(1);
  expect(await attempt).toMatchObject({ ok: false, reason: "timeout" });
  expect(signal?.aborted).toBe(true);
  await clock.advance(1);
  expect(unhandled).toEqual([]);
});

test("a success leaves its signal alone: a stream it handed out may still run", async () => {
  let signal: AbortSignal | undefined;
  await withDeadline(
    async (given) => {
      signal = given;
    },
    100,
    new FakeClock().wait,
  );
  expect(signal?.aborted).toBe(false);
});

test("a parent's abort ends it at once, before or during the attempt", async () => {
  const clock = new FakeClock();
  const parent = new AbortController();
  const during = withDeadline(never, 100, clock.wait, parent.signal);
  parent.abort("gone");
  expect(await during).toEqual({ ok: false, reason: "error", error: "gone" });
  const before = withDeadline(never, 100, clock.wait, parent.signal);
  expect(await before).toMatchObject({ ok: false, reason: "error" });
});

test("the real wait ends early on abort and never rejects", async () => {
  const controller = new AbortController();
  const before = performance.now();
  const waiting = waitFor(60_000, controller.signal);
  controller.abort();
  await waiting;
  await waitFor(60_000, controller.signal);
  await waitFor(10);
  expect(performance.now() - before).toBeGreaterThanOrEqual(9);
  expect(performance.now() - before).toBeLessThan(10_000);
});
