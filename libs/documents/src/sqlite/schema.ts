import { DatabaseSync } from 'node:sqlite';
import { failedPrecondition } from '@tessera/platform/errors.js';
import type { CollectionSpec } from '../documents.js';
import type { TableDefinition } from './protocol.js';
import { fieldExpression } from './query.js';
import { primaryCode } from './serve-calls.js';

/** Version of what lies in the file; grows with every change that an older Tessera would misread. */
const schemaVersion = 1;
/** "TESS": tells our files from those of other programs. */
const applicationId = 0x54455353;
/** How long a commit waits for another process on the same file; groups take milliseconds, so this long means that the other one hangs. */
const writeBusyTimeoutMs = 10_000;
/** The log file returns to this size after a checkpoint, however far a burst made it grow. */
const walBytesMax = 64 * 1024 * 1024;
/** Turning on WAL does not wait for other connections by itself, so processes that start together try again. */
const walAttemptsMax = 200;
const walRetryMs = 25;

/** The order of offsets is the order of commits, since one writer at a time holds the file. AUTOINCREMENT: an offset never comes back after a trim. */
const eventLogSql = `CREATE TABLE event_log(
  "offset" INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, occurred_ms INTEGER NOT NULL, traceparent TEXT, data BLOB NOT NULL)`;

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

function enableWal(database: DatabaseSync): void {
  for (let attempt = 1; ; attempt++) {
    try {
      database.exec('PRAGMA journal_mode=WAL');
      return;
    } catch (error) {
      if (primaryCode(error) !== 5 || attempt >= walAttemptsMax) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, walRetryMs);
    }
  }
}

/** Opens the file as its writer, and makes it ours when it is new. Throws FailedPrecondition `newer_schema` | `not_a_database`. */
export function openForWriting(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: writeBusyTimeoutMs });
  try {
    checkOwner(database);
    enableWal(database);
    // FULL: a commit that was acknowledged survives a power cut; NORMAL would only survive the end of the process.
    database.exec(`PRAGMA synchronous=FULL; PRAGMA journal_size_limit=${walBytesMax}; PRAGMA cache_size=-16000;`);
    createLog(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function checkOwner(database: DatabaseSync): void {
  // One look at all three: another process may make the file ours at this moment.
  database.exec('BEGIN');
  const version = pragma(database, 'user_version');
  const owner = pragma(database, 'application_id');
  const isNew = version === 0 && owner === 0 && pragma(database, 'schema_version') === 0;
  database.exec('COMMIT');
  if (!isNew && owner !== applicationId) throw failedPrecondition('not_a_database', 'The file is a database of another program.');
  if (version > schemaVersion) {
    throw failedPrecondition('newer_schema', `The data was written by a newer Tessera (schema ${version}, this one knows ${schemaVersion}); start that version.`);
  }
}

function createLog(database: DatabaseSync): void {
  if (pragma(database, 'user_version') === schemaVersion) return;
  database.exec('BEGIN IMMEDIATE');
  // Asked again under the lock: another process may have been first.
  if (pragma(database, 'user_version') === 0) database.exec(`${eventLogSql}; PRAGMA application_id=${applicationId}; PRAGMA user_version=${schemaVersion};`);
  database.exec('COMMIT');
}

/** An index ends with the id, so that ties are in order already. Not so a unique one: there the id would make every entry unique. */
export function tableDefinition({ name, indexes }: CollectionSpec): TableDefinition {
  return {
    name,
    indexes: indexes.map(({ name: index, fields, isUnique = false }) => {
      const expressions = [...fields, ...(isUnique ? [] : ['id'])].map(fieldExpression).join(',');
      return { name: `${name}:${index}`, sql: `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX "${name}:${index}" ON "${name}"(${expressions})` };
    }),
  };
}

/** Brings the file to the definition: a missing table or index is made, an index that was defined otherwise is made anew. Cheap when nothing is missing. */
export function declareTable(database: DatabaseSync, { name, indexes }: TableDefinition): void {
  const existing = new Map(database.prepare('SELECT name, sql FROM sqlite_schema WHERE tbl_name=?').all(name).map((row) => [row['name'], row['sql']]));
  if (existing.has(name) && indexes.every((index) => existing.get(index.name) === index.sql)) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(`CREATE TABLE IF NOT EXISTS "${name}"(id TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, body TEXT NOT NULL)`);
    for (const index of indexes) {
      const current = database.prepare('SELECT sql FROM sqlite_schema WHERE name=?').get(index.name);
      if (current?.['sql'] === index.sql) continue;
      database.exec(`DROP INDEX IF EXISTS "${index.name}"; ${index.sql}`);
    }
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    if (primaryCode(error) === 19) throw failedPrecondition('index_violated', `Documents of ${name} break a unique index that is being declared.`);
    throw error;
  }
}
