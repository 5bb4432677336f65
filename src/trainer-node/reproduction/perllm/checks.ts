// What must hold by construction, whatever was decided: a failure is a fault of this program, never a finding.
import { type ClaimResult, checkOf } from "../report/verdict.ts";
import { type RunParams } from "./experiments.ts";
import { type Figures } from "./figures.ts";
import { groupOf } from "./judge.ts";
import { type PerllmResults } from "./results.ts";
import { type RunResult } from "./run-job.ts";
import { EDGE_MODEL_NAMES, NETWORK_NAMES } from "./settings.ts";

interface Run {
  readonly algorithm: string;
  readonly users: number;
  readonly requests: number;
  readonly figures: Figures;
}

export function constructionChecks(results: PerllmResults): readonly ClaimResult[] {
  const runs: readonly Run[] = results.records().flatMap(({ params, result }) => {
    const { world } = params as Pick<RunParams, "world">;
    return Object.entries((result as RunResult).figures).map(([algorithm, figures]) => ({
      algorithm,
      users: world.users,
      requests: world.requests,
      figures,
    }));
  });
  const breaks = (isBroken: (run: Run) => boolean) => runs.filter(isBroken).length;
  const [changed, compared] = fineInferChanges(results);
  return [
    check(
      "C1",
      "Every request ends exactly once, and a user has at most one under way",
      breaks(
        ({ users, requests, figures }) =>
          figures.lost > 0 || figures.requests !== requests || figures.mostOutstanding > users,
      ),
      runs.length,
    ),
    check(
      "C2",
      "Requests under way = rate x processing time (Little's law, counted over time)",
      breaks(({ figures }) => !(figures.littleError < 1e-9)),
      runs.length,
    ),
    check(
      "C3",
      "Waiting, transmission and inference add up to the processing time, for every request",
      breaks(({ figures }) => !(figures.partsError < 1e-6)),
      runs.length,
    ),
    check(
      "C4",
      "No choice earns more than the best one in the same state",
      breaks(({ figures }) => !(figures.earlyRegret >= 0 && figures.lateRegret >= 0)),
      runs.length,
    ),
    ...(compared === 0
      ? []
      : [
          check(
            "C5",
            "FineInfer's figures are the same with every edge model, to the last digit",
            changed,
            compared,
          ),
        ]),
    check(
      "C6",
      "FineInfer stays in the cloud, AGOD at the edges",
      breaks(
        ({ algorithm, figures }) =>
          (algorithm.startsWith("FineInfer") && figures.cloudShare !== 1) ||
          (algorithm.startsWith("AGOD") && figures.cloudShare !== 0),
      ),
      runs.length,
    ),
  ];
}

/** Runs that differ from those with the first model, and how many were compared. */
function fineInferChanges(results: PerllmResults): readonly [changed: number, of: number] {
  let changed = 0;
  let of = 0;
  const [first, ...others] = EDGE_MODEL_NAMES;
  for (const seed of results.allSeeds())
    for (const network of NETWORK_NAMES)
      for (const model of others) {
        const both = [first!, model].map((each) => ({ model: each, network }));
        if (!both.every((where) => results.seeds(where).includes(seed))) continue;
        const [base, own] = both.map((where) => {
          const figures = results.view(seed).figures("FineInfer", where);
          // Regret looks at the other servers too, and not everything is kept everywhere.
          return JSON.stringify(figures, (key, value: unknown) =>
            key === "soFar" || key === "parts" || key.toLowerCase().endsWith("regret")
              ? undefined
              : value,
          );
        });
        of++;
        if (base !== own) changed++;
      }
  return [changed, of];
}

const check = (id: string, claim: string, broken: number, of: number): ClaimResult => ({
  id,
  group: groupOf(id),
  claim,
  source: "by construction",
  published: "",
  ours: `${broken} of ${of} runs break it`,
  estimate: broken,
  interval: null,
  verdict: checkOf(broken === 0 && of > 0),
  note: "",
  jobs: [],
});
