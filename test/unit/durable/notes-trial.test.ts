// When notes pay, and how soon it is known that they do not: simulated models whose benefit and price are known.
import { describe, expect, test } from "vitest";
import {
  FIRST_PAUSE_MS,
  NEW_TRIAL,
  type NotesTrial,
  notesArmOf,
  notesShareAt,
  notesView,
  ON_SHARE,
  RETRY_REQUESTS,
  RETRY_SHARE,
  TRIAL_REQUESTS,
  TRIAL_SHARE,
  withNotedLabel,
  withNotedRequest,
} from "../../../src/durable/notes-trial.ts";
import { type Label } from "../../../src/durable/report.ts";
import { type Outcome } from "../../../src/policy/experience.ts";
import { Random } from "../../../src/policy/random.ts";
import { newRig } from "../../support/node-rig.ts";
import { insertOf, outcomeOf, reportOf, useOf } from "../../support/region-rig.ts";

const SEED = Number(process.env["VELO_SEED"] ?? 20261121);
const SEEDS = Array.from({ length: 20 }, (_, i) => SEED + i);
const T0 = 1_795_132_800_000;
/** What the gateway examines of answers with notes. */
const EXAMINED = 0.15;

/** A model: how often it is right, how long it takes and what it is given to read, without notes and with them. */
interface Side {
  readonly right: number;
  readonly seconds: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
}
interface Model {
  readonly B: Side;
  readonly C: Side;
}
const PLAIN: Side = { right: 0.8, seconds: 2, tokensIn: 60, tokensOut: 200 };
const NOTED: Side = { ...PLAIN, tokensIn: 260 };
const MODELS = {
  "profits: wrong without, right with": {
    B: { ...PLAIN, right: 0.05 },
    C: { ...NOTED, right: 0.95 },
  },
  "does not profit": { B: PLAIN, C: NOTED },
  "gets worse": { B: PLAIN, C: { ...NOTED, right: 0.5 } },
  "answers at length without benefit": { B: PLAIN, C: { ...NOTED, tokensOut: 600, seconds: 5 } },
} as const satisfies Record<string, Model>;

const USD_IN = 0.15e-6;
const USD_OUT = 0.6e-6;

interface Run {
  readonly trial: NotesTrial;
  /** Requests for which notes were possible, until the phase changed; null: it did not. */
  readonly endedAfter: number | null;
}

/** One request after the other, their labels a while later, until the first trial is over. */
function run(
  model: Model,
  seed: number,
  requests: number,
  from: NotesTrial = NEW_TRIAL,
  at = T0,
): Run {
  const random = new Random(seed);
  const late: { readonly due: number; readonly label: Label }[] = [];
  let trial = from;
  const first = withNotedRequest(from, outcome("first", "B", 0.5, PLAIN, random), at).phase;
  for (let i = 1; i <= requests; i++) {
    const id = `d${seed}-${i}-us`;
    const share = notesShareAt(trial, at);
    const { arm, probability } = notesArmOf(id, share);
    // Easy for both or hard for both: the two answers are wrong together more often than by chance.
    const luck = random.uniform();
    const isRight = (side: Side): 0 | 1 => (luck < side.right ? 1 : 0);
    trial = withNotedRequest(trial, outcome(id, arm, probability, model[arm], random), at);
    if (arm === "C" && random.uniform() < EXAMINED)
      late.push({
        due: i + 5,
        label: labelOf(id, probability, isRight(model.C), isRight(model.B)),
      });
    while (late[0] !== undefined && late[0].due <= i)
      trial = withNotedLabel(trial, late.shift()!.label, at);
    if (trial.phase !== first) return { trial, endedAfter: i };
  }
  return { trial, endedAfter: null };
}

function outcome(
  id: string,
  arm: "B" | "C",
  probability: number,
  side: Side,
  random: Random,
): Outcome {
  const spread = Math.exp(0.4 * random.normal());
  const tokensOut = Math.round(side.tokensOut * Math.exp(0.5 * random.normal()));
  return outcomeOf(id, {
    kind: arm === "C" ? "AUGMENTED" : "MISS",
    delaySeconds: side.seconds * spread,
    tokensIn: side.tokensIn,
    tokensOut,
    costUsd: side.tokensIn * USD_IN + tokensOut * USD_OUT,
    notes: { arm, probability, lang: "en" },
  });
}

const labelOf = (expId: string, probability: number, correct: 0 | 1, plain: 0 | 1): Label => ({
  labelId: `${expId}:judge`,
  expId,
  tenant: "t1",
  source: "judge",
  correct,
  plain,
  weight: 1,
  samplingProbability: EXAMINED,
  reuse: "served",
  notes: { arm: "C", probability, lang: "en" },
});

