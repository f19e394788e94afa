import { failedPrecondition, TesseraError } from '@tessera/platform/errors.js';
import { release } from '@tessera/platform/release.js';
import type { CollectionSpec } from './documents.js';
import { toJson } from './json.js';

/** What is stored about a collection: the version of its documents, and the release that brought them there. */
export type SchemaRecord = { readonly version: number; readonly release: string };

/** Data that were stored before versions were noted. */
export const unversioned: SchemaRecord = { version: 1, release: '0.1.0' };

type Versions = Pick<CollectionSpec, 'name' | 'version'> & { readonly oldestVersion: number };

/** The oldest version that the migrations of a collection take. */
export const oldestVersion = ({ version, migrations = [] }: CollectionSpec): number => version - migrations.length;

/** Throws FailedPrecondition `newer_schema` | `older_schema`, with a sentence that names a release which can open the data. */
export function checkVersion({ name, version, oldestVersion: oldest }: Versions, stored: SchemaRecord): void {
  if (stored.version > version) {
    throw failedPrecondition(
      'newer_schema',
      `${name} was written by release ${stored.release} (version ${stored.version}); this is release ${release}, which knows version ${version}. Start release ${stored.release} or a newer one, or restore the backup from before the upgrade.`,
    );
  }
  if (stored.version < oldest) {
    throw failedPrecondition(
      'older_schema',
      `${name} was written by release ${stored.release} (version ${stored.version}); release ${release} migrates from version ${oldest} on. Start the releases between them first, one after the other.`,
    );
  }
}

/** For a collection that a newer release has renamed. */
export const renamedAway = (name: string, newName: string, newer: string) =>
  failedPrecondition(
    'newer_schema',
    `${name} was renamed to ${newName} by release ${newer}; this is release ${release}, which does not know that name. Start release ${newer} or a newer one, or restore the backup from before the upgrade.`,
  );

/** The text of a document, brought from a version to the one of the collection, or to `until`. Throws FailedPrecondition `migration_failed`, which names the document. */
export function migratedDocument(
  { name, version, migrations = [] }: CollectionSpec,
  id: string,
  value: Record<string, unknown>,
  from: number,
  until = version,
): Record<string, unknown> {
  let current = value;
  try {
    for (const step of migrations)
      if (step.from >= from && step.from < until) current = JSON.parse(toJson(step.migrate(current, id))) as Record<string, unknown>;
    return current;
  } catch (error) {
    const why = error instanceof TesseraError || error instanceof Error ? error.message : String(error);
    throw failedPrecondition('migration_failed', `Document ${id} of ${name} cannot be brought from version ${from} to ${until}: ${why}`, {
      cause: error,
    });
  }
}
