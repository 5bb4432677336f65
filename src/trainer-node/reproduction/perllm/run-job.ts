// What a job does: every algorithm of it, one after the other, in the same world with the same seed.
import { type Job } from "../results-folder.ts";
import { rounded } from "../velo/figures.ts";
import { ALGORITHMS } from "./algorithms.ts";
import { type RunParams } from "./experiments.ts";
import { type Figures } from "./figures.ts";
import { simulate } from "./simulate.ts";

export interface RunResult {
  readonly figures: Readonly<Record<string, Figures>>;
}

export async function perllmRunner({ kind, params }: Job): Promise<RunResult> {
  if (kind !== "run" && kind !== "grid") throw new Error(`no job is of the kind ${kind}`);
  const { world, seed, algorithms } = params as RunParams;
  const figures: Record<string, Figures> = {};
  for (const name of algorithms)
    figures[name] = rounded(simulate({ world, seed, player: ALGORITHMS[name](world) }));
  return { figures };
}
