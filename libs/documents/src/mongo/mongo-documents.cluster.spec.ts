import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@tessera/platform/ids.js';
import { mongoRecipe, startMongo } from '@tessera/servers/mongo.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { startServer } from '@tessera/servers/start-server.js';
import mongoose from 'mongoose';
import { describeDocumentsConformance } from '../documents.conformance.js';
import { retryOnConflict } from '../documents.js';
import { describeMigrationConformance } from '../migrations.conformance.js';
import { openDocuments, type OpenClusterDocuments } from '../open-documents.js';
import { freshDatabase } from './fresh-database.fixture.js';

let server: RunningServer;
beforeAll(async () => {
  server = await startMongo();
}, 120_000);
afterAll(() => server.stop());

const open = (mongoUrl = freshDatabase(server.url)): Promise<OpenClusterDocuments> => openDocuments({ profile: 'cluster', mongoUrl });

describeDocumentsConformance('MongoDB', open);
describeMigrationConformance('MongoDB', async () => {
  const mongoUrl = freshDatabase(server.url);
  return { open: () => open(mongoUrl), place: ['cluster', mongoUrl] as const, remove: () => Promise.resolve() };
});

async function rowsOf(mongoUrl: string): Promise<Record<string, unknown>[]> {
  const connection = await mongoose.createConnection(mongoUrl).asPromise();
  try {
    return await connection.collection('events.outbox').find().sort({ _id: 1 }).toArray();
  } finally {
    await connection.close();
  }
}

const event = (key: string, data = new Uint8Array([1])) => ({ id: newId(), type: 't.A', key, data });

describe('MongoDB: commits with events', () => {
  it('writes the outbox rows of what was committed, and none of what was refused, in the order of the commits', async () => {
    const mongoUrl = freshDatabase(server.url);
    const store = await open(mongoUrl);
    const accounts = store.documents.collection<{ n: number }>({ name: 'spec.accounts', version: 1, indexes: [] });
    const commits = Array.from({ length: 60 }, (_, i) =>
      store.documents.commit([accounts.insert(i % 3 === 0 ? 'taken' : newId(), { n: i })], [event(`k${i}`)]),
    );
    const results = await Promise.allSettled(commits);
    await store.close();
    const won = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [`k${i}`] : []));
    expect(won).toHaveLength(41);
    expect((await rowsOf(mongoUrl)).map(({ key }) => key)).toEqual(won);
  });

  it('refuses an event that no broker would take', async () => {
    const store = await open();
    await expect(store.documents.commit([], [event('k', new Uint8Array(600_000))])).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'event_too_large',
    });
    await store.close();
  });

  it('refuses a unique value that is taken, and not the commits that share its transaction', async () => {
    const store = await open();
    const people = store.documents.collection<{ email: string }>({
      name: 'spec.people',
      version: 1,
      indexes: [{ name: 'byEmail', fields: ['email'], isUnique: true }],
    });
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) =>
        store.documents.commit([people.insert(newId(), { email: i % 4 === 0 ? 'same' : `mail ${i}` })], [event('k')]),
      ),
    );
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual(Array.from({ length: 12 }, (_, i) => i === 0 || i % 4 !== 0));
    await store.close();
  });
});

describe('MongoDB: several processes', () => {
  it('loses no update of one hot document, however many write it', async () => {
    const mongoUrl = freshDatabase(server.url);
    const stores = await Promise.all(Array.from({ length: 3 }, () => open(mongoUrl)));
    const collections = stores.map(({ documents }) => documents.collection<{ n: number }>({ name: 'spec.hot', version: 1, indexes: [] }));
    await stores[0]!.documents.commit([collections[0]!.insert('hot', { n: 0 })]);
    const increment = (at: number) =>
      retryOnConflict(async () => {
        const current = (await collections[at]!.get('hot'))!;
        await stores[at]!.documents.commit([collections[at]!.replace(current, { n: current.value.n + 1 })], [event('hot')]);
      });
    for (let round = 0; round < 20; round++) await Promise.all([0, 1, 2].map(increment));
    expect(await collections[1]!.get('hot')).toMatchObject({ revision: 61, value: { n: 60 } });
    await Promise.all(stores.map((store) => store.close()));
    expect(await rowsOf(mongoUrl)).toHaveLength(60);
  });
});

