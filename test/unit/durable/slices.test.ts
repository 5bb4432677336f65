// A slice's record as isolates and the dashboard see it, through the region object.
import { describe, expect, it } from "vitest";
import { type Label } from "../../../src/durable/report.ts";
import { NEW_SLICE, type SliceRecord } from "../../../src/durable/slice-record.ts";
import { newRig } from "../../support/node-rig.ts";
import { insertOf, outcomeOf, reportOf, type Rig, useOf } from "../../support/region-rig.ts";

const ROWS = 40;
let made = 0;

/** A label about one of the rows, fairly chosen with probability 0.05. */
const labelOf = (correct: 0 | 1, more: Partial<Label> = {}): Label => {
  const expId = `e${++made}`;
  return {
    labelId: `l-${expId}`,
    expId,
    tenant: "t1",
    source: "shadow",
    correct,
    weight: 1,
    rowId: `r${made % ROWS}`,
    distance: 0.2,
    samplingProbability: 0.05,
    ...more,
  };
};
const labels = (n: number, correct: 0 | 1, more: Partial<Label> = {}): readonly Label[] =>
  Array.from({ length: n }, () => labelOf(correct, more));

/** A word that came by itself. */
function spoken({ samplingProbability, ...label }: Label): Label {
  expect(samplingProbability).toBeDefined();
  return label;
}

async function rigWithRows(): Promise<Rig> {
  const rig = newRig();
  rig.core.change(() => ({ coldStart: { distance: 0.35, deltaHit: 0.02 } }));
  const inserts = Array.from({ length: ROWS }, (_, i) => insertOf(`r${i}`));
  rig.core.report(reportOf({ inserts }));
  await rig.core.work();
  return rig;
}

async function hear(rig: Rig, more: readonly Label[]): Promise<void> {
  rig.core.report(reportOf({ labels: more }));
  await rig.core.work();
}
const sliceOf = (rig: Rig) => rig.core.live().slices[0]!;
const ordersOf = (rig: Rig) => {
  const { slicesOff, slices } = rig.core.sync(0);
  return { off: slicesOff, orders: slices?.["t1/en"] };
};

describe("what is counted", () => {
  it("shows requests, semantic hits and wrong ones of a language with their bounds", async () => {
    const rig = await rigWithRows();
    const outcomes = [
      ...Array.from({ length: 60 }, (_, i) => outcomeOf(`m${i}`, { lang: "en" })),
      ...Array.from({ length: 40 }, (_, i) =>
        outcomeOf(`h${i}`, { lang: "en", kind: "HIT-SEMANTIC" }),
      ),
    ];
    rig.core.report(reportOf({ outcomes }));
    await hear(rig, [...labels(9, 1), ...labels(1, 0)]);
    expect(sliceOf(rig)).toMatchObject({
      tenant: "t1",
      lang: "en",
      requests: 100,
      hits: 40,
      labels: 10,
      state: "young",
      examine: 0.05,
    });
    const { wrongPerHit, wrongPerRequest } = sliceOf(rig);
    expect(wrongPerHit.mean).toBeCloseTo(0.1, 9);
    // 40 hits in 100 requests.
    expect(wrongPerRequest.mean).toBeCloseTo(0.04, 9);
    expect(wrongPerRequest.low).toBeCloseTo(0.4 * wrongPerHit.low, 9);
  });

  it("an outcome that does not tell its language counts where its row is", async () => {
    const rig = await rigWithRows();
    rig.core.report(
      reportOf({
        outcomes: [outcomeOf("d1", { kind: "HIT-SEMANTIC" })],
        uses: [useOf("r1", "d1")],
      }),
    );
    await hear(rig, labels(1, 1));
    expect(sliceOf(rig)).toMatchObject({ lang: "en", requests: 1, hits: 1 });
  });

  it("survives a restart, and duplicates change nothing", async () => {
    const rig = await rigWithRows();
    const batches = [
      reportOf({ labels: labels(20, 1) }),
      reportOf({ labels: labels(3, 0), outcomes: [outcomeOf("d1", { lang: "en", savedUsd: 1 })] }),
    ];
    for (const batch of batches) rig.core.report(batch);
    await rig.core.work();
    const before = { live: rig.core.live().slices, orders: ordersOf(rig) };
    for (const batch of batches) expect(rig.core.report(batch).duplicate).toBe(true);
    await rig.core.work();
    rig.restart();
    expect({ live: rig.core.live().slices, orders: ordersOf(rig) }).toEqual(before);
    // The same word on the same decision in another batch.
    await hear(rig, batches[1]!.labels);
    expect(rig.core.live().slices).toEqual(before.live);
  });

  it("a stronger word takes the place of a weaker one", async () => {
    const rig = await rigWithRows();
    const [word] = labels(1, 0);
    await hear(rig, [word!]);
    await hear(rig, [{ ...word!, source: "human", correct: 1 }]);
    expect(sliceOf(rig)).toMatchObject({ labels: 1, wrongPerHit: { mean: 0 } });
  });

  it("words that came by themselves are no fair sample: they count as complaints", async () => {
    const rig = await rigWithRows();
    // However many there are, the slice is as little known as before, and examined as often.
    await hear(rig, labels(450, 1, { source: "feedback" }).map(spoken));
    expect(sliceOf(rig)).toMatchObject({ state: "young", examine: 0.05 });
    await hear(rig, [spoken(labelOf(0, { source: "regenerate" }))]);
    expect(sliceOf(rig)).toMatchObject({ labels: 0, complaints: 1, wrongPerHit: { mean: null } });
  });
});

