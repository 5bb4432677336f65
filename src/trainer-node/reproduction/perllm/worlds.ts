// Other worlds than the paper's: those in which what schedulers know is wrong or old, and the grid. Fixed before they were run.
import { PAPER_WORLD, swingOf, type WorldSettings } from "./settings.ts";

const THROTTLED = { kind: "throttled", seconds: 30, factor: 3 } as const;
const MISINFORMED = { kind: "misinformed", factors: [0.5, 0.7, 1, 1.6, 2.4] } as const;
const OLD_NEWS = { count: 4, ageSeconds: 1 } as const;
/** Too few for queues to show which server is slow. */
const QUIET_USERS = 26;

/** Worlds in which what schedulers are told is wrong, changes, or is known late. */
export const DRIFTS = {
  throttled: { drift: THROTTLED },
  misinformed: { drift: MISINFORMED },
  "throttled-fluctuating": { drift: THROTTLED, swing: swingOf("fluctuating") },
  wandering: { drift: { kind: "wandering", seconds: 5, sigma: 0.5, correlation: 0.9 } },
  "prompt-bound": { drift: { kind: "prompt-bound" } },
  congested: { drift: { kind: "congested", seconds: 30, share: 0.25 } },
  "hidden-wait": { drift: { kind: "hidden-wait", seconds: 30, wait: 2 } },
  "old-news": { gateways: OLD_NEWS },
  "throttled-old-news": { drift: THROTTLED, gateways: OLD_NEWS },
  "throttled-quiet": { drift: THROTTLED, users: QUIET_USERS },
  "misinformed-quiet": { drift: MISINFORMED, users: QUIET_USERS },
} as const satisfies Readonly<Record<string, Partial<WorldSettings>>>;
export const DRIFT_NAMES = Object.keys(DRIFTS) as readonly (keyof typeof DRIFTS)[];

/** Worlds that change nothing that schedulers know. */
const OTHERS: Readonly<Record<string, Partial<WorldSettings>>> = {
  "idle-power": {
    edge: { ...PAPER_WORLD.edge, idleWatts: 30 },
    cloud: { ...PAPER_WORLD.cloud, idleWatts: 60 },
  },
};
export const CHANGED_WORLDS: Readonly<Record<string, Partial<WorldSettings>>> = {
  ...DRIFTS,
  ...OTHERS,
};

/** 72 settings around the paper's: every combination. */
const GRID = {
  users: [52, 78, 104, 156],
  pools: [
    { edge: 8, cloud: 48 },
    { edge: 8, cloud: 16 },
    { edge: 16, cloud: 48 },
  ],
  megabytes: [0.65, 1.3, 2.6],
  edgeFactors: [PAPER_WORLD.edgeFactors, [0.6, 0.8, 1, 1.2, 1.4]],
} as const;

export function gridWorlds(): readonly WorldSettings[] {
  const worlds: WorldSettings[] = [];
  for (const users of GRID.users)
    for (const pools of GRID.pools)
      for (const megabytes of GRID.megabytes)
        for (const edgeFactors of GRID.edgeFactors)
          worlds.push({
            ...PAPER_WORLD,
            users,
            edge: { ...PAPER_WORLD.edge, slots: pools.edge },
            cloud: { ...PAPER_WORLD.cloud, slots: pools.cloud },
            payload: { ...PAPER_WORLD.payload, megabytes },
            edgeFactors,
          });
  return worlds;
}
