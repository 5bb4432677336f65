// Counts what Cloudflare bills: calls at the bindings, and rows as the SQL cursors of the region objects report them.
// GET /__dev/operations shows the counts, DELETE /__dev/operations starts again from zero.
import { type Env } from "../worker/env.ts";
import { estimateTokens } from "../worker/upstream/notes.ts";
import { type DevEnv } from "./settings.ts";

/** Since workerd started or the counts were reset. One counter: the whole local stack lives in one isolate. */
const counts = {
  embedCalls: 0,
  embeddedTexts: 0,
  /** Estimated as the gateway estimates them. */
  embeddedTokens: 0,
  vectorQueries: 0,
  vectorWriteCalls: 0,
  vectorsWritten: 0,
  vectorsDeleted: 0,
  /** R2 operations that change or list: class A. Deleting is free. */
  storeWrites: 0,
  /** R2 operations that read one object: class B. */
  storeReads: 0,
  regionCalls: 0,
  regionAlarms: 0,
  tenantsCalls: 0,
  rowsWritten: 0,
  rowsRead: 0,
};
export type OperationCounts = typeof counts;

export const operationCounts = (): Readonly<OperationCounts> => ({ ...counts });

export function resetOperations(): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  for (const name of Object.keys(counts) as (keyof OperationCounts)[]) counts[name] = 0;
}

export function countAlarm(): void {
  counts.regionAlarms++;
}

const wrapped = new WeakMap<object, DevEnv>();

/** The same bindings, counted. */
export function withCounting(env: DevEnv): DevEnv {
  let result = wrapped.get(env);
  if (result === undefined) {
    result = { ...env, ...countedBindings(env) };
    wrapped.set(env, result);
  }
  return result;
}

function countedBindings(
  env: DevEnv,
): Pick<Env, "AI" | "VECTORIZE" | "STORE" | "REGION" | "TENANTS"> {
  const idsOf = (args: readonly unknown[]) => (Array.isArray(args[0]) ? args[0].length : 1);
  return {
    AI: {
      async run(model, inputs, options) {
        if ("text" in inputs) {
          const texts = [inputs["text"]].flat().map(String);
          counts.embedCalls++;
          counts.embeddedTexts += texts.length;
          for (const text of texts) counts.embeddedTokens += estimateTokens(text);
        }
        return env.AI.run(model, inputs, options);
      },
    },
    VECTORIZE: onCall(env.VECTORIZE, (method, args) => {
      if (method === "query" || method === "queryById") counts.vectorQueries++;
      if (method === "upsert" || method === "insert") {
        counts.vectorWriteCalls++;
        counts.vectorsWritten += idsOf(args);
      }
      if (method === "deleteByIds") counts.vectorsDeleted += idsOf(args);
    }),
    STORE: onCall(env.STORE, (method) => {
      if (method === "get" || method === "head") counts.storeReads++;
      else if (method !== "delete") counts.storeWrites++;
    }),
    REGION: onStubCall(env.REGION, () => counts.regionCalls++),
    TENANTS: onStubCall(env.TENANTS, () => counts.tenantsCalls++),
  };
}

/** Tells `before` of every call of a method of `target`. */
function onCall<T extends object>(
  target: T,
  before: (method: string, args: readonly unknown[]) => void,
): T {
  return new Proxy(target, {
    get(_, property) {
      const value: unknown = Reflect.get(target, property, target);
      // A stub answers to every name, and `then` would make it look like a promise.
      if (typeof value !== "function" || typeof property === "symbol" || property === "then")
        return value;
      return (...args: unknown[]): unknown => {
        before(property, args);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

/** A Durable Object namespace whose stubs' calls are counted; names and ids are made locally and cost nothing. */
function onStubCall<T extends object>(namespace: T, before: () => void): T {
  return new Proxy(namespace, {
    get(_, property) {
      const value: unknown = Reflect.get(namespace, property, namespace);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, namespace, args);
        return property === "get" || property === "getByName"
          ? onCall(result as object, before)
          : result;
      };
    },
  });
}

/**
 * Counts the rows of an object's storage from here on. A cursor knows its rows when it is used up, so the statement is
 * run to its end here. Setting an alarm is billed as a row written.
 */
export function countRows(ctx: DurableObjectState): DurableObjectState {
  const { sql } = ctx.storage;
  const exec = sql.exec.bind(sql);
  const setAlarm = ctx.storage.setAlarm.bind(ctx.storage);
  Object.defineProperty(sql, "exec", {
    value: (query: string, ...values: unknown[]) => {
      const cursor = exec(query, ...values);
      const rows = cursor.toArray();
      counts.rowsWritten += cursor.rowsWritten;
      counts.rowsRead += cursor.rowsRead;
      const { rowsWritten, rowsRead, columnNames } = cursor;
      return { toArray: () => rows, rowsWritten, rowsRead, columnNames };
    },
  });
  Object.defineProperty(ctx.storage, "setAlarm", {
    value: (at: number | Date, options?: DurableObjectSetAlarmOptions) => {
      counts.rowsWritten++;
      return setAlarm(at, options);
    },
  });
  return ctx;
}
