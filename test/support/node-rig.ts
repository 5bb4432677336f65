// A rig on node:sqlite, in memory.
import { DatabaseSync } from "node:sqlite";
import { type RegionSettings } from "../../src/durable/region-core.ts";
import { type SqlRow, type SqlValue } from "../../src/durable/rows.ts";
import { Fault, Rig, type TestStore } from "./region-rig.ts";

export interface NodeStore extends TestStore {
  readonly db: DatabaseSync;
}

export function nodeStore(db = new DatabaseSync(":memory:")): NodeStore {
  const statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  let open = false;
  return {
    db,
    fault: new Fault(),
    pretendBytes: null,
    exec<T extends SqlRow>(query: string, ...values: SqlValue[]): T[] {
      let statement = statements.get(query);
      if (statement === undefined) {
        statement = db.prepare(query);
        statements.set(query, statement);
      }
      const rows = statement.all(...values) as T[];
      // After the statement: what it wrote is there, and only a transaction takes it back.
      this.fault.step();
      return rows;
    },
    transaction<T>(work: () => T): T {
      if (open) throw new Error("nested transaction");
      open = true;
      db.exec("BEGIN");
      try {
        const result = work();
        db.exec("COMMIT");
        return result;
      } catch (error) {
        db.exec("ROLLBACK");
        throw error;
      } finally {
        open = false;
      }
    },
    bytes() {
      if (this.pretendBytes !== null) return this.pretendBytes;
      const pragma = (name: string) =>
        Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
      return pragma("page_size") * (pragma("page_count") - pragma("freelist_count"));
    },
  };
}

export const newRig = (settings: Partial<RegionSettings> = {}): Rig<NodeStore> =>
  new Rig(nodeStore(), settings);
