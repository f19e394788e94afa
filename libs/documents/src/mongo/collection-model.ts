import { failedPrecondition } from '@tessera/platform/errors.js';
import mongoose from 'mongoose';
import type { CollectionSpec, IndexSpec } from '../documents.js';
import { pathOf } from './filter.js';
import { isDuplicateKey, storeError } from './mongo-errors.js';
import type { DriverCollection } from './mongo-collection.js';
import type { StoredDocument } from './stored-document.js';

type Index = { readonly keys: Record<string, 1>; readonly options: mongoose.IndexOptions & { readonly name: string } };

/** IndexOptionsConflict and IndexKeySpecsConflict: the name stands for another index already. */
const redefined: ReadonlySet<number> = new Set([85, 86]);
const namespaceMissing = 26;
const scalarTypes = ['string', 'number', 'bool'];

/**
 * An index ends with the id, so that ties are in order already. Uniqueness is an index of its own, over the documents that have all its fields: a partial
 * index serves only queries that repeat its condition, and one that is not partial takes absent fields for equal ones.
 */
function indexesOf({ name, fields, isUnique = false }: IndexSpec): Index[] {
  const keys = Object.fromEntries(fields.map((field) => [pathOf(field), 1] as const));
  const lookup: Index = { keys: { ...keys, ...(fields.includes('id') ? {} : { _id: 1 as const }) }, options: { name } };
  if (!isUnique) return [lookup];
  const partialFilterExpression = Object.fromEntries(
    fields.filter((field) => field !== 'id').map((field) => [pathOf(field), { $type: scalarTypes }]),
  );
  return [lookup, { keys, options: { name: `${name}.unique`, unique: true, partialFilterExpression } }];
}

/**
 * Schemas are thin: the shape of a value belongs to the service that stores it, is checked there, and casting JSON again would only change it.
 * What mongoose does here is the connection, the collection and its indexes; documents go through the driver beneath as they are.
 */
function modelOf(connection: mongoose.Connection, spec: CollectionSpec): mongoose.Model<StoredDocument> {
  const schema = new mongoose.Schema(
    { _id: String, revision: Number, value: mongoose.Schema.Types.Mixed, text: String },
    { collection: spec.name, versionKey: false, autoCreate: false, autoIndex: false, bufferCommands: false },
  );
  for (const { keys, options } of spec.indexes.flatMap(indexesOf)) schema.index(keys, options);
  // The same collection is declared again when somebody else needs another index of it.
  return connection.model<StoredDocument>(spec.name, schema as unknown as mongoose.Schema<StoredDocument>, spec.name);
}

export function driverCollection(connection: mongoose.Connection, name: string): DriverCollection {
  return connection.getClient().db(connection.name).collection<StoredDocument>(name);
}

/**
 * Looked up first, because making waits for the transactions that are open on the collection: one that a killed process has left stays open until the server
 * ends it, and a service must not wait for that at its start.
 */
async function isDeclared(connection: mongoose.Connection, spec: CollectionSpec): Promise<boolean> {
  const existing = await driverCollection(connection, spec.name)
    .listIndexes()
    .toArray()
    .catch((error: { code?: number }) => {
      if (error.code === namespaceMissing) return undefined;
      throw error;
    });
  if (existing === undefined) return false;
  const described = new Set(existing.map(({ name, key, unique = false }) => JSON.stringify([name, key, unique])));
  return spec.indexes
    .flatMap(indexesOf)
    .every(({ keys, options }) => described.has(JSON.stringify([options.name, keys, options.unique ?? false])));
}

/** Makes the collection and its indexes, also those that were defined otherwise before. */
export async function declareCollection(connection: mongoose.Connection, spec: CollectionSpec): Promise<void> {
  try {
    if (await isDeclared(connection, spec)) return;
    const model = modelOf(connection, spec);
    await model.createCollection();
    await createIndexes(model);
  } catch (error) {
    if (isDuplicateKey(error))
      throw failedPrecondition('index_violated', `Documents of ${spec.name} break a unique index that is being declared.`, {
        cause: error,
      });
    throw storeError(error);
  }
}

async function createIndexes(model: mongoose.Model<StoredDocument>): Promise<void> {
  try {
    await model.createIndexes();
  } catch (error) {
    if (!redefined.has((error as { code?: number }).code ?? 0)) throw error;
    const { toDrop } = await model.diffIndexes();
    const declared = new Set(model.schema.indexes().map(([, options]) => options?.name));
    for (const name of toDrop) if (declared.has(name)) await model.collection.dropIndex(name);
    await model.createIndexes();
  }
}
