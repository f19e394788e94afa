import fs from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import {
  writeKinds,
  type GroupAnswer,
  type PackedCommit,
  type PackedEvent,
  type PackedWrite,
  type Refusal,
  type SchemaState,
  type UnmigratedRows,
  type WriterRequest,
} from './protocol.js';
import { declareTable } from './declare-table.js';
import { migrateRows, readUnmigrated } from './migrate-rows.js';
import { openForWriting } from './schema.js';
import { primaryCode, serveCalls } from './serve-calls.js';
import { Statements } from './statements.js';

const sqliteConstraint = 19;

/** The one thread of this process that writes. */
class Writer {
  private readonly statements: Statements;

  /** `signalFile` is touched after commits with events: that notifies other processes on the same folder. */
  constructor(
    private readonly database: DatabaseSync,
    private readonly signalFile: number,
  ) {
    this.statements = new Statements(database);
  }

  /** Many commits, one transaction, one fsync; a commit that is refused leaves no trace and does not disturb the others. */
  commitGroup(commits: readonly PackedCommit[]): GroupAnswer {
    this.database.exec('BEGIN IMMEDIATE');
    let outcomes: (Refusal | null)[];
    let lastOffset: number | undefined;
    try {
      const occurredMs = Date.now();
      outcomes = commits.map(([writes, events]) => {
        const refusal = this.write(writes);
        if (refusal === null) for (const event of events) lastOffset = this.append(event, occurredMs);
        return refusal;
      });
      this.database.exec('COMMIT');
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
    if (lastOffset !== undefined) fs.writeSync(this.signalFile, '.', 0);
    return { outcomes, lastOffset };
  }

  declare(request: Extract<WriterRequest, { kind: 'declare' }>): SchemaState {
    return declareTable(this.database, request.table);
  }

  readUnmigrated({ collection, after }: Extract<WriterRequest, { kind: 'readUnmigrated' }>): UnmigratedRows {
    return readUnmigrated(this.database, collection, after);
  }

  migrate(request: Extract<WriterRequest, { kind: 'migrate' }>): void {
    migrateRows(this.database, request);
  }

  /** Deletes the oldest events, a bounded number at once; answers how many. */
  trim({ offset, occurredBeforeMs, eventsMax }: Extract<WriterRequest, { kind: 'trim' }>): number {
    const sql = `DELETE FROM event_log WHERE "offset" IN
      (SELECT "offset" FROM (SELECT "offset", occurred_ms FROM event_log WHERE "offset"<=? ORDER BY "offset" LIMIT ?) WHERE occurred_ms<?)`;
    return Number(this.statements.get(sql).run(offset, eventsMax, occurredBeforeMs).changes);
  }

  close(): void {
    this.database.close();
    fs.closeSync(this.signalFile);
  }

  /** A single write is atomic by itself; only several need a point to go back to. */
  private write(writes: readonly PackedWrite[]): Refusal | null {
    if (writes.length === 1 && writes[0] !== undefined) return this.writeOne(writes[0]);
    if (writes.length === 0) return null;
    this.statements.get('SAVEPOINT one').run();
    for (const write of writes) {
      const refusal = this.writeOne(write);
      if (refusal === null) continue;
      this.statements.get('ROLLBACK TO one').run();
      this.statements.get('RELEASE one').run();
      return refusal;
    }
    this.statements.get('RELEASE one').run();
    return null;
  }

  private writeOne(write: PackedWrite): Refusal | null {
    const [kind, collection, id] = write;
    try {
      if (this.changed(write)) return null;
    } catch (error) {
      if (primaryCode(error) !== sqliteConstraint) throw error;
      return ['Conflict', 'already_exists', `Another document of ${collection} has a unique value of ${id}.`];
    }
    if (kind === writeKinds.insert) return ['Conflict', 'already_exists', `${collection} has a document ${id} already.`];
    return ['Conflict', 'revision_mismatch', `${id} of ${collection} was changed meanwhile.`];
  }

  private changed([kind, collection, id, revision, body]: PackedWrite): boolean {
    switch (kind) {
      case writeKinds.insert:
        return (
          this.statements.get(`INSERT INTO "${collection}"(id,revision,body) VALUES(?,1,?) ON CONFLICT(id) DO NOTHING`).run(id, body)
            .changes === 1
        );
      case writeKinds.replace:
        return (
          this.statements.get(`UPDATE "${collection}" SET revision=revision+1,body=? WHERE id=? AND revision=?`).run(body, id, revision)
            .changes === 1
        );
      case writeKinds.remove:
        return this.statements.get(`DELETE FROM "${collection}" WHERE id=? AND revision=?`).run(id, revision).changes === 1;
    }
  }

  private append([id, type, key, data, traceparent]: PackedEvent, occurredMs: number): number {
    const statement = this.statements.get('INSERT INTO event_log(id,type,key,occurred_ms,traceparent,data) VALUES(?,?,?,?,?,?)');
    return Number(statement.run(id, type, key, occurredMs, traceparent, data).lastInsertRowid);
  }
}

let writer: Writer | undefined;

function opened(): Writer {
  if (writer === undefined) throw new Error('the writer was not opened');
  return writer;
}

serveCalls<WriterRequest>((request) => {
  switch (request.kind) {
    case 'open':
      writer = new Writer(openForWriting(request.file), openPrivate(request.signalFile));
      return undefined;
    case 'declare':
      return opened().declare(request);
    case 'readUnmigrated':
      return opened().readUnmigrated(request);
    case 'migrate':
      return opened().migrate(request);
    case 'group':
      return opened().commitGroup(request.commits);
    case 'trim':
      return opened().trim(request);
    case 'ping':
      return undefined;
    case 'close':
      return writer?.close();
  }
});

function openPrivate(file: string): number {
  const descriptor = fs.openSync(file, 'w', 0o600);
  fs.fchmodSync(descriptor, 0o600);
  return descriptor;
}
