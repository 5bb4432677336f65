// One life of a region object: rows stored, used, labelled, purged, expired. Lived with a crash at every step by the unit
// tests, and in workerd on a Durable Object's own storage.
import { type Label, type Receipt, type Report } from "../../src/durable/report.ts";
import {
  Crash,
  experienceOf,
  Fault,
  insertOf,
  outcomeOf,
  reportOf,
  type Rig,
  useOf,
} from "./region-rig.ts";

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
  outcomes: [
    outcomeOf("d1", { delaySeconds: 5, tokensIn: 10, tokensOut: 20, costUsd: 0.5, savedUsd: 2 }),
  ],
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
    labelOf("a", "d8", { source: "judge", samplingProbability: 0.05, costUsd: 0.3 }),
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

/** Puts the answers of the rows in place, as the gateway does before it reports them. */
function prepare(rig: Rig): void {
  for (const id of ["a", "b", "c", "d"]) rig.objects.objects.set(`a/t1/ans-${id}`, "{}");
}

/** Lives it once with a fault; whoever was calling when it struck tries again. */
export async function live(rig: Rig, fault: Fault): Promise<void> {
  prepare(rig);
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
export function endOf(rig: Rig): unknown {
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
    slices: rig.rows("SELECT * FROM slice"),
    accounts: rig.rows<{ body: string }>("SELECT * FROM account"),
    budgets: rig.core.live().labelBudgets,
  };
}

/** By hand: b was regenerated twice, c purged, d expired; a was used twice (1 + 2) and labelled twice. */
export const EXPECTED_END = {
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
  slices: [{ tenant: "t1", lang: "en" }],
  // Two dollars saved; 30 cents for a label, 25 of them from the credit.
  budgets: [{ tenant: "t1", savedUsd: 2, creditUsd: 0, paused: false }],
};
