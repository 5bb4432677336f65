import { describe, expect, test } from "vitest";
import { type TrainerPack } from "../../../src/durable/leases.ts";
import { type Experience, type Outcome } from "../../../src/policy/experience.ts";
import { encodeHalf } from "../../../src/policy/half.ts";
import { acceptanceRate, withLabel } from "../../../src/trainer-node/acceptance.ts";
import { loggedDecision } from "../../../src/trainer-node/gate.ts";
import { type LessonSettings, NO_LESSONS, lessonsFrom } from "../../../src/trainer-node/lessons.ts";
import { capTenants } from "../../../src/trainer-node/tenant-cap.ts";

const MINUTE = 60_000;
const AT = 1_795_132_800_000;
const SETTINGS: LessonSettings = {
  now: AT + 15 * MINUTE,
  tenant: null,
  embedder: "velo/hash-ngram-768",
  resolverVersion: 5,
  version: null,
};

/** A cache decision with its nearest row at 0.5; without a row c starts with 2. */
function experience(expId: string, change: Partial<Experience> = {}): Experience {
  return {
    expId,
    tenant: "acme",
    region: "eu",
    at: AT,
    f: encodeHalf(new Float32Array(768).fill(0.125)),
    c: [0.5, ...Array.from({ length: 29 }, () => 0)],
    omega: -1,
    noise: "zero",
    action: 1,
    mu: 0.98,
    probs: [0, 1],
    sub: "A",
    policyVersion: 3,
    resolverVersion: 5,
    embedder: "velo/hash-ngram-768",
    share: true,
    usedRows: [],
    ...change,
  };
}

function outcome(expId: string, change: Partial<Outcome> = {}): Outcome {
  return {
    expId,
    tenant: "acme",
    result: "final",
    kind: "HIT-SEMANTIC",
    delaySeconds: 0.1,
    parts: {},
    tokensIn: 0,
    tokensOut: 0,
    costUsd: 0,
    savedUsd: 0,
    overheadUsd: 0,
    ...change,
  };
}

type Label = TrainerPack["labels"][number];

const label = (expId: string, change: Partial<Label> = {}): Label => ({
  labelId: `${expId}:key`,
  expId,
  tenant: "acme",
  source: "feedback",
  correct: 1,
  weight: 1,
  ...change,
});

const pack = (content: Partial<TrainerPack>): TrainerPack => ({
  packId: "1-1",
  experiences: [],
  outcomes: [],
  labels: [],
  ...content,
});

const learn = (content: Partial<TrainerPack>, change: Partial<LessonSettings> = {}) =>
  lessonsFrom([pack(content)], NO_LESSONS, { ...SETTINGS, ...change });

/** The one lesson of one decision. */
function lessonOf(
  change: Partial<Experience>,
  end: Partial<Outcome>,
  labels: readonly Label[] = [],
) {
  const content = { experiences: [experience("d1", change)], outcomes: [outcome("d1", end)] };
  const { lessons, omitted } = learn({ ...content, labels });
  expect(omitted).toEqual({});
  expect(lessons).toHaveLength(1);
  return lessons[0]!;
}

