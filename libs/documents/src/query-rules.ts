import { invalidArgument } from '@tessera/platform/errors.js';
import type { CollectionSpec, Condition, Query, Scalar } from './documents.js';

/** A page is parsed in one piece; larger answers are paged. */
export const pageItemsMax = 1000;
/** Longer alternatives are several queries. */
const alternativesMax = 1000;
/** Beyond this, paging by `after` is the way: an offset costs what it skips. */
const offsetMax = 1_000_000;
/** Ids are UUIDs, names or keys, never content. */
const idCharsMax = 512;

const collectionName = /^[a-z][a-zA-Z0-9]*\.[a-z][a-zA-Z0-9_]*$/;
/** NUL and lone surrogates: stores would keep another text than the one given. */
const notText = /[\0\p{Cs}]/u;
const fieldName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export type SortField = readonly [field: string, direction: 'asc' | 'desc'];

/** Names become parts of statements and of file names in some stores, so they are narrow. Throws InvalidArgument `invalid_collection`. */
export function checkSpec({ name, indexes, version, migrations = [], formerNames = [] }: CollectionSpec): void {
  const misnamed = [name, ...formerNames].find((one) => !collectionName.test(one));
  if (misnamed !== undefined)
    throw invalidArgument('invalid_collection', `A collection is named <service>.<plural>; "${misnamed}" is not.`);
  const isInOrder = migrations.every(({ from }, at) => from >= 1 && from === version - migrations.length + at);
  if (!Number.isSafeInteger(version) || version < 1 || !isInOrder)
    throw invalidArgument('invalid_collection', `${name} needs a version from 1 on, and migrations that lead up to it without a gap.`);
  for (const index of indexes) {
    const isSound = fieldName.test(index.name) && index.fields.length > 0 && index.fields.every((field) => fieldName.test(field));
    if (!isSound)
      throw invalidArgument('invalid_collection', `Index "${index.name}" of ${name} needs a plain name and at least one plain field.`);
  }
}

/** Throws InvalidArgument `invalid_id`. */
export function checkId(id: string): void {
  const isSound = typeof id === 'string' && id.length > 0 && id.length <= idCharsMax && !notText.test(id);
  if (!isSound) throw invalidArgument('invalid_id', `An id is a text of 1 to ${idCharsMax} characters.`, { param: 'id' });
}

export type Range = Exclude<Condition, Scalar | { readonly in: readonly Scalar[] }>;

export const isScalar = (condition: unknown): condition is Scalar =>
  typeof condition === 'string' || typeof condition === 'boolean' || (typeof condition === 'number' && Number.isFinite(condition));

export const isAlternatives = (condition: Condition): condition is { readonly in: readonly Scalar[] } =>
  typeof condition === 'object' && 'in' in condition;

const bounds: ReadonlySet<string> = new Set(['gt', 'gte', 'lt', 'lte']);

function checkCondition(field: string, condition: Condition): void {
  if (isScalar(condition)) return;
  const refusal = (what: string) => invalidArgument('invalid_condition', `The condition on "${field}" ${what}.`, { param: field });
  if (typeof condition !== 'object' || condition === null) throw refusal('is neither a value, nor alternatives, nor a range');
  if (isAlternatives(condition)) {
    if (!Array.isArray(condition.in) || !condition.in.every(isScalar)) throw refusal('has alternatives that are not plain values');
    if (condition.in.length > alternativesMax) throw refusal(`has more than ${alternativesMax} alternatives`);
    return;
  }
  const given = Object.entries(condition).filter(([, bound]) => bound !== undefined);
  if (given.length === 0 || !given.every(([name, bound]) => bounds.has(name) && isScalar(bound)))
    throw refusal('is not a range of plain values');
}

/** Throws InvalidArgument `unindexed_field` or `invalid_condition`. Conditions that are undefined do not count. */
export function checkWhere(spec: CollectionSpec, where: Query['where']): readonly (readonly [field: string, condition: Condition])[] {
  const conditions = Object.entries(where ?? {}).filter(([, condition]) => condition !== undefined);
  for (const [field, condition] of conditions) {
    checkIndexed(spec, field);
    checkCondition(field, condition);
  }
  return conditions;
}

function checkIndexed(spec: CollectionSpec, field: string): void {
  if (field === 'id' || spec.indexes.some(({ fields }) => fields.includes(field))) return;
  throw invalidArgument('unindexed_field', `No index of ${spec.name} has the field "${field}".`, { param: field });
}

export type Conditions = ReturnType<typeof checkWhere>;

/**
 * The full order of a query: ends with the id, in the direction of the last field; fields that the conditions fix to one value do not order anything.
 * Throws InvalidArgument `unindexed_field`.
 */
export function fullSort(spec: CollectionSpec, sort: Query['sort'], conditions: Conditions): readonly SortField[] {
  for (const [field] of sort ?? []) checkIndexed(spec, field);
  const fixed = new Set(conditions.filter(([, condition]) => isScalar(condition)).map(([field]) => field));
  const fields = (sort ?? []).filter(([field]) => field === 'id' || !fixed.has(field));
  const idAt = fields.findIndex(([field]) => field === 'id');
  return idAt >= 0 ? fields.slice(0, idAt + 1) : [...fields, ['id', sort?.at(-1)?.[1] ?? 'asc']];
}

/** Throws InvalidArgument `invalid_limit`. */
export function checkPage({ limit, offset = 0 }: Query): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > pageItemsMax)
    throw invalidArgument('invalid_limit', `limit must be a whole number from 1 to ${pageItemsMax}.`, { param: 'limit' });
  if (!Number.isInteger(offset) || offset < 0 || offset > offsetMax)
    throw invalidArgument('invalid_limit', `offset must be a whole number from 0 to ${offsetMax}.`, { param: 'offset' });
}

/** Throws InvalidArgument `too_many_ids`. */
export function checkIds(ids: readonly string[]): void {
  if (ids.length > pageItemsMax)
    throw invalidArgument('too_many_ids', `At most ${pageItemsMax} ids at once; these are ${ids.length}.`, { param: 'ids' });
}