describe(`for 20 seeds from ${SEED} on, notes`, () => {
  test.each(Object.entries(MODELS))("of a model that %s", (name, model) => {
    const ended = SEEDS.map((seed) => run(model, seed, TRIAL_REQUESTS));
    const wanted = name.startsWith("profits") ? "on" : "off";
    console.log(
      `${name}: ${wanted} after ${ended.map(({ endedAfter }) => endedAfter).join(", ")} requests`,
    );
    expect(ended.map(({ trial }) => trial.phase)).toEqual(SEEDS.map(() => wanted));
    // Who waits for the end of the trial takes all of it.
    for (const { endedAfter } of ended) expect(endedAfter).toBeLessThan(0.9 * TRIAL_REQUESTS);
  });
});

test("that pay just so are hardly ever taken for paying: 200 seeds, each looked at after every report", () => {
  // 200 tokens more at 0.15 beside 60 x 0.15 + 227 x 0.6 millionths: 21 % more spend, made up by 21 points of quality.
  const model = { B: { ...PLAIN, right: 0.79 }, C: { ...NOTED, right: 1 } };
  const on = Array.from({ length: 200 }, (_, i) => SEED + i).filter(
    (seed) => run(model, seed, TRIAL_REQUESTS).trial.phase === "on",
  );
  console.log(`pays just so: on for ${on.length} of 200 seeds from ${SEED} on`);
  // alpha / 2 of 200 is 5; 12 or more of them have a probability of 0.005.
  expect(on.length).toBeLessThan(12);
});

test("without any label are off when the trial ends: what nobody compared is not known to be better", () => {
  const random = new Random(SEED);
  let trial = NEW_TRIAL;
  for (let i = 0; i < TRIAL_REQUESTS; i++) {
    expect(trial.phase).toBe("trial");
    const side = i % 2 === 0 ? "C" : "B";
    // Notes make answers shorter: faster and cheaper, and nobody knows how good.
    const told = side === "C" ? { ...PLAIN, tokensOut: 150 } : PLAIN;
    trial = withNotedRequest(trial, outcome(`d${i}`, side, 0.5, told, random), T0);
  }
  expect([trial.phase, trial.why]).toEqual(["off", "notes have not been shown to pay"]);
});

describe("after a failed trial", () => {
  const { trial: off } = run(MODELS["gets worse"], SEED, TRIAL_REQUESTS);

  test("there are no notes for a day, then they are tried again with a tenth of the requests", () => {
    expect(notesShareAt(NEW_TRIAL, T0)).toBe(TRIAL_SHARE);
    expect(off.until).toBe(T0 + FIRST_PAUSE_MS);
    expect(notesShareAt(off, off.until - 1)).toBe(0);
    expect(notesShareAt(off, off.until)).toBe(RETRY_SHARE);
    const again = run(MODELS["gets worse"], SEED, RETRY_REQUESTS, off, off.until);
    expect(again.trial.phase).toBe("off");
    // Twice as long.
    expect(again.trial.until - off.until).toBe(2 * FIRST_PAUSE_MS);
  });

  test("pauses double up to four weeks", () => {
    let trial = off;
    const days: number[] = [];
    for (let i = 0; i < 7; i++) {
      const at = trial.until;
      ({ trial } = run(
        MODELS["answers at length without benefit"],
        SEED + i,
        RETRY_REQUESTS,
        trial,
        at,
      ));
      days.push((trial.until - at) / FIRST_PAUSE_MS);
    }
    expect(days).toEqual([2, 4, 8, 16, 28, 28, 28]);
  });

  test("they come back when a retry shows that they pay now", () => {
    const model = MODELS["profits: wrong without, right with"];
    const { trial } = run(model, SEED, RETRY_REQUESTS, off, off.until);
    expect(trial.phase).toBe("on");
    expect(notesShareAt(trial, off.until)).toBe(ON_SHARE);
    expect(trial.failures).toBe(0);
  });

  test("reports and labels from before it change nothing", () => {
    const random = new Random(SEED);
    expect(withNotedRequest(off, outcome("late", "C", 0.5, NOTED, random), T0 + 1)).toBe(off);
    expect(withNotedLabel(off, labelOf("late", 0.5, 1, 0), T0 + 1)).toBe(off);
  });
});

test("notes that are on are given up within two windows when the model no longer needs them", () => {
  const { trial: on } = run(MODELS["profits: wrong without, right with"], SEED, TRIAL_REQUESTS);
  const { trial, endedAfter } = run(MODELS["does not profit"], SEED + 1, 2 * RETRY_REQUESTS, on);
  console.log(`no longer needed: off after ${endedAfter} requests`);
  expect(trial.phase).toBe("off");
});

