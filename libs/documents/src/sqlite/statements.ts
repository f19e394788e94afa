import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** Shapes of queries are few; the bound only guards against a caller that invents them. */
const statementsMax = 500;

/** Prepared statements of one connection, rows as arrays, the longest unused dropped first. */
export class Statements {
  private readonly prepared = new Map<string, StatementSync>();

  constructor(readonly database: DatabaseSync) {}

  get(sql: string): StatementSync {
    const known = this.prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.database.prepare(sql);
    statement.setReturnArrays(true);
    if (this.prepared.size >= statementsMax) this.prepared.delete(this.prepared.keys().next().value ?? '');
    this.prepared.set(sql, statement);
    return statement;
  }

  rows<Row extends readonly unknown[]>(sql: string, params: readonly (string | number)[]): Row[] {
    return this.get(sql).all(...params) as unknown as Row[];
  }
}

/** How long a read waits for the rare moments in which a WAL file is locked for readers: recovery after a crash, and its reset. */
const readBusyTimeoutMs = 5_000;

export function openForReading(file: string): Statements {
  const database = new DatabaseSync(file, { readOnly: true, timeout: readBusyTimeoutMs });
  database.exec('PRAGMA cache_size=-8000');
  return new Statements(database);
}
