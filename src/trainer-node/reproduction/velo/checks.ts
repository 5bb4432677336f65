// What must hold by construction, whatever was learnt: a failure is a fault of this program, never a finding.
import { type ClaimResult, checkOf } from "../report/verdict.ts";
import { type RunResult, type TestFigures } from "./figures.ts";
import { type GridResult } from "./grid.ts";
import { type ProductRow } from "./product.ts";
import { type VeloResults } from "./results.ts";

export function constructionChecks(results: VeloResults): readonly ClaimResult[] {
  const records = results.records();
  const runs = records.filter(({ kind }) => kind === "run");
  const tests: TestFigures[] = [
    ...runs.flatMap(({ result }) => Object.values((result as RunResult).tests)),
    ...records
      .filter(({ kind }) => kind === "grid")
      .flatMap(({ result }) =>
        Object.values((result as GridResult).algorithms).flatMap((each) =>
          Object.values(each.tests),
        ),
      ),
  ];
  const isOrdered = ({ greedyDirect: [a = 0, b = 0, c = 0] }: RunResult) => a >= b && b >= c;
  const unordered = runs.filter(({ result }) => !isOrdered(result as RunResult));
  const check = (
    id: string,
    claim: string,
    broken: number,
    of: number,
    jobs: readonly string[] = [],
  ): ClaimResult => ({
    id,
    claim,
    source: "by construction",
    published: "",
    ours: `${broken} of ${of} tests break it`,
    estimate: broken,
    interval: null,
    verdict: checkOf(broken === 0 && of > 0),
    note: "",
    jobs,
  });
  const aboveOracle = tests.filter(
    ({ qos, oracleQos, reward, oracleReward }) =>
      qos > oracleQos + 1e-6 || reward > oracleReward + 1e-6,
  );
  const infeasible = tests.filter(({ feasibleQos, oracleQos }) => feasibleQos > oracleQos + 1e-6);
  const curves = runs.flatMap(({ result }) => (result as RunResult).curve);
  const unfinished = curves.filter((point) => !Object.values(point).every(Number.isFinite));
  const product = records
    .filter(({ kind }) => kind === "product")
    .map(({ result }) => result as ProductRow);
  const belowZero = product.filter(({ regretInState }) => regretInState < -1e-9);
  return [
    check(
      "C1",
      "No policy earns more than the oracle of its mode in the same state, in any seed",
      aboveOracle.length,
      tests.length,
    ),
    check(
      "C2",
      "No request earns more than its own oracle, or waits longer with all servers asked than with the nearest",
      tests.filter(({ impossible }) => impossible > 0).length,
      tests.length,
    ),
    check(
      "C3",
      "Direct calls in the same state: Greedy-0.1 >= Greedy-0.3 >= Greedy-0.5",
      unordered.length,
      runs.length,
    ),
    check(
      "C4",
      "The oracle without wrong answers is never above the one with them",
      infeasible.length,
      tests.length,
    ),
    check("C5", "All training curves are finite", unfinished.length, curves.length),
    ...(product.length === 0
      ? []
      : [
          check(
            "C6",
            "Product mode: no policy earns more than the feasible oracle in the same state, in any seed",
            belowZero.length,
            product.length,
          ),
        ]),
  ];
}
