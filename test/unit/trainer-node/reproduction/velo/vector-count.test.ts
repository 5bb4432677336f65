import { describe, expect, it } from "vitest";
import {
  bytesByFormula,
  measureVectorCounts,
} from "../../../../../src/trainer-node/reproduction/velo/vector-count.ts";

const SEED = 3;

describe("query delay and memory against the number of vectors", () => {
  it("has a row for each count, whose bytes are what the arrays take", async () => {
    const lines: string[] = [];
    const rows = await measureVectorCounts({
      counts: [300, 150],
      seed: SEED,
      queries: 12,
      onProgress: (line) => lines.push(line),
    });
    expect(rows.map(({ vectors }) => vectors)).toEqual([150, 300]);
    for (const { vectors, bytes, exact, invertedFile, simulatorIndex, queries } of rows) {
      // float32 of 768 dimensions are 3,072 bytes.
      expect(bytes.vectors).toBe(3072 * vectors);
      expect(bytes.vectors + bytes.invertedFile).toBe(bytes.formula);
      expect(bytes.process).toBeGreaterThan(0);
      expect(queries).toBe(12);
      for (const delay of [
        exact,
        simulatorIndex!,
        ...invertedFile.searches.map((search) => search.delay),
      ]) {
        expect(delay.p50).toBeGreaterThan(0);
        expect(delay.p95).toBeGreaterThanOrEqual(delay.p50);
      }
      const recalls = invertedFile.searches.map(({ recall }) => recall);
      console.log(`recall at 10 of ${vectors} with seed ${SEED}: ${recalls.join(", ")}`);
      expect(recalls).toEqual(recalls.toSorted((a, b) => a - b));
      expect(recalls.at(-1)).toBeLessThanOrEqual(1);
    }
    expect(lines.at(-1)).toContain("300 vectors");
  });

  it("takes 4 bytes for each number of vectors, row numbers, centres, offsets and starts", () => {
    // Two vectors in one list: 2 x 768 + 2 + 769 + 1 + 1 = 2,309 numbers.
    expect(bytesByFormula(2, 1)).toBe(4 * 2309);
  });
});
