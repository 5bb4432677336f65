// How fast a new policy goes into service, and what it must not do on its way.
import { ALARM_LIMITS, type AlarmLimits } from "./policy-statistics.ts";

export interface RolloutSettings {
  /** Share of the users by stage; the next stage follows after so many decisions and so long without an alarm. */
  readonly stages: readonly {
    readonly share: number;
    readonly minDecisions: number;
    readonly minMs: number;
  }[];
  readonly limits: AlarmLimits;
  /** How often the published pointer is looked at while there is traffic. */
  readonly pointerEveryMs: number;
}

const MINUTE = 60_000;

export const ROLLOUT_SETTINGS: RolloutSettings = {
  stages: [
    { share: 0.01, minDecisions: 500, minMs: 10 * MINUTE },
    { share: 0.1, minDecisions: 2_000, minMs: 10 * MINUTE },
    { share: 1, minDecisions: 5_000, minMs: 20 * MINUTE },
  ],
  limits: ALARM_LIMITS,
  pointerEveryMs: 30_000,
};

/**
 * The defaults with some of them changed: `{"shares", "minDecisions", "minMs"}` with a number per stage,
 * `pointerEveryMs`, and any of AlarmLimits by name. Throws on anything else.
 */
export function rolloutSettings(setting: unknown): RolloutSettings {
  const changes: unknown = typeof setting === "string" ? JSON.parse(setting) : (setting ?? {});
  if (typeof changes !== "object" || changes === null)
    throw new TypeError("ROLLOUT: not an object");
  let { stages, limits, pointerEveryMs } = ROLLOUT_SETTINGS;
  for (const [name, value] of Object.entries(changes)) {
    const field = { shares: "share", minDecisions: "minDecisions", minMs: "minMs" }[name];
    const each: readonly unknown[] = Array.isArray(value) ? value : [];
    if (field !== undefined && each.length === stages.length && each.every(isAmount))
      stages = stages.map((stage, i) => ({ ...stage, [field]: each[i] }));
    else if (name === "pointerEveryMs" && isAmount(value)) pointerEveryMs = value;
    else if (Object.hasOwn(ALARM_LIMITS, name) && isAmount(value))
      limits = Object.assign({}, limits, { [name]: value });
    else throw new TypeError(`ROLLOUT: ${name} cannot be ${JSON.stringify(value)}`);
  }
  return { stages, limits, pointerEveryMs };
}

const isAmount = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;
