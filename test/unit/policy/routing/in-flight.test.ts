import { describe, expect, it } from "vitest";
import { InFlight } from "../../../../src/policy/routing/in-flight.ts";
import { tightestFirst } from "../../../../src/policy/routing/cs-ucb.ts";
import { leastCompletion } from "../../../../src/policy/routing/least-completion.ts";
import { backend, estimates, request } from "./made.ts";

/** Own calls at `a` as seen at `now` beside a report of so long ago. */
const own = (calls: InFlight, now: number, ageMs: number) =>
  calls.view([backend("a", { load: { running: 0, waiting: 0, ageMs } })], now)[0]!.ownInFlight;

describe("own calls", () => {
  it("are added when they began after the report, and not again when it shows them", () => {
    const calls = new InFlight();
    calls.begin("r1", "a", 1_000);
    calls.begin("r2", "a", 2_000);
    calls.begin("r3", "b", 2_000);
    // Reported at 500, at 1,500 and at 2,500.
    expect(own(calls, 3_000, 2_500)).toBe(2);
    expect(own(calls, 3_000, 1_500)).toBe(1);
    expect(own(calls, 3_000, 500)).toBe(0);
  });

  it("are deducted when they ended after a report that shows them", () => {
    const calls = new InFlight();
    calls.begin("r1", "a", 1_000);
    calls.end("r1", 2_000);
    expect(own(calls, 2_500, 1_000)).toBe(-1);
    // Begun and ended since the report: as if nothing had been.
    expect(own(calls, 2_500, 2_000)).toBe(0);
    expect(own(calls, 2_500, 100)).toBe(0);
  });

  it("are all there is where nobody reports a load", () => {
    const calls = new InFlight();
    calls.begin("r1", "a", 1_000);
    calls.begin("r2", "a", 1_000);
    calls.end("r2", 1_500);
    expect(calls.view([backend("a", { load: null })], 2_000)[0]!.ownInFlight).toBe(1);
  });

  it("take their share of the throughput until they end", () => {
    const calls = new InFlight();
    const used = (now: number) =>
      calls.view([backend("a", { throughput: { limit: 100, used: 10 } })], now)[0]!.throughput!
        .used;
    calls.begin("r1", "a", 1_000, 30);
    // A report of this very moment shows the call.
    expect(used(1_000)).toBe(10);
    const earlier = backend("a", {
      throughput: { limit: 100, used: 10 },
      load: { running: 0, waiting: 0, ageMs: 500 },
    });
    expect(calls.view([earlier], 1_200)[0]!.throughput!.used).toBe(40);
    calls.end("r1", 1_300);
    expect(calls.view([earlier], 1_400)[0]!.throughput!.used).toBe(10);
  });

  it("move with their request, and end once", () => {
    const calls = new InFlight();
    calls.begin("r1", "b", 1_000);
    calls.begin("r1", "a", 1_100);
    calls.end("r1", 1_200);
    calls.end("r1", 9_000);
    calls.end("unknown", 1_200);
    expect(own(calls, 1_250, 100)).toBe(-1);
    expect(own(calls, 1_250, 10)).toBe(0);
  });

  it("are forgotten from the oldest when nobody ends them", () => {
    const calls = new InFlight({ maxCalls: 3 });
    for (let i = 0; i < 10; i++) calls.begin(`r${i}`, "a", 1_000 + i);
    expect(own(calls, 2_000, 2_000)).toBe(3);
  });

  it("are over after the longest time a call can take, though nobody ended them", () => {
    const calls = new InFlight({ longestMs: 5_000 });
    calls.begin("r1", "a", 1_000);
    const free = (now: number) => calls.view([backend("a", { load: null })], now)[0]!.ownInFlight;
    expect([free(5_999), free(6_000)]).toEqual([1, 0]);
    calls.begin("r2", "a", 1_000);
    // A report of 5,500 shows the call that ended at 6,000.
    expect(own(calls, 6_500, 1_000)).toBe(-1);
  });

  it("spread a burst that reports know nothing of", () => {
    const calls = new InFlight();
    const servers = ["a", "b"].map((id) =>
      backend(id, { slots: 1, load: { running: 0, waiting: 0, ageMs: 5_000 } }),
    );
    const selector = leastCompletion();
    const chosen = Array.from({ length: 4 }, (_, i) => {
      const { backend: id } = selector.choose(request(), calls.view(servers, 10_000));
      calls.begin(`r${i}`, id!, 10_000);
      return id;
    });
    expect(chosen).toEqual(["a", "b", "a", "b"]);
  });
});

describe("tightestFirst", () => {
  it("puts the least slack first and requests without a deadline last", () => {
    const asked = [
      request({ id: "free" }),
      request({ id: "loose", deadlineSeconds: 9 }),
      // 4 - 3 = 1 s of slack, against 3 - 1.5 of the one after it
      request({
        id: "long",
        deadlineSeconds: 4,
        estimates: estimates({ a: { serviceSeconds: 3 }, b: { serviceSeconds: 5 } }),
      }),
      request({ id: "short", deadlineSeconds: 3 }),
      request({ id: "nowhere", deadlineSeconds: 1.2, estimates: {} }),
    ];
    const order = tightestFirst(asked, [backend("a"), backend("b")]).map(({ id }) => id);
    expect(order).toEqual(["long", "nowhere", "short", "loose", "free"]);
  });
});
