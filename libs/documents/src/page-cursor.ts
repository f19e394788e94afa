import { createHash } from 'node:crypto';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { Page, Query, Scalar, Stored } from './documents.js';
import { isScalar, type SortField } from './query-rules.js';

/** A cursor of another query would silently skip documents, so each carries a mark of the query that it belongs to. */
function queryMark(collection: string, where: Query['where'], sort: readonly SortField[]): string {
  return createHash('sha256')
    .update(JSON.stringify([collection, where ?? {}, sort]))
    .digest('base64url')
    .slice(0, 8);
}

function sortKeys({ id, value }: Stored<object>, sort: readonly SortField[]): Scalar[] {
  return sort.map(([field]) => {
    const key: unknown = field === 'id' ? id : (value as Record<string, unknown>)[field];
    return isScalar(key) ? key : JSON.stringify(key);
  });
}

/** The page made of `found`, which holds one more than the page does when there is another page. */
export function pageOf<Found, T extends object>(
  collection: string,
  { where, limit }: Query,
  sort: readonly SortField[],
  found: readonly Found[],
  stored: (one: Found) => Stored<T>,
): Page<T> {
  const items = found.slice(0, limit).map(stored);
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items };
  return { items, next: pageCursor(collection, where, sort, sortKeys(last, sort)) };
}

/** The opaque text that continues a query after a document whose sort fields hold `keys`. */
export function pageCursor(collection: string, where: Query['where'], sort: readonly SortField[], keys: readonly Scalar[]): string {
  return Buffer.from(JSON.stringify([queryMark(collection, where, sort), ...keys])).toString('base64url');
}

/** Throws InvalidArgument `invalid_cursor` for anything that `pageCursor` did not make for this very query. */
export function cursorKeys(collection: string, where: Query['where'], sort: readonly SortField[], cursor: string): readonly Scalar[] {
  const refusal = invalidArgument('invalid_cursor', 'This is not a cursor of this query; start again without one.', { param: 'after' });
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    throw refusal;
  }
  if (!Array.isArray(parts) || parts.length !== sort.length + 1 || parts[0] !== queryMark(collection, where, sort)) throw refusal;
  const keys: unknown[] = parts.slice(1);
  if (!keys.every(isScalar)) throw refusal;
  return keys;
}
