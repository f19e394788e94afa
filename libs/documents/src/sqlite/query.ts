import type { CollectionSpec, Condition, Query, Scalar } from '../documents.js';
import { isAlternatives, isScalar, type Conditions, type SortField } from '../query-rules.js';

export type Statement = {
  readonly sql: string;
  readonly params: readonly (string | number)[];
  /** The rows that SQLite touches are about those that it answers, however large the collection is. */
  readonly isBounded: boolean;
};

/** Must read exactly as in the index, or SQLite does not see that they are the same expression. */
export const fieldExpression = (field: string): string => (field === 'id' ? 'id' : `json_extract(body,'$.${field}')`);

/** json_extract answers 1 and 0 for true and false. */
const bound = (value: Scalar): string | number => (typeof value === 'boolean' ? Number(value) : value);

const operators = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** Beyond this many skipped rows a query leaves the main thread. */
const boundedOffsetMax = 1000;

class Clauses {
  private readonly texts: string[] = [];
  readonly params: (string | number)[] = [];

  add(text: string, ...params: readonly (string | number)[]): void {
    this.texts.push(text);
    this.params.push(...params);
  }

  toString(): string {
    return this.texts.length === 0 ? '' : ` WHERE ${this.texts.join(' AND ')}`;
  }
}

/** `impliedBounds`: those that the cursor implies already; SQLite would start at the looser of the two. */
function addCondition(clauses: Clauses, field: string, condition: Condition, impliedBounds: readonly string[]): void {
  const expression = fieldExpression(field);
  if (isScalar(condition)) return clauses.add(`${expression}=?`, bound(condition));
  // One parameter for any number of alternatives keeps the statement the same, thus prepared.
  if (isAlternatives(condition)) return clauses.add(`${expression} IN (SELECT value FROM json_each(?))`, JSON.stringify(condition.in));
  for (const [name, operator] of Object.entries(operators)) {
    const limit = condition[name as keyof typeof operators];
    if (limit !== undefined && !impliedBounds.includes(name)) clauses.add(`${expression}${operator}?`, bound(limit));
  }
}

/** Everything behind `keys` in the order of `sort`. The leading comparison is redundant, but it alone lets SQLite start inside the index. */
function addKeyset(clauses: Clauses, sort: readonly SortField[], keys: readonly Scalar[]): void {
  const params: (string | number)[] = [];
  const behind = (at: number): string => {
    const [field, direction] = sort[at] ?? ['id', 'asc'];
    const key = bound(keys[at] ?? '');
    const isBehind = `${fieldExpression(field)}${direction === 'asc' ? '>' : '<'}?`;
    params.push(key);
    if (at === sort.length - 1) return isBehind;
    params.push(key);
    return `(${isBehind} OR (${fieldExpression(field)}=? AND ${behind(at + 1)}))`;
  };
  const [field, direction] = sort[0] ?? ['id', 'asc'];
  if (sort.length > 1) clauses.add(`${fieldExpression(field)}${direction === 'asc' ? '>=' : '<='}?`, bound(keys[0] ?? ''));
  const text = behind(0);
  clauses.add(text, ...params);
}

type Access = { readonly index: string | undefined; readonly fieldsUsed: number; readonly isSorted: boolean };

/** What an index over `fields` does for a query: how many conditions narrow the range that is read, and whether that range is in order already. */
function access(
  index: string | undefined,
  fields: readonly string[],
  where: ReadonlyMap<string, Condition>,
  sort: readonly SortField[],
): Access {
  let fieldsUsed = 0;
  for (const field of fields) {
    const condition = where.get(field);
    if (condition === undefined) break;
    fieldsUsed++;
    if (!isScalar(condition) && !isAlternatives(condition)) break;
  }
  const isFixed = (field: string) => isScalar(where.get(field));
  const order = fields.filter((field) => !isFixed(field));
  const wanted = sort.filter(([field]) => !isFixed(field));
  const isSorted = wanted.every(([field, direction], at) => order[at] === field && direction === wanted[0]?.[1]);
  return { index, fieldsUsed, isSorted };
}

/** The index to read through, or none for the order of ids. Chosen here, because SQLite without statistics prefers any equality to the right order. */
function chooseAccess(spec: CollectionSpec, conditions: Conditions, sort: readonly SortField[]): Access {
  const where = new Map(conditions);
  const value = ({ fieldsUsed, isSorted }: Access) => fieldsUsed * 2 + (isSorted ? (fieldsUsed === where.size ? 3 : 1) : 0);
  let best = access(undefined, ['id'], where, sort);
  // An id is unique: nothing narrows further than that.
  const id = where.get('id');
  if (isScalar(id) || (id !== undefined && isAlternatives(id))) return { ...best, fieldsUsed: where.size, isSorted: true };
  for (const { name, fields } of spec.indexes) {
    const candidate = access(name, [...fields, 'id'], where, sort);
    if (value(candidate) > value(best)) best = candidate;
  }
  return best;
}

function source(spec: CollectionSpec, { index }: Access): string {
  return index === undefined ? `FROM "${spec.name}"` : `FROM "${spec.name}" INDEXED BY "${spec.name}:${index}"`;
}

/** Asks for one row more than the page holds, to know whether there is another page. */
export function findStatement(
  spec: CollectionSpec,
  conditions: Conditions,
  sort: readonly SortField[],
  query: Query,
  keys: readonly Scalar[] | undefined,
): Statement {
  const chosen = chooseAccess(spec, conditions, sort);
  const clauses = new Clauses();
  const [leading, direction] = sort[0] ?? ['id', 'asc'];
  const implied = keys === undefined ? [] : direction === 'asc' ? ['gt', 'gte'] : ['lt', 'lte'];
  for (const [field, condition] of conditions) addCondition(clauses, field, condition, field === leading ? implied : []);
  for (const [field] of sort) if (field !== 'id') clauses.add(`${fieldExpression(field)} IS NOT NULL`);
  if (keys !== undefined) addKeyset(clauses, sort, keys);
  const order = sort.map(([field, way]) => `${fieldExpression(field)} ${way === 'asc' ? 'ASC' : 'DESC'}`).join(',');
  const offset = query.offset ?? 0;
  return {
    sql: `SELECT id,revision,body ${source(spec, chosen)}${clauses} ORDER BY ${order} LIMIT ? OFFSET ?`,
    params: [...clauses.params, query.limit + 1, offset],
    isBounded: chosen.fieldsUsed === conditions.length && chosen.isSorted && offset <= boundedOffsetMax,
  };
}

export function countStatement(spec: CollectionSpec, conditions: Conditions, upTo?: number): Statement {
  const clauses = new Clauses();
  for (const [field, condition] of conditions) addCondition(clauses, field, condition, []);
  const rows = `${source(spec, chooseAccess(spec, conditions, []))}${clauses}`;
  if (upTo === undefined) return { sql: `SELECT count(*) ${rows}`, params: clauses.params, isBounded: false };
  return { sql: `SELECT count(*) FROM (SELECT 1 ${rows} LIMIT ?)`, params: [...clauses.params, upTo], isBounded: false };
}
