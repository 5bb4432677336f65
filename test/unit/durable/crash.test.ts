// One life of a region object, crashed at every statement, every call to the index and every call to R2, one run each.
// Whoever was calling tries again, as an isolate, the alarm and cron do; the end must be that of a run without a crash.
import { describe, expect, it } from "vitest";
import { type Label, type Receipt, type Report } from "../../../src/durable/report.ts";
import {
  Crash,
  experienceOf,
  Fault,
  insertOf,
  outcomeOf,
  reportOf,
  Rig,
  useOf,
} from "../../support/region-rig.ts";

const START = 1_700_000_000_000;

const labelOf = (rowId: string, expId: string, more: Partial<Label>): Label => ({
  labelId: `l-${expId}`,
  expId,
  tenant: "t1",
  source: "feedback",
  correct: 1,
  weight: 1,
  rowId,
  distance: 0.2,
  ...more,
});
const receiptOf = (id: string): Receipt => ({
  id,
  tenant: "t1",
  at: START,
  body: { kind: "MISS" },
});

const FIRST = reportOf({
  experiences: [experienceOf("d1"), experienceOf("d2")],
  outcomes: [outcomeOf("d1", { delaySeconds: 5, tokensIn: 10, tokensOut: 20, costUsd: 0.5 })],
  receipts: [receiptOf("d1"), receiptOf("d2")],
  // d expires within the hour; the others stay a week.
  inserts: ["a", "b", "c"]
    .map((id) => insertOf(id))
    .concat(insertOf("d", { expiresAt: START + 1_000 })),
});
const SECOND = reportOf({
  experiences: [experienceOf("d3")],
  receipts: [receiptOf("d3")],
  uses: [useOf("a", "d3", { utility: -0.4 }), useOf("a", "d4", { utility: -0.4 })],
  labels: [
    labelOf("b", "d5", { source: "regenerate", correct: 0 }),
    labelOf("b", "d6", { source: "regenerate", correct: 0 }),
    labelOf("a", "d7", {}),
  ],
});

type Act = (rig: Rig) => unknown;
const ACTS: readonly Act[] = [
  (rig) => rig.core.report(FIRST),
  (rig) => rig.core.work(),
  (rig) => rig.core.report(SECOND),
  (rig) => rig.core.work(),
  (rig) => rig.core.invalidate("t1", ["c"]),
  (rig) => (rig.now = START + 3_600_000),
  (rig) => rig.core.work(true),
  (rig) => rig.core.evict(),
];

const newRig = (): Rig => {
  const rig = new Rig();
  for (const id of ["a", "b", "c", "d"]) rig.objects.objects.set(`a/t1/ans-${id}`, "{}");
  return rig;
};

async function live(rig: Rig, fault: Fault): Promise<void> {
  rig.setFault(fault);
  for (const act of ACTS) {
    try {
      await act(rig);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      rig.restart();
      await act(rig);
    }
  }
  rig.setFault(new Fault());
  rig.restart();
  await rig.settle();
  // Another cron: whatever a crashed one left doomed goes now.
  rig.now = START + 2 * 3_600_000;
  await rig.core.evict();
  await rig.settle();
  rig.index.settleAll();
}

/** What is known at the end, without what a repetition may change: pack borders, epoch, times of work. */
function endOf(rig: Rig): unknown {
  const packs = [...rig.objects.objects].filter(([key]) => key.startsWith("e/"));
  const lessons = packs.map(([, body]) => JSON.parse(body) as Report);
  const { entries, totals, doomed, baseline, dropped } = rig.core.state.value;
  return {
    entries,
    totals,
    doomed,
    baseline,
    dropped,
    rows: rig.rows("SELECT * FROM entry ORDER BY tenant, id"),
    refused: rig.rows("SELECT id FROM refused"),
    batches: rig.rows("SELECT seq FROM batch"),
    packRows: rig.rows("SELECT * FROM pack").length === packs.length,
    packed: lessons.flatMap(({ experiences }) => experiences.map(({ expId }) => expId)).toSorted(),
    answers: [...rig.objects.objects.keys()].filter((key) => key.startsWith("a/")).toSorted(),
    vectors: [...rig.index.vectors.keys()].toSorted(),
    metadata: rig.index.vectors.get("a")?.metadata,
  };
}

describe("a region object that crashes", () => {
  it("ends where it would have ended, whatever the statement or call it crashed at", async () => {
    const whole = newRig();
    const counter = new Fault();
    await live(whole, counter);
    const expected = endOf(whole);
    // By hand: b was regenerated twice, c purged, d expired; a was used twice (1 + 2) and labelled once.
    expect(expected).toMatchObject({
      entries: 1,
      answers: ["a/t1/ans-a"],
      vectors: ["a"],
      rows: [{ id: "a", uses: 3, decisions: '["d3","d4"]' }],
      packed: ["d1", "d2", "d3"],
      batches: [],
      refused: [],
      doomed: [],
      totals: { requests: 1, byKind: { MISS: 1 }, tokensIn: 10, tokensOut: 20, costUsd: 0.5 },
      metadata: { n: 3 },
    });
    expect(counter.steps).toBeGreaterThan(50);
    for (let at = 1; at <= counter.steps; at++) {
      const rig = newRig();
      await live(rig, new Fault(at));
      expect(endOf(rig), `crash at step ${at} of ${counter.steps}`).toEqual(expected);
    }
  });

  it("stores a report once although its caller never got the reply and sends it again", async () => {
    const rig = newRig();
    const report = reportOf({ experiences: [experienceOf("d1")], outcomes: [outcomeOf("d1")] });
    expect(rig.core.report(report).duplicate).toBe(false);
    expect(rig.restart().report(report).duplicate).toBe(true);
    await rig.core.work(true);
    expect(rig.rows("SELECT seq FROM batch")).toEqual([]);
    // Packed and gone, the batch is still known, also to an object that has just started.
    expect(rig.core.report(report).duplicate).toBe(true);
    expect(rig.restart().report(report).duplicate).toBe(true);
    expect(rig.core.live().totals.requests).toBe(1);
  });
});
