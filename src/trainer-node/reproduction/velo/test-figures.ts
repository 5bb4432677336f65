// Sums up a frozen test.
import { quantile } from "../../intervals.ts";
import { type FrozenResponse, type FrozenResult } from "../../simulator/frozen.ts";
import { type TestFigures } from "./figures.ts";
import { PHI3, REWARD_SCALE } from "./settings.ts";

/** @param results of one player; with all servers asked the fastest response counts, whatever it says */
export function testFigures(results: readonly FrozenResult[], omega: number): TestFigures {
  const answers = results.map(({ answer }) => answer);
  const responses = results.flatMap((result) => result.responses);
  const mean = (value: (answer: FrozenResponse) => number): number =>
    answers.reduce((sum, answer) => sum + value(answer), 0) / answers.length;
  const share = (is: (answer: FrozenResponse) => boolean): number =>
    mean((answer) => Number(is(answer)));
  const reward = (answer: FrozenResponse): number =>
    REWARD_SCALE * (qosOf(answer, omega) - penaltyOf(answer));
  const served = share(({ handling }) => handling === "A");
  const wrong = share(({ handling, correct }) => handling === "A" && !correct);
  return {
    requests: results.length,
    reward: mean(reward),
    qos: mean((answer) => REWARD_SCALE * qosOf(answer, omega)),
    satisfaction: mean(({ quality }) => quality),
    delay: mean(({ delaySeconds }) => delaySeconds),
    p95Delay: quantile(
      answers.map(({ delaySeconds }) => delaySeconds),
      0.95,
    ),
    direct: responses.filter(({ action }) => action === 0).length / responses.length,
    served,
    augmented: share(({ handling }) => handling === "C"),
    called: share(({ handling }) => handling === "B"),
    wrongPerRequest: wrong,
    wrongPerHit: served === 0 ? null : wrong / served,
    callsPerRequest: responses.filter(({ handling }) => handling !== "A").length / results.length,
    oracleQos: mean((answer) => REWARD_SCALE * bestOf(answer, omega, 0)),
    oracleReward: mean((answer) => REWARD_SCALE * bestOf(answer, omega, PHI3)),
    feasibleQos: mean((answer) => REWARD_SCALE * bestFeasible(answer, omega)),
    impossible: results.filter((result) => isImpossible(result, omega)).length,
  };
}

type Worth = Pick<FrozenResponse, "quality" | "delaySeconds">;

/** q - omega d */
const qosOf = ({ quality, delaySeconds }: Worth, omega: number): number =>
  quality - omega * delaySeconds;

const penaltyOf = ({ action }: FrozenResponse): number => (action === 0 ? PHI3 : 0);

/** The best of what could have been done with this request at this server. */
function bestOf({ direct, cache, noted }: FrozenResponse, omega: number, phi3: number): number {
  return Math.max(
    qosOf(direct, omega) - phi3,
    qosOf(cache, omega),
    noted === null ? -Infinity : qosOf(noted, omega),
  );
}

/** The same without ever serving a wrong answer. */
function bestFeasible({ direct, cache, noted }: FrozenResponse, omega: number): number {
  return Math.max(
    qosOf(direct, omega),
    cache.correct ? qosOf(cache, omega) : -Infinity,
    noted === null ? -Infinity : qosOf(noted, omega),
  );
}

/** What cannot happen: more than the best, or a fastest of all that is slower than the request's own server. */
function isImpossible({ request, responses, answer }: FrozenResult, omega: number): boolean {
  const own = responses.find(({ server }) => server === request.region);
  return (
    qosOf(answer, omega) > bestOf(answer, omega, 0) + 1e-9 ||
    (own !== undefined && answer.delaySeconds > own.delaySeconds)
  );
}
