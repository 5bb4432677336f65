// Isotonic regression by pooling adjacent violators: the rising step function nearest to the labels.
import { type ScorerModel } from "../../policy/verifier/packed-scorer.ts";

/** Labels added to each block's mean, half of them right: a block of three is not certain of anything. */
const PRIOR = 2;
/** Least weight of a block, as a share of all. */
const SMALLEST = 0.002;

interface Block {
  margin: number;
  right: number;
  weight: number;
}

/** Knots at the blocks' mean margins; a map between them is linear. */
export function isotonic(
  margins: Float64Array,
  labels: Uint8Array,
  weights: Float64Array,
): ScorerModel["calibration"] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const order = Array.from(margins, (_, row) => row).toSorted((a, b) => margins[a]! - margins[b]!);
  const blocks: Block[] = [];
  let open: Block = { margin: 0, right: 0, weight: 0 };
  for (const row of order) {
    const weight = weights[row]!;
    open.margin += weight * margins[row]!;
    open.right += weight * labels[row]!;
    open.weight += weight;
    if (open.weight < SMALLEST * total) continue;
    blocks.push(open);
    open = { margin: 0, right: 0, weight: 0 };
    pool(blocks);
  }
  if (blocks.length === 0) blocks.push(open);
  return {
    margins: blocks.map(({ margin, weight }) => round(margin / weight)),
    probabilities: rising(
      blocks.map(({ right, weight }) => (right + PRIOR / 2) / (weight + PRIOR)),
    ),
  };
}

function pool(blocks: Block[]): void {
  for (;;) {
    const last = blocks.at(-1);
    const before = blocks.at(-2);
    if (last === undefined || before === undefined) return;
    if (before.right / before.weight < last.right / last.weight) return;
    blocks.length -= 2;
    blocks.push({
      margin: before.margin + last.margin,
      right: before.right + last.right,
      weight: before.weight + last.weight,
    });
  }
}

/** The prior may turn small neighbours around. */
function rising(probabilities: readonly number[]): readonly number[] {
  let highest = 0;
  return probabilities.map((p) => round((highest = Math.max(highest, p))));
}

const round = (value: number): number => Math.round(1e4 * value) / 1e4;
