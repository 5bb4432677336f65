// A judge whose errors are known is asked through the gateway's own code: what its word is worth as it is, by the rule of
// two orders, and corrected by a small audit.
import { describe, expect, test } from "vitest";
import { Random } from "../../../src/policy/random.ts";
import {
  type Audited,
  type Estimate,
  naiveShare,
  predictionPowered,
  roganGladen,
} from "../../../src/trainer-node/judge-bias.ts";
import { type Route, parseConfig } from "../../../src/worker/config.ts";
import { type ModelCall, type ModelReply } from "../../../src/worker/ports.ts";
import { askJudge } from "../../../src/worker/satisfaction/judge.ts";

const SEED = Number(process.env["VELO_SEED"] ?? 20261121);
/** Longer with VELO_JUDGE_RUNS=1000. */
const RUNS = Number(process.env["VELO_JUDGE_RUNS"] ?? 300);
const TRUTH = 0.9;

/** P(the judge prefers whoever stands first, whatever it says), P(it takes a right one for wrong), P(a wrong one for right). */
interface Errors {
  readonly place: number;
  readonly strict: number;
  readonly lenient: number;
}

const covers = ({ lower, upper }: Estimate): boolean => lower <= TRUTH && TRUTH <= upper;

/** One answer and what became of it: as the first order alone has it, and as both together do. */
interface Case {
  readonly human: 0 | 1;
  readonly oneOrder: 0 | 1;
  readonly bothOrders: 0 | 0.5 | 1;
}

/** The judge's verdict on an answer in each place. One mistake is made in both orders: it comes of the texts. */
function verdictsOn(
  human: 0 | 1,
  errors: Errors,
  random: Random,
): readonly ["accept" | "reject", "accept" | "reject"] {
  if (random.uniform() < errors.place) return ["accept", "reject"];
  const isMistaken = random.uniform() < (human === 1 ? errors.strict : errors.lenient);
  const verdict = (human === 1) === isMistaken ? "reject" : "accept";
  return [verdict, verdict];
}

function draw(errors: Errors, random: Random): Case {
  const human = random.uniform() < TRUTH ? 1 : 0;
  const [first, second] = verdictsOn(human, errors, random);
  const oneOrder = first === "accept" ? 1 : 0;
  return { human, oneOrder, bothOrders: first === second ? oneOrder : 0.5 };
}

const oneOrder = (cases: readonly Case[]) => cases.map((each) => ({ judged: each.oneOrder }));
const decided = (cases: readonly Case[]) =>
  cases.flatMap(({ bothOrders }) => (bothOrders === 0.5 ? [] : [{ judged: bothOrders }]));
const bothOrders = (cases: readonly Case[]) => cases.map(({ bothOrders: judged }) => ({ judged }));
const audited = (cases: readonly Case[]): Audited[] =>
  cases.map(({ human, bothOrders: judged }) => ({ human, judged }));

/** Share of runs whose interval holds the truth. */
function coverage(
  errors: Errors,
  estimate: (all: readonly Case[], audit: readonly Case[]) => Estimate | null,
): number {
  const random = new Random(SEED);
  let holds = 0;
  for (let run = 0; run < RUNS; run++) {
    const all = Array.from({ length: 2_000 }, () => draw(errors, random));
    // The first of them are as good a sample as any.
    const found = estimate(all.slice(300), all.slice(0, 300));
    if (found !== null && covers(found)) holds++;
  }
  return holds / RUNS;
}

const JUDGE: Route = parseConfig(
  {
    upstreams: [{ name: "second", kind: "workers-ai", models: [{ id: "judge-1" }] }],
    judge: { upstream: "second", model: "judge-1" },
  },
  { environment: "local" },
).judge!;

describe("the gateway's judge", () => {
  test("that favours the place gives no label where only the place decided, and the rest are right", async () => {
    const random = new Random(SEED);
    console.log(`judge's place: seed ${SEED}`);
    const errors = { place: 0.3, strict: 0, lenient: 0 };
    let labelled = 0;
    let accepted = 0;
    let mislabelled = 0;
    for (let i = 0; i < 1_500; i++) {
      const human = random.uniform() < TRUTH ? 1 : 0;
      const verdicts = verdictsOn(human, errors, random);
      const { correct } = await askJudge(
        { request: "user: Which?", served: `answer ${i}`, fresh: "another" },
        JUDGE,
        "acme",
        {
          callModel: async (call) => replyOf(verdicts[placeIn(call)]),
          wait: () => new Promise(() => {}),
        },
      );
      if (correct === null) continue;
      labelled++;
      if (correct !== human) mislabelled++;
      if (correct === 1) accepted++;
    }
    // A place says nothing in both orders.
    expect(mislabelled).toBe(0);
    // 70 % of 1,500 are labelled, 3 standard deviations are 53; 90 % of these are accepted, 3 of them are 2.8 %.
    expect(Math.abs(labelled - 1_050)).toBeLessThan(53);
    expect(Math.abs(accepted / labelled - TRUTH)).toBeLessThan(0.028);
  });
});

