// Whether the network is worth its place: beside the rules that the study began with, beside one whose constants are fitted, and
// with its second training in the place of the first.
import { formatEstimate } from "../../report/figures.ts";
import { type Estimate } from "../../report/statistics.ts";
import { verdictOf } from "../../report/verdict.ts";
import { CLAIMS, type Claim, OURS, SIMPLE } from "../claims.ts";
import { type SeedView, type Where } from "../figures.ts";
import { isWorthShipping } from "../judge.ts";
import { TUNED_RULE } from "../rules.ts";
import { FLEET_SIZES, LOAD_NAMES, LOADS, PRICED_RULE_FIT } from "../settings.ts";
import { type ReportParts } from "./parts.ts";

const SHIPPED =
  "the product ships a simple rule, `quality-first`: the best quality among the backends that are predicted to keep the deadline. It was not measured in this study";

const BUSY = "at medium and high load at both workloads";

/** The condition was fixed before the first training; the tuned rule was added when the rest had been seen. */
export function shipping(parts: ReportParts): readonly string[] {
  const isWorth = isWorthShipping(parts.claims);
  const tuned = parts.claims.filter(({ id }) => id.startsWith("O6 "));
  if (isWorth === null || tuned.length === 0)
    return [
      `Whether the network beats every simple rule was not judged in this run; until it does, ${SHIPPED}.`,
    ];
  const above = tuned.filter(({ verdict }) => verdict === "agrees").length;
  const below = tuned.filter(({ verdict }) => verdict === "differs").length;
  const headline =
    above === tuned.length && isWorth
      ? "The network beats every simple rule"
      : above > 0
        ? "The network does not beat every simple rule"
        : below > 0
          ? "A simple rule does as well as the network, or better"
          : "The network is nowhere surely above a simple rule";
  const { seeds, requests } = PRICED_RULE_FIT;
  const figures = tuned.map(({ id, ours }) => `${id.slice("O6 ".length)} ${ours}`).join("; ");
  const kept = parts.claims.filter(({ id }) => id.startsWith("O2 "));
  const keptAs = (verdict: string) => kept.filter((claim) => claim.verdict === verdict);
  const lost = keptAs("differs").map(({ id }) => id.slice("O2 ".length));
  const second = secondTraining(parts);
  return [
    `**${headline}** (${BUSY}), so ${SHIPPED}, and is another one than the rule below. It needs no training; the network sees what each server computes request by request, which a gateway does not, and it was trained on the simulator that it is judged in.`,
    `\`${TUNED_RULE}\` has two constants, fitted to Poisson arrivals like those that the networks are trained on (${seeds.length} seeds of their own, ${requests.toLocaleString("en")} requests at each rate). The network's mean QoS is surely above that rule's in ${above} of ${tuned.length} places and surely below it in ${below} (O6, network less rule: ${figures}). Rules without fitted constants, those that may drop among them, it ${isWorth ? "beats in all four (O1): by the condition fixed before the first training, which knew no fitted rule, it would be worth shipping" : "does not beat everywhere (O1): by the condition fixed before the first training it is not worth shipping"}.${second.short}`,
    ...second.details,
    `Where nobody may drop, as at a gateway, the network is surely above every rule in ${keptAs("agrees").length} of ${kept.length} places (O2) and surely below the best one in ${lost.length}${lost.length > 0 ? ` (${lost.join(", ")})` : ""}.`,
  ];
}

/** With the second training of the network, and with that of the one without a graph among the baselines. */
function secondTraining(parts: ReportParts): {
  readonly short: string;
  readonly details: readonly string[];
} {
  const graph = judgedWith(parts, ["O1", "T1", "T2q", "O6"], (claim, seed) =>
    claim.value(renamed(seed, OURS, "graph-2")),
  );
  const flat = judgedWith(parts, ["T1"], (claim, seed) =>
    Math.min(claim.value(seed), claim.value(renamed(seed, "flat", "flat-2"))),
  );
  if (graph.length === 0 || flat.length === 0) return { short: "", details: [] };
  const sure = (some: readonly Rejudged[], kind: string) => {
    const those = some.filter(({ id }) => id.startsWith(`${kind} `));
    return `${those.filter(({ verdict }) => verdict === "agrees").length} of ${those.length}`;
  };
  const changed = graph
    .filter(({ verdict, before }) => verdict !== before)
    .map(({ id, lead, verdict }) => `${id} ${formatEstimate(lead, { digits: 3 })} ${verdict}`);
  return {
    short: ` That is one training: with the second one, \`graph-2\`, its lead is sure in ${sure(graph, "O1")} places (O1) and beside \`${TUNED_RULE}\` in ${sure(graph, "O6")} (O6); with \`flat-2\` among the baselines the lead of T1 is sure in ${sure(flat, "T1")}.`,
    details:
      changed.length === 0
        ? []
        : [`What comes out otherwise with \`graph-2\`: ${changed.join("; ")}.`],
  };
}

