import { describe, expect, it } from "vitest";
import {
  NO_ROLLOUT,
  type RolloutState,
  countBatch,
  isExposed,
  nominate,
  rolloutView,
  servingOf,
  setStable,
} from "../../../src/durable/rollout.ts";
import {
  ROLLOUT_SETTINGS,
  type RolloutSettings,
  rolloutSettings,
} from "../../../src/durable/rollout-settings.ts";
import { type Label } from "../../../src/durable/report.ts";
import { type Outcome } from "../../../src/policy/experience.ts";
import { Random } from "../../../src/policy/random.ts";
import { newRig } from "../../support/node-rig.ts";
import { type Conduct, simulatedOutcome, versionFor } from "../../support/policy-traffic.ts";
import { outcomeOf, reportOf } from "../../support/region-rig.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_121);
const SEEDS = Number(process.env["VELO_SEEDS"] ?? 300);
console.log(`rollout: seed ${SEED}, ${SEEDS} seeds`);

/** Few decisions and no waiting: what a stage does and not how long it takes. */
const QUICK = rolloutSettings({
  shares: [0.1, 0.3, 1],
  minDecisions: [300, 300, 300],
  minMs: [0, 0, 0],
});

/** Enough decisions in the first stage for effects that hide in the spread of delays. */
const PATIENT = rolloutSettings({ shares: [0.1, 0.3, 1], minDecisions: [1_000, 1_000, 1_000] });

/** Plays traffic into a state, 64 outcomes a second and batch, until the trial has ended or `batches` are in. */
class Trial {
  state: RolloutState;
  /** Decisions of the candidate. */
  decided = 0;
  readonly #settings: RolloutSettings;
  readonly #random: Random;
  readonly #conducts: Readonly<Record<number, Conduct>>;

  constructor(
    state: RolloutState,
    conducts: Readonly<Record<number, Conduct>>,
    { settings = QUICK, seed = SEED }: { settings?: RolloutSettings; seed?: number } = {},
  ) {
    this.state = state;
    this.#conducts = conducts;
    this.#settings = settings;
    this.#random = new Random(seed);
  }

  play(batches = 2_000, labelsOf: (outcome: Outcome) => readonly Label[] = () => []): this {
    for (let i = 0; i < batches && this.state.candidate !== null; i++) this.batch(labelsOf);
    return this;
  }

