// What each kind of job does.
import { type Backend, openBackend } from "../../graph/backend.ts";
import { type Job } from "../results-folder.ts";
import { type RunParams } from "./experiments.ts";
import { rounded } from "./figures.ts";
import { type GridParams, runGrid } from "./grid.ts";
import { measureOverhead } from "./overhead.ts";
import { type ProductParams, productJob } from "./product.ts";
import { runAlgorithm } from "./run.ts";
import { similarity } from "./similarity.ts";
import { measureVectorCounts } from "./vector-count.ts";

/** @param weights folder for what one job trains and another goes on from */
export function veloRunner({
  weights,
}: {
  readonly weights: string;
}): (job: Job) => Promise<unknown> {
  let backend: Promise<Backend> | null = null;
  // A job gets one core: two of them at once do more than one job on both.
  const open = () => (backend ??= openBackend("cpu", { threads: 1 }));
  return async ({ kind, params }) => rounded(await run(kind, params));

  async function run(kind: string, params: unknown): Promise<unknown> {
    switch (kind) {
      case "run":
        return runAlgorithm(params as RunParams, { backend: await open(), weights });
      case "grid":
        return runGrid(params as GridParams, { backend: await open(), weights });
      case "product":
        return productJob(params as ProductParams);
      case "vector-count": {
        const { counts, seed } = params as { counts: readonly number[]; seed: number };
        return measureVectorCounts({ counts, seed });
      }
      case "overhead":
        return measureOverhead(params as { quick: boolean; seed: number });
      case "similarity":
        return similarity();
      default:
        throw new Error(`no job is of the kind ${kind}`);
    }
  }
}
