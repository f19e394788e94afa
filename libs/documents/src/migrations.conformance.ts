import { spawn } from 'node:child_process';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { release } from '@tessera/platform/release.js';
import type { Collection, CollectionSpec } from './documents.js';
import type { InstallationForConformance } from './documents.installation.js';

const migrator = fileURLToPath(new URL('./migrator.fixture.js', import.meta.url));

const peopleBefore: CollectionSpec = {
  name: 'migrations.people',
  version: 1,
  indexes: [
    { name: 'byMail', fields: ['mail'], isUnique: true },
    { name: 'byName', fields: ['name'] },
  ],
};
const people: CollectionSpec = {
  name: 'migrations.people',
  version: 3,
  indexes: [
    { name: 'byMail', fields: ['email'], isUnique: true },
    { name: 'byName', fields: ['lastName'] },
  ],
  migrations: [
    { from: 1, migrate: ({ mail, ...rest }) => ({ ...rest, email: mail }) },
    { from: 2, migrate: ({ name, ...rest }) => ({ ...rest, lastName: String(name).split(' ').at(-1) }) },
  ],
};

type Numbered = { n: number };
const numbersBefore: CollectionSpec = { name: 'migrations.numbers', version: 1, indexes: [] };
const plusMillion = ({ n }: Readonly<Record<string, unknown>>) => ({ n: Number(n) + 1_000_000 });
const numbers: CollectionSpec = { ...numbersBefore, version: 2, migrations: [{ from: 1, migrate: plusMillion }] };
/** Some batches of every adapter. */
const manyDocuments = 1_700;
const idOf = (n: number) => `n${String(n).padStart(5, '0')}`;

