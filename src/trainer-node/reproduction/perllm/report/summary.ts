// What a reader should know before any table. Made from the results alone.
import { meanOf } from "../../../intervals.ts";
import { formatEstimate } from "../../report/figures.ts";
import { type Estimate } from "../../report/statistics.ts";
import { type ClaimResult, verdictOf } from "../../report/verdict.ts";
import { type Figures } from "../figures.ts";
import { PERLLM_NAME, PUBLISHED_THROUGHPUT, RIVALS } from "../published.ts";
import { EDGE_MODEL_NAMES, NETWORK_NAMES } from "../settings.ts";
import { DRIFT_NAMES } from "../worlds.ts";
import { type ReportParts } from "./parts.ts";
import { leadOverBest } from "./simple-rules.ts";

/** Markdown, with a heading of its own; nothing before the headline ran. */
export function summary(parts: ReportParts): readonly string[] {
  const success = overAll(parts, PERLLM_NAME, ({ success: share }) => share);
  if (success === null) return [];
  return [
    "## In short",
    [
      counts(parts.claims),
      deadlines(parts),
      ratios(parts),
      beyondProxies(parts),
      simple(parts),
      drift(parts),
    ]
      .filter((line) => line !== null)
      .map((line) => `- ${line}`)
      .join("\n"),
  ];
}

function counts(claims: readonly ClaimResult[]): string {
  const of = (verdict: ClaimResult["verdict"]) =>
    claims.filter((claim) => claim.verdict === verdict).length;
  const judged = of("agrees") + of("differs") + of("undecided");
  const checked = `${of("pass")} of ${of("pass") + of("fail")} checks of what must hold by construction pass`;
  return `Of ${judged} claims ${of("agrees")} agree, ${of("differs")} differ and ${of("undecided")} are undecided; ${checked}.`;
}

function deadlines(parts: ReportParts): string {
  const rates = [...RIVALS, PERLLM_NAME, "LPC", "LPC-measured"].map((name) => {
    const share = overAll(parts, name, ({ success }) => success);
    return `${name} ${percent(share)}`;
  });
  return `Answered within the deadline, over all edge models and both networks: ${rates.join(", ")}. The paper: 58 to 77 % for the rivals, 97 to 99 % for PerLLM.`;
}

function ratios(parts: ReportParts): string {
  const tokens = ({ tokensPerSecond }: Figures) => tokensPerSecond;
  const joules = ({ joules: mean }: Figures) => mean;
  const sentence = RIVALS.map((rival) => {
    const times = formatEstimate(ratio(parts, rival, tokens), { digits: 2 });
    const energy = ratio(parts, rival, joules);
    const saved = energy === null ? "-" : `${(100 * (1 - energy.mean)).toFixed(0)} %`;
    return `${rival} ${times} times the throughput (published ${PUBLISHED_THROUGHPUT[rival]}) with ${saved} less energy (published more than 50 %)`;
  });
  return `PerLLM against ${sentence.join("; ")}. The rivals are proxies.`;
}

/** What the comparison with the proxies leaves out: their specified form, and no rule at all. */
function beyondProxies(parts: ReportParts): string | null {
  const where = { isSpecified: true };
  const tokens = ({ tokensPerSecond }: Figures) => tokensPerSecond;
  const success = ({ success: share }: Figures) => share;
  const planned = parts.estimate("RewardlessGuidance-planned", success, where);
  const random = parts.estimate("random", success);
  if (planned === null || random === null) return null;
  const of = (name: string, at = where) =>
    `${percent(parts.estimate(name, success, at))} at ${formatEstimate(parts.estimate(name, tokens, at), { digits: 0 })} tokens/s`;
  const times = (name: string) =>
    formatEstimate(
      parts.over(
        (seed) => tokens(seed.figures(PERLLM_NAME, where)) / tokens(seed.figures(name, where)),
      ),
      { digits: 2 },
    );
  const rivals = RIVALS.map((name) => `${name} ${percent(parts.estimate(name, success))}`);
  return `With Yi-6B RewardlessGuidance as it is specified answers ${of("RewardlessGuidance-planned")}, its proxy ${of("RewardlessGuidance")}, PerLLM ${of(PERLLM_NAME)}: ${times("RewardlessGuidance")} times the throughput of the proxy, ${times("RewardlessGuidance-planned")} times that of the specified form. A server drawn at random answers ${percent(random)} in time; the proxies ${rivals.join(", ")}.`;
}

