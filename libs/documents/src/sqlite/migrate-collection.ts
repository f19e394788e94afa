import type { Logger } from '@tessera/platform/logger.js';
import type { CollectionSpec } from '../documents.js';
import { migratedDocument } from '../schema-versions.js';
import type { SchemaState, UnmigratedRows, WriterRequest } from './protocol.js';
import { tableDefinition } from './declare-table.js';
import type { WorkerCalls } from './worker-calls.js';

/**
 * Declares a collection in the file and migrates its documents, a bounded batch a transaction and one version after the other. Each turn asks the file how far it is:
 * so a start goes on where a killed one has stopped, and processes that start together share the work.
 */
export async function declareAndMigrate(
  writer: WorkerCalls<WriterRequest>,
  spec: CollectionSpec,
  logger: Logger | undefined,
): Promise<void> {
  const table = tableDefinition(spec);
  for (let first: SchemaState | undefined; ;) {
    const state = (await writer.call({ kind: 'declare', table })) as SchemaState;
    if (state.version === spec.version && state.after === null) {
      if (first !== undefined)
        logger?.info({ collection: spec.name, from: first.version, to: state.version }, 'stored documents were migrated');
      return;
    }
    if (first === undefined)
      logger?.info({ collection: spec.name, from: state.version, to: spec.version }, 'stored documents are being migrated');
    first ??= state;
    await migrateBatch(writer, spec, state);
  }
}

async function migrateBatch(writer: WorkerCalls<WriterRequest>, spec: CollectionSpec, state: SchemaState): Promise<void> {
  const { rows, isLast } = (await writer.call({ kind: 'readUnmigrated', collection: spec.name, after: state.after })) as UnmigratedRows;
  const migrate = (id: string, body: string) =>
    JSON.stringify(migratedDocument(spec, id, JSON.parse(body) as Record<string, unknown>, state.version, state.version + 1));
  const migrated = { isLast, rows: rows.map(([id, revision, body]) => [id, revision, migrate(id, body)] as const) };
  await writer.call({ kind: 'migrate', collection: spec.name, state, migrated });
}
