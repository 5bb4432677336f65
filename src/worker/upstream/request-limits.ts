// What a request may take and cost: by its caller, else by its tenant, else by the configuration.
import { type TenantSettings } from "../../durable/tenant.ts";
import { type Life } from "../gateway.ts";
import { textOf } from "../openai/chat.ts";
import { GatewayError } from "../openai/errors.ts";
import { AUTO_MODEL, type BackendConfig, backendsOf } from "./backends.ts";
import { estimateTokens } from "./notes.ts";
import { type Ask } from "./selection.ts";

/** What the caller, or else its tenant, allows a request. */
export interface RequestLimits {
  /** From the request's arrival to the answer's end as far as it can be foreseen, and to its first byte in any case. */
  readonly deadlineMs: number | null;
  readonly maxCostUsd: number | null;
  /** The caller has brought one: what it gets is not what others of its tenant would. */
  readonly isOwn: boolean;
}

const DEADLINE = "x-velo-deadline-ms";
const MAX_COST = "x-velo-max-cost-usd";

export function limitsOf(headers: Headers, settings: TenantSettings): RequestLimits {
  const asked = positive(headers, MAX_COST);
  return {
    deadlineMs: positive(headers, DEADLINE) ?? (settings.deadlineMs || null),
    // A caller may spend less than its tenant allows, not more.
    maxCostUsd: least(asked, allowedBy(settings)),
    isOwn: headers.has(DEADLINE) || asked !== null,
  };
}

function positive(headers: Headers, name: string): number | null {
  const value = headers.get(name);
  if (value === null) return null;
  const number = Number(value);
  if (value.trim() !== "" && number > 0 && number < Infinity) return number;
  throw new GatewayError("invalid_request", `The header ${name} must be a number above 0.`, {
    param: name,
  });
}

const allowedBy = ({ maxCostUsd }: TenantSettings): number | null =>
  maxCostUsd > 0 ? maxCostUsd : null;

const least = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** Whether the choice of the model is velo's. */
export const isAuto = ({ request, ports }: Pick<Life, "request" | "ports">): boolean =>
  request.chat.model === AUTO_MODEL && backendsOf(ports.config.upstreams).length > 0;

/** Milliseconds that are left until the first byte must be there; null: no deadline. */
export function leftMs(life: Pick<Life, "request" | "ports" | "limits">): number | null {
  const { request, ports, limits } = life;
  const usual = isAuto(life) ? ports.config.routing.deadlineMs : null;
  const deadlineMs = limits.deadlineMs ?? usual;
  return deadlineMs === null ? null : deadlineMs - (ports.now() - request.receivedAt);
}

/** What a selection is to know of the request at this moment. */
export function askOf(life: Life, draw: number): Ask {
  const { request, ports, limits, record } = life;
  const left = leftMs(life);
  const { maxTokens } = request.chat;
  const maxCostUsd = least(limits.maxCostUsd, ports.config.routing.maxCostUsd);
  return {
    id: record.id,
    tenant: record.tenant.id,
    stream: request.chat.stream,
    promptTokens: promptTokensOf(life),
    // What is no limit is for the backend to refuse.
    maxTokens: maxTokens !== null && maxTokens > 0 && maxTokens < Infinity ? maxTokens : null,
    deadlineSeconds: left === null ? null : Math.max(0, left / 1000),
    // As if each answer were a request of its own: never more than is allowed.
    budgetUsd: maxCostUsd === null ? null : maxCostUsd / answersOf(life),
    draw,
  };
}

/** Where the upstream does not count. An image's bytes are no words. */
export const promptTokensOf = ({ request }: Pick<Life, "request">): number =>
  estimateTokens(request.chat.messages.map(textOf).join("\n"));

/** US dollars for a request whose caller says nothing; null: any. */
export const usualBudgetOf = ({ request, ports }: Pick<Life, "request" | "ports">): number | null =>
  least(allowedBy(request.key.tenant.settings), ports.config.routing.maxCostUsd);

/** How many answers are asked for at once. */
export function answersOf({ request }: Pick<Life, "request">): number {
  const { n } = request.body;
  return typeof n === "number" && n > 1 && n < Infinity ? n : 1;
}

/**
 * Whether an answer of this backend is as good as the rule gives to whoever asks the same next, so that the cache may keep it. A
 * caller's deadline or price, or a failure, may have left a worse one. Backends that nobody of this tenant gets for these words
 * make no other one worse.
 */
export function isKeepable(life: Life, { auto }: BackendConfig): boolean {
  const { routing, upstreams } = life.ports.config;
  const promptTokens = promptTokensOf(life);
  const budgetUsd = usualBudgetOf(life);
  const serves = (other: BackendConfig): boolean => {
    const { contextWindow, outputTokens } = other.auto;
    const { inputUsdPerMillionTokens, outputUsdPerMillionTokens } = other.model;
    const usd =
      (promptTokens * inputUsdPerMillionTokens + outputTokens * outputUsdPerMillionTokens) / 1e6;
    return (
      (contextWindow === null || promptTokens + outputTokens <= contextWindow) &&
      (budgetUsd === null || usd <= budgetUsd)
    );
  };
  const able = backendsOf(upstreams).filter(serves);
  const best = Math.max(-1, ...able.map((other) => other.auto.quality ?? -1));
  if (routing.rule !== "quality-first" || best < 0) return true;
  return (auto.quality ?? -1) >= best - routing.qualityTolerance;
}