function simple(parts: ReportParts): string {
  const beside = (name: string) => {
    const points = overPaired(parts, name, ({ success }) => success);
    const times = ratio(parts, name, ({ tokensPerSecond }) => tokensPerSecond);
    const energy = ratio(parts, name, ({ joules }) => joules);
    return `satisfies ${formatEstimate(points, { digits: 1, isPercent: true, unit: "points" })} more deadlines than PerLLM, which has ${formatEstimate(times, { digits: 3 })} of its throughput and takes ${formatEstimate(energy, { digits: 3 })} of its energy`;
  };
  return `Least predicted completion, which learns nothing, ${beside("LPC")}; where it measures times, as the gateway does, it ${beside("LPC-measured")}.`;
}

/** Where the bandit is worth something, by the claims on drifting worlds. */
function drift(parts: ReportParts): string | null {
  const won = (id: string, verdict: ClaimResult["verdict"] = "agrees") =>
    parts.claims
      .filter((claim) => claim.id.startsWith(`${id} `) && claim.verdict === verdict)
      .map((claim) => claim.id.slice(id.length + 1));
  const judged = parts.claims.filter(({ id }) => id.startsWith("O5 "));
  if (judged.length === 0) return null;
  const named = (worlds: readonly string[]) =>
    worlds.length === 0 ? "in none" : `in ${worlds.length} (${worlds.join(", ")})`;
  return [
    `Of ${judged.length} worlds in which what schedulers know is wrong, changes or is late, PerLLM satisfies measurably more deadlines than least predicted completion that measures as it does ${named(won("O5"))}, measurably fewer ${named(won("O5", "differs"))}`,
    `as the product runs it: more ${named(won("O12"))}, fewer ${named(won("O12", "differs"))}`,
    ...(parts.claims.some(({ id }) => id.startsWith("O16 "))
      ? [
          `where measurements fade (asked later): more ${named(won("O16"))}, fewer ${named(won("O16", "differs"))}`,
        ]
      : []),
    `where nobody measures, its bandit alone: more ${named(won("O11"))}, fewer ${named(won("O11", "differs"))}`,
    ...besideBest(parts, named),
  ]
    .map((line) => `${line}.`)
    .join("\n  - ");
}

/** Measuring can make least predicted completion worse, so that its best form in each world is the harder rival. */
function besideBest(
  parts: ReportParts,
  named: (worlds: readonly string[]) => string,
): readonly string[] {
  const success = ({ success: share }: Figures) => share;
  const where = { drift: "throttled" };
  const [told, measured, byClass] = ["LPC", "LPC-measured", "LPC-by-class"].map((name) =>
    percent(parts.estimate(name, success, where)),
  );
  const sides = (name: string) => {
    const leads = DRIFT_NAMES.map((world) => {
      const lead = leadOverBest(parts, name, world);
      return { world, verdict: verdictOf({ direction: "greater", bound: 0 }, lead) };
    });
    const worlds = (side: string) =>
      leads.filter(({ verdict }) => verdict === side).map(({ world }) => world);
    return `${named(worlds("agrees"))}, fewer ${named(worlds("differs"))}`;
  };
  return [
    `measuring can cost more than it brings: when throttled, least predicted completion answers ${told} in time as told, ${measured} as measured, ${byClass} as measured by class of request`,
    `against the best form of it in each world, picked after the fact: PerLLM more ${sides(PERLLM_NAME)}; as the product runs it more ${sides("PerLLM-retry")}`,
  ];
}

const overAll = (
  parts: ReportParts,
  name: string,
  metric: (figures: Figures) => number,
): Estimate | null =>
  parts.over((seed) =>
    meanOf(
      EDGE_MODEL_NAMES.flatMap((model) =>
        NETWORK_NAMES.map((network) => metric(seed.figures(name, { model, network }))),
      ),
    ),
  );

/** How much more `name` has than PerLLM, seed by seed. */
const overPaired = (parts: ReportParts, name: string, metric: (figures: Figures) => number) =>
  parts.over((seed) =>
    meanOf(
      EDGE_MODEL_NAMES.flatMap((model) =>
        NETWORK_NAMES.map((network) => {
          const where = { model, network };
          return metric(seed.figures(name, where)) - metric(seed.figures(PERLLM_NAME, where));
        }),
      ),
    ),
  );

/** PerLLM's over that of `name`. */
const ratio = (parts: ReportParts, name: string, metric: (figures: Figures) => number) =>
  parts.over((seed) => {
    const sum = (algorithm: string) =>
      EDGE_MODEL_NAMES.flatMap((model) =>
        NETWORK_NAMES.map((network) => metric(seed.figures(algorithm, { model, network }))),
      ).reduce((total, value) => total + value, 0);
    return sum(PERLLM_NAME) / sum(name);
  });

const percent = (estimate: Estimate | null): string =>
  formatEstimate(estimate, { digits: 1, isPercent: true, unit: "%" });