describe('MongoDB: processes of two releases', () => {
  const before = { name: 'spec.notes', version: 1, indexes: [] };
  const after = { ...before, version: 2, migrations: [{ from: 1, migrate: ({ n }: Readonly<Record<string, unknown>>) => ({ count: n }) }] };

  it('takes data without versions for the first one', async () => {
    const mongoUrl = freshDatabase(server.url);
    const connection = await mongoose.createConnection(mongoUrl).asPromise();
    await connection.collection<{ _id: string }>('spec.notes').insertOne({ _id: 'a', revision: 4, value: { n: 1 } } as { _id: string });
    await connection.close();
    const store = await open(mongoUrl);
    expect(await store.documents.collection(after).get('a')).toEqual({ id: 'a', revision: 4, value: { count: 1 } });
    await store.close();
  });

  it('migrates on the way what the earlier one still writes, and lets that one read nothing of the newer', async () => {
    const mongoUrl = freshDatabase(server.url);
    const [earlier, later] = [await open(mongoUrl), await open(mongoUrl)];
    const earlierNotes = earlier.documents.collection<{ n: number }>(before);
    await earlier.documents.commit([earlierNotes.insert('a', { n: 1 })]);
    const laterNotes = later.documents.collection<{ count: number }>(after);
    await later.ready();
    await earlier.documents.commit([earlierNotes.insert('b', { n: 2 })]);
    expect((await laterNotes.find({ limit: 10 })).items.map(({ value }) => value)).toEqual([{ count: 1 }, { count: 2 }]);
    await expect(earlierNotes.get('a')).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'newer_schema' });
    await later.documents.commit([laterNotes.replace({ id: 'b', revision: 1 }, { count: 3 })]);
    await expect(earlier.documents.commit([earlierNotes.replace({ id: 'b', revision: 1 }, { n: 9 })])).rejects.toMatchObject({
      reason: 'revision_mismatch',
    });
    await Promise.all([earlier.close(), later.close()]);
  });
});

describe('MongoDB: bad days', () => {
  it('refuses a server that is no replica set', async () => {
    const { command } = mongoRecipe.native;
    const alone = (args: readonly string[]) => args.filter((_, at) => args[at] !== '--replSet' && args[at - 1] !== '--replSet');
    const { prepare: _, ...recipe } = {
      ...mongoRecipe,
      name: 'mongo-alone',
      native: {
        ...mongoRecipe.native,
        command: async (launch: Parameters<typeof command>[0]) => command(launch).then((given) => ({ ...given, args: alone(given.args) })),
      },
    };
    const docker = {
      ...recipe.docker,
      command: (launch: Parameters<typeof recipe.docker.command>[0]) => alone(recipe.docker.command(launch)),
    };
    const standalone = await startServer({ ...recipe, docker });
    await expect(open(freshDatabase(standalone.url).replace('?replicaSet=rs0', ''))).rejects.toMatchObject({
      kind: 'FailedPrecondition',
      reason: 'no_replica_set',
    });
    await standalone.stop();
  });

  it('names a server that cannot be reached, without the password', async () => {
    const port = Number(new URL(server.url).port);
    await expect(open(`mongodb://ann:secret@127.0.0.1:${port + 1}/tessera`)).rejects.toMatchObject({
      kind: 'Unavailable',
      reason: 'store_unavailable',
      message: expect.not.stringContaining('secret'),
    });
  });

  it('goes on by itself when the server comes back, and has lost nothing that was acknowledged', async () => {
    const store = await open();
    const notes = store.documents.collection<{ n: number }>({ name: 'spec.notes', version: 1, indexes: [] });
    const acknowledged: string[] = [];
    const over = new AbortController();
    const writers = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        const id = newId();
        await store.documents.commit([notes.insert(id, { n: 1 })], [event(id)]).then(
          () => acknowledged.push(id),
          () => undefined,
        );
      }
    });
    await store.documents.commit([notes.insert('before', { n: 0 })]);
    await server.kill();
    const before = acknowledged.length;
    await server.restart();
    while (acknowledged.length < before + 50) await new Promise(setImmediate);
    over.abort();
    await Promise.all(writers);
    for (let i = 0; i < acknowledged.length; i += 1000) {
      const ids = acknowledged.slice(i, i + 1000);
      expect(await notes.getMany(ids)).toHaveLength(ids.length);
    }
    await store.close();
  });

  it('answers Unavailable once it is closed', async () => {
    const store = await open();
    const notes = store.documents.collection<{ n: number }>({ name: 'spec.notes', version: 1, indexes: [] });
    await store.close();
    await store.close();
    await expect(store.documents.commit([notes.insert('a', { n: 1 })])).rejects.toMatchObject({
      kind: 'Unavailable',
      reason: 'store_closed',
    });
    await expect(store.ping()).rejects.toMatchObject({ kind: 'Unavailable' });
  });
});