describe("the reward of a lesson", () => {
  test("without labels is the prior's: 0.9 for a stored answer, 0.99 for the model's", () => {
    // q = -(0.35 + 0.85 * 0.1) = -0.435; 0.5 * 0.1 / 10 = 0.005.
    expect(lessonOf({}, {}).reward).toBeCloseTo(-0.44, 12);
    // q = -(0.35 + 0.85 * 0.01) = -0.3585; 0.5 * 2 / 10 = 0.1.
    const direct = { action: 0, sub: "B" } as const;
    expect(lessonOf(direct, { kind: "MISS", delaySeconds: 2 }).reward).toBeCloseTo(-0.4585, 12);
    const fellBack = { sub: "B_FALLBACK" } as const;
    expect(lessonOf(fellBack, { kind: "MISS", delaySeconds: 2 }).reward).toBeCloseTo(-0.4585, 12);
    // No delay counts more than 10 s.
    expect(lessonOf(direct, { kind: "MISS", delaySeconds: 60 }).reward).toBeCloseTo(-0.8585, 12);
  });

  test("takes a word that came by itself as it is", () => {
    const wrong = lessonOf({}, {}, [label("d1", { correct: 0 })]);
    expect(wrong.acceptance).toBe(0);
    expect(wrong.reward).toBeCloseTo(-1.2 - 0.005, 12);
    expect(wrong.label).toEqual({ correct: 0, samplingProbability: null });
    // 0.9 + 0.7 (0 - 0.9) = 0.27: a weak label moves it by its weight.
    expect(lessonOf({}, {}, [label("d1", { correct: 0, weight: 0.7 })]).acceptance).toBeCloseTo(
      0.27,
      12,
    );
  });

  test("corrects the estimate by 1 / p for a sampled label, and no further than [-1, 2]", () => {
    // 0.9 + (1 - 0.9) / 0.25 = 1.3: q = -(0.35 + 0.85 * -0.3) = -0.095.
    const right = lessonOf({}, {}, [label("d1", { samplingProbability: 0.25 })]);
    expect(right.acceptance).toBeCloseTo(1.3, 12);
    expect(right.reward).toBeCloseTo(-0.095 - 0.005, 12);
    // 0.9 - 0.9 / 0.25 = -2.7, clipped to -1: q = -(0.35 + 0.85 * 2) = -2.05.
    const wrong = lessonOf({}, {}, [label("d1", { correct: 0, samplingProbability: 0.25 })]);
    expect(wrong.acceptance).toBeCloseTo(-2.7, 12);
    expect(wrong.reward).toBeCloseTo(-2.05 - 0.005, 12);
    // No rate below 0.02 is believed: 0.9 + 0.1 / 0.02 = 5.9.
    const rare = lessonOf({}, {}, [label("d1", { samplingProbability: 1e-6 })]);
    expect(rare.acceptance).toBeCloseTo(5.9, 12);
    expect(rare.label).toEqual({ correct: 1, samplingProbability: 0.02 });
  });

  test("prices time as it was priced when the decision was made", () => {
    // omega 0.05: a second costs 0.025, ten of them 0.25.
    const cheap = lessonOf({ omega: Math.log10(0.05) }, { delaySeconds: 10 });
    expect(cheap.reward).toBeCloseTo(-0.435 - 0.25, 12);
    // The policy was fed another price, because the backend that would have answered is quick: the seconds are real.
    const fed = lessonOf({ omega: -2, price: Math.log10(0.05) }, { delaySeconds: 10 });
    expect(fed.reward).toBeCloseTo(cheap.reward, 12);
    expect(fed.omega).toBe(-2);
    expect(loggedDecision(fed).reward).toBeCloseTo(loggedDecision(cheap).reward, 12);
  });

  test("follows the strongest word, and among equals the sampled one", () => {
    const said = (...labels: readonly Partial<Label>[]) =>
      lessonOf(
        {},
        {},
        labels.map((change) => label("d1", change)),
      ).label;
    const human = { source: "human", correct: 0 } as const;
    expect(said(human, { source: "judge" })?.correct).toBe(0);
    expect(said({ samplingProbability: 0.5, correct: 0 }, {})).toEqual({
      correct: 0,
      samplingProbability: 0.5,
    });
    expect(said({ correct: 0 }, { correct: 1 })?.correct).toBe(1);
  });

  test("pools other labels of the same handling and distance, and never its own", () => {
    const ids = ["d1", "d2", "d3"];
    const { lessons, state } = learn({
      experiences: ids.map((id) => experience(id)),
      outcomes: ids.map((id) => outcome(id)),
      labels: [label("d1", { correct: 0, samplingProbability: 0.5 }), label("d2")],
    });
    expect(state.table).toEqual({ A2: [1, 1] });
    // d3: R_A = (1 + 9) / (2 + 10) = 10/12; (1 + 10 * 10/12) / (2 + 10) = 0.77778.
    expect(lessons[2]!.acceptance).toBeCloseTo((1 + 100 / 12) / 12, 12);
    // d1 without its own label: R_A = 10/11; (1 + 100/11) / 11 = 0.917355; minus 0.917355 / 0.5.
    expect(lessons[0]!.acceptance).toBeCloseTo(-(1 + 100 / 11) / 11, 12);
  });
});

