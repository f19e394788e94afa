import type { DatabaseSync } from 'node:sqlite';
import { failedPrecondition } from '@tessera/platform/errors.js';
import { release } from '@tessera/platform/release.js';
import { schemaState } from './declare-table.js';
import type { MigratedRow, UnmigratedRows, WriterRequest } from './protocol.js';
import { primaryCode } from './serve-calls.js';

/** Bound of a batch: how long it holds the file, and the memory of one message. A document may have 4 Mi characters. */
const batchRowsMax = 500;
const batchCharsMax = 8 * 1024 * 1024;
const constraintViolated = 19;

/** The documents behind an id, in the order of ids, as many as make a batch. */
export function readUnmigrated(database: DatabaseSync, collection: string, after: string | null): UnmigratedRows {
  const statement = database.prepare(`SELECT id,revision,body FROM "${collection}" WHERE id>? ORDER BY id LIMIT ?`);
  statement.setReturnArrays(true);
  const rows: MigratedRow[] = [];
  let chars = 0;
  // One more than fits, to know whether it is the last batch. No id is empty, so all are behind the empty text.
  for (const row of statement.iterate(after ?? '', batchRowsMax + 1) as unknown as Iterable<MigratedRow>) {
    if (rows.length === batchRowsMax || (rows.length > 0 && chars + row[2].length > batchCharsMax)) return { rows, isLast: false };
    rows.push(row);
    chars += row[2].length;
  }
  return { rows, isLast: true };
}

/** Writes a batch and notes the place, in one transaction. Nothing happens where another process has gone on meanwhile, or a document has changed: then it is read again. */
export function migrateRows(database: DatabaseSync, { collection, state, migrated }: Extract<WriterRequest, { kind: 'migrate' }>): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const current = schemaState(database, collection);
    const isOurs = current?.version === state.version && current.after === state.after;
    database.exec(isOurs && replaceAll(database, collection, migrated) ? 'COMMIT' : 'ROLLBACK');
  } catch (error) {
    database.exec('ROLLBACK');
    if (primaryCode(error) === constraintViolated)
      throw failedPrecondition('migration_failed', `Documents of ${collection} break a unique index once they are migrated.`);
    throw error;
  }
}

/** False where a document is not what it was. */
function replaceAll(database: DatabaseSync, collection: string, { rows, isLast }: UnmigratedRows): boolean {
  const replace = database.prepare(`UPDATE "${collection}" SET body=? WHERE id=? AND revision=?`);
  for (const [id, revision, body] of rows) if (replace.run(body, id, revision).changes !== 1) return false;
  if (isLast)
    database.prepare('UPDATE schema_versions SET version=version+1,release=?,after=NULL WHERE collection=?').run(release, collection);
  else
    database.prepare('UPDATE schema_versions SET release=?,after=? WHERE collection=?').run(release, rows.at(-1)?.[0] ?? null, collection);
  return true;
}
