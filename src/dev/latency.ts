// Makes the local bindings as slow, or as broken, as a test or a demonstration asks. Locally every dependency answers in
// well under a millisecond, which would make any cache look better than it is.
import { type Env } from "../worker/env.ts";
import { type Dependency, type DevEnv, devSettings } from "./settings.ts";

interface Delay {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Delays from a Worker at the edge to each dependency. Assumptions, not measurements: `npm run verify:cloudflare`
 * prints the same table measured on an account.
 */
export const EDGE_DELAYS: Readonly<Record<Dependency, Delay>> = {
  embed: { p50Ms: 30, p99Ms: 120 },
  vectors: { p50Ms: 40, p99Ms: 200 },
  r2: { p50Ms: 30, p99Ms: 150 },
  region: { p50Ms: 15, p99Ms: 80 },
  tenants: { p50Ms: 15, p99Ms: 80 },
};

/** 99th percentile of the standard normal distribution. */
const Z99 = 2.326_347_874;

/** One lognormal delay in ms: exp(ln p50 + z sigma) with sigma = ln(p99 / p50) / z99. `random` gives [0, 1). */
export function sampleDelay({ p50Ms, p99Ms }: Delay, random: () => number = Math.random): number {
  const sigma = Math.log(p99Ms / p50Ms) / Z99;
  // Box-Muller; 1 - u keeps the logarithm finite.
  const z = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return p50Ms * Math.exp(sigma * z);
}

/** Waits as the profile and the fault plan say. Rejects when the plan says that the dependency is down. */
async function reach(dependency: Dependency, env: DevEnv): Promise<void> {
  const { profile, faults } = devSettings(env);
  const fault = faults[dependency];
  const delayMs =
    (profile === "edge" ? sampleDelay(EDGE_DELAYS[dependency]) : 0) +
    (fault === undefined || fault.mode === "ok" ? 0 : fault.delayMs);
  if (delayMs > 0) await scheduler.wait(delayMs);
  if (fault?.mode === "down") throw new Error(`${dependency} is down (local fault plan)`);
}

const wrapped = new WeakMap<object, Env>();

/** The same bindings behind `reach`. What the binding objects do themselves is untouched. */
export function withLatency(env: DevEnv): Env {
  let result = wrapped.get(env);
  if (result === undefined) {
    const through = (dependency: Dependency) => () => reach(dependency, env);
    result = {
      ...env,
      AI: {
        async run(model, inputs, options) {
          // The chat model brings its own delays.
          if ("text" in inputs) await reach("embed", env);
          return env.AI.run(model, inputs, options);
        },
      },
      VECTORIZE: delayCalls(env.VECTORIZE, through("vectors")),
      STORE: delayCalls(env.STORE, through("r2")),
      REGION: delayStubs(env.REGION, through("region")),
      TENANTS: delayStubs(env.TENANTS, through("tenants")),
    };
    wrapped.set(env, result);
  }
  return result;
}

/** Every method of `target` first awaits `before`. For objects whose methods are all asynchronous. */
function delayCalls<T extends object>(target: T, before: () => Promise<void>): T {
  return new Proxy(target, {
    get(_, property) {
      const value: unknown = Reflect.get(target, property, target);
      // A stub answers to every name, and `then` would make it look like a promise.
      if (typeof value !== "function" || typeof property === "symbol" || property === "then") {
        return value;
      }
      return async (...args: unknown[]): Promise<unknown> => {
        await before();
        return await Reflect.apply(value, target, args);
      };
    },
  });
}

/** A Durable Object namespace whose stubs are slow; names and ids are made locally and stay immediate. */
function delayStubs<T extends object>(namespace: T, before: () => Promise<void>): T {
  return new Proxy(namespace, {
    get(_, property) {
      const value: unknown = Reflect.get(namespace, property, namespace);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        const result = Reflect.apply(value, namespace, args);
        return property === "get" || property === "getByName" ? delayCalls(result, before) : result;
      };
    },
  });
}
