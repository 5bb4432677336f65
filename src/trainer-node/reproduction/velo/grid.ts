// A setting of the grid: the rules play in it, DLRS and LRS go on learning from the weights of the paper's settings.
import { type RunParams } from "./experiments.ts";
import { type TestFigures } from "./figures.ts";
import { runAlgorithm, type RunContext } from "./run.ts";
import { type Learning, OMEGA, type WorldSettings } from "./settings.ts";

export interface GridParams {
  readonly index: number;
  readonly world: WorldSettings;
  readonly seed: number;
  readonly updates: number;
  readonly learning: Learning;
  readonly testRequests: number;
  readonly rules: readonly string[];
  /** Algorithms and the weights, kept by the headline's first seed, that they go on from. */
  readonly learned: Readonly<Record<string, string>>;
}

export interface GridResult {
  readonly world: WorldSettings;
  readonly algorithms: Readonly<
    Record<string, { readonly tests: Readonly<Record<string, TestFigures>> }>
  >;
}

export async function runGrid(params: GridParams, context: RunContext): Promise<GridResult> {
  const { rules, learned, world } = params;
  const algorithms: Record<string, { readonly tests: Readonly<Record<string, TestFigures>> }> = {};
  for (const algorithm of [...rules, ...Object.keys(learned)]) {
    const run: RunParams = {
      ...params,
      algorithm,
      omegas: [OMEGA],
      change: {},
      executions: ["sampled"],
      ...(learned[algorithm] !== undefined && { startFrom: learned[algorithm] }),
    };
    const { tests } = await runAlgorithm(run, context);
    algorithms[algorithm] = { tests };
  }
  return { world, algorithms };
}