  batch(labelsOf: (outcome: Outcome) => readonly Label[] = () => []): void {
    const { candidate } = this.state;
    const outcomes = Array.from({ length: 64 }, () => {
      const user = `u${Math.floor(1e6 * this.#random.uniform())}`;
      const version = versionFor(user, this.state, this.#settings);
      if (version === candidate) this.decided++;
      const id = `d${this.state.counted}-${this.#random.uniform()}`;
      return simulatedOutcome(version, this.#conducts[version] ?? {}, this.#random, id);
    });
    const own = outcomes.filter(({ parts }) => parts["policyVersion"] === candidate);
    this.state = countBatch(
      this.state,
      {
        seq: this.state.counted + 1,
        receivedAt: 1_000 * (this.state.counted + 1),
        report: { outcomes, labels: own.flatMap(labelsOf) },
      },
      this.#settings,
    );
  }
}

const candidateOf = (version: number, state = NO_ROLLOUT, settings = QUICK) =>
  nominate(state, version, 0, settings);

const trial = (conduct: Conduct, settings = QUICK) =>
  new Trial(candidateOf(1, NO_ROLLOUT, settings), { 1: conduct }, { settings });

const word = (source: Label["source"], correct: 0 | 1, expId: string): readonly Label[] =>
  label(source, correct)(outcomeOf(expId, { kind: "HIT-SEMANTIC" }));

/** The state after a batch of these labels and outcomes. */
const told = (
  state: RolloutState,
  labels: readonly Label[],
  outcomes: readonly Outcome[] = [],
): RolloutState =>
  countBatch(state, { seq: state.counted + 1, receivedAt: 0, report: { outcomes, labels } }, QUICK);

/** A trial in which the candidate has served tenant t1 a stored answer in the decision `one`, and many others before. */
const one = "d1-one-eu";
const trialWithOne = (): RolloutState =>
  told(
    trial({}).play(20).state,
    [],
    [outcomeOf(one, { kind: "HIT-SEMANTIC", parts: { policyVersion: 1 } })],
  );

const label = (source: Label["source"], correct: 0 | 1) => (outcome: Outcome) =>
  outcome.kind === "HIT-SEMANTIC"
    ? [{ labelId: "", expId: outcome.expId, tenant: "t1", source, correct, weight: 1 }]
    : [];

describe("a policy's way into service", () => {
  it("begins with the greedy rule for everybody, and a published version for 1 % of the users", () => {
    expect(servingOf(NO_ROLLOUT, ROLLOUT_SETTINGS)).toEqual({
      stable: 0,
      candidate: null,
      share: 0,
    });
    const state = nominate(NO_ROLLOUT, 1, 5, ROLLOUT_SETTINGS);
    expect(servingOf(state, ROLLOUT_SETTINGS)).toEqual({ stable: 0, candidate: 1, share: 0.01 });
    expect(state).toMatchObject({ since: 5, lastEvent: { kind: "candidate", version: 1 } });
  });

  it("goes through 10 % and everybody, and ends as the last good version", () => {
    const good = trial({});
    const seen = new Map<number, string>();
    while (good.state.candidate !== null) {
      good.batch();
      const { share } = servingOf(good.state, QUICK);
      seen.set(share, good.state.lastEvent!.kind);
    }
    expect([...seen]).toEqual([
      [0.1, "candidate"],
      [0.3, "advanced"],
      [1, "advanced"],
      [0, "stable"],
    ]);
    expect(good.state).toMatchObject({ stable: 1, candidate: null, newest: 1, rolledBack: [] });
  });

  it("waits for the decisions and for the time of a stage, whichever takes longer", () => {
    const enough = { minDecisions: [100, 1, 1], minMs: [60_000, 0, 0], shares: [0.5, 0.5, 1] };
    const slow = trial({}, rolloutSettings(enough));
    // 64 a second of which a half is the candidate's: 100 decisions take about 4 s, and 60 s are 60 batches.
    slow.play(59);
    expect(slow.decided).toBeGreaterThan(100);
    expect(slow.state.stage).toBe(0);
    slow.batch();
    expect(slow.state.stage).toBe(1);
    const scarce = trial({}, rolloutSettings({ ...enough, minMs: [0, 0, 0], shares: [0, 0, 1] }));
    scarce.play(200);
    expect([scarce.decided, scarce.state.stage]).toEqual([0, 0]);
  });

  it("tries one version at a time, and of those that wait the newest", () => {
    let state = candidateOf(1);
    const good = new Trial(state, {});
    good.play(3);
    expect(good.decided).toBeGreaterThan(0);
    for (const version of [2, 5, 4]) good.state = candidateOf(version, good.state);
    expect(good.state).toMatchObject({ candidate: 1, next: 5, newest: 5 });
    while (good.state.candidate === 1) good.batch();
    expect(good.state).toMatchObject({ stable: 1, candidate: 5, next: null, stage: 0 });
    // Nothing was decided yet: there is nothing to wait for.
    state = candidateOf(6, good.state);
    expect(state).toMatchObject({ candidate: 6, next: null, lastEvent: { kind: "replaced" } });
  });

  it("takes no version that is not later, nor one too far ahead", () => {
    const state = setStable(NO_ROLLOUT, 7, 0);
    for (const version of [0, 3, 7, 1_008]) expect(candidateOf(version, state)).toBe(state);
    expect(candidateOf(8, state).candidate).toBe(8);
  });

  it("is ended by a version that somebody puts into service by hand", () => {
    expect(setStable(candidateOf(1), 1, 9)).toMatchObject({
      stable: 1,
      candidate: null,
      lastEvent: { kind: "set", version: 1 },
    });
  });
});

describe("whose turn it is", () => {
  it("is the same for a user every time, and about a share of all users", () => {
    const users = Array.from({ length: 100_000 }, (_, i) => `acme|user-${i}`);
    const first = users.filter((user) => isExposed(3, user, 0.01));
    expect(users.filter((user) => isExposed(3, user, 0.01))).toEqual(first);
    // 1000 are expected, with a standard deviation of 31.
    expect(Math.abs(first.length - 1_000)).toBeLessThan(130);
    expect(first.every((user) => isExposed(3, user, 0.1))).toBe(true);
    expect(users.slice(0, 100).every((user) => isExposed(3, user, 1))).toBe(true);
  });

  it("is drawn anew with every version", () => {
    const users = Array.from({ length: 100_000 }, (_, i) => `acme|user-${i}`);
    for (const [a, b] of [
      [3, 4],
      [1, 11],
      [12, 21],
    ] as const) {
      const both = users.filter((user) => isExposed(a, user, 0.1) && isExposed(b, user, 0.1));
      // 1000 are expected if the draws are independent.
      expect(Math.abs(both.length - 1_000)).toBeLessThan(130);
    }
  });
});

describe("a rollback", () => {
  const half = () => 0.5;
  const bad: readonly (readonly [string, Conduct, string])[] = [
    ["never serves", { serves: () => 0.02, proposes: () => 0.98 }, "fewer-hits"],
    ["draws lots", { serves: half, proposes: half }, "fewer-hits"],
    ["always proposes the cache", { serves: () => 1, proposes: () => 1 }, "always-cache"],
    ["fails in every twentieth decision", { failures: 0.05 }, "policy-failures"],
    ["takes 40 ms", { policyMs: 40 }, "slow-policy"],
    ["delays hits by a half", { hitMs: 68 }, "slow-hits"],
    ["doubles the model's delays", { modelMs: 4_000 }, "slow-model"],
    ["breaks a tenth of the answers", { errors: 0.25 }, "errors"],
  ];
  it.for(bad)("of a policy that %s", ([, conduct, reason]) => {
    const { state, decided } = trial(conduct, PATIENT).play();
    console.log(`${reason}: ${state.lastEvent?.detail}, after ${decided} decisions`);
    expect(state).toMatchObject({
      stable: 0,
      candidate: null,
      lastEvent: { kind: "rolled-back", version: 1, reason, share: 0 },
    });
    expect(state.rolledBack).toEqual([state.lastEvent]);
  });

  it("when examined hits are wrong more often than delta, or users complain of more than delta of all hits", () => {
    const wrong = trial({}).play(2_000, label("judge", 0)).state;
    expect(wrong.lastEvent).toMatchObject({ kind: "rolled-back", reason: "wrong-hits" });
    const complaints = trial({}).play(2_000, label("feedback", 0)).state;
    expect(complaints.lastEvent).toMatchObject({ kind: "rolled-back", reason: "complaints" });
    expect(trial({}).play(2_000, label("judge", 1)).state.stable).toBe(1);
    // Somebody complains of every hundredth hit, which delta allows, and nobody ever praises one.
    let hits = 0;
    const rare = (outcome: Outcome) =>
      outcome.kind === "HIT-SEMANTIC" && hits++ % 100 === 0 ? label("feedback", 0)(outcome) : [];
    expect(trial({}).play(2_000, rare).state.stable).toBe(1);
  });

  it("counts one word per decision, and none on another policy's", () => {
    const good = trialWithOne();
    const { hits } = good.labels;
    const next = told(good, [
      ...word("human", 0, one),
      ...word("human", 0, one),
      ...word("human", 0, "d-of-somebody-else"),
    ]);
    expect(next.labels).toEqual({ hits, complaints: 0, examined: 1, wrong: 1 });
  });

  it("counts what an examiner finds, whatever users said of the hit before", () => {
    const good = trialWithOne();
    const { hits } = good.labels;
    const praised = told(good, [...word("feedback", 1, one), ...word("judge", 0, one)]);
    expect(praised.labels).toEqual({ hits, complaints: 0, examined: 1, wrong: 1 });
    const complained = told(good, [...word("feedback", 0, one), ...word("feedback", 0, one)]);
    expect(complained.labels).toEqual({ hits, complaints: 1, examined: 0, wrong: 0 });
    // In a later batch too the second complaint is none; the examiner's word still counts.
    const later = told(complained, [...word("feedback", 0, one), ...word("judge", 0, one)]);
    expect(later.labels).toEqual({ hits, complaints: 1, examined: 1, wrong: 1 });
  });

  it("hears a complaint that comes 2,000 hits after its answer, and keeps no list without end", () => {
    const slow = rolloutSettings({ minMs: [1e9, 1e9, 1e9] });
    const batch = (state: RolloutState, ids: readonly string[], labels: readonly Label[] = []) => {
      const outcomes = ids.map((id) =>
        outcomeOf(id, { kind: "HIT-SEMANTIC", parts: { policyVersion: 1 } }),
      );
      const report = { outcomes, labels };
      return countBatch(state, { seq: state.counted + 1, receivedAt: 0, report }, slow);
    };
    const many = Array.from({ length: 2_000 }, (_, i) => `d2-${i}-eu`);
    const later = batch(batch(candidateOf(1, NO_ROLLOUT, slow), [one]), many);
    expect(batch(later, [], word("feedback", 0, one)).labels.complaints).toBe(1);
    expect(batch(later, many).hits).toHaveLength(2_048);
  });

  it("does not count another tenant's word on a decision", () => {
    const good = trialWithOne();
    const [own] = word("feedback", 0, one);
    expect(told(good, [{ ...own!, tenant: "t2" }]).labels).toEqual(good.labels);
  });

  it("is not caused by what strikes both policies, nor by what came before the trial", () => {
    const hard = { errors: 0.5, modelMs: 20_000, hitMs: 200, policyMs: 30 };
    const both = new Trial(candidateOf(1), { 0: hard, 1: hard }).play();
    expect(both.state).toMatchObject({ stable: 1, rolledBack: [] });
  });

  it("is for good: the version is not tried again, only a higher one", () => {
    const state = trial({ failures: 0.5 }).play().state;
    expect(state.rolledBack.length).toBe(1);
    expect(candidateOf(1, state)).toBe(state);
    const again = new Trial(candidateOf(2, state), { 2: {} }).play();
    expect(again.state).toMatchObject({ stable: 2, rolledBack: [{ version: 1 }] });
  });

  it("lets the version that waited begin", () => {
    const bad2 = trial({ failures: 0.5 });
    bad2.play(1);
    bad2.state = candidateOf(2, bad2.state);
    while (bad2.state.candidate === 1) bad2.batch();
    expect(bad2.state).toMatchObject({ candidate: 2, stage: 0, rolledBack: [{ version: 1 }] });
  });

  it("comes within 150 decisions of a policy that is useless, whatever the draw", () => {
    const useless: readonly Conduct[] = [
      { serves: (random) => random.uniform(), proposes: (random) => random.uniform() },
      { serves: () => 0.02, proposes: () => 0.98 },
      { serves: () => 1, proposes: () => 1 },
      { policyMs: 40 },
      { failures: 0.3 },
    ];
    for (const [i, conduct] of useless.entries()) {
      const settings = rolloutSettings({ shares: [0.01, 0.1, 1], minMs: [6e5, 6e5, 6e5] });
      const counts = Array.from({ length: 20 }, (_, seed) => {
        const played = new Trial(
          candidateOf(1, NO_ROLLOUT, settings),
          { 1: conduct },
          { settings, seed },
        );
        expect(played.play().state.rolledBack.length).toBe(1);
        return played.decided;
      }).toSorted((a, b) => a - b);
      console.log(
        `useless policy ${i}: ${counts[10]} decisions in the median, at most ${counts.at(-1)}`,
      );
      expect(counts.at(-1)).toBeLessThanOrEqual(150);
    }
  });

  it(`strikes a policy as good as the stable one in at most 1 % of ${SEEDS} trials`, () => {
    const settings = rolloutSettings({
      shares: [0.25, 0.5, 1],
      minDecisions: [300, 400, 400],
      minMs: [0, 0, 0],
    });
    // It looks at requests in its own way, and users complain of one hit in two hundred.
    const conduct: Conduct = {
      serves: (random) => 1 - 0.2 * random.uniform(),
      proposes: (random) => 0.8 * random.uniform(),
    };
    let struck = 0;
    for (let seed = SEED; seed < SEED + SEEDS; seed++) {
      const random = new Random(seed);
      const complain = (outcome: Outcome) =>
        random.uniform() < 0.005 ? label("feedback", 0)(outcome) : [];
      const start = candidateOf(1, NO_ROLLOUT, settings);
      const { state } = new Trial(start, { 0: conduct, 1: conduct }, { settings, seed }).play(
        2_000,
        complain,
      );
      expect(state.candidate).toBeNull();
      if (state.rolledBack.length > 0) {
        struck++;
        console.log(`seed ${seed}: ${JSON.stringify(state.lastEvent)}`);
      }
    }
    console.log(`false alarms: ${struck} of ${SEEDS}`);
    expect(struck).toBeLessThanOrEqual(0.01 * SEEDS);
  });
});

describe("in a region object", () => {
  const own = { ...QUICK, stages: QUICK.stages.map((stage) => ({ ...stage, share: 0.5 })) };
  const outcomes = (n: number, conduct: Conduct, random: Random) =>
    Array.from({ length: n }, (_, i) => simulatedOutcome(i % 2, conduct, random, `d${i}`));

  it("the reply to the report that was one too many no longer names the policy", () => {
    const rig = newRig({ rollout: own });
    rig.core.nominate(1);
    const random = new Random(SEED);
    let reply = rig.core.sync(0);
    expect(reply.policy).toEqual({ stable: 0, candidate: 1, share: 0.5 });
    let reports = 0;
    while (reply.policy.candidate !== null) {
      const batch = Array.from({ length: 10 }, (_, i) =>
        simulatedOutcome(i % 2, i % 2 === 1 ? { failures: 1 } : {}, random),
      );
      reply = rig.core.report(reportOf({ outcomes: batch }));
      reports++;
    }
    // Each failure multiplies the evidence by up to 1 + 0.9 * 99 = 90: ln(5000) / ln(90) is less than 2, and the mean over
    // four bets costs ln 4. A report brings five.
    expect(reports).toBe(1);
    expect(rig.core.live().rollout).toMatchObject({
      stable: 0,
      candidate: null,
      rolledBack: [{ version: 1, reason: "policy-failures" }],
    });
  });

  it("reports that arrive twice, and a restart at any moment, change nothing", async () => {
    const played = async (disturbed: boolean) => {
      const random = new Random(SEED);
      const rig = newRig({ rollout: own });
      rig.core.nominate(1);
      for (let i = 0; i < 20; i++) {
        const report = reportOf({ batchId: `b${i}`, outcomes: outcomes(40, {}, random) });
        rig.core.report(report);
        if (disturbed) rig.core.report(report);
        // Counts are in memory until the work between reports; sometimes that comes first and sometimes the crash.
        if (i % 5 === 2) await rig.core.work(true);
        if (disturbed && i % 3 === 0) rig.restart();
      }
      return rig.core.state.value.rollout;
    };
    const undisturbed = await played(false);
    expect(undisturbed).toMatchObject({ candidate: 1, stage: 1 });
    expect(await played(true)).toEqual(undisturbed);
  });

  it("a version that is pinned decides for everybody, and nothing is compared meanwhile", () => {
    const rig = newRig({ rollout: own });
    rig.core.nominate(1);
    rig.core.change(({ killSwitches }) => ({
      killSwitches: { ...killSwitches, pinnedPolicy: 1 },
    }));
    const report = reportOf({ outcomes: outcomes(60, { failures: 1 }, new Random(SEED)) });
    const { policy, killSwitches } = rig.core.report(report);
    expect([policy.candidate, killSwitches.pinnedPolicy]).toEqual([1, 1]);
    expect(rig.core.live().rollout.statistics.candidate.decisions).toBe(0);
  });
});

describe("the settings", () => {
  it("change the defaults by name and refuse what they do not know", () => {
    const changed = rolloutSettings('{"shares":[0.1,0.5,1],"cacheShare":0.9,"pointerEveryMs":1}');
    expect(changed.stages.map(({ share }) => share)).toEqual([0.1, 0.5, 1]);
    expect(changed.stages.map(({ minMs }) => minMs)).toEqual(
      ROLLOUT_SETTINGS.stages.map(({ minMs }) => minMs),
    );
    expect([changed.limits.cacheShare, changed.limits.alpha]).toEqual([0.9, 2.5e-4]);
    expect(rolloutSettings(undefined)).toEqual(ROLLOUT_SETTINGS);
    for (const bad of ["[", "3", '{"shares":[1]}', '{"minMs":[1,2,-3]}', '{"constructor":1}'])
      expect(() => rolloutSettings(bad)).toThrow(/JSON|ROLLOUT/);
  });

  it("show in the view what they came to", () => {
    const view = rolloutView(trial({}).play(5).state, QUICK);
    expect(view).toMatchObject({ stable: 0, candidate: 1, share: 0.1, next: null, rolledBack: [] });
    expect(view.statistics.stable.decisions + view.statistics.candidate.decisions).toBe(320);
    expect(view.statistics.stable.serves).toBeCloseTo(0.975, 6);
  });
});
