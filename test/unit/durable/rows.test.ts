import { type DatabaseSync } from "node:sqlite";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { StateRow } from "../../../src/durable/region-state.ts";
import { migrate, REGION_SCHEMA, readMeta } from "../../../src/durable/rows.ts";
import { newRig, nodeStore } from "../../support/node-rig.ts";
import {
  Crash,
  experienceOf,
  Fault,
  insertOf,
  outcomeOf,
  reportOf,
  useOf,
} from "../../support/region-rig.ts";

/** A database as schema 1 left it: two batches, one pack, no cache book yet. */
const schema1 = readFileSync(
  new URL("../../fixtures/durable/schema-1.sql", import.meta.url),
  "utf8",
);

/** As schema 3 left it: one row with a right and a wrong label, before rows knew their language. */
const schema3 = readFileSync(
  new URL("../../fixtures/durable/schema-3.sql", import.meta.url),
  "utf8",
);

const TABLES = ["batch", "pack", "entry", "refused", "nonce", "slice", "account", "_meta"];

const contentOf = (db: DatabaseSync): unknown => {
  const tables = db
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all() as { name: string; sql: string }[];
  return tables.map(({ name, sql }) => [name, sql, db.prepare(`SELECT * FROM ${name}`).all()]);
};

describe("migrations", () => {
  it("bring an old database to the newest schema and keep what it holds", () => {
    const store = nodeStore();
    store.db.exec(schema1);
    expect(migrate(store, REGION_SCHEMA)).toEqual({ version: 5, readOnly: false });
    expect(store.exec("SELECT id FROM batch ORDER BY seq")).toEqual([{ id: "b2" }, { id: "b3" }]);
    expect(store.exec("SELECT COUNT(*) AS n FROM entry")).toEqual([{ n: 0 }]);
  });

  it("end the same when they were killed after any statement and began again", () => {
    const whole = nodeStore();
    whole.db.exec(schema1);
    const counter = new Fault();
    whole.fault = counter;
    migrate(whole, REGION_SCHEMA);
    for (let at = 1; at <= counter.steps; at++) {
      const store = nodeStore();
      store.db.exec(schema1);
      store.fault = new Fault(at);
      expect(() => migrate(store, REGION_SCHEMA)).toThrow(Crash);
      migrate(store, REGION_SCHEMA);
      expect(contentOf(store.db), `killed after statement ${at}`).toEqual(contentOf(whole.db));
    }
  });

  it("make an old database serve: its batches are applied, its pack is leased, duplicates are known", async () => {
    const rig = newRig();
    for (const table of TABLES) rig.store.db.exec(`DROP TABLE ${table}`);
    rig.store.db.exec(schema1);
    rig.objects.objects.set("e/eu/0/1-1.json", '{"experiences":[],"outcomes":[],"labels":[]}');
    rig.restart();
    expect(rig.core.report(reportOf({ batchId: "b1" })).duplicate).toBe(true);
    expect(rig.core.report(reportOf({ batchId: "b3" })).duplicate).toBe(true);
    await rig.core.work(true);
    const { packs } = await rig.core.lease(100);
    expect(packs.map(({ packId }) => packId)).toEqual(["1-1", "2-3"]);
    // One counted by the old release, and one outcome in batch 3.
    expect(rig.core.live().totals).toMatchObject({
      requests: 2,
      byKind: { MISS: 2 },
      overheadUsd: 0,
    });
  });
});

describe("labels of an older release", () => {
  it("go on counting for their row, which learns its language when it is used", async () => {
    const rig = newRig();
    for (const table of TABLES) rig.store.db.exec(`DROP TABLE ${table}`);
    rig.store.db.exec(schema3);
    rig.restart();
    const rowOf = () => rig.rows("SELECT lang, uses, observations FROM entry WHERE id = 'a'")[0];
    expect(rowOf()).toMatchObject({
      lang: "und",
      uses: 2,
      observations: '[[0.2,1,1,"d1","judge"],[0.5,0,1,"d2","judge"]]',
    });
    rig.core.report(
      reportOf({
        uses: [useOf("a", "d3")],
        outcomes: [outcomeOf("d3", { kind: "HIT-SEMANTIC", lang: "en" })],
      }),
    );
    await rig.core.work();
    expect(rowOf()).toMatchObject({ lang: "en", uses: 3 });
    // A scorer comes: the old right answer says nothing of it, the old wrong one still does.
    rig.index.vectors.set("a", {
      id: "a",
      values: [],
      metadata: { at: insertOf("a").createdAt },
    });
    rig.core.report(reportOf({ scorer: { id: "s1", coldStart: 0.25 } }));
    await rig.settle();
    expect(rig.index.vectors.get("a")?.metadata?.["ev"]).toContain('"labels":1');
    expect(rig.core.live().slices).toEqual([]);
  });
});

describe("a database from a newer release", () => {
  it("is read and never written", async () => {
    const rig = newRig();
    rig.core.nominate(7);
    rig.store.db.exec("UPDATE _meta SET value = '99' WHERE key = 'schema_version'");
    rig.restart();
    const before = contentOf(rig.store.db);
    expect(rig.core.sync(0).policy.candidate).toBe(7);
    expect(rig.core.report(reportOf({ experiences: [experienceOf("d1")] })).dropped).toBe(1);
    await rig.core.work(true);
    expect(await rig.core.evict()).toEqual({ evicted: 0, kept: 0 });
    await expect(rig.core.invalidate("t1", ["a"])).rejects.toThrow(/newer release/);
    expect(contentOf(rig.store.db)).toEqual(before);
    // The newer release comes back.
    const known = REGION_SCHEMA.length;
    rig.store.db.exec(`UPDATE _meta SET value = '${known}' WHERE key = 'schema_version'`);
    expect(
      rig.restart().report(reportOf({ experiences: [experienceOf("d1")] })).dropped,
    ).toBeUndefined();
  });
});

describe("the state row", () => {
  it("keeps memory as it was when the transaction fails", () => {
    const store = nodeStore();
    migrate(store, REGION_SCHEMA);
    const row = new StateRow(store);
    expect(() =>
      row.commit((state) => {
        store.exec("INSERT INTO batch (seq, id, received_at, body) VALUES (1, 'x', 0, '')");
        store.fault = new Fault(1);
        return { ...state, applied: 1 };
      }),
    ).toThrow(Crash);
    expect(row.value.applied).toBe(0);
    expect(store.exec("SELECT seq FROM batch")).toEqual([]);
    expect(readMeta(store, "state")).toBeNull();
  });

  it("fills fields that an older release did not know from their defaults", () => {
    const store = nodeStore();
    migrate(store, REGION_SCHEMA);
    store.exec("INSERT INTO _meta (key, value) VALUES ('state', '{\"epoch\":5}')");
    expect(new StateRow(store).value).toMatchObject({ epoch: 5, tombstones: [], entries: 0 });
  });
});
