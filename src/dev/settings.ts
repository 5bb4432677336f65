// What a developer or a test may change while the local gateway runs: delays, faults, the lag of the index, the pace of
// the demo model. The state is a module variable because the whole local stack lives in one isolate; a restart of
// workerd forgets it and starts again from the variables.
import { type Env } from "../worker/env.ts";
import { type LocalVectorStore } from "./local-vector-store.ts";

/** The production bindings plus what exists only locally. */
export interface DevEnv extends Env {
  readonly LOCAL_VECTOR_STORE: DurableObjectNamespace<LocalVectorStore>;
  readonly LATENCY_PROFILE?: string;
  /** JSON of a FaultPlan. */
  readonly VELO_FAULTS?: string;
  readonly VECTORIZE_LAG_MS?: string;
  /** Factor on the demo model's delays: 1 is realistic, 0.02 is fifty times faster, 0 is none. */
  readonly DEMO_DELAY_SCALE?: string;
}

export const DEPENDENCIES = ["embed", "vectors", "r2", "region", "tenants"] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

const LATENCY_PROFILES = ["none", "edge"] as const;
export type LatencyProfile = (typeof LATENCY_PROFILES)[number];

/** `down` throws after `delayMs`; `slow` answers, `delayMs` later. */
interface Fault {
  readonly mode: "ok" | "down" | "slow";
  readonly delayMs: number;
}
export type FaultPlan = Readonly<Partial<Record<Dependency, Fault>>>;

export interface DevSettings {
  readonly profile: LatencyProfile;
  readonly faults: FaultPlan;
  /** Time until a write shows in the index. */
  readonly lagMs: number;
  readonly demoDelayScale: number;
}

const DEFAULT_LAG_MS = 200;

let current: DevSettings | undefined;

/** The settings in force; the first call reads the variables. Throws when a variable cannot be read. */
export function devSettings(env: Partial<DevEnv>): DevSettings {
  current ??= {
    profile: parseProfile(env.LATENCY_PROFILE ?? "none"),
    faults: parseFaults(JSON.parse(env.VELO_FAULTS ?? "{}")),
    lagMs: parseNumber("lagMs", env.VECTORIZE_LAG_MS ?? DEFAULT_LAG_MS),
    demoDelayScale: parseNumber("demoDelayScale", env.DEMO_DELAY_SCALE ?? 1),
  };
  return current;
}

/** Replaces some settings for this isolate. */
export function changeDevSettings(env: Partial<DevEnv>, change: Partial<DevSettings>): DevSettings {
  current = { ...devSettings(env), ...change };
  return current;
}

export function parseProfile(value: unknown): LatencyProfile {
  const profile = LATENCY_PROFILES.find((name) => name === value);
  if (profile === undefined) {
    throw new TypeError(`latency profile must be one of ${LATENCY_PROFILES.join(", ")}`);
  }
  return profile;
}

/** Reads `{embed: {mode: "down"}}`; a dependency that is not named is healthy. */
export function parseFaults(value: unknown): FaultPlan {
  const plan: Partial<Record<Dependency, Fault>> = {};
  for (const [name, entry] of Object.entries(asObject("fault plan", value))) {
    const dependency = DEPENDENCIES.find((known) => known === name);
    if (dependency === undefined) {
      throw new TypeError(`unknown dependency "${name}": one of ${DEPENDENCIES.join(", ")}`);
    }
    const { mode, delayMs } = asObject(name, entry);
    if (mode !== "ok" && mode !== "down" && mode !== "slow") {
      throw new TypeError(`mode of ${name} must be ok, down or slow`);
    }
    plan[dependency] = { mode, delayMs: parseNumber(`${name}.delayMs`, delayMs ?? 0) };
  }
  return plan;
}

export function parseNumber(name: string, value: unknown): number {
  const number = Number(value);
  if (value === null || value === "" || !Number.isFinite(number) || number < 0) {
    throw new TypeError(`${name} must be a number of at least 0`);
  }
  return number;
}

export function asObject(name: string, value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw new TypeError(`${name} must be a JSON object`);
  return value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
