import type { DatabaseSync } from 'node:sqlite';
import { failedPrecondition } from '@tessera/platform/errors.js';
import { release } from '@tessera/platform/release.js';
import type { CollectionSpec } from '../documents.js';
import { checkVersion, oldestVersion, renamedAway, unversioned } from '../schema-versions.js';
import type { SchemaState, TableDefinition } from './protocol.js';
import { fieldExpression } from './query.js';
import { closeToFirstReleases } from './schema.js';
import { primaryCode } from './serve-calls.js';

const constraintViolated = 19;

/** An index ends with the id, so that ties are in order already. Not so a unique one: there the id would make every entry unique. */
export function tableDefinition(spec: CollectionSpec): TableDefinition {
  const { name, indexes, version, formerNames = [] } = spec;
  return {
    name,
    version,
    oldestVersion: oldestVersion(spec),
    formerNames,
    indexes: indexes.map(({ name: index, fields, isUnique = false }) => {
      const expressions = [...fields, ...(isUnique ? [] : ['id'])].map(fieldExpression).join(',');
      return { name: `${name}:${index}`, sql: `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX "${name}:${index}" ON "${name}"(${expressions})` };
    }),
  };
}

type SchemaRow = SchemaState & { readonly renamedTo: string | null };

function schemaRow(database: DatabaseSync, name: string): SchemaRow | undefined {
  return database.prepare('SELECT version, release, after, renamed_to AS renamedTo FROM schema_versions WHERE collection=?').get(name) as
    | SchemaRow
    | undefined;
}

/** Undefined before the collection was declared. */
export const schemaState = (database: DatabaseSync, name: string): SchemaState | undefined => schemaRow(database, name);

const isCurrent = (state: SchemaState, version: number): boolean => state.version === version && state.after === null;

/**
 * Brings the file to the definition: a missing table or index is made, an index that was defined otherwise is made anew. Cheap when nothing is missing.
 * Where documents are to be migrated first, it answers how far they are, and the indexes wait for a call after that.
 */
export function declareTable(database: DatabaseSync, table: TableDefinition): SchemaState {
  const known = schemaRow(database, table.name);
  if (known !== undefined && known.renamedTo === null && isCurrent(known, table.version) && hasIndexes(database, table)) return known;
  database.exec('BEGIN IMMEDIATE');
  try {
    const state = openTable(database, table);
    dropRedefinedIndexes(database, table);
    if (isCurrent(state, table.version)) for (const { sql } of missingIndexes(database, table)) database.exec(sql);
    else closeToFirstReleases(database);
    database.exec('COMMIT');
    return state;
  } catch (error) {
    database.exec('ROLLBACK');
    if (primaryCode(error) === constraintViolated)
      throw failedPrecondition('index_violated', `Documents of ${table.name} break a unique index that is being declared.`);
    throw error;
  }
}

/** The table exists from here on, and its version is noted and known to us. */
function openTable(database: DatabaseSync, { name, version, oldestVersion: oldest, formerNames }: TableDefinition): SchemaState {
  if (!hasTable(database, name)) {
    const formerName = formerNames.find((former) => hasTable(database, former));
    if (formerName === undefined) createTable(database, name, version);
    else renameTable(database, formerName, name, version);
  }
  const noted = schemaRow(database, name);
  if (noted?.renamedTo) throw renamedAway(name, noted.renamedTo, noted.release);
  if (noted === undefined) noteVersion(database, name, unversioned.version, unversioned.release);
  const state: SchemaState = noted ?? { ...unversioned, after: null };
  checkVersion({ name, version, oldestVersion: oldest }, state.after === null ? state : { ...state, version: state.version + 1 });
  return state;
}

const hasTable = (database: DatabaseSync, name: string): boolean =>
  database.prepare("SELECT 1 FROM sqlite_schema WHERE type='table' AND name=?").get(name) !== undefined;

function noteVersion(database: DatabaseSync, name: string, version: number, by: string): void {
  database.prepare('INSERT INTO schema_versions(collection,version,release) VALUES(?,?,?)').run(name, version, by);
}

function createTable(database: DatabaseSync, name: string, version: number): void {
  const noted = schemaRow(database, name);
  if (noted?.renamedTo) throw renamedAway(name, noted.renamedTo, noted.release);
  database.exec(`CREATE TABLE "${name}"(id TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, body TEXT NOT NULL)`);
  noteVersion(database, name, version, release);
}

function renameTable(database: DatabaseSync, formerName: string, name: string, version: number): void {
  const state = schemaRow(database, formerName) ?? { ...unversioned, after: null };
  for (const { name: index } of database
    .prepare("SELECT name FROM sqlite_schema WHERE type='index' AND tbl_name=? AND sql IS NOT NULL")
    .all(formerName))
    database.exec(`DROP INDEX "${String(index)}"`);
  database.exec(`ALTER TABLE "${formerName}" RENAME TO "${name}"`);
  database
    .prepare('INSERT INTO schema_versions(collection,version,release,after) VALUES(?,?,?,?)')
    .run(name, state.version, state.release, state.after);
  database
    .prepare('INSERT OR REPLACE INTO schema_versions(collection,version,release,renamed_to) VALUES(?,?,?,?)')
    .run(formerName, version, release, name);
  closeToFirstReleases(database);
}

function definitions(database: DatabaseSync, name: string): Map<unknown, unknown> {
  return new Map(
    database
      .prepare('SELECT name, sql FROM sqlite_schema WHERE tbl_name=?')
      .all(name)
      .map((row) => [row['name'], row['sql']]),
  );
}

function missingIndexes(database: DatabaseSync, { name, indexes }: TableDefinition): TableDefinition['indexes'] {
  const existing = definitions(database, name);
  return indexes.filter((index) => existing.get(index.name) !== index.sql);
}

const hasIndexes = (database: DatabaseSync, table: TableDefinition): boolean => missingIndexes(database, table).length === 0;

function dropRedefinedIndexes(database: DatabaseSync, table: TableDefinition): void {
  for (const { name } of missingIndexes(database, table)) database.exec(`DROP INDEX IF EXISTS "${name}"`);
}
