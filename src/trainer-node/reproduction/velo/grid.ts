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
  /** Their weights come from the headline's first seed. */
  readonly learned: readonly string[];
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
  for (const algorithm of [...rules, ...learned]) {
    const run: RunParams = {
      ...params,
      algorithm,
      omegas: [OMEGA],
      change: {},
      executions: ["sampled"],
      ...(learned.includes(algorithm) && { startFrom: "headline" }),
    };
    const { tests } = await runAlgorithm(run, context);
    algorithms[algorithm] = { tests };
  }
  return { world, algorithms };
}