test("a cell is drawn towards its handling's rate, and a model call has one cell", () => {
  const wrong = { handling: "A", distance: 0.5, correct: 0, weight: 1 } as const;
  const table = withLabel(withLabel({}, wrong), { ...wrong, handling: "B" });
  // R_A = 9/11. The cell of 0.5 has one wrong label: 10 * 9/11 / 11; that of 0.7 has none: 9/11.
  expect(acceptanceRate(table, "A", 0.5)).toBeCloseTo(90 / 121, 12);
  expect(acceptanceRate(table, "A", 0.7)).toBeCloseTo(9 / 11, 12);
  // R_B = 99/101, at every distance.
  expect(acceptanceRate(table, "B", 0)).toBeCloseTo(990 / 1111, 12);
  expect(acceptanceRate(table, "B", 2)).toBe(acceptanceRate(table, "B", 0));
  expect(acceptanceRate(table, "C", 0.5)).toBeCloseTo(0.9, 12);
});

describe("what is left out", () => {
  const omittedOf = (change: Partial<Experience>, settings: Partial<LessonSettings> = {}) => {
    const content = { experiences: [experience("d1", change)], outcomes: [outcome("d1")] };
    const { lessons, omitted } = learn({ ...content, labels: [label("d1")] }, settings);
    return lessons.length === 0 ? omitted : "learnt";
  };

  test.each([
    ["not-shared", { share: false }, {}],
    ["other-tenant", { tenant: "other" }, { tenant: "acme" }],
    ["other-embedder", { embedder: "@cf/baai/bge-m3" }, {}],
    ["other-resolver", { resolverVersion: 4 }, {}],
    ["lag", { policyVersion: 3 }, { version: 12 }],
    // The trainer's clock says AT + 15 minutes.
    ["future", { at: AT + 25 * MINUTE + 1 }, {}],
    ["malformed", { c: [0.5] }, {}],
    ["malformed", { f: encodeHalf(new Float32Array(767)) }, {}],
    ["malformed", { f: "not base64" }, {}],
    ["malformed", { probs: [0.2, 0.3, 0.5] }, {}],
    ["malformed", { mu: 0 }, {}],
    ["malformed", { action: 2 }, {}],
    ["malformed", { noise: "AAA" }, {}],
    ["not-finite", { omega: Number.NaN }, {}],
    ["other-input", { f: encodeHalf(new Float32Array(768)) }, {}],
    ["other-input", {}, { embedder: "*" }],
    ["not-finite", { f: encodeHalf(new Float32Array(768).fill(Infinity)) }, {}],
  ] as const)("%s: %j", (why, change, settings) => {
    expect(omittedOf(change, settings)).toEqual({ [why]: 1 });
  });

  test("is not: a version lag of 8, three actions where three are meant, a tenant's own unshared experience", () => {
    expect(omittedOf({ policyVersion: 4 }, { version: 12 })).toBe("learnt");
    expect(omittedOf({ probs: [0.2, 0.3, 0.5], action: 2 }, { actions: 3 })).toBe("learnt");
    expect(omittedOf({ share: false }, { tenant: "acme" })).toBe("learnt");
    const quantiles = encodeHalf(new Float32Array(768));
    expect(omittedOf({ embedder: "@cf/baai/bge-m3", f: quantiles }, { embedder: "*" })).toBe(
      "learnt",
    );
  });

  test("lessons without an embedding are grouped by what was fed instead", () => {
    const f = encodeHalf(new Float32Array(768));
    const near = [0.25, ...Array.from({ length: 29 }, () => 0)];
    const { lessons } = learn(
      {
        experiences: [
          experience("d1", { f }),
          experience("d2", { f, c: near }),
          experience("d3", { f }),
        ],
        outcomes: ["d1", "d2", "d3"].map((id) => outcome(id)),
      },
      { embedder: "*" },
    );
    const [first, second, third] = lessons.map(({ group }) => group);
    expect(second).not.toBe(first);
    expect(third).toBe(first);
  });

  test.each(["client_abort", "upstream_error", "incomplete", "unknown"] as const)(
    "a request that ended in %s is not charged to the policy",
    (result) => {
      const content = { experiences: [experience("d1")], outcomes: [outcome("d1", { result })] };
      expect(learn(content)).toMatchObject({ lessons: [], omitted: { [result]: 1 } });
    },
  );

  test("a request that rode on another's call, an exact hit without a decision, and a repeated delivery", () => {
    const { lessons, omitted } = learn({
      experiences: [experience("d1"), experience("d2"), experience("d1")],
      outcomes: [outcome("d1", { kind: "HIT-EXACT" }), outcome("d2"), outcome("exact")],
      labels: [label("exact")],
    });
    expect(lessons.map(({ expId }) => expId)).toEqual(["d2"]);
    expect(omitted).toEqual({
      coalesced: 1,
      duplicate: 1,
      "outcome-without-decision": 1,
      "label-without-decision": 1,
    });
  });

  test("another tenant's word on a decision, and a label that makes no sense", () => {
    const { lessons, omitted } = learn({
      experiences: [experience("d1")],
      outcomes: [outcome("d1")],
      labels: [
        label("d1", { tenant: "mallory", correct: 0 }),
        label("d1", { weight: Number.NaN }),
        label("d1", { samplingProbability: 0 }),
      ],
    });
    expect(lessons[0]!.label).toBeNull();
    expect(omitted).toEqual({ "label-without-decision": 1, "malformed-label": 2 });
  });
});

