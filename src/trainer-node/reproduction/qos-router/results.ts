// The stored results by router, place and seed.
import { MissingResult } from "../report/judge-claims.ts";
import { type JobRecord } from "../results-folder.ts";
import { type ArrivalKind, type RunParams, trainingId } from "./experiments.ts";
import {
  type Figures,
  type RunResult,
  type SeedView,
  type TrainResult,
  type Where,
} from "./figures.ts";
import { type NetworkName } from "./networks.ts";
import { USUAL_FLEET, USUAL_RATE } from "./settings.ts";

export type RunRecord = JobRecord<RunResult> & { readonly params: RunParams };

export class QosRouterResults {
  readonly #records: readonly JobRecord[];
  readonly #runs: readonly RunRecord[];
  readonly #byPlace: ReadonlyMap<string, readonly RunRecord[]>;
  /** What "real" arrivals are. */
  readonly realArrivals: "trace" | "bursty";

  constructor(records: readonly JobRecord[]) {
    this.#records = records;
    this.#runs = records.filter(({ kind }) => kind === "run") as RunRecord[];
    this.#byPlace = Map.groupBy(this.#runs, ({ params }) =>
      placeOf(params.arrivals, params.rate, params.experts, params.seed),
    );
    const isTraced = this.#runs.some(({ params }) => params.arrivals === "trace");
    this.realArrivals = isTraced ? "trace" : "bursty";
  }

  /** Name of the trace that was played; null: none. */
  get trace(): string | null {
    return this.#runs.find(({ params }) => params.trace !== undefined)?.params.trace?.name ?? null;
  }

  runs(): readonly RunRecord[] {
    return this.#runs;
  }

  /** Settings of the grid. */
  grid(): readonly RunRecord[] {
    return this.#records.filter(({ kind }) => kind === "grid") as RunRecord[];
  }

  training(network: NetworkName): JobRecord<TrainResult> | null {
    const id = trainingId(network);
    const found = this.#records.find((record) => record.id === id);
    return (found as JobRecord<TrainResult> | undefined) ?? null;
  }

  allSeeds(): readonly number[] {
    const seeds = this.#runs.map(({ params }) => params.seed);
    return [...new Set(seeds)].toSorted((a, b) => a - b);
  }

  /** The runs there, of any seed. */
  at(where: Where): readonly RunRecord[] {
    return this.allSeeds().flatMap((seed) => this.#at(where, seed));
  }

  /** @param onRead hears of the jobs that are looked at */
  view(seed: number, onRead?: (id: string) => void): SeedView {
    return {
      figures: (router, where = {}) => {
        const record = this.#at(where, seed).find(({ result }) => router in result.figures);
        if (record === undefined) throw new MissingResult(`${router} did not run`);
        onRead?.(record.id);
        return record.result.figures[router]!;
      },
    };
  }

  #at(
    { arrivals = "poisson", rate = USUAL_RATE, experts = USUAL_FLEET }: Where,
    seed: number,
  ): readonly RunRecord[] {
    const kind = arrivals === "real" ? this.realArrivals : arrivals;
    return this.#byPlace.get(placeOf(kind, rate, experts, seed)) ?? [];
  }
}

const placeOf = (arrivals: ArrivalKind, rate: number, experts: number, seed: number): string =>
  `${arrivals} ${rate} ${experts} ${seed}`;

/** A setting of the grid, as a claim looks at a seed. */
export const gridView = ({ figures }: RunResult): SeedView => ({
  figures: (router): Figures => {
    const found = figures[router];
    if (found === undefined) throw new MissingResult(`${router} did not run`);
    return found;
  },
});