/** What every adapter does with data that another release has written. */
export function describeMigrationConformance(name: string, install: () => Promise<InstallationForConformance>): void {
  describe(`${name}: migrations`, () => {
    let installation: InstallationForConformance;
    const cleanups: (() => Promise<void>)[] = [];
    beforeEach(async () => {
      installation = await install();
    });
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0)) await cleanup();
      await installation.remove();
    });
    const open = async () => {
      const store = await installation.open();
      cleanups.push(() => store.close());
      return store;
    };
    const written = async <T extends object>(spec: CollectionSpec, documents: Readonly<Record<string, T>>) => {
      const store = await installation.open();
      const collection = store.documents.collection<T>(spec);
      const all = Object.entries(documents);
      for (let at = 0; at < all.length; at += 1_000)
        await store.documents.commit(all.slice(at, at + 1_000).map(([id, value]) => collection.insert(id, value)));
      await store.close();
    };
    const writtenNumbers = () =>
      written<Numbered>(numbersBefore, Object.fromEntries(Array.from({ length: manyDocuments }, (_, n) => [idOf(n), { n }])));
    const all = async (collection: Collection<Numbered>) => {
      const found: number[] = [];
      for (let after: string | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
        const page = await collection.find({ limit: 1_000, ...(after === undefined ? {} : { after }) });
        found.push(...page.items.map(({ value }) => value.n));
        after = page.next;
      }
      return found;
    };
    const migratedOnce = Array.from({ length: manyDocuments }, (_, n) => n + 1_000_000);

    it('brings documents to the version of the code, step by step, before the first read sees any of them', async () => {
      await written(peopleBefore, { a: { name: 'Ann Bell', mail: 'a@example.org' }, b: { name: 'Bob Cole', mail: 'b@example.org' } });
      const collection = (await open()).documents.collection(people);
      expect(await collection.get('a')).toEqual({ id: 'a', revision: 1, value: { lastName: 'Bell', email: 'a@example.org' } });
      expect((await collection.find({ where: { lastName: 'Cole' }, limit: 10 })).items.map(({ id }) => id)).toEqual(['b']);
      expect(await collection.count({ email: 'a@example.org' })).toBe(1);
    });

    it('declares changed indexes after the migration', async () => {
      await written(peopleBefore, { a: { name: 'Ann Bell', mail: 'a@example.org' } });
      const { documents } = await open();
      const collection = documents.collection(people);
      await expect(documents.commit([collection.insert('c', { lastName: 'Cole', email: 'a@example.org' })])).rejects.toMatchObject({
        kind: 'Conflict',
        reason: 'already_exists',
      });
    });

    it('lets commits wait for the migration, and replaces what was migrated at the revision that it had', async () => {
      await writtenNumbers();
      const { documents } = await open();
      const collection = documents.collection<Numbered>(numbers);
      await documents.commit([collection.replace({ id: idOf(0), revision: 1 }, { n: -1 }), collection.insert('z', { n: -2 })]);
      expect(await all(collection)).toEqual([-1, ...migratedOnce.slice(1), -2]);
    });

    it('leaves alone what has the version already', async () => {
      await written(numbersBefore, { a: { n: 1 } });
      await written(numbers, { b: { n: 2 } });
      expect(await all((await open()).documents.collection<Numbered>(numbers))).toEqual([1_000_001, 2]);
    });

    it('begins at the version of the code where there is nothing yet', async () => {
      await written(numbers, { a: { n: 1 } });
      expect(await all((await open()).documents.collection<Numbered>(numbers))).toEqual([1]);
    });

    it('goes on where a start has failed, and names the document that it failed at', async () => {
      await writtenNumbers();
      const failing: CollectionSpec = {
        ...numbers,
        migrations: [
          {
            from: 1,
            migrate: (value, id) => {
              if (id === idOf(manyDocuments - 200)) throw new Error('out of numbers');
              return plusMillion(value);
            },
          },
        ],
      };
      const first = await open();
      const unusable = first.documents.collection<Numbered>(failing);
      await expect(first.ready()).rejects.toMatchObject({
        kind: 'FailedPrecondition',
        reason: 'migration_failed',
        message: expect.stringContaining(idOf(manyDocuments - 200)),
      });
      await expect(unusable.get(idOf(0))).rejects.toMatchObject({ reason: 'migration_failed' });
      await expect(first.documents.commit([unusable.insert('x', { n: 1 })])).rejects.toMatchObject({ reason: 'migration_failed' });
      expect(await all((await open()).documents.collection<Numbered>(numbers))).toEqual(migratedOnce);
    });

    it('migrates each document once when its process is killed in the middle', async () => {
      await writtenNumbers();
      const child = spawn(process.execPath, [migrator, ...installation.place], { stdio: ['ignore', 'pipe', 'inherit'] });
      let taken = 0;
      for await (const _ of readline.createInterface(child.stdout)) {
        taken++;
        if (taken === 1_100) child.kill('SIGKILL');
      }
      expect(taken).toBeGreaterThanOrEqual(1_100);
      expect(await all((await open()).documents.collection<Numbered>(numbers))).toEqual(migratedOnce);
    });

    it('migrates each document once when several processes start together', async () => {
      await writtenNumbers();
      const stores = await Promise.all([open(), open(), open()]);
      for (const found of await Promise.all(stores.map(({ documents }) => all(documents.collection<Numbered>(numbers)))))
        expect(found).toEqual(migratedOnce);
    });

    it('refuses data of a newer release with a sentence that names it, and touches nothing', async () => {
      await written(numbers, { a: { n: 1 } });
      const older = await open();
      const collection = older.documents.collection<Numbered>(numbersBefore);
      const refusal = {
        kind: 'FailedPrecondition',
        reason: 'newer_schema',
        message: expect.stringContaining(`release ${release} (version 2)`),
      };
      await expect(older.ready()).rejects.toMatchObject(refusal);
      await expect(collection.get('a')).rejects.toMatchObject(refusal);
      await expect(older.documents.commit([collection.insert('b', { n: 2 })])).rejects.toMatchObject(refusal);
      expect(await all((await open()).documents.collection<Numbered>(numbers))).toEqual([1]);
    });

    it('refuses data of a newer release that was killed while it migrated', async () => {
      await writtenNumbers();
      const child = spawn(process.execPath, [migrator, ...installation.place], { stdio: ['ignore', 'pipe', 'inherit'] });
      let taken = 0;
      for await (const _ of readline.createInterface(child.stdout)) if (++taken === 1_100) child.kill('SIGKILL');
      const older = await open();
      older.documents.collection(numbersBefore);
      await expect(older.ready()).rejects.toMatchObject({ reason: 'newer_schema' });
    });

    it('refuses data that are older than its migrations', async () => {
      await written(numbersBefore, { a: { n: 1 } });
      const store = await open();
      store.documents.collection({ ...numbersBefore, version: 3, migrations: [{ from: 2, migrate: plusMillion }] });
      await expect(store.ready()).rejects.toMatchObject({
        kind: 'FailedPrecondition',
        reason: 'older_schema',
        message: expect.stringContaining('from version 2 on'),
      });
    });

    it('renames what lies under a former name, with its version, and lets no older release begin that name anew', async () => {
      await written(numbersBefore, { a: { n: 1 } });
      const renamed: CollectionSpec = { ...numbers, name: 'migrations.counts', formerNames: ['migrations.numbers'] };
      const stores = await Promise.all([open(), open()]);
      for (const { documents } of stores) expect(await all(documents.collection<Numbered>(renamed))).toEqual([1_000_001]);
      expect(await all((await open()).documents.collection<Numbered>(renamed))).toEqual([1_000_001]);
      const older = await open();
      older.documents.collection(numbersBefore);
      await expect(older.ready()).rejects.toMatchObject({
        kind: 'FailedPrecondition',
        reason: 'newer_schema',
        message: expect.stringContaining('migrations.counts'),
      });
    });

    it.each<[string, Partial<CollectionSpec>]>([
      ['no version', { version: 0 }],
      ['a fraction of one', { version: 1.5 }],
      [
        'a gap between migrations',
        {
          version: 4,
          migrations: [
            { from: 1, migrate: plusMillion },
            { from: 3, migrate: plusMillion },
          ],
        },
      ],
      ['migrations that end before its version', { version: 3, migrations: [{ from: 1, migrate: plusMillion }] }],
      ['a former name that is none', { formerNames: ['x"; DROP TABLE y'] }],
    ])('refuses a declaration with %s', async (_, part) => {
      const { documents } = await open();
      expect(() => documents.collection({ ...numbersBefore, ...part })).toThrow(expect.objectContaining({ reason: 'invalid_collection' }));
    });

    it('refuses one collection with two versions', async () => {
      const { documents } = await open();
      documents.collection(numbers);
      expect(() => documents.collection(numbersBefore)).toThrow(expect.objectContaining({ reason: 'invalid_collection' }));
    });
  });
}
