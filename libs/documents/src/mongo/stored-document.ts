import { failedPrecondition } from '@tessera/platform/errors.js';
import { release } from '@tessera/platform/release.js';
import type { CollectionSpec, Stored } from '../documents.js';
import { toJson } from '../json.js';
import { migratedDocument } from '../schema-versions.js';

/**
 * A document as it lies in MongoDB: its value as plain BSON, so that indexes, queries and people can look inside.
 * `text` is there only for values that BSON would change (see `isAltered`); then it is the value, and `value` holds what can be searched.
 * `version` is that of the collection whose shape the value has; absent, it is 1.
 */
export type StoredDocument = {
  readonly _id: string;
  readonly revision: number;
  readonly version?: number;
  readonly value: Record<string, unknown>;
  readonly text?: string;
};

export type DocumentBody = { readonly body: Pick<StoredDocument, 'version' | 'value' | 'text'>; readonly chars: number };

/** In the JSON text: lone surrogates (BSON is UTF-8) and NUL (not in names), and names that the driver takes for its own (`$ref`, `_bsontype`). May err on the safe side. */
const isAltered = /\\u(?:d[89a-f]|0000)|"(?:\$|_bsontype)/;

/** Throws as `toJson`. The value is copied, so the caller may go on changing its own. */
export function documentBody(value: unknown, version: number): DocumentBody {
  const text = toJson(value);
  const copy = JSON.parse(text) as Record<string, unknown>;
  const stamp = version === 1 ? {} : { version };
  if (!isAltered.test(text)) return { body: { ...stamp, value: copy }, chars: text.length };
  const searchable = Object.entries(copy).flatMap(([field, member]): [string, unknown][] => {
    if (!/^\w+$/.test(field) || field === '_bsontype' || (typeof member === 'object' && member !== null)) return [];
    return [[field, typeof member === 'string' ? member.toWellFormed() : member]];
  });
  return { body: { ...stamp, value: Object.fromEntries(searchable), text }, chars: text.length };
}

/**
 * The document in the version of the collection. One that a process of an earlier release has written since the start is migrated as it is read; one of a newer
 * version throws FailedPrecondition `newer_schema`.
 */
export function stored<T>(spec: CollectionSpec, { _id, revision, version = 1, value, text }: StoredDocument): Stored<T> {
  const plain = text === undefined ? value : (JSON.parse(text) as Record<string, unknown>);
  if (version > spec.version)
    throw failedPrecondition(
      'newer_schema',
      `Document ${_id} of ${spec.name} has version ${version}; release ${release} knows version ${spec.version}.`,
    );
  return { id: _id, revision, value: (version === spec.version ? plain : migratedDocument(spec, _id, plain, version)) as T };
}
