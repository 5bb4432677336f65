import { describe, expect, it } from "vitest";
import {
  NeighbourQuality,
  neighbourQuality,
} from "../../../../src/policy/routing/neighbour-quality.ts";
import { backend, outcome, request, stored } from "./made.ts";

/** A unit vector at so many degrees in the plane. */
const at = (degrees: number): Float32Array => {
  const angle = (degrees * Math.PI) / 180;
  return Float32Array.of(Math.cos(angle), Math.sin(angle));
};

describe("the quality of neighbours", () => {
  it("is the mean of the nearest, weighted by cosine, for each server", () => {
    const memory = new NeighbourQuality({ neighbours: 2, shrinkage: 0 });
    memory.add("q1", at(0), "a", 1);
    memory.add("q1", at(0), "b", 0.2);
    memory.add("q2", at(60), "a", 0);
    memory.add("q3", at(90), "a", 0.5);
    // At 0 degrees a's nearest two have cosines 1 and 0.5: (1 x 1 + 0.5 x 0) / 1.5
    const predicted = memory.predict(at(0));
    expect(predicted.get("a")).toBeCloseTo(2 / 3, 2);
    expect(predicted.get("b")).toBeCloseTo(0.2, 12);
    expect(predicted.has("c")).toBe(false);
    // At 90 degrees: cosines 1 (0.5) and sin 60 (0)
    expect(memory.predict(at(90)).get("a")).toBeCloseTo(0.5 / (1 + Math.sin(Math.PI / 3)), 2);
  });

  it("is drawn to the server's mean, the more the fewer and the farther its neighbours", () => {
    const drawn = (shrinkage: number, degrees: number) => {
      const memory = new NeighbourQuality({ neighbours: 1, shrinkage });
      memory.add("q1", at(0), "a", 1);
      memory.add("q2", at(90), "a", 0.2);
      memory.add("q3", at(120), "a", 0.3);
      return memory.predict(at(degrees)).get("a")!;
    };
    // The mean of all three is 0.5: (1 x 1 + 1 x 0.5) / 2, and with a cosine of 0.5 (0.5 + 0.5) / 1.5 at 300 degrees
    expect(drawn(1, 0)).toBeCloseTo(0.75, 12);
    expect(drawn(1, 300)).toBeCloseTo(2 / 3, 2);
    expect(drawn(1e9, 0)).toBeCloseTo(0.5, 6);
    expect(drawn(0, 0)).toBe(1);
  });

  it("forgets the oldest request beyond its capacity", () => {
    const memory = new NeighbourQuality({ capacity: 2 });
    memory.add("q1", at(0), "a", 1);
    memory.add("q2", at(0), "b", 1);
    memory.add("q3", at(0), "c", 1);
    expect([...memory.predict(at(0)).keys()].toSorted((x, y) => x.localeCompare(y))).toEqual([
      "b",
      "c",
    ]);
  });

  it("takes no embedding without a direction, and no quality outside [0, 1]", () => {
    const memory = new NeighbourQuality();
    memory.add("q1", Float32Array.of(0, 0), "a", 1);
    memory.add("q2", Float32Array.of(NaN, 1), "a", 1);
    memory.add("q3", at(0), "a", NaN);
    memory.add("q4", at(0), "a", 1.5);
    expect(memory.predict(at(0)).size).toBe(0);
    memory.add("q5", at(0), "a", 1);
    for (const unusable of [
      Float32Array.of(NaN, 1),
      Float32Array.of(0, 0),
      Float32Array.of(1, 0, 0),
    ])
      expect(memory.predict(unusable).size).toBe(0);
  });

  it("tells directions apart as well as the vectors themselves do", () => {
    const memory = new NeighbourQuality({ neighbours: 1, shrinkage: 0 });
    for (let degrees = 0; degrees < 90; degrees++)
      memory.add(`q${degrees}`, at(degrees), "a", degrees / 90);
    for (let degrees = 0; degrees < 90; degrees += 7)
      expect(memory.predict(at(degrees)).get("a")).toBeCloseTo(degrees / 90, 12);
  });

  it("is the same from storage", () => {
    const memory = new NeighbourQuality();
    memory.add("q1", at(10), "a", 0.3);
    memory.add("q1", at(10), "b", 0.7);
    memory.add("q2", at(50), "a", 0.9);
    const restored = new NeighbourQuality();
    expect(restored.restore(stored(memory.snapshot()))).toBe(true);
    expect(restored.predict(at(20))).toEqual(memory.predict(at(20)));
    expect(restored.restore([["q1", { direction: [900], qualities: [] }]])).toBe(false);
    expect(restored.restore([["q1", { direction: [1], qualities: [["a", 2]] }]])).toBe(false);
    expect(restored.predict(at(20))).toEqual(memory.predict(at(20)));
  });
});

describe("the selector", () => {
  const taught = (qualityPerUsd = 0) => {
    const selector = neighbourQuality({ neighbours: 1, shrinkage: 0, qualityPerUsd });
    const judge = (requestId: string, degrees: number, id: string, quality: number) =>
      selector.observe(outcome({ requestId, backend: id, quality, embedding: at(degrees) }));
    judge("q1", 0, "a", 0.9);
    judge("q1", 0, "b", 0.4);
    judge("q2", 90, "a", 0.3);
    judge("q2", 90, "b", 0.6);
    return selector;
  };
  // 0.0003 USD at b; a is dearer by 100 x 10 / 10^6 = 0.001 USD
  const servers = [backend("a", { outputPrice: 12 }), backend("b"), backend("c")];

  it("chooses who did best on similar requests", () => {
    const ranked = (degrees: number) =>
      taught()
        .rank(request({ embedding: at(degrees) }), servers)
        .map((choice) => choice.backend);
    expect(ranked(10)).toEqual(["a", "b", "c"]);
    expect(ranked(80)).toEqual(["b", "a", "c"]);
  });

  it("spends only what quality is worth", () => {
    const choice = (qualityPerUsd: number) =>
      taught(qualityPerUsd).choose(request({ embedding: at(0) }), servers).backend;
    // 0.5 better for 0.001 USD more
    expect(choice(400)).toBe("a");
    expect(choice(600)).toBe("b");
  });
});
