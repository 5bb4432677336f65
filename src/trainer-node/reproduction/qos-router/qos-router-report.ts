// The report of the study: what was run, what came out, and whether the router is worth its place.
import { formatEstimate } from "../report/figures.ts";
import { type Report } from "../report/report.ts";
import { OURS, SIMPLE } from "./claims.ts";
import { type Where } from "./figures.ts";
import { isWorthShipping } from "./judge.ts";
import { ablations } from "./report/ablations.ts";
import { grid } from "./report/grid.ts";
import { loads, summary } from "./report/loads.ts";
import { type PartsOf, ReportParts } from "./report/parts.ts";
import { training } from "./report/training.ts";
import { FLEET_SIZES, LOAD_NAMES, LOADS } from "./settings.ts";

interface QosRouterReportInput extends PartsOf {
  /** Wall-clock and core seconds, and where. */
  readonly run: string;
}

/** Of whatever results are there: an experiment that did not run has no section. */
export function qosRouterReport({ run, ...input }: QosRouterReportInput): Report {
  const parts = new ReportParts(input);
  return {
    title: "QoS-aware routing reproduced",
    introduction: [
      ...WHAT,
      run,
      workloadOf(parts),
      verdictOf(parts),
      ...lostBy(parts),
      ...HOW_TO_READ,
      ...effortOf(parts),
    ],
    claims: input.claims,
    sections: [
      ...summary(parts),
      ...loads(parts),
      ...ablations(parts),
      ...training(parts),
      ...grid(parts),
    ],
  };
}

const WHAT: readonly string[] = [
  "A router that learns which of several model servers should answer (arXiv 2508.00234): a graph attention network over the request, the servers and what they are computing, trained by soft actor-critic, with an estimate of whom a new request would make late. A request is worth its score if its seconds per output token, arrival to finish, are at most 30 ms, and nothing otherwise; a router may drop it. Only the paper's abstract and an earlier state of its authors' code were at hand, so there are no published digits to compare with: what is judged is what the abstract says in words and what each part is there for.",
  "Servers are simulated iteration by iteration, with the constants of that code where it has them; requests, scores, lengths and what a predictor knows of them are made up, and drawn anew for each seed. Settings ([settings.ts](../../../src/trainer-node/reproduction/qos-router/settings.ts)) and claims ([claims.ts](../../../src/trainer-node/reproduction/qos-router/claims.ts)) were committed before the first training and nothing was tuned afterwards. How to run it: [docs/reproduce.md](../../../docs/reproduce.md).",
];

const workloadOf = ({ results }: ReportParts): string =>
  results.realArrivals === "trace"
    ? `"Real" in claims are the arrival times of the trace \`${results.trace}\`.`
    : '"Real" in claims is a bursty synthetic process: no trace was given (`--trace FILE`).';

const SHIPPED =
  "the product ships a simple rule, `quality-first`: the best quality among the backends that are predicted to keep the deadline. It needs no training";

/** Which rule is worth its place; the condition was fixed before the first training. */
function verdictOf({ claims }: ReportParts): string {
  const isWorth = isWorthShipping(claims);
  const where = "at medium and high load at both workloads";
  if (isWorth === null)
    return `Whether the network beats every simple rule was not judged in this run; until it does, ${SHIPPED}.`;
  if (!isWorth)
    return `**The network does not beat every simple rule** ${where} (O1: a rule ties or wins somewhere), so ${SHIPPED}.`;
  const kept = claims.filter(({ id }) => id.startsWith("O2 "));
  const won = kept.filter(({ verdict }) => verdict === "agrees").length;
  return `**The network beats every simple rule** ${where}, those that may drop among them (O1). Where nobody may drop, as at a gateway, it does so in ${won} of ${kept.length} (O2). Still ${SHIPPED}; the network sees what each server computes request by request, which a gateway does not, and it was trained on the simulator that it is judged in.`;
}

/** Where the network is below the best simple rule, the whole interval of the difference below 0. */
function lostBy(parts: ReportParts): readonly string[] {
  const arrivals = ["poisson", "trace", "bursty", "whole-trace"] as const;
  const places: readonly (readonly [name: string, where: Where])[] = [
    ...arrivals.flatMap((kind) =>
      LOAD_NAMES.map((load) => [`${kind} ${load}`, { arrivals: kind, rate: LOADS[load] }] as const),
    ),
    ...FLEET_SIZES.map((experts) => [`${experts} experts`, { experts }] as const),
  ];
  const leads = places.flatMap(([name, where]) => {
    const lead = parts.over(
      (seed) =>
        seed.figures(OURS, where).meanQos -
        Math.max(...SIMPLE.map((rule) => seed.figures(rule, where).meanQos)),
    );
    return lead === null || lead.interval === null ? [] : [{ name, lead, high: lead.interval[1] }];
  });
  const lost = leads.filter(({ high }) => high < 0);
  if (leads.length === 0) return [];
  if (lost.length === 0)
    return [`At none of ${leads.length} places is it surely below the best simple rule.`];
  const list = lost.map(({ name, lead }) => `${name} ${formatEstimate(lead, { digits: 3 })}`);
  return [
    `**Where it surely loses to the best simple rule** (mean QoS less that rule's, ${lost.length} of ${leads.length} places): ${list.join("; ")}. It was trained at 2 to 5 requests per second; the longer prompts and the other pace of servers in "whole-trace" are none of what it has seen.`,
  ];
}

const HOW_TO_READ: readonly string[] = [
  "## How to read it",
  "A claim `agrees` when the 95 % interval (Student) lies where it should, `differs` when it lies on the other side, and is `undecided` when it touches both. **Intervals are over seeds of the test runs, for one trained network**: they say how sure the figure of this network is, not how another training would have come out. Two networks were trained a second time; O5 and the tables say how much that changes. `pass` is for what must hold by construction. The grid column says in how many other settings of the simulator the claim's direction holds.",
];

/** What a training was, and what was not measured here. */
function effortOf({ results }: ReportParts): readonly string[] {
  const decisions = results.training(OURS)?.result.curve.at(-1)?.decisions;
  if (decisions === undefined) return [];
  return [
    `A training is ${decisions.toLocaleString("en")} decisions here, a million in the authors' code: a network that loses might win with more. The time of a decision is measured apart, by \`npm run bench -- graph-router\`.`,
  ];
}
