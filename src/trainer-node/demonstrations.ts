// Expert demonstrations E_g: requests whose two handlings were both tried out, labelled with the better one.
import { type Random } from "../policy/random.ts";
import { shuffled } from "./shuffled.ts";

export interface Demonstration {
  readonly f: Float32Array;
  readonly c: Float32Array;
  /** log10 of omega, as fed. */
  readonly omega: number;
  /** a*: index of the better action. */
  readonly action: number;
  /** |U_cache - U_direct|. */
  readonly margin: number;
}

/** A request with the utility of calling the model and of what the cache action would have come to. */
export interface Counterfactual extends Pick<Demonstration, "f" | "c" | "omega"> {
  readonly direct: number;
  readonly cache: number;
}

/** Smaller differences are noise. */
export const MIN_MARGIN = 0.02;
/** Margin from which on a demonstration has its full weight. */
const FULL_MARGIN = 0.2;
const MIN_SHARE = 0.2;

/**
 * Labels requests and thins out the frequent label until the rare one is at least a fifth. Requests where both actions
 * come to the same teach nothing and are left out; with one label only there is nothing to demonstrate: empty.
 */
export function demonstrationsFrom(
  tried: readonly Counterfactual[],
  random: Random,
): readonly Demonstration[] {
  const labelled = tried
    .map(({ f, c, omega, direct, cache }) => ({
      f,
      c,
      omega,
      action: cache > direct ? 1 : 0,
      margin: Math.abs(cache - direct),
    }))
    .filter(({ margin }) => margin > MIN_MARGIN);
  const [direct, cache] = [0, 1].map((label) => labelled.filter(({ action }) => action === label));
  const rare = Math.min(direct!.length, cache!.length);
  // rare / (rare + most) >= 1 / 5  <=>  most <= 4 rare
  const most = Math.floor(rare * (1 / MIN_SHARE - 1) + 1e-9);
  return shuffled(
    [direct!, cache!].flatMap((demonstrations) => shuffled(demonstrations, random).slice(0, most)),
    random,
  );
}

export const marginWeight = ({ margin }: Demonstration): number =>
  Math.min(1, margin / FULL_MARGIN);

/** l_g / max(1, u), or 0 once that is at most l_min_g (DLRS Algorithm 1, line 8). */
export function demonstrationCount(
  update: number,
  { demonstrations, minDemonstrations }: { demonstrations: number; minDemonstrations: number },
): number {
  const count = Math.floor(demonstrations / Math.max(1, update));
  return count > minDemonstrations ? count : 0;
}

/** G: this update's share of the demonstrations, drawn without replacement. */
export function drawDemonstrations(
  all: readonly Demonstration[],
  count: number,
  random: Random,
): readonly Demonstration[] {
  return shuffled(all, random).slice(0, count);
}
