// Entry of [env.local]: the production Worker, stand-ins for the bindings that exist only on Cloudflare, and routes under
// /__dev/ that change delays and faults while it runs. Never part of the production bundle.
import { Region as ProductionRegion } from "../durable/region.ts";
import { Tenants as ProductionTenants } from "../durable/tenants.ts";
import worker from "../worker/index.ts";
import { handleDevRequest } from "./dev-routes.ts";
import { withLatency } from "./latency.ts";
import { countAlarm, countRows, withCounting } from "./operations.ts";
import { type DevEnv } from "./settings.ts";

export { LocalAi } from "./local-ai.ts";
export { LocalVectorize } from "./local-vectorize.ts";
export { LocalVectorStore } from "./local-vector-store.ts";

const bindingsOf = (env: DevEnv) => withLatency(withCounting(env));

// The objects write to the index themselves, so they too must meet its delays and faults.

export class Region extends ProductionRegion {
  constructor(ctx: DurableObjectState, env: DevEnv) {
    super(countRows(ctx), bindingsOf(env));
  }

  override async alarm(): Promise<void> {
    countAlarm();
    await super.alarm();
  }
}

export class Tenants extends ProductionTenants {
  constructor(ctx: DurableObjectState, env: DevEnv) {
    super(ctx, bindingsOf(env));
  }
}

export default {
  async fetch(request, env, ctx) {
    const dev = await handleDevRequest(request, env);
    return dev ?? (await worker.fetch(request, bindingsOf(env), ctx));
  },
  async scheduled(controller, env) {
    await worker.scheduled(controller, bindingsOf(env));
  },
} satisfies ExportedHandler<DevEnv>;
