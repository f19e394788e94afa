import type mongoose from 'mongoose';

/**
 * What is stored about a collection, under its name. While it is migrated, its documents have versions from `version` to `newestVersion`.
 * A collection that was renamed keeps a row under its former name, so that an older release does not begin it anew.
 */
export type SchemaRow = {
  readonly _id: string;
  readonly version: number;
  readonly newestVersion?: number;
  readonly release: string;
  readonly renamedTo?: string;
};

export const schemaVersionsName = 'documents.schemaVersions';

export function schemaRows(connection: mongoose.Connection): mongoose.mongo.Collection<SchemaRow> {
  return connection.getClient().db(connection.name).collection<SchemaRow>(schemaVersionsName);
}
