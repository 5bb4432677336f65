import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { hashEmbed } from "../../../src/dev/embedding.ts";
import { openScorer } from "../../../src/worker/open-scorer.ts";

const FILE = join(import.meta.dirname, "../../../data/verifier/pairs.bin");
const bytes = new Uint8Array(readFileSync(FILE)).buffer;
const embedder = () => hashEmbed;

test("the file that is shipped opens", () => {
  const failed = vi.fn<() => void>();
  expect(openScorer(bytes, embedder, failed)?.id).toBe("velo/pairs-1");
  expect(failed).not.toHaveBeenCalled();
});

test.each([
  ["no bytes", new ArrayBuffer(0), embedder],
  ["half a file", bytes.slice(0, bytes.byteLength / 2), embedder],
  [
    "no embedder",
    bytes,
    () => {
      throw new RangeError("these bytes are no packed embedder");
    },
  ],
])("%s means that nothing is verified, and that it is counted", (_, file, openEmbedder) => {
  const failed = vi.fn<() => void>();
  expect(openScorer(file, openEmbedder, failed)).toBeNull();
  expect(failed).toHaveBeenCalledOnce();
});