describe("closing and opening", () => {
  it("a slice whose hits are surely wrong too often is closed, and others are not", async () => {
    const rig = await rigWithRows();
    await hear(rig, labels(30, 1));
    expect(ordersOf(rig).off).toBeUndefined();
    await hear(rig, labels(12, 0));
    expect(ordersOf(rig).off).toEqual(["t1/en"]);
    expect(sliceOf(rig)).toMatchObject({ state: "closed" });
    expect(sliceOf(rig).why).toMatch(/of the hits are wrong, 2.0 % are accepted/);
    rig.restart();
    expect(ordersOf(rig).off).toEqual(["t1/en"]);
  });

  it("closed slices and reaches are told of all slices, however many there are", () => {
    const rig = newRig();
    const put = (tenant: string, head: Partial<SliceRecord>) =>
      rig.rows(
        "INSERT INTO slice (tenant, lang, head, pool) VALUES (?, 'en', ?, '[]')",
        tenant,
        JSON.stringify({ ...NEW_SLICE, ...head }),
      );
    put("first", { reach: 0.1, closed: { why: "", at: rig.now } });
    for (let i = 0; i < 5_100; i++) put(`t${i}`, { labels: 400, closed: { why: "", at: rig.now } });
    rig.restart();
    const { slices, slicesOff } = rig.core.sync(0);
    expect(slices!["first/en"]).toEqual({ reach: 0.1, examine: 0.05 });
    expect(slicesOff).toHaveLength(5_101);
  });

  it("users' complaints close it too", async () => {
    const rig = await rigWithRows();
    rig.core.report(
      reportOf({
        outcomes: Array.from({ length: 100 }, (_, i) =>
          outcomeOf(`h${i}`, { lang: "en", kind: "HIT-SEMANTIC" }),
        ),
      }),
    );
    await rig.core.work();
    const words = labels(15, 0, { source: "feedback" }).map(spoken);
    await hear(rig, words);
    expect(sliceOf(rig).why).toMatch(/^users called \d+ of 100 hits wrong$/);
  });

  it("a closed slice in which nothing can be compared gets another try after a day", async () => {
    const rig = await rigWithRows();
    await hear(rig, labels(30, 0));
    rig.now += 86_399_000;
    expect(ordersOf(rig).off).toEqual(["t1/en"]);
    rig.now += 2_000;
    expect(ordersOf(rig).off).toBeUndefined();
    expect(sliceOf(rig)).toMatchObject({ why: expect.not.stringContaining("hits are wrong") });
    await hear(rig, labels(30, 0));
    expect(ordersOf(rig).off).toEqual(["t1/en"]);
  });

  it("a few complaints are about a row, not about the slice", async () => {
    const rig = await rigWithRows();
    await hear(rig, labels(4, 0, { source: "feedback" }).map(spoken));
    expect(ordersOf(rig).off).toBeUndefined();
  });

  it("goes on learning while it is closed and opens when what it would serve is right", async () => {
    const rig = await rigWithRows();
    await hear(rig, labels(30, 0));
    expect(ordersOf(rig).off).toEqual(["t1/en"]);
    const withheld = { reuse: "withheld", samplingProbability: 1 } as const;
    // 1 <= 0.01 (n + 50) from n = 50 on. With one wrong answer 2 <= 0.01 (n + 50): from n = 150 on.
    await hear(rig, labels(1, 0, withheld));
    await hear(rig, labels(120, 1, withheld));
    expect(ordersOf(rig).off).toEqual(["t1/en"]);
    await hear(rig, labels(400, 1, withheld));
    expect(ordersOf(rig).off).toBeUndefined();
    expect(sliceOf(rig)).toMatchObject({ labels: 0, complaints: 0, closedAt: null });
  });
});

describe("what the rows have in common", () => {
  it("wrong answers within reach take the reach back before anything is certain", async () => {
    const rig = await rigWithRows();
    expect(ordersOf(rig).orders).toBeUndefined();
    await hear(rig, [...labels(15, 1), ...labels(1, 0, { distance: 0.3 })]);
    expect(ordersOf(rig).off).toBeUndefined();
    expect(ordersOf(rig).orders?.reach).toBeLessThan(0.3);
  });

  it("another scorer forgets a reach in other distances, and learns its own", async () => {
    const rig = await rigWithRows();
    await hear(rig, [...labels(15, 1), ...labels(1, 0, { distance: 0.3 })]);
    expect(ordersOf(rig).orders?.reach).toBeLessThan(0.3);
    rig.core.report(reportOf({ scorer: { id: "s1", coldStart: 0.25 } }));
    await rig.core.work();
    expect(ordersOf(rig).orders).toBeUndefined();
    const scored = { distance: 0.6, scorer: "s1" };
    await hear(rig, [
      ...labels(1, 0, { ...scored, match: 0.2 }),
      ...labels(16, 1, { ...scored, match: 0.1 }),
    ]);
    expect(ordersOf(rig).orders?.reach).toBeCloseTo(0.199, 9);
    rig.restart();
    expect(ordersOf(rig).orders?.reach).toBeCloseTo(0.199, 9);
  });

  it("labels that disagree with a long record make the slice cautious and count for less", async () => {
    const rig = await rigWithRows();
    for (let i = 0; i < 25; i++) await hear(rig, labels(20, 1));
    expect(sliceOf(rig)).toMatchObject({ state: "open", examine: 0.02 });
    let wrong = 0;
    while (sliceOf(rig).state === "open" && wrong < 60) {
      await hear(rig, [labelOf(0), ...labels(1, 1)]);
      wrong++;
    }
    console.log(`noticed after ${wrong} wrong and as many right answers`);
    expect(wrong).toBeLessThan(20);
    expect(["cautious", "closed"]).toContain(sliceOf(rig).state);
    expect(ordersOf(rig).orders?.examine ?? 0.05).toBe(0.05);
  });
});