describe("records that come apart", () => {
  test("are joined over packs, and a state that went through JSON in between gives the same", () => {
    const later = { now: AT + 14 * MINUTE };
    const first = learn({ experiences: [experience("d1")] }, later);
    expect(first.lessons).toEqual([]);
    const second = lessonsFrom(
      [pack({ outcomes: [outcome("d1")] })],
      JSON.parse(JSON.stringify(first.state)) as typeof first.state,
      { ...SETTINGS, ...later },
    );
    expect(second.lessons).toEqual([]);
    const third = lessonsFrom(
      [pack({ labels: [label("d1", { correct: 0 })] })],
      second.state,
      SETTINGS,
    );
    expect(third.lessons).toEqual([lessonOf({}, {}, [label("d1", { correct: 0 })])]);
    expect(third.state.waiting).toEqual([]);
    // After that the decision is history.
    const fourth = lessonsFrom([pack({ labels: [label("d1")] })], third.state, SETTINGS);
    expect(fourth.omitted).toEqual({ "label-without-decision": 1 });
    expect(fourth.state.table).toEqual({ A2: [0, 1] });
  });

  test("are given up when no outcome came in time", () => {
    expect(learn({ experiences: [experience("d1")] }).omitted).toEqual({ "no-outcome": 1 });
  });

  test("wait in bounded number: the oldest goes without its label", () => {
    const { lessons, state } = learn(
      {
        experiences: [experience("young", { at: AT + 2 }), experience("old", { at: AT + 1 })],
        outcomes: [outcome("young"), outcome("old")],
      },
      { now: AT + MINUTE, maxWaiting: 1 },
    );
    expect(lessons.map(({ expId }) => expId)).toEqual(["old"]);
    expect(state.waiting.map(({ experience: { expId } }) => expId)).toEqual(["young"]);
  });

  test("lose what was learnt behind another resolver", () => {
    const state = { ...NO_LESSONS, resolverVersion: 4, table: { A2: [0, 50] as const } };
    expect(lessonsFrom([], state, SETTINGS).state.table).toEqual({});
  });
});

describe("a tenant's share of a batch", () => {
  /** Lessons kept per tenant. */
  function kept(sizes: Readonly<Record<string, number>>) {
    const lessons = Object.entries(sizes).flatMap(([tenant, size]) =>
      Array.from({ length: size }, (_, i) => ({ tenant, expId: `${tenant}${i}` })),
    );
    const counts = Map.groupBy(capTenants(lessons), ({ tenant }) => tenant);
    return Object.keys(sizes).map((tenant) => counts.get(tenant)?.length ?? 0);
  }

  test("is its own business when there are one or two", () => {
    expect(kept({ a: 100 })).toEqual([100]);
    expect(kept({ a: 100, b: 1 })).toEqual([100, 1]);
  });

  test("is twice an equal share among few: of four, half", () => {
    // K <= (K + 10 + 10 + 10) / 2 gives K = 30.
    expect(kept({ a: 100, b: 10, c: 10, d: 10 })).toEqual([30, 10, 10, 10]);
  });

  test("is 5 % among many: forty tenants of ten lessons and one flood", () => {
    const small = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`t${i}`, 10]));
    // K <= 0.05 (K + 400) gives K <= 21.05.
    const [flood, ...others] = kept({ flood: 5_000, ...small });
    expect(flood).toBe(21);
    expect(new Set(others)).toEqual(new Set([10]));
  });

  test("of twenty tenants is that of the smallest", () => {
    const sizes = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`t${i}`, i + 1]));
    expect(new Set(kept(sizes))).toEqual(new Set([1]));
  });
});
