import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Collection, Query, Scalar } from './documents.js';
import type { StoreForConformance } from './documents.installation.js';

type Job = { state: string; lane: string; createdMs: number; isPublic: boolean; finishedMs?: number; note: string };

const spec = {
  name: 'conformance.jobs',
  version: 1,
  indexes: [
    { name: 'byState', fields: ['state', 'createdMs'] },
    { name: 'byLane', fields: ['lane', 'state', 'createdMs'] },
    { name: 'byFinish', fields: ['finishedMs'] },
    { name: 'byPublic', fields: ['isPublic', 'createdMs'] },
  ],
};

const jobs = Array.from({ length: 60 }, (_, i) => ({
  id: `job-${String((i * 7) % 60).padStart(2, '0')}`,
  value: {
    state: ['queued', 'running', 'done'][i % 3]!,
    lane: i % 2 === 0 ? 'fast' : 'relaxed',
    createdMs: Math.floor(i / 4) * 10,
    isPublic: i % 5 === 0,
    ...(i % 3 === 2 ? { finishedMs: i } : {}),
    note: `number ${i}`,
  } satisfies Job,
}));

type Row = (typeof jobs)[number];
const field = ({ id, value }: Row, name: string): Scalar | undefined =>
  name === 'id' ? id : (value as Record<string, Scalar | undefined>)[name];
const compare = (a: Scalar, b: Scalar) => (a < b ? -1 : a > b ? 1 : 0);

function matches(row: Row, where: Query['where']): boolean {
  return Object.entries(where ?? {}).every(([name, condition]) => {
    const value = field(row, name);
    if (value === undefined) return false;
    if (typeof condition !== 'object') return value === condition;
    if ('in' in condition) return condition.in.includes(value);
    const { gt, gte, lt, lte } = condition;
    return (
      (gt === undefined || value > gt) &&
      (gte === undefined || value >= gte) &&
      (lt === undefined || value < lt) &&
      (lte === undefined || value <= lte)
    );
  });
}

/** The answer by definition: filter and sort everything in memory. */
function expected({ where, sort = [] }: Pick<Query, 'where' | 'sort'>): string[] {
  const order = [...sort, ['id', sort.at(-1)?.[1] ?? 'asc'] as const];
  return jobs
    .filter((row) => matches(row, where) && sort.every(([name]) => field(row, name) !== undefined))
    .sort((a, b) => {
      for (const [name, direction] of order) {
        const difference = compare(field(a, name)!, field(b, name)!);
        if (difference !== 0) return direction === 'asc' ? difference : -difference;
      }
      return 0;
    })
    .map(({ id }) => id);
}

const queries: [string, Pick<Query, 'where' | 'sort'>][] = [
  ['everything', {}],
  ['everything by id, backwards', { sort: [['id', 'desc']] }],
  ['one value', { where: { state: 'queued' } }],
  ['one value in the order of its index', { where: { state: 'queued' }, sort: [['createdMs', 'asc']] }],
  ['one value against the order of its index', { where: { state: 'queued' }, sort: [['createdMs', 'desc']] }],
  ['two values and an order', { where: { lane: 'fast', state: 'done' }, sort: [['createdMs', 'desc']] }],
  ['alternatives', { where: { state: { in: ['queued', 'done'] } }, sort: [['createdMs', 'asc']] }],
  ['no alternatives', { where: { state: { in: [] } } }],
  ['a range', { where: { state: 'running', createdMs: { gte: 30, lt: 110 } }, sort: [['createdMs', 'asc']] }],
  ['an open range against the order', { where: { state: 'running', createdMs: { gt: 30, lte: 110 } }, sort: [['createdMs', 'desc']] }],
  ['a truth value', { where: { isPublic: true }, sort: [['createdMs', 'asc']] }],
  ['fields of different indexes', { where: { isPublic: false, lane: 'fast' }, sort: [['finishedMs', 'desc']] }],
  ['an order that skips those without the field', { sort: [['finishedMs', 'asc']] }],
  [
    'two orders in different directions',
    {
      sort: [
        ['lane', 'asc'],
        ['createdMs', 'desc'],
      ],
    },
  ],
  [
    'an order by a field that is fixed',
    {
      where: { state: 'done' },
      sort: [
        ['state', 'desc'],
        ['createdMs', 'asc'],
      ],
    },
  ],
  ['ids', { where: { id: { in: ['job-03', 'job-50', 'job-99'] } } }],
  ['a range of ids', { where: { id: { gt: 'job-10', lte: 'job-20' } } }],
  ['one id that does not fit the rest', { where: { id: 'job-00', state: 'done' } }],
];