interface Rejudged {
  readonly id: string;
  readonly lead: Estimate;
  readonly verdict: string;
  /** Of the first training. */
  readonly before: string;
}

/** Claims of these kinds at medium and high load, from other values. */
function judgedWith(
  parts: ReportParts,
  kinds: readonly string[],
  value: (claim: Claim, seed: SeedView) => number,
): readonly Rejudged[] {
  return CLAIMS.filter(
    ({ id }) => kinds.includes(id.split(" ")[0]!) && !id.endsWith(" low"),
  ).flatMap((claim) => {
    const before = parts.claims.find(({ id }) => id === claim.id)?.verdict;
    const lead = parts.over((seed) => value(claim, seed));
    if (before === undefined || lead === null) return [];
    return [{ id: claim.id, lead, verdict: verdictOf(claim.expectation, lead), before }];
  });
}

/** One router's figures under the name of another. */
const renamed = (seed: SeedView, name: string, other: string): SeedView => ({
  figures: (router, where) => seed.figures(router === name ? other : router, where),
});

/** Where the network is surely above or below the best simple rule, the fitted one among them. */
export function places(parts: ReportParts): readonly string[] {
  const arrivals = ["poisson", "trace", "bursty", "whole-trace"] as const;
  const all: readonly (readonly [name: string, where: Where])[] = [
    ...arrivals.flatMap((kind) =>
      LOAD_NAMES.map((load) => [`${kind} ${load}`, { arrivals: kind, rate: LOADS[load] }] as const),
    ),
    ...FLEET_SIZES.filter((experts) => experts !== 3).map(
      (experts) => [`${experts} experts`, { experts }] as const,
    ),
  ];
  const leads = all.flatMap(([name, where]) => {
    const lead = parts.over(
      (seed) =>
        seed.figures(OURS, where).meanQos -
        Math.max(...[...SIMPLE, TUNED_RULE].map((rule) => seed.figures(rule, where).meanQos)),
    );
    return lead === null || lead.interval === null ? [] : [{ name, lead, interval: lead.interval }];
  });
  if (leads.length === 0) return [];
  const lost = leads.filter(({ interval }) => interval[1] < 0);
  const won = leads.filter(({ interval }) => interval[0] > 0);
  const list = (some: typeof leads) =>
    some.map(({ name, lead }) => `${name} ${formatEstimate(lead, { digits: 3 })}`).join("; ");
  const losses =
    lost.length === 0
      ? `At none of ${leads.length} places is it surely below the best simple rule.`
      : `**Where it surely loses to the best simple rule**, the fitted one among them (mean QoS less that of the best rule of each seed, ${lost.length} of ${leads.length} places): ${list(lost)}.`;
  const wins = won.length === 0 ? "It surely wins at none." : `It surely wins at ${list(won)}.`;
  return [`${losses} ${wins} It was trained at 2 to 5 requests per second.`, ...wholeTrace(parts)];
}

/** What it does with requests of another kind than it was trained with. */
function wholeTrace(parts: ReportParts): readonly string[] {
  const shares = (router: string, of: "dropped" | "violations") =>
    LOAD_NAMES.map((load) => {
      const where: Where = { arrivals: "whole-trace", rate: LOADS[load] };
      return parts.estimate(router, (figures) => figures[of], where);
    });
  const said = (some: readonly (Estimate | null)[]) =>
    some.map((each) => (each === null ? "-" : (100 * each.mean).toFixed(0))).join(", ");
  const dropped = shares(OURS, "dropped");
  if (dropped.some((each) => each === null)) return [];
  return [
    `With the lengths of the trace ("whole-trace": longer prompts and another pace of the servers, none of it seen in training) the network drops ${said(dropped)} % of all requests at low, medium and high load (\`flat\` ${said(shares("flat", "dropped"))} %, \`${TUNED_RULE}\` ${said(shares(TUNED_RULE, "dropped"))} %), while ${said(shares(OURS, "violations"))} % are late.`,
  ];
}
