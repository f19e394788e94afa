import { invalidArgument } from '@tessera/platform/errors.js';
import type { CollectionSpec } from './documents.js';

/** Two users of one collection may each declare the indexes that they need, but not the same name for different ones, and not two versions. Throws InvalidArgument `invalid_collection`. */
export function mergedSpec(known: CollectionSpec, spec: CollectionSpec): CollectionSpec {
  if (known.version !== spec.version)
    throw invalidArgument('invalid_collection', `${spec.name} is declared with the versions ${known.version} and ${spec.version}.`);
  const added = spec.indexes.filter((index) => {
    const same = known.indexes.find(({ name }) => name === index.name);
    if (same === undefined) return true;
    const isEqual = same.fields.join() === index.fields.join() && (same.isUnique ?? false) === (index.isUnique ?? false);
    if (!isEqual) throw invalidArgument('invalid_collection', `Index "${index.name}" of ${spec.name} is declared in two ways.`);
    return false;
  });
  return added.length === 0 ? known : { ...known, indexes: [...known.indexes, ...added] };
}