describe(`with 1,700 judged and 300 audited answers, of which ${100 * TRUTH} % are right`, () => {
  console.log(`judge bias: seed ${SEED}, ${RUNS} runs`);
  /** 95 %, less three standard deviations of a share of that many runs. */
  const NOMINAL = 0.95 - 3 * Math.sqrt((0.95 * 0.05) / RUNS);

  test("one order of a judge that favours the first place misses the truth, both orders find it", () => {
    const errors = { place: 0.3, strict: 0, lenient: 0 };
    // 0.9 + 0.3 * 0.1 = 0.93 are accepted: with 1,700 answers four standard errors too many.
    expect(coverage(errors, (all) => naiveShare(oneOrder(all)))).toBeLessThan(0.1);
    expect(coverage(errors, (all) => naiveShare(decided(all)))).toBeGreaterThan(NOMINAL);
  });

  test("a judge that also errs in both orders misses it either way; the audit's two corrections find it", () => {
    const errors = { place: 0.2, strict: 0.15, lenient: 0.1 };
    expect(coverage(errors, (all) => naiveShare(oneOrder(all)))).toBeLessThan(0.1);
    expect(coverage(errors, (all) => naiveShare(decided(all)))).toBeLessThan(0.1);
    expect(
      coverage(errors, (all, audit) => predictionPowered(bothOrders(all), audited(audit))),
    ).toBeGreaterThan(NOMINAL);
    expect(
      coverage(errors, (all, audit) => roganGladen(bothOrders(all), audited(audit))),
    ).toBeGreaterThan(NOMINAL);
  });

  test("an audit that looks more often at what the judge does not accept needs to say how often", () => {
    const errors = { place: 0.2, strict: 0.15, lenient: 0.1 };
    const random = new Random(SEED + 1);
    let [weighted, unweighted, rates] = [0, 0, 0];
    for (let run = 0; run < RUNS; run++) {
      const all = Array.from({ length: 2_000 }, () => draw(errors, random));
      // What the judge does not accept is looked at four times as often.
      const audit = all.flatMap((each): Audited[] => {
        const p = each.bothOrders === 1 ? 0.1 : 0.4;
        return random.uniform() < p
          ? [{ human: each.human, judged: each.bothOrders, weight: 1 / p }]
          : [];
      });
      const flat = audit.map(({ human, judged }): Audited => ({ human, judged }));
      if (covers(predictionPowered(bothOrders(all), audit))) weighted++;
      if (covers(predictionPowered(bothOrders(all), flat))) unweighted++;
      if (covers(roganGladen(bothOrders(all), audit)!)) rates++;
    }
    expect(weighted / RUNS).toBeGreaterThan(NOMINAL - 0.02);
    expect(rates / RUNS).toBeGreaterThan(NOMINAL - 0.02);
    expect(unweighted / RUNS).toBeLessThan(0.7);
  });
});

describe("by hand", () => {
  const audit: readonly Audited[] = [
    ...Array.from({ length: 8 }, (): Audited => ({ human: 1, judged: 1 })),
    ...Array.from({ length: 2 }, (): Audited => ({ human: 1, judged: 0 })),
    ...Array.from({ length: 4 }, (): Audited => ({ human: 0, judged: 0 })),
    { human: 0, judged: 1 },
  ];
  const judged = [1, 1, 1, 0].flatMap((f) => Array.from({ length: 25 }, () => ({ judged: f })));

  test("prediction-powered: 0.75 + (10 - 9) / 15 = 0.8167", () => {
    expect(predictionPowered(judged, audit).value).toBeCloseTo(0.75 + 1 / 15, 12);
  });

  test("Rogan and Gladen: (0.75 + 0.8 - 1) / (0.8 + 0.8 - 1) = 0.9167", () => {
    expect(roganGladen(judged, audit)!.value).toBeCloseTo(0.55 / 0.6, 12);
  });

  test("nothing is claimed of a judge that tosses coins, or from an audit of one kind only", () => {
    const coin = [0, 1].flatMap((human) =>
      [0, 1].map((f): Audited => ({ human: human as 0 | 1, judged: f })),
    );
    expect(roganGladen(judged, coin)).toBeNull();
    expect(
      roganGladen(
        judged,
        audit.filter(({ human }) => human === 1),
      ),
    ).toBeNull();
  });
});

const placeIn = (call: ModelCall): 0 | 1 =>
  JSON.stringify(call.json["messages"]).includes("CANDIDATE: ANSWER 1") ? 0 : 1;

function replyOf(verdict: "accept" | "reject"): ModelReply {
  const content = JSON.stringify({ verdict });
  const body = JSON.stringify({
    model: "judge-1",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  });
  return {
    status: 200,
    headers: new Headers({ "content-type": "application/json" }),
    body: new Response(body).body,
    contentLength: null,
    upstream: "second",
    firstByteMs: 1,
    attempts: 1,
  };
}
