// What must hold by construction, whatever was learnt: a failure is a fault of this program, never a finding.
import { type ClaimResult, checkOf } from "../report/verdict.ts";
import { type Figures } from "./figures.ts";
import { groupOf } from "./judge.ts";
import { NETWORK_NAMES } from "./networks.ts";
import { type QosRouterResults } from "./results.ts";
import { RULES } from "./rules.ts";

/** Figures are stored with six digits. */
const ROUNDING = 1e-4;
/** Logits of two passes that add up in another order. */
const SAME_LOGITS = 1e-3;
/** Sums of floats in another order turn a tie now and then. */
const SAME_QOS = 0.01;

interface Run {
  readonly router: string;
  readonly requests: number;
  readonly bestScore: number;
  readonly figures: Figures;
}

export function constructionChecks(results: QosRouterResults): readonly ClaimResult[] {
  const records = [...results.runs(), ...results.grid()];
  const runs: readonly Run[] = records.flatMap(({ params, result }) =>
    Object.entries(result.figures).map(([router, figures]) => ({
      router,
      requests: params.requests,
      bestScore: result.bestScore,
      figures,
    })),
  );
  const breaks = (isBroken: (run: Run) => boolean) => runs.filter(isBroken).length;
  const kept = new Set<string>([...RULES, "graph-keeps"]);
  const trainings = NETWORK_NAMES.flatMap((name) => {
    const record = results.training(name);
    return record === null ? [] : [record.result];
  });
  const files = trainings.flatMap(({ exported }) => (exported === null ? [] : [exported]));
  const turned = records.flatMap(({ result: { figures } }) => {
    const { graph, "graph-reordered": other } = figures;
    return graph === undefined || other === undefined ? [] : [graph.meanQos - other.meanQos];
  });
  return [
    check(
      "C1",
      "Every request ends exactly once: finished at an expert, dropped or refused",
      breaks(({ figures: { shares, dropped, refused } }) => {
        const ended = shares.reduce((sum, share) => sum + share, dropped + refused);
        return !(Math.abs(ended - 1) < ROUNDING);
      }),
      runs.length,
    ),
    check(
      "C2",
      "Nobody's mean QoS is above the mean of the best scores, nor above what was in time",
      breaks(
        ({ bestScore, figures: { meanQos, violations, dropped } }) =>
          !(meanQos <= bestScore + ROUNDING && meanQos <= 1 - violations - dropped + ROUNDING),
      ),
      runs.length,
    ),
    check(
      "C3",
      "Who must not drop never drops",
      breaks(({ router, figures }) => kept.has(router) && figures.dropped > 0),
      runs.length,
    ),
    check(
      "C4",
      "The graph network's QoS does not depend on the order of the experts",
      turned.filter((difference) => !(Math.abs(difference) < SAME_QOS)).length,
      turned.length,
    ),
    check(
      "C5",
      "The exported ONNX file and the TypeScript pass have the same logits, whatever the order and number of experts",
      files.filter(
        ({ fileDifference, orderDifference }) =>
          !(fileDifference < SAME_LOGITS && orderDifference < SAME_LOGITS),
      ).length,
      files.length,
    ),
    check(
      "C6",
      "Training curves are finite, and no update was thrown away",
      trainings.filter(
        ({ curve, refused }) =>
          refused > 0 || curve.some(({ reward, qos }) => reward === null || qos === null),
      ).length,
      trainings.length,
    ),
  ].filter(({ estimate }) => estimate !== null);
}

/** Without an estimate where there was nothing to look at. */
const check = (id: string, claim: string, broken: number, of: number): ClaimResult => ({
  id,
  group: groupOf(id),
  claim,
  source: "by construction",
  published: "",
  ours: `${broken} of ${of} break it`,
  estimate: of === 0 ? null : broken,
  interval: null,
  verdict: checkOf(broken === 0),
  note: "",
  jobs: [],
});
