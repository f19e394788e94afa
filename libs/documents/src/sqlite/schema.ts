import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { failedPrecondition } from '@tessera/platform/errors.js';
import { primaryCode } from './serve-calls.js';

/** Version of what lies in the file; grows with every change that an older Tessera would misread. */
const schemaVersion = 2;
/** A file whose documents all have their first version can still be opened by releases that know no versions of collections. */
const firstSchemaVersion = 1;
/** "TESS": distinguishes our files from those of other programs. */
const applicationId = 0x54455353;
/** Prompts, bills and the hashes of keys. */
const ownerOnly = 0o600;
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

/** How far each collection is (see `SchemaState`); a collection that was renamed keeps a row under its former name, so that an older release does not begin it anew. */
const schemaVersionsSql =
  'CREATE TABLE IF NOT EXISTS schema_versions(collection TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, release TEXT NOT NULL, after TEXT, renamed_to TEXT)';

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
  // SQLite gives what it writes beside a file the file's own mode.
  closeSync(openSync(file, 'a', ownerOnly));
  const database = new DatabaseSync(file, { timeout: writeBusyTimeoutMs });
  try {
    checkOwner(database);
    keepPrivate(file);
    enableWal(database);
    // FULL: a commit that was acknowledged survives a power cut; NORMAL would only survive the end of the process.
    database.exec(`PRAGMA synchronous=FULL; PRAGMA journal_size_limit=${walBytesMax}; PRAGMA cache_size=-16000;`);
    createOwnTables(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Of a release that left it to the folder, which may have been there before us and be open to everybody. */
function keepPrivate(file: string): void {
  for (const each of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(each)) chmodSync(each, ownerOnly);
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
    throw failedPrecondition(
      'newer_schema',
      `The data was written by a newer Tessera (schema ${version}, this one knows ${schemaVersion}); start that version.`,
    );
  }
}

function createOwnTables(database: DatabaseSync): void {
  if (
    pragma(database, 'user_version') >= firstSchemaVersion &&
    database.prepare("SELECT 1 FROM sqlite_schema WHERE name='schema_versions'").get() !== undefined
  )
    return;
  database.exec('BEGIN IMMEDIATE');
  // Asked again under the lock: another process may have been first.
  if (pragma(database, 'user_version') === 0)
    database.exec(`${eventLogSql}; PRAGMA application_id=${applicationId}; PRAGMA user_version=${firstSchemaVersion};`);
  database.exec(schemaVersionsSql);
  database.exec('COMMIT');
}

/** From here on releases that know no versions of collections refuse the file. Part of the transaction that makes it so. */
export function closeToFirstReleases(database: DatabaseSync): void {
  if (pragma(database, 'user_version') < schemaVersion) database.exec(`PRAGMA user_version=${schemaVersion}`);
}
