// Who asks what, when and how urgently in the world of troubled backends, and how long each of its servers takes for it. All
// is drawn beforehand: the same for a seed, whatever the gateway does.
import { roughTokens } from "../../scripts/local/chat-wire.ts";
import { lognormalFromQuantiles } from "../../src/policy/random.ts";
import { randomOf } from "../../src/trainer-node/simulator/random-of.ts";
import { unlikeWords } from "./gateway-client.ts";

export type Trouble =
  | "none"
  /** Answers, but several times slower than usual. */
  | "slow"
  /** 429 with `retry-after`. */
  | "limited"
  /** Breaks every answer off after its first byte. */
  | "breaking"
  /** Takes the request and never says anything. */
  | "hanging"
  /** 500 at once. */
  | "failing"
  /** Nobody listens; the server is started again at the end. */
  | "refusing";

export interface Phase {
  readonly trouble: Trouble;
  readonly seconds: number;
  /** Requests come from these. */
  readonly tenants: readonly string[];
}

/** Seconds before they are divided by SCALE; the best one is the one that gets into trouble. */
export const SERVERS = {
  atlas: { quality: 0.92, input: 2.5, output: 10, first: [0.35, 1.4], perToken: 0.012 },
  birch: { quality: 0.85, input: 0.5, output: 2, first: [0.5, 2], perToken: 0.016 },
  cedar: { quality: 0.8, input: 0.1, output: 0.4, first: [0.6, 2.4], perToken: 0.025 },
  dune: { quality: 0.65, input: 0.05, output: 0.2, first: [0.2, 0.8], perToken: 0.006 },
} as const;
export type ServerName = keyof typeof SERVERS;
export const SERVER_NAMES = Object.keys(SERVERS) as readonly ServerName[];
export const TROUBLED: ServerName = "atlas";

export const SCALE = 2;
const PER_TOKEN_SIGMA = 0.25;
/** Tokens of an answer: lognormal. */
export const LENGTH = { mean: 100, sigma: 0.4 };
/** Uniform; a tenth of the requests has none. */
const DEADLINE_SECONDS = [2, 8] as const;
const WITHOUT_DEADLINE = 0.1;
const STREAMED = 0.6;
/** Requests that every server refuses for what they say. */
const REFUSED = 0.02;

export interface Ask {
  readonly question: string;
  readonly answer: string;
  readonly at: number;
  readonly stream: boolean;
  readonly deadlineMs: number | null;
  readonly isRefused: boolean;
  readonly tenant: string;
  /** Seconds of each server, unscaled. */
  readonly delays: Readonly<Record<ServerName, { readonly first: number; readonly per: number }>>;
  readonly tokens: number;
}

const phase = (trouble: Trouble, seconds: number, ...tenants: readonly string[]): Phase => ({
  trouble,
  seconds,
  tenants,
});

/** Every trouble for a moment. A breaker is open for half a minute, so each one has a tenant of its own. */
export const SHORT_PHASES: readonly Phase[] = [
  phase("none", 2.5, "a"),
  phase("limited", 0.8, "a"),
  phase("none", 0.8, "a"),
  phase("slow", 1.2, "a"),
  phase("none", 1.2, "a"),
  phase("hanging", 1.2, "b"),
  phase("none", 1.2, "c"),
  phase("failing", 1.2, "c"),
  phase("none", 0.8, "d"),
  phase("breaking", 0.4, "d"),
  phase("none", 0.8, "e"),
  phase("refusing", 0.8, "e"),
  phase("none", 1, "f"),
];

/** Two tenants all the time; after a failure it takes half a minute until it is known that it is over. */
export const LONG_PHASES: readonly Phase[] = [
  phase("none", 15, "a", "b"),
  phase("slow", 15, "a", "b"),
  phase("none", 15, "a", "b"),
  phase("limited", 8, "a", "b"),
  phase("none", 7, "a", "b"),
  phase("hanging", 8, "a", "b"),
  phase("none", 25, "a", "b"),
  phase("breaking", 5, "a", "b"),
  phase("none", 35, "a", "b"),
  phase("failing", 8, "a", "b"),
  phase("refusing", 6, "a", "b"),
  phase("none", 23, "a", "b"),
];

export interface WorkloadOptions {
  readonly seed: number;
  readonly phases: readonly Phase[];
  readonly requestsPerSecond: number;
}

export function asksOf({ seed, phases, requestsPerSecond }: WorkloadOptions): readonly Ask[] {
  const random = randomOf(seed, 0, 0);
  const uniform = () => random.uniform();
  const asks: Ask[] = [];
  let from = 0;
  let at = 0;
  for (const { seconds, tenants } of phases) {
    from += seconds;
    for (; at < from; at -= Math.log(1 - uniform()) / requestsPerSecond) {
      const { mean, sigma } = LENGTH;
      const words = Math.max(
        5,
        Math.round(random.lognormal({ mu: Math.log(mean) - sigma ** 2 / 2, sigma }) / 2),
      );
      // Seven letters are two tokens.
      const answer = unlikeWords(uniform, words);
      const delays = Object.fromEntries(
        SERVER_NAMES.map((name) => {
          const { first, perToken } = SERVERS[name];
          const pace = { mu: Math.log(perToken), sigma: PER_TOKEN_SIGMA };
          return [
            name,
            {
              first: random.lognormal(lognormalFromQuantiles(first[0], first[1])),
              per: random.lognormal(pace),
            },
          ];
        }),
      ) as Ask["delays"];
      const [least, most] = DEADLINE_SECONDS;
      const deadline = (1000 * (least + (most - least) * uniform())) / SCALE;
      asks.push({
        question: unlikeWords(uniform),
        answer,
        tokens: roughTokens(answer).length,
        at,
        stream: uniform() < STREAMED,
        deadlineMs: uniform() < WITHOUT_DEADLINE ? null : Math.round(deadline),
        isRefused: uniform() < REFUSED,
        tenant: tenants[Math.floor(uniform() * tenants.length)]!,
        delays,
      });
    }
  }
  return asks;
}
