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
