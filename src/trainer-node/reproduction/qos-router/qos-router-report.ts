// The report of the study: what was run, what came out, and whether the router is worth its place.
import { type Report } from "../report/report.ts";
import { OURS } from "./claims.ts";
import { ablations } from "./report/ablations.ts";
import { grid } from "./report/grid.ts";
import { loads, summary } from "./report/loads.ts";
import { type PartsOf, ReportParts } from "./report/parts.ts";
import { places, shipping } from "./report/shipping.ts";
import { training } from "./report/training.ts";

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
      ...shipping(parts),
      ...places(parts),
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
  "Servers are simulated iteration by iteration, with the constants of that code where it has them; requests, scores, lengths and what a predictor knows of them are made up, and drawn anew for each seed. Settings ([settings.ts](../../../src/trainer-node/reproduction/qos-router/settings.ts)) and claims ([claims.ts](../../../src/trainer-node/reproduction/qos-router/claims.ts)) were committed before the first training; the length of trainings and runs was cut once, after trainings had begun and before one had ended. After the figures had been seen, the rule `priced-or-drop` and the claims O6 were added, and O1 and T1r say more narrowly what they always compared (rules without fitted constants, busy GPU-seconds); nothing else was tuned. Of the rules, random, round-robin, shortest-queue and least-completion are the gateway's own; the others were written for this study. How to run it: [docs/reproduce.md](../../../docs/reproduce.md).",
];

const workloadOf = ({ results }: ReportParts): string =>
  results.realArrivals === "trace"
    ? `"Real" in claims are the arrival times of the trace \`${results.trace}\`.`
    : '"Real" in claims is a bursty synthetic process: no trace was given (`--trace FILE`).';

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
