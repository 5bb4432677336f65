// A model call over the network: to the named model's upstream and its fallbacks, or to the backends of a plan.
import { type Config, type Route, type UpstreamConfig, fallbacksOf } from "../config.ts";
import { type ModelCall, type ModelReply, type RoutePlan } from "../ports.ts";
import { Breakers } from "./breaker.ts";
import { type UpstreamDeps, callFirstAvailable } from "./call.ts";
import { callInOrder } from "./failover.ts";
import { RetryBudget } from "./retry.ts";
import { type UpstreamTarget } from "./target.ts";

interface ModelNetwork extends Pick<UpstreamDeps, "fetch" | "now" | "random" | "wait"> {
  readonly targetOf: (upstream: UpstreamConfig) => UpstreamTarget;
}

const encoder = new TextEncoder();

/** The breakers and retry budgets of an isolate. */
export class ModelCalls {
  readonly #breakers = new Breakers();
  readonly #budgets = new Map<string, RetryBudget>();

  call(call: ModelCall, config: Config, network: ModelNetwork): Promise<ModelReply> {
    if (call.plan !== undefined) return this.#callPlanned(call, call.plan, network);
    const routes = [
      { upstream: call.upstream, model: call.model },
      ...fallbacksOf(config, call.upstream, call.model),
    ];
    return callFirstAvailable(
      routes.map(({ upstream }) => network.targetOf(upstream)),
      ({ name }) => ({
        path: call.path,
        body: bodyFor(call, routes.find(({ upstream }) => upstream.name === name)?.model.target),
        headers: call.headers,
        signal: call.signal,
        ...(call.deadlineMs !== undefined && { deadlineMs: call.deadlineMs }),
      }),
      {
        ...network,
        // One tenant's bad key or model must not open the breaker for everybody.
        breakerFor: ({ name }) => this.#breakers.for(`${call.tenant}|${name}|${call.model.id}`),
        budgetFor: ({ name }) => {
          const budget = this.#budgets.get(name) ?? new RetryBudget();
          this.#budgets.set(name, budget);
          return budget;
        },
      },
    );
  }

  /** For `velo/auto`: the breakers are those of calls that name the model. */
  async #callPlanned(call: ModelCall, plan: RoutePlan, network: ModelNetwork): Promise<ModelReply> {
    const planned = ({ upstream, model }: Route) => ({
      target: network.targetOf(upstream),
      request: {
        path: call.path,
        body: bodyFor(call, model.target),
        headers: ownKeyFor(model.target, call.headers),
        signal: call.signal,
      },
      breaker: this.#breakers.for(`${call.tenant}|${upstream.name}|${model.id}`),
    });
    const { response, place } = await callInOrder(plan.order.map(planned), network, plan);
    return { ...response, place };
  }
}

/** The caller's own bytes, unless this upstream knows the model by another name. */
function bodyFor(call: ModelCall, target: string | undefined): ModelCall["raw"] {
  if (target === undefined || target === call.json["model"]) return call.raw;
  return Uint8Array.from(encoder.encode(JSON.stringify({ ...call.json, model: target })));
}

/** Two models of one upstream get two bodies: under one key the second would be refused, or answered with the first's. */
function ownKeyFor(target: string, incoming: Headers): Headers {
  const key = incoming.get("idempotency-key");
  if (key === null) return incoming;
  const headers = new Headers(incoming);
  headers.set("idempotency-key", `${key}-${encodeURIComponent(target)}`);
  return headers;
}
