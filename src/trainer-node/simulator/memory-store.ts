// A region object's storage outside the edge: SQLite in memory.
import { DatabaseSync } from "node:sqlite";
import { type SqlRow, type SqlStore, type SqlValue } from "../../durable/rows.ts";

export function memoryStore(): SqlStore {
  const database = new DatabaseSync(":memory:");
  const statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  const statementFor = (query: string) => {
    let statement = statements.get(query);
    if (statement === undefined) {
      statement = database.prepare(query);
      statements.set(query, statement);
    }
    return statement;
  };
  return {
    exec: <T extends SqlRow>(query: string, ...values: SqlValue[]): T[] =>
      statementFor(query).all(...values) as T[],
    transaction<T>(work: () => T): T {
      statementFor("BEGIN").run();
      try {
        const result = work();
        statementFor("COMMIT").run();
        return result;
      } catch (error) {
        statementFor("ROLLBACK").run();
        throw error;
      }
    },
    bytes: () =>
      PAGE_BYTES * Number(Object.values(statementFor("PRAGMA page_count").get() ?? {})[0]),
  };
}

/** SQLite's default. */
const PAGE_BYTES = 4096;
