import { failedPrecondition } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { release } from '@tessera/platform/release.js';
import type mongoose from 'mongoose';
import type { CollectionSpec } from '../documents.js';
import { checkVersion, oldestVersion, renamedAway, unversioned } from '../schema-versions.js';
import { declareCollection, driverCollection } from './collection-model.js';
import { isDuplicateKey, storeError } from './mongo-errors.js';
import { schemaRows, type SchemaRow } from './schema-row.js';
import { documentBody, stored, type StoredDocument } from './stored-document.js';

/** Bounds of a batch of replacements. */
const batchDocumentsMax = 200;
const batchCharsMax = 4 * 1024 * 1024;
/** A pass finds again what was written by others while the one before it ran. What processes of an earlier release still write after the last one is migrated when it is read. */
const passesMax = 5;
/** Another process has been first: NamespaceNotFound and NamespaceExists. */
const renamedMeanwhile: ReadonlySet<number> = new Set([26, 48]);

/**
 * Declares a collection and migrates its documents. Each document says which version it has and is replaced by itself, so a start goes on where a killed one has
 * stopped, and processes that start together may all do it.
 */
export async function declareAndMigrate(connection: mongoose.Connection, spec: CollectionSpec, logger: Logger | undefined): Promise<void> {
  try {
    const row = await openCollection(connection, spec);
    if (row.version < spec.version) {
      logger?.info({ collection: spec.name, from: row.version, to: spec.version }, 'stored documents are being migrated');
      const documents = await migrate(connection, spec);
      logger?.info({ collection: spec.name, from: row.version, to: spec.version, documents }, 'stored documents were migrated');
    }
  } catch (error) {
    if (isDuplicateKey(error))
      throw failedPrecondition('migration_failed', `Documents of ${spec.name} break a unique index once they are migrated.`, {
        cause: error,
      });
    throw storeError(error);
  }
  await declareCollection(connection, spec);
}

/** The row of the collection, whose version is known to us from here on. Throws FailedPrecondition `newer_schema` | `older_schema`. */
async function openCollection(connection: mongoose.Connection, spec: CollectionSpec): Promise<SchemaRow> {
  const rows = schemaRows(connection);
  const { name, version } = spec;
  let row = await rows.findOne({ _id: name });
  if (row === null) {
    const storedVersion = await versionOfUnnoted(connection, spec);
    // The row comes before the collection: one that exists without a row is older than versions are.
    await rows.updateOne(
      { _id: name },
      { $setOnInsert: { version: storedVersion ?? version, release: storedVersion === undefined ? release : unversioned.release } },
      { upsert: true },
    );
    row = (await rows.findOne({ _id: name })) ?? { _id: name, version, release };
  }
  if (row.renamedTo !== undefined) throw renamedAway(name, row.renamedTo, row.release);
  checkVersion({ name, version, oldestVersion: oldestVersion(spec) }, { version: row.newestVersion ?? row.version, release: row.release });
  return row;
}

/** The version of documents that are there, under this name or under a former one, which they then lose; undefined where there are none. */
async function versionOfUnnoted(connection: mongoose.Connection, { name, formerNames = [] }: CollectionSpec): Promise<number | undefined> {
  const existing = new Set((await connection.listCollections()).map((collection) => collection.name));
  for (const former of formerNames) {
    if (!existing.has(name) && existing.has(former)) await rename(connection, former, name);
    // Noted before the renaming, and therefore also found after a crash behind it.
    const left = await schemaRows(connection).findOne({ _id: former, renamedTo: name });
    if (left !== null) return left.version;
  }
  return existing.has(name) ? unversioned.version : undefined;
}

async function rename(connection: mongoose.Connection, former: string, name: string): Promise<void> {
  await schemaRows(connection).updateOne(
    { _id: former },
    { $set: { renamedTo: name, release }, $setOnInsert: { version: unversioned.version } },
    { upsert: true },
  );
  try {
    await driverCollection(connection, former).rename(name);
  } catch (error) {
    if (!renamedMeanwhile.has((error as { code?: number }).code ?? 0)) throw error;
  }
}

/** Answers how many documents it has replaced. */
async function migrate(connection: mongoose.Connection, spec: CollectionSpec): Promise<number> {
  const rows = schemaRows(connection);
  const { name: _id, version } = spec;
  await rows.updateOne({ _id, version: { $lt: version } }, { $set: { newestVersion: version, release } });
  let replaced = 0;
  for (let pass = 1, found = 1; pass <= passesMax && found > 0; pass++) {
    found = await migratePass(driverCollection(connection, _id), spec);
    replaced += found;
  }
  await rows.updateOne({ _id, version: { $lt: version } }, { $set: { version, release }, $unset: { newestVersion: '' } });
  return replaced;
}

type Replacement = mongoose.mongo.AnyBulkWriteOperation<StoredDocument>;

/** Documents that were changed since they were read are left for the next pass. */
async function migratePass(documents: mongoose.mongo.Collection<StoredDocument>, spec: CollectionSpec): Promise<number> {
  const isOlder = { $or: [{ version: { $exists: false } }, { version: { $lt: spec.version } }] };
  let found = 0;
  let batch: Replacement[] = [];
  let chars = 0;
  const flush = async () => {
    if (batch.length > 0) await documents.bulkWrite(batch, { ordered: false });
    batch = [];
    chars = 0;
  };
  for await (const document of documents.find(isOlder, { sort: { _id: 1 }, batchSize: batchDocumentsMax })) {
    const { _id, revision, version } = document;
    const { body, chars: charsOfThis } = documentBody(stored<object>(spec, document).value, spec.version);
    batch.push({ replaceOne: { filter: { _id, revision, version: version ?? { $exists: false } }, replacement: { revision, ...body } } });
    found++;
    chars += charsOfThis;
    if (batch.length >= batchDocumentsMax || chars >= batchCharsMax) await flush();
  }
  await flush();
  return found;
}