describe("of labels", () => {
  const trial = NEW_TRIAL;
  const count = (label: Partial<Label>) =>
    withNotedLabel(trial, { ...labelOf("d1", 0.5, 1, 0), ...label }, T0).labels;

  test("one word counts for one decision, however often it is said", () => {
    const once = withNotedLabel(trial, labelOf("d1", 0.5, 1, 0), T0);
    expect(once.labels).toBe(1);
    expect(withNotedLabel(once, labelOf("d1", 0.5, 0, 1), T0)).toBe(once);
  });

  test("users' words and judges' count on either side; who asks again, and what cost money for nothing, does not", () => {
    const { plain: _, noteRows: __, ...alone } = labelOf("d1", 0.5, 1, 0);
    const word = (more: Partial<Label>) => withNotedLabel(trial, { ...alone, ...more }, T0).labels;
    expect(word({ source: "feedback" })).toBe(1);
    expect(word({ source: "human", notes: { arm: "B", probability: 0.5, lang: "en" } })).toBe(1);
    expect(word({ source: "regenerate" })).toBe(0);
    expect(word({ source: "shadow" })).toBe(0);
    expect(count({ weight: 0 })).toBe(0);
    expect(count({ samplingProbability: 0 })).toBe(0);
    expect(count({ notes: { arm: "C", probability: 0, lang: "en" } })).toBe(0);
  });
});

test("the two sides are as large as they should be, whatever the share", () => {
  for (const share of [0.1, 0.5, 0.9]) {
    const ids = Array.from({ length: 20_000 }, (_, i) => `d${(T0 + 7 * i).toString(36)}-${i}-us`);
    const noted = ids.filter((id) => notesArmOf(id, share).arm === "C").length;
    // Four standard deviations of a fair draw.
    expect(Math.abs(noted - 20_000 * share)).toBeLessThan(
      4 * Math.sqrt(20_000 * share * (1 - share)),
    );
  }
});

describe("the region", () => {
  const outcomesOf = (from: number, model: Model, random: Random) =>
    Array.from({ length: 50 }, (_, i) => {
      const { arm, probability } = notesArmOf(`d${from + i}`, TRIAL_SHARE);
      return outcome(`d${from + i}`, arm, probability, model[arm], random);
    });

  test("says in which slices notes do not pay, also after a restart; a batch that comes twice counts once", async () => {
    const rig = newRig();
    const random = new Random(SEED);
    for (let i = 0; i < TRIAL_REQUESTS / 50; i++) {
      expect(rig.core.sync(0).notesOff).toBeUndefined();
      const batch = reportOf({ outcomes: outcomesOf(50 * i, MODELS["does not profit"], random) });
      rig.core.report(batch);
      rig.core.report(batch);
      if (i % 3 === 0) rig.restart();
      rig.now += 1_000;
      await rig.core.work();
    }
    expect(rig.core.sync(0).notesOff).toEqual(["t1/en"]);
    rig.restart();
    expect(rig.core.sync(0).notesOff).toEqual(["t1/en"]);
    expect(rig.core.live().notes).toMatchObject([
      { tenant: "t1", lang: "en", phase: "off", share: 0, why: "notes have not been shown to pay" },
    ]);
    rig.now += FIRST_PAUSE_MS;
    const later = rig.core.sync(0);
    expect([later.notesOff, later.notesShare]).toEqual([undefined, { "t1/en": RETRY_SHARE }]);
  });

  test("counts a use of a row by notes, and values the row by what its notes changed", async () => {
    const rig = newRig();
    const notes = { arm: "C", probability: 0.5, lang: "en" } as const;
    const label = { ...labelOf("d1", 0.5, 1, 0), noteRows: ["r1", "unused"] };
    rig.core.report(reportOf({ inserts: [insertOf("r1"), insertOf("unused")] }));
    rig.core.report(
      reportOf({
        outcomes: [outcomeOf("d0"), outcomeOf("d1", { kind: "AUGMENTED", notes })],
        uses: [useOf("r1", "d1", { handling: "C" })],
      }),
    );
    const rows = async () => {
      await rig.core.work();
      return rig.rows<{ uses: number; value: number }>("SELECT uses, value FROM entry ORDER BY id");
    };
    // As good and as fast as the direct call: worth no more than that.
    expect(await rows()).toEqual([
      { uses: 2, value: 0 },
      { uses: 1, value: 0 },
    ]);
    rig.core.report(reportOf({ labels: [label] }));
    // 0 + max(0.2, 1 / 2) (0.85 - 0); the row that was not used gains nothing.
    const [used, unused] = await rows();
    expect(used?.value).toBeCloseTo(0.425, 9);
    expect(unused?.value).toBe(0);
  });
});

test("the dashboard sees both sides", () => {
  const { trial } = run(MODELS["answers at length without benefit"], SEED, 40);
  const view = notesView({ tenant: "t1", lang: "en" }, trial, T0);
  expect(view.tokensIn).toEqual([260, 60]);
  expect(view.costUsd[0]).toBeGreaterThan(2 * view.costUsd[1]);
  expect(view.gain.low).toBeLessThan(view.gain.mean);
});
