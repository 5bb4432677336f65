// Writes down how the acting policy does while it learns: a point for every so many requests, as the paper's Fig. 5.
import { type Environment } from "../../simulator/environment.ts";
import { type CurvePoint } from "./figures.ts";
import { PHI3, REWARD_SCALE } from "./settings.ts";

export class CurveMeter {
  readonly #every: number;
  readonly #points: CurvePoint[] = [];
  #requests = 0;
  #sums = { count: 0, reward: 0, satisfaction: 0, delay: 0, direct: 0 };

  /** @param every requests of a point, all servers together */
  constructor(environment: Environment, every: number) {
    this.#every = every;
    environment.subscribe(({ decision, quality, delaySeconds }) => {
      if (decision === null) return;
      const direct = Number(decision.action === 0);
      const sums = this.#sums;
      sums.count++;
      // 10 (q - omega d - phi3 [a = direct])
      sums.reward += REWARD_SCALE * (quality - environment.omega * delaySeconds - PHI3 * direct);
      sums.satisfaction += quality;
      sums.delay += delaySeconds;
      sums.direct += direct;
      if (sums.count === this.#every) this.#close();
    });
  }

  points(): readonly CurvePoint[] {
    return this.#points;
  }

  #close(): void {
    const { count, reward, satisfaction, delay, direct } = this.#sums;
    this.#requests += count;
    this.#points.push({
      requests: this.#requests,
      reward: reward / count,
      satisfaction: satisfaction / count,
      delay: delay / count,
      direct: direct / count,
    });
    this.#sums = { count: 0, reward: 0, satisfaction: 0, delay: 0, direct: 0 };
  }
}