/** Filters, orders and pages, compared with the same done in memory. */
export function describeQueryConformance(name: string, open: () => Promise<StoreForConformance>): void {
  describe(`${name}: queries`, () => {
    let store: StoreForConformance;
    let collection: Collection<Job>;
    beforeAll(async () => {
      store = await open();
      collection = store.documents.collection<Job>(spec);
      await store.documents.commit(jobs.map(({ id, value }) => collection.insert(id, value)));
    });
    afterAll(() => store.close());

    it.each(queries)('finds %s', async (_, query) => {
      const page = await collection.find({ ...query, limit: 100 });
      expect(page.items.map(({ id }) => id)).toEqual(expected(query));
      expect(page.next).toBeUndefined();
    });

    it.each(queries)('pages through %s without a gap or a repeat', async (_, query) => {
      const ids: string[] = [];
      let after: string | undefined;
      do {
        const page = await collection.find({ ...query, limit: 4, ...(after === undefined ? {} : { after }) });
        ids.push(...page.items.map(({ id }) => id));
        after = page.next;
      } while (after !== undefined);
      expect(ids).toEqual(expected(query));
    });

    it.each(queries)('counts %s', async (_, { where }) => {
      expect(await collection.count(where)).toBe(expected({ where }).length);
    });

    it('counts no further than asked', async () => {
      expect(await collection.count({ state: 'queued' }, 7)).toBe(7);
      expect(await collection.count({ state: 'queued', createdMs: { gte: 130 } }, 7)).toBe(
        expected({ where: { state: 'queued', createdMs: { gte: 130 } } }).length,
      );
    });

    it('skips an offset', async () => {
      const query = { where: { state: 'queued' }, sort: [['createdMs', 'asc']] } as const;
      const page = await collection.find({ ...query, limit: 5, offset: 7 });
      expect(page.items.map(({ id }) => id)).toEqual(expected(query).slice(7, 12));
    });

    it('goes on behind a cursor although its document is gone meanwhile', async () => {
      const other = store.documents.collection<{ at: number }>({
        name: 'conformance.shrinking',
        version: 1,
        indexes: [{ name: 'byAt', fields: ['at'] }],
      });
      await store.documents.commit(Array.from({ length: 6 }, (_, at) => other.insert(`d${at}`, { at })));
      const first = await other.find({ sort: [['at', 'asc']], limit: 3 });
      await store.documents.commit([other.remove(first.items[2]!)]);
      const second = await other.find({ sort: [['at', 'asc']], limit: 3, after: first.next! });
      expect(second.items.map(({ id }) => id)).toEqual(['d3', 'd4', 'd5']);
    });

    it('finds a document without a field, or with null in it, by its other fields only', async () => {
      const sparse = store.documents.collection<{ at?: number | null }>({
        name: 'conformance.sparse',
        version: 1,
        indexes: [{ name: 'byAt', fields: ['at'] }],
      });
      await store.documents.commit([sparse.insert('absent', {}), sparse.insert('empty', { at: null }), sparse.insert('zero', { at: 0 })]);
      expect((await sparse.find({ sort: [['at', 'asc']], limit: 10 })).items.map(({ id }) => id)).toEqual(['zero']);
      expect(await sparse.count({ at: { lte: 5 } })).toBe(1);
      expect((await sparse.find({ limit: 10 })).items).toHaveLength(3);
    });

    it('refuses conditions and orders on fields without an index', async () => {
      await expect(collection.find({ where: { note: 'x' }, limit: 1 })).rejects.toMatchObject({
        kind: 'InvalidArgument',
        reason: 'unindexed_field',
        param: 'note',
      });
      await expect(collection.find({ sort: [['note', 'asc']], limit: 1 })).rejects.toMatchObject({ reason: 'unindexed_field' });
      await expect(collection.count({ note: 'x' })).rejects.toMatchObject({ reason: 'unindexed_field' });
    });

    it.each([0, -1, 1.5, 1001, Number.NaN])('refuses a limit of %p', async (limit) => {
      await expect(collection.find({ limit })).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'invalid_limit' });
    });

    it('refuses a condition that is none', async () => {
      for (const condition of [Number.NaN, {}, { in: [{}] }, { like: 'x' }, null]) {
        await expect(collection.find({ where: { state: condition as never }, limit: 1 })).rejects.toMatchObject({
          reason: 'invalid_condition',
        });
      }
    });

    it('refuses a cursor that it did not make for this query', async () => {
      const { next } = await collection.find({ where: { state: 'queued' }, limit: 2 });
      for (const after of ['', 'garbage', '%%%', 'W10', next!.slice(3)]) {
        await expect(collection.find({ where: { state: 'queued' }, limit: 2, after })).rejects.toMatchObject({
          kind: 'InvalidArgument',
          reason: 'invalid_cursor',
        });
      }
      await expect(collection.find({ where: { state: 'done' }, limit: 2, after: next! })).rejects.toMatchObject({
        reason: 'invalid_cursor',
      });
    });
  });
}
