// Makes the local bindings as slow, or as broken, as a test or a demonstration asks. Locally every dependency answers in
// well under a millisecond, which would make any cache look better than it is.
import { type Lognormal, lognormalFromQuantiles, Random } from "../policy/random.ts";
import { type Env } from "../worker/env.ts";
import { type Dependency, type DevEnv, devSettings } from "./settings.ts";

/**
 * Delays from a Worker at the edge to each dependency, milliseconds. Assumptions, not measurements: `npm run
 * verify:cloudflare` prints the same table measured on an account.
 */
export const EDGE_DELAYS = {
  embed: lognormalFromQuantiles(30, 120),
  vectors: lognormalFromQuantiles(40, 200),
  r2: lognormalFromQuantiles(30, 150),
  region: lognormalFromQuantiles(15, 80),
  tenants: lognormalFromQuantiles(15, 80),
} satisfies Readonly<Record<Dependency, Lognormal>>;

/** One stream for all sampled delays, the same after every start: the runtime has no entropy at this point anyway. */
export const delays = new Random(1);

/** Waits as the profile and the fault plan say. Rejects when the plan says that the dependency is down. */
async function reach(dependency: Dependency, env: DevEnv): Promise<void> {
  const { profile, faults } = devSettings(env);
  const fault = faults[dependency];
  const delayMs =
    (profile === "edge" ? delays.lognormal(EDGE_DELAYS[dependency]) : 0) +
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
