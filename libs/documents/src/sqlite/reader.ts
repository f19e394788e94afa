import { unavailable } from '@tessera/platform/errors.js';
import type { ReaderRequest } from './protocol.js';
import { refusalOf } from './serve-calls.js';
import type { Statement } from './query.js';
import type { Statements } from './statements.js';
import { errorOf, type WorkerCalls } from './worker-calls.js';

export type DocumentRow = readonly [id: string, revision: number, body: string];

/**
 * Two ways to read, both on connections of their own: under WAL a reader never waits for the writer and sees all that was acknowledged before.
 * What touches few rows is read here on the main thread: microseconds, less than a message to another thread costs. What may touch a whole collection
 * (a count, an order or a condition without an index) goes to the reader thread, so that it never holds up the event loop.
 */
export class Reader {
  constructor(
    private readonly statements: Statements,
    private readonly worker: WorkerCalls<ReaderRequest>,
  ) {}

  few<Row extends readonly unknown[]>(sql: string, params: readonly (string | number)[]): Row[] {
    if (!this.statements.database.isOpen) throw unavailable('store_closed', 'The document store is closed.');
    try {
      return this.statements.rows<Row>(sql, params);
    } catch (error) {
      throw errorOf(refusalOf(error), { cause: error });
    }
  }

  async many<Row extends readonly unknown[]>(sql: string, params: readonly (string | number)[]): Promise<Row[]> {
    return (await this.worker.call({ kind: 'rows', sql, params })) as Row[];
  }

  async read<Row extends readonly unknown[]>({ sql, params, isBounded }: Statement): Promise<Row[]> {
    return isBounded ? this.few(sql, params) : this.many(sql, params);
  }

  async ping(): Promise<void> {
    this.few('SELECT 1', []);
    await this.worker.call({ kind: 'ping' });
  }

  async close(): Promise<void> {
    await this.worker.call({ kind: 'close' });
    await this.worker.exited();
    this.statements.database.close();
  }
}
