import { type Region } from "../durable/region.ts";
import { type Tenants } from "../durable/tenants.ts";

/** The bindings of the production Worker. Local stand-ins have the same names and types. */
export interface Env {
  readonly ENVIRONMENT: "local" | "remote" | "production";
  /** Embedder id: a Workers AI model or the local stand-in's. */
  readonly EMBEDDER: string;
  readonly VECTORIZE: Vectorize;
  readonly AI: AiBinding;
  readonly REGION: DurableObjectNamespace<Region>;
  readonly TENANTS: DurableObjectNamespace<Tenants>;
  readonly STORE: R2Bucket;
  readonly ASSETS: Fetcher;
  /** "greedy": a fixed rule serves until a policy is published, in place of the built-in network. */
  readonly BASELINE?: string;
  /** The configuration document (config.ts), a JSON object or string; embedded defaults when unset. */
  readonly VELO?: unknown;
  /** The rule by which `velo/auto` chooses (upstream/backends.ts), in place of the document's. */
  readonly ROUTING?: string;
  /** Secrets. An unset secret turns its routes off. */
  readonly KEY_PEPPER?: string;
  readonly ADMIN_TOKEN?: string;
  readonly SIGNING_PUBLIC_KEYS?: string;
  /** `<region>/<id>:<secret>`, at most two per region (durable/signed-request.ts). */
  readonly TRAINER_KEYS?: string;
  readonly UPSTREAM_API_KEY?: string;
  /** Replaces the default upstream by any OpenAI-compatible base URL. */
  readonly UPSTREAM_BASE_URL?: string;
  /** Exists only in [env.local]. */
  readonly LOCAL_API_KEY?: string;
}

/** The one method of the AI binding that the gateway uses; `Ai` of workers-types is assignable to it. */
export interface AiBinding {
  run(
    model: string,
    inputs: Record<string, unknown>,
    options?: Record<string, unknown>,
  ): Promise<unknown>;
}
