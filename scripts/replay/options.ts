import { parseArgs } from "node:util";
import { type Half } from "../../src/trainer-node/simulator/groups.ts";

export interface ReplayOptions {
  readonly data: string | undefined;
  readonly half: Half | "all";
  readonly requests: number;
  readonly seed: number;
  readonly concurrency: number;
  readonly domain: "region" | "shared";
  readonly profile: "none" | "edge";
  /** Assumed model delays are divided by it; all printed figures are unscaled. */
  readonly scale: number;
  readonly json: boolean;
  /** A running gateway, or any OpenAI-compatible server, instead of one that replay starts. */
  readonly target: { readonly url: string; readonly key: string } | undefined;
}

export const USAGE = `usage: npm run replay -- [options]
  --data DIR         question groups from a data directory instead of data/workload
  --half HALF        measured (default), calibration or all groups
  --requests N       length of the stream (3000)
  --seed S           seed of stream and delays (1)
  --concurrency N    requests in flight (16)
  --domain D         region (default) or shared: the tenant's cache domain, which decides what counts as a repeat
  --profile P        none (default) or edge: delays of the local stand-ins for Cloudflare's services
  --scale X          divide the assumed model delays by X (50)
  --json             print JSON
  --url URL          replay against a running server (region prefixes /us/v1, /eu/v1, /asia/v1 when it has them)
  --key KEY          its API key (sk-velo-local)`;

/** Bad arguments; the message is for the person who typed them. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Throws UsageError. */
export function parseReplayArgs(args: readonly string[]): ReplayOptions {
  const values = readFlags(args);
  const url = values.url;
  if (url !== undefined && !/^https?:\/\//.test(url)) {
    throw new UsageError(`--url must begin with http:// or https://, got ${url}`);
  }
  if (values.key !== undefined && url === undefined) throw new UsageError("--key needs --url");
  if (url !== undefined && values.profile !== undefined) {
    throw new UsageError("--profile belongs to a gateway that replay starts, not to --url");
  }
  const domain = oneOf("domain", values.domain ?? "region", ["region", "shared"]);
  if (domain === "shared" && url === undefined) {
    throw new UsageError("--domain shared needs --url: the local tenant has one cache per region");
  }
  return {
    data: values.data,
    half: oneOf("half", values.half ?? "measured", ["measured", "calibration", "all"]),
    requests: whole("requests", values.requests ?? "3000", 1, 1_000_000),
    seed: whole("seed", values.seed ?? "1", 0, 0xffffffff),
    concurrency: whole("concurrency", values.concurrency ?? "16", 1, 256),
    domain,
    profile: oneOf("profile", values.profile ?? "none", ["none", "edge"]),
    scale: whole("scale", values.scale ?? "50", 1, 1000),
    json: values.json ?? false,
    target:
      url === undefined
        ? undefined
        : { url: url.replace(/\/+$/, ""), key: values.key ?? "sk-velo-local" },
  };
}

function readFlags(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        data: text,
        half: text,
        requests: text,
        seed: text,
        concurrency: text,
        domain: text,
        profile: text,
        scale: text,
        url: text,
        key: text,
        json: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function whole(name: string, value: string, least: number, most: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, got ${value}`);
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} must be one of ${allowed.join(", ")}, got ${value}`);
}
