import type { Scalar } from '../documents.js';
import { isAlternatives, isScalar, type Conditions, type SortField } from '../query-rules.js';

export type Filter = Record<string, unknown>;

export const pathOf = (field: string): string => (field === 'id' ? '_id' : `value.${field}`);

const comparisons = ['gt', 'gte', 'lt', 'lte'] as const;

function conditionFilters(conditions: Conditions): Filter[] {
  return conditions.map(([field, condition]) => {
    if (isScalar(condition)) return { [pathOf(field)]: { $eq: condition } };
    if (isAlternatives(condition)) return { [pathOf(field)]: { $in: condition.in } };
    const bounds = comparisons.flatMap((name) => (condition[name] === undefined ? [] : [[`$${name}`, condition[name]] as const]));
    return { [pathOf(field)]: Object.fromEntries(bounds) };
  });
}

/** Everything behind `keys` in the order of `sort`. The leading comparison is redundant, but it alone lets the server start inside the index. */
function keysetFilters(sort: readonly SortField[], keys: readonly Scalar[]): Filter[] {
  const behind = (at: number): Filter => {
    const [field, direction] = sort[at] ?? ['id', 'asc'];
    const isBehind = { [pathOf(field)]: { [direction === 'asc' ? '$gt' : '$lt']: keys[at] } };
    return at >= sort.length - 1 ? isBehind : { $or: [isBehind, { $and: [{ [pathOf(field)]: { $eq: keys[at] } }, behind(at + 1)] }] };
  };
  const [field, direction] = sort[0] ?? ['id', 'asc'];
  return [{ [pathOf(field)]: { [direction === 'asc' ? '$gte' : '$lte']: keys[0] } }, behind(0)];
}

const all = (filters: readonly Filter[]): Filter => (filters.length === 0 ? {} : { $and: filters });

export const countFilter = (conditions: Conditions): Filter => all(conditionFilters(conditions));

export function findFilter(conditions: Conditions, sort: readonly SortField[], keys: readonly Scalar[] | undefined): Filter {
  const isThere = sort.filter(([field]) => field !== 'id').map(([field]) => ({ [pathOf(field)]: { $ne: null } }));
  return all([...conditionFilters(conditions), ...isThere, ...(keys === undefined ? [] : keysetFilters(sort, keys))]);
}

export const sortOrder = (sort: readonly SortField[]): Map<string, 1 | -1> =>
  new Map(sort.map(([field, direction]) => [pathOf(field), direction === 'asc' ? 1 : -1]));
