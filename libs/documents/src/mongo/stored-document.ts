import type { Stored } from '../documents.js';
import { toJson } from '../json.js';

/**
 * A document as it lies in MongoDB: its value as plain BSON, so that indexes, queries and people can look inside.
 * `text` is there only for values that BSON would change (see `isAltered`); then it is the value, and `value` holds what can be searched.
 */
export type StoredDocument = { readonly _id: string; readonly revision: number; readonly value: Record<string, unknown>; readonly text?: string };

export type DocumentBody = { readonly body: Pick<StoredDocument, 'value' | 'text'>; readonly chars: number };

/** In the JSON text: lone surrogates (BSON is UTF-8) and NUL (not in names), and names that the driver takes for its own (`$ref`, `_bsontype`). May err on the safe side. */
const isAltered = /\\u(?:d[89a-f]|0000)|"(?:\$|_bsontype)/;

/** Throws as `toJson`. The value is copied, so the caller may go on changing its own. */
export function documentBody(value: unknown): DocumentBody {
  const text = toJson(value);
  const copy = JSON.parse(text) as Record<string, unknown>;
  if (!isAltered.test(text)) return { body: { value: copy }, chars: text.length };
  const searchable = Object.entries(copy).flatMap(([field, member]): [string, unknown][] => {
    if (!/^\w+$/.test(field) || field === '_bsontype' || (typeof member === 'object' && member !== null)) return [];
    return [[field, typeof member === 'string' ? member.toWellFormed() : member]];
  });
  return { body: { value: Object.fromEntries(searchable), text }, chars: text.length };
}

export function stored<T>({ _id, revision, value, text }: StoredDocument): Stored<T> {
  return { id: _id, revision, value: (text === undefined ? value : JSON.parse(text)) as T };
}
