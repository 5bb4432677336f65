import { describe, expect, test } from "vitest";
import { Standing } from "../../../../src/worker/upstream/standing.ts";

const T = 1_800_000_000_000;

function failing(standing: Standing, tenant: string, count: number, at = T): void {
  for (let i = 0; i < count; i++) {
    standing.begin(`f${i}`, tenant, "a", at + 60_000, at);
    standing.end(`f${i}`, false, at);
  }
}

describe("how a backend stands with an isolate", () => {
  test("five failures in a row close it to their tenant for 30 s, and to nobody else", () => {
    const standing = new Standing();
    failing(standing, "t", 4);
    expect(standing.of("t", "a", "closed", T).breaker).toBe("closed");
    failing(standing, "t", 1);
    expect(standing.of("t", "a", "closed", T + 29_999).breaker).toBe("open");
    expect(standing.of("t", "a", "closed", T + 30_000).breaker).toBe("half-open");
    expect(standing.of("other", "a", "closed", T).breaker).toBe("closed");
    expect(standing.of("t", "b", "closed", T).breaker).toBe("closed");
    standing.begin("probe", "t", "a", T + 60_000, T + 30_000);
    standing.end("probe", true, T + 31_000);
    expect(standing.of("t", "a", "closed", T + 31_000).breaker).toBe("closed");
  });

  test("a call that was given up says nothing", () => {
    const standing = new Standing();
    failing(standing, "t", 4);
    standing.begin("left", "t", "a", T + 60_000, T);
    standing.end("left", null, T);
    expect(standing.of("t", "a", "closed", T).breaker).toBe("closed");
    failing(standing, "t", 1);
    expect(standing.of("t", "a", "closed", T).breaker).toBe("open");
  });

  test("what the region says counts where it is worse", () => {
    const standing = new Standing();
    expect(standing.of("t", "a", "open", T).breaker).toBe("open");
    expect(standing.of("t", "a", "half-open", T).breaker).toBe("half-open");
    failing(standing, "t", 5);
    expect(standing.of("t", "a", "half-open", T).breaker).toBe("open");
  });

  test.each([
    ["as long as it asked for", 7_000, 7_000],
    ["for a second where it did not say", null, 1_000],
    ["for a minute at most", 3_600_000, 60_000],
  ])("one that is full is avoided by all %s", (_, retryAfterMs, ms) => {
    const standing = new Standing();
    standing.limited("a", retryAfterMs, T);
    expect(standing.of("t", "a", "closed", T + ms - 1).avoided).toBe("rate-limited");
    expect(standing.of("other", "a", "closed", T + ms - 1).avoided).toBe("rate-limited");
    expect(standing.of("t", "a", "closed", T + ms).avoided).toBe(null);
  });

  /** Asked and refused with 429 at this moment. */
  function refused(standing: Standing, at: number): void {
    standing.chosen("a", false, at);
    standing.begin(`r${at}`, "t", "a", at + 60_000, at);
    standing.end(`r${at}`, null, at);
    standing.limited("a", null, at);
  }
  const isAvoided = (standing: Standing, now: number) =>
    standing.of("t", "a", "closed", now).avoided === "rate-limited";

  test("one that is full again and again is asked after 1, 2, 4 ... 60 s, and after a success at once", () => {
    const standing = new Standing();
    let now = T;
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      refused(standing, now);
      // Calls beside it are refused too: that lengthens nothing.
      for (let i = 0; i < 10; i++) standing.limited("a", null, now + i);
      expect(isAvoided(standing, now + 1_000 * seconds - 1)).toBe(true);
      now += 1_000 * seconds;
      expect(isAvoided(standing, now)).toBe(false);
    }
    refused(standing, now);
    standing.begin("probe", "t", "a", now + 99_000, now + 60_000);
    standing.end("probe", true, now + 61_000);
    refused(standing, now + 70_000);
    expect(isAvoided(standing, now + 70_999)).toBe(true);
    expect(isAvoided(standing, now + 71_000)).toBe(false);
  });

  test("a full one's later date counts; an answer that began before it was full proves nothing", () => {
    const standing = new Standing();
    standing.begin("long", "t", "a", T + 60_000, T - 1);
    standing.limited("a", null, T);
    standing.limited("a", 5_000, T + 500);
    standing.end("long", true, T + 600);
    expect(isAvoided(standing, T + 5_499)).toBe(true);
    expect(isAvoided(standing, T + 5_500)).toBe(false);
  });

  test("after its rest a full one is asked once a second until it answers, and only while that may fail", () => {
    let mayFail = true;
    const standing = new Standing(() => mayFail);
    standing.limited("a", null, T);
    const back = T + 1_000;
    mayFail = false;
    expect(isAvoided(standing, back)).toBe(true);
    mayFail = true;
    expect(isAvoided(standing, back)).toBe(false);
    standing.chosen("a", false, back);
    standing.begin("probe", "t", "a", back + 60_000, back);
    expect(isAvoided(standing, back + 999)).toBe(true);
    expect(isAvoided(standing, back + 1_000)).toBe(false);
    standing.end("probe", true, back + 1_001);
    mayFail = false;
    expect(isAvoided(standing, back + 1_002)).toBe(false);
  });

  test("one that is late is avoided but for a probe now and then", () => {
    const standing = new Standing();
    for (const id of ["r1", "r2"]) standing.begin(id, "t", "a", T + 500, T);
    expect(standing.of("t", "a", "closed", T + 500).avoided).toBe("late");
    expect(standing.of("t", "a", "closed", T + 1_500).avoided).toBe(null);
    standing.chosen("a", false, T + 1_500);
    expect(standing.of("t", "a", "closed", T + 1_501).avoided).toBe("late");
    standing.begin("probe", "t", "a", T + 2_000, T + 1_501);
    standing.spoke("probe", T + 1_600);
    expect(standing.of("t", "a", "closed", T + 1_601).avoided).toBe(null);
  });
});
