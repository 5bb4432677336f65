// Traffic while a new policy is tried: first 1 % of the users, then 10 %, then all, in each region by what it sees itself.
import { replayOverHttp } from "./http-replay.ts";
import { type RegionRollout, rolloutsOf } from "./release.ts";
import { type Stage } from "./stage.ts";

/** Requests between two looks at the trial, and by when it must have ended. */
const CHUNK = 150;
const MAX_REQUESTS = 6_000;

export interface Canary {
  readonly requests: number;
  /** Requests that each policy decided, by `name@version`, in the order of the stages. */
  readonly steps: readonly CanaryStep[];
  readonly regions: readonly RegionRollout[];
  /** Every region gives the new version to all of its users. */
  readonly inService: boolean;
}

interface CanaryStep {
  /** Share of the users by region, as the requests were sent. */
  readonly shares: Readonly<Record<string, number>>;
  readonly policies: Readonly<Record<string, number>>;
}

/** Resolves when every region has taken the version into service or thrown it out. */
export async function tryOnUsers(
  { stack, calibration }: Stage,
  version: number,
  seed: number,
  say: (line: string) => void,
): Promise<Canary> {
  const steps: CanaryStep[] = [];
  let requests = 0;
  let regions = await rolloutsOf(stack.gateway);
  for (let pass = 0; requests < MAX_REQUESTS; pass++) {
    for (let at = 0; at < calibration.requests.length; at += CHUNK) {
      const shares = sharesOf(regions, version);
      const sent = await replayOverHttp({
        stack,
        stream: { ...calibration, requests: calibration.requests.slice(at, at + CHUNK) },
        seed,
        // What was asked in an earlier pass would be a repeat, about which no policy is asked.
        partition: `canary-${pass}`,
        labelShare: 0,
        quiet: true,
      });
      requests += sent.outcomes.length;
      addStep(steps, { shares, policies: sent.policies }, say);
      regions = await rolloutsOf(stack.gateway);
      if (regions.every((region) => hasEnded(region, version))) {
        say(describeStep(steps.at(-1)!));
        return {
          requests,
          steps,
          regions,
          inService: regions.every(({ rollout }) => rollout.stable === version),
        };
      }
    }
  }
  return { requests, steps, regions, inService: false };
}

function hasEnded({ rollout }: RegionRollout, version: number): boolean {
  return (
    rollout.stable === version || rollout.rolledBack.some((event) => event.version === version)
  );
}

function sharesOf(regions: readonly RegionRollout[], version: number): Record<string, number> {
  return Object.fromEntries(
    regions.map(({ region, rollout }) => [
      region,
      rollout.stable === version ? 1 : rollout.candidate === version ? rollout.share : 0,
    ]),
  );
}

/** Requests under the same shares are one step; a step is told when the next one begins. */
function addStep(steps: CanaryStep[], step: CanaryStep, say: (line: string) => void): void {
  const last = steps.at(-1);
  if (last === undefined || JSON.stringify(last.shares) !== JSON.stringify(step.shares)) {
    steps.push(step);
  } else {
    const policies = { ...last.policies };
    for (const [policy, count] of Object.entries(step.policies))
      policies[policy] = (policies[policy] ?? 0) + count;
    steps[steps.length - 1] = { shares: last.shares, policies };
    return;
  }
  if (last !== undefined) say(describeStep(last));
}

function describeStep({ shares, policies }: CanaryStep): string {
  const users = Object.entries(shares).map(([region, share]) => `${region} ${100 * share} %`);
  const decided = Object.entries(policies).map(([policy, count]) => `${count} by ${policy}`);
  return `users: ${users.join(", ")}; decisions: ${decided.join(", ")}`;
}
