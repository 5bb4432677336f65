// A Durable Object's storage as the state machines see it.
import { type SqlRow, type SqlStore, type SqlValue } from "./rows.ts";

export function sqlStoreOf(storage: DurableObjectStorage): SqlStore {
  return {
    exec: <T extends SqlRow>(query: string, ...values: SqlValue[]): T[] =>
      storage.sql.exec<T>(query, ...values).toArray(),
    transaction: (work) => storage.transactionSync(work),
    bytes: () => storage.sql.databaseSize,
  };
}
