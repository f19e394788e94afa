import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@tessera/platform/ids.js';
import type { Collection } from './documents.js';
import { describeQueryConformance } from './documents-queries.conformance.js';
import type { StoreForConformance } from './documents.installation.js';

type Account = { owner: string; balance: number; email?: string };

const indexes = [
  { name: 'byOwner', fields: ['owner'] },
  { name: 'byEmail', fields: ['email'], isUnique: true },
];

/** What every adapter of the port does. */
export function describeDocumentsConformance(name: string, open: () => Promise<StoreForConformance>): void {
  describeCommits(name, open);
  describeJson(name, open);
  describeQueryConformance(name, open);
}

function describeCommits(name: string, open: () => Promise<StoreForConformance>): void {
  describe(`${name}: commits`, () => {
    let store: StoreForConformance;
    let accounts: Collection<Account>;
    beforeAll(async () => {
      store = await open();
      accounts = store.documents.collection<Account>({ name: 'conformance.accounts', version: 1, indexes });
    });
    afterAll(() => store.close());

    it('gives back what was inserted, at revision 1', async () => {
      const id = newId();
      await store.documents.commit([accounts.insert(id, { owner: 'ann', balance: 5 })]);
      expect(await accounts.get(id)).toEqual({ id, revision: 1, value: { owner: 'ann', balance: 5 } });
    });

    it('knows nothing of an id that was never inserted', async () => {
      expect(await accounts.get(newId())).toBeUndefined();
    });

    it('refuses to insert an id twice', async () => {
      const id = newId();
      await store.documents.commit([accounts.insert(id, { owner: 'ann', balance: 1 })]);
      await expect(store.documents.commit([accounts.insert(id, { owner: 'bob', balance: 2 })])).rejects.toMatchObject({
        kind: 'Conflict',
        reason: 'already_exists',
      });
      expect((await accounts.get(id))?.value.owner).toBe('ann');
    });

    it('refuses a second document with the same unique value, and takes any number that lack it', async () => {
      const email = `${newId()}@example.org`;
      await store.documents.commit([accounts.insert(newId(), { owner: 'ann', balance: 1, email })]);
      await expect(store.documents.commit([accounts.insert(newId(), { owner: 'bob', balance: 1, email })])).rejects.toMatchObject({
        kind: 'Conflict',
        reason: 'already_exists',
      });
      const lacking = [newId(), newId()];
      await store.documents.commit(lacking.map((id) => accounts.insert(id, { owner: 'cid', balance: 1 })));
      expect(await accounts.getMany(lacking)).toHaveLength(2);
    });

    it('refuses to replace into a unique value that another document has', async () => {
      const [taken, id] = [`${newId()}@example.org`, newId()];
      await store.documents.commit([
        accounts.insert(newId(), { owner: 'ann', balance: 1, email: taken }),
        accounts.insert(id, { owner: 'bob', balance: 1 }),
      ]);
      const replace = accounts.replace({ id, revision: 1 }, { owner: 'bob', balance: 1, email: taken });
      await expect(store.documents.commit([replace])).rejects.toMatchObject({ kind: 'Conflict', reason: 'already_exists' });
    });

    it('replaces only the revision that was read', async () => {
      const id = newId();
      await store.documents.commit([accounts.insert(id, { owner: 'ann', balance: 1 })]);
      await store.documents.commit([accounts.replace({ id, revision: 1 }, { owner: 'ann', balance: 2 })]);
      await expect(store.documents.commit([accounts.replace({ id, revision: 1 }, { owner: 'ann', balance: 3 })])).rejects.toMatchObject({
        kind: 'Conflict',
        reason: 'revision_mismatch',
      });
      expect(await accounts.get(id)).toEqual({ id, revision: 2, value: { owner: 'ann', balance: 2 } });
    });

    it('removes only the revision that was read', async () => {
      const id = newId();
      await store.documents.commit([accounts.insert(id, { owner: 'ann', balance: 1 })]);
      await expect(store.documents.commit([accounts.remove({ id, revision: 2 })])).rejects.toMatchObject({ reason: 'revision_mismatch' });
      await store.documents.commit([accounts.remove({ id, revision: 1 })]);
      expect(await accounts.get(id)).toBeUndefined();
    });

    it('carries out all writes of a commit or none', async () => {
      const [taken, fresh] = [newId(), newId()];
      await store.documents.commit([accounts.insert(taken, { owner: 'ann', balance: 1 })]);
      const commit = store.documents.commit([
        accounts.insert(fresh, { owner: 'ann', balance: 1 }),
        accounts.insert(taken, { owner: 'ann', balance: 1 }),
      ]);
      await expect(commit).rejects.toMatchObject({ reason: 'already_exists' });
      expect(await accounts.get(fresh)).toBeUndefined();
    });

    it('lets exactly one of many that race for a revision win, and does not disturb the commits beside them', async () => {
      const id = newId();
      await store.documents.commit([accounts.insert(id, { owner: 'ann', balance: 0 })]);
      const racers = Array.from({ length: 50 }, (_, balance) =>
        store.documents.commit([accounts.replace({ id, revision: 1 }, { owner: 'ann', balance })]),
      );
      const bystanders = Array.from({ length: 50 }, () => newId());
      const results = await Promise.allSettled([
        ...racers,
        ...bystanders.map((other) => store.documents.commit([accounts.insert(other, { owner: 'bob', balance: 1 })])),
      ]);
      expect(results.slice(0, 50).filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(results.slice(50).every(({ status }) => status === 'fulfilled')).toBe(true);
      expect(await accounts.getMany(bystanders)).toHaveLength(50);
      expect((await accounts.get(id))?.revision).toBe(2);
    });

    it('loses no update when every loser reads and tries again', async () => {
      const id = newId();
      await store.documents.commit([accounts.insert(id, { owner: 'ann', balance: 0 })]);
      const increment = async (): Promise<void> => {
        for (;;) {
          const current = await accounts.get(id);
          if (current === undefined) throw new Error('the account is gone');
          const won = await store.documents
            .commit([accounts.replace(current, { ...current.value, balance: current.value.balance + 1 })])
            .then(
              () => true,
              () => false,
            );
          if (won) return;
        }
      };
      await Promise.all(Array.from({ length: 20 }, increment));
      expect(await accounts.get(id)).toMatchObject({ revision: 21, value: { balance: 20 } });
    });

    it('gives many in the order of the ids and leaves out the missing', async () => {
      const ids = [newId(), newId(), newId()];
      await store.documents.commit(ids.map((id, balance) => accounts.insert(id, { owner: 'dan', balance })));
      const asked = [ids[2]!, newId(), ids[0]!];
      expect((await accounts.getMany(asked)).map(({ id }) => id)).toEqual([ids[2], ids[0]]);
      await expect(accounts.getMany(Array.from({ length: 1001 }, newId))).rejects.toMatchObject({ reason: 'too_many_ids' });
    });

    it('refuses collections that were not declared and ids that are no ids', async () => {
      await expect(store.documents.commit([{ kind: 'insert', collection: 'nobody.knows', id: 'x', value: {} }])).rejects.toMatchObject({
        reason: 'unknown_collection',
      });
      await expect(accounts.get('')).rejects.toMatchObject({ reason: 'invalid_id' });
      expect(() => accounts.insert('a\0b', { owner: 'ann', balance: 1 })).toThrow(expect.objectContaining({ reason: 'invalid_id' }));
      expect(() => store.documents.collection({ name: 'x"; DROP TABLE y', version: 1, indexes: [] })).toThrow(
        expect.objectContaining({ reason: 'invalid_collection' }),
      );
    });

    it('declares again without harm, and adds an index to documents that are there already', async () => {
      const spec = { name: 'conformance.grown', version: 1, indexes: [] };
      const before = store.documents.collection<{ colour: string }>(spec);
      await store.documents.commit([before.insert('a', { colour: 'red' }), before.insert('b', { colour: 'blue' })]);
      const after = store.documents.collection<{ colour: string }>({ ...spec, indexes: [{ name: 'byColour', fields: ['colour'] }] });
      store.documents.collection(spec);
      expect((await after.find({ where: { colour: 'red' }, limit: 10 })).items.map(({ id }) => id)).toEqual(['a']);
    });
  });
}

function describeJson(name: string, open: () => Promise<StoreForConformance>): void {
  describe(`${name}: values`, () => {
    let store: StoreForConformance;
    let anything: Collection<Record<string, unknown>>;
    beforeAll(async () => {
      store = await open();
      anything = store.documents.collection({ name: 'conformance.anything', version: 1, indexes: [] });
    });
    afterAll(() => store.close());

    it('keeps every JSON value as it is', async () => {
      const value = {
        text: 'žluťoučký 🐎 "quoted" \u0000 \ud800',
        zero: 0,
        fraction: 0.1,
        big: Number.MAX_SAFE_INTEGER,
        no: false,
        none: null,
        list: [1, [2, {}]],
        nested: { a: { b: [] } },
        '': 1,
        'a.b$': 2,
      };
      await store.documents.commit([anything.insert('json', value)]);
      expect((await anything.get('json'))?.value).toEqual(value);
    });

    it('leaves out optional fields that are undefined', async () => {
      await store.documents.commit([anything.insert('optional', { a: 1, b: undefined })]);
      expect(Object.keys((await anything.get('optional'))?.value ?? {})).toEqual(['a']);
    });

    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    it.each<[string, Record<string, unknown>]>([
      ['undefined in a list', { a: [undefined] }],
      ['NaN', { a: Number.NaN }],
      ['infinity', { a: { b: Number.POSITIVE_INFINITY } }],
      ['an integer beyond 2^53', { a: 2 ** 53 }],
      ['a bigint', { a: 1n }],
      ['a date', { a: new Date(0) }],
      ['a map', { a: new Map() }],
      ['bytes', { a: new Uint8Array(2) }],
      ['a function', { a: () => 1 }],
      ['a symbol', { a: Symbol('a') }],
      ['a cycle', { a: cycle }],
    ])('refuses %s', async (_, value) => {
      await expect(store.documents.commit([anything.insert(newId(), value)])).rejects.toMatchObject({
        kind: 'InvalidArgument',
        reason: 'not_json',
      });
    });

    it('refuses a document that is not an object', async () => {
      for (const value of [undefined, null, 1, 'text', []]) {
        const write = { kind: 'insert', collection: anything.name, id: newId(), value } as const;
        await expect(store.documents.commit([write])).rejects.toMatchObject({ reason: 'not_json' });
      }
    });
  });
}
