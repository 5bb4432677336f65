// Noise schedules of the reverse chain that makes action logits (DLRS Eq. 15 and 16; formulas of the VP and cosine
// schedules as in Diffusion-QL and Nichol & Dhariwal 2021).

export type Schedule =
  | { readonly kind: "linear"; readonly start: number; readonly end: number }
  | { readonly kind: "vp"; readonly min: number; readonly max: number }
  | { readonly kind: "cosine"; readonly offset: number };

/** Tables of length T; entry i belongs to step tau = i + 1. */
export interface Diffusion {
  readonly steps: number;
  readonly beta: Float64Array;
  /** 1 - beta. */
  readonly alpha: Float64Array;
  /** Running product of alpha; alphaBar before the first step is 1. */
  readonly alphaBar: Float64Array;
  /** Variance of the noise added after the step; 0 at tau = 1. */
  readonly betaTilde: Float64Array;
}

/** What one reverse step multiplies: x0 = kappa * keep - eps * remove, next = x0 * toX0 + kappa * toKappa + noise * sigma. */
export interface StepCoefficients {
  readonly keep: number;
  readonly remove: number;
  readonly toX0: number;
  readonly toKappa: number;
  readonly sigma: number;
}

/** beta_tau of a schedule, tau in 1..steps. */
function betaAt(schedule: Schedule, tau: number, steps: number): number {
  switch (schedule.kind) {
    case "linear": {
      const { start, end } = schedule;
      return steps === 1 ? start : start + ((tau - 1) / (steps - 1)) * (end - start);
    }
    case "vp": {
      // alpha_tau = exp(-min/T - (max - min)(2 tau - 1) / (2 T^2))
      const { min, max } = schedule;
      return 1 - Math.exp(-min / steps - ((max - min) * (2 * tau - 1)) / (2 * steps ** 2));
    }
    case "cosine": {
      const level = (t: number) =>
        Math.cos(((t / steps + schedule.offset) / (1 + schedule.offset)) * (Math.PI / 2)) ** 2;
      return Math.min(0.999, 1 - level(tau) / level(tau - 1));
    }
    default:
      return schedule satisfies never;
  }
}

export function diffusion(schedule: Schedule, steps: number): Diffusion {
  const beta = Float64Array.from({ length: steps }, (_, i) => betaAt(schedule, i + 1, steps));
  const alpha = beta.map((value) => 1 - value);
  const alphaBar = new Float64Array(steps);
  const betaTilde = new Float64Array(steps);
  let product = 1;
  for (let i = 0; i < steps; i++) {
    const before = product;
    product *= alpha[i]!;
    alphaBar[i] = product;
    // betaTilde_tau = beta_tau (1 - alphaBar_{tau-1}) / (1 - alphaBar_tau)
    betaTilde[i] = (beta[i]! * (1 - before)) / (1 - product);
  }
  return { steps, beta, alpha, alphaBar, betaTilde };
}

/**
 * Coefficients of step tau (1..T) of the reverse chain.
 * At tau = 1 they are toX0 = 1, toKappa = 0, sigma = 0: the logits kappa_0 are the last x0.
 */
export function stepCoefficients(tables: Diffusion, tau: number): StepCoefficients {
  const i = tau - 1;
  const beta = tables.beta[i]!;
  const alphaBar = tables.alphaBar[i]!;
  const before = i === 0 ? 1 : tables.alphaBar[i - 1]!;
  return {
    // (15) x0 = kappa / sqrt(alphaBar) - sqrt(1 / alphaBar - 1) eps
    keep: 1 / Math.sqrt(alphaBar),
    remove: Math.sqrt(1 / alphaBar - 1),
    // (16) mu = sqrt(alphaBar_{tau-1}) beta / (1 - alphaBar) x0 + sqrt(alpha) (1 - alphaBar_{tau-1}) / (1 - alphaBar) kappa
    toX0: i === 0 ? 1 : (Math.sqrt(before) * beta) / (1 - alphaBar),
    toKappa: (Math.sqrt(tables.alpha[i]!) * (1 - before)) / (1 - alphaBar),
    sigma: Math.sqrt(tables.betaTilde[i]!),
  };
}
