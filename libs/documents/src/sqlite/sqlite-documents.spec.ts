import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { describeDocumentsConformance } from '../documents.conformance.js';
import type { CollectionSpec, Query } from '../documents.js';
import { describeEventLogConformance } from '../event-log.conformance.js';
import { describeMigrationConformance } from '../migrations.conformance.js';
import { openDocuments, type OpenDocuments } from '../open-documents.js';
import { checkWhere, fullSort } from '../query-rules.js';
import { findStatement } from './query.js';

const cleanups: (() => Promise<void>)[] = [];

async function temporaryFolder(): Promise<string> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-documents-'));
  cleanups.push(() => fs.rm(folder, { recursive: true, force: true }));
  return folder;
}

async function open(dataDir: string): Promise<OpenDocuments> {
  const store = await openDocuments({ dataDir });
  cleanups.push(() => store.close());
  return store;
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function openForConformance() {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-documents-'));
  const store = await openDocuments({ dataDir });
  return {
    ...store,
    close: async () => {
      await store.close();
      await fs.rm(dataDir, { recursive: true });
    },
  };
}

describeDocumentsConformance('SQLite', openForConformance);
describeEventLogConformance('SQLite', openForConformance);
describeMigrationConformance('SQLite', async () => {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-documents-'));
  return { open: () => openDocuments({ dataDir }), place: ['single', dataDir] as const, remove: () => fs.rm(dataDir, { recursive: true }) };
});

const jobs: CollectionSpec = {
  name: 'spec.jobs',
  version: 1,
  indexes: [
    { name: 'byState', fields: ['state', 'createdMs'] },
    { name: 'byLane', fields: ['lane', 'state'] },
  ],
};

describe('SQLite: the file', () => {
  it('holds everything that was committed when it is opened again', async () => {
    const dataDir = await temporaryFolder();
    const first = await openDocuments({ dataDir });
    await first.documents.commit(
      [first.documents.collection(jobs).insert('a', { state: 'queued' })],
      [{ id: 'e', type: 't.X', key: 'k', data: new Uint8Array([1, 2]) }],
    );
    await first.close();
    const second = await open(dataDir);
    expect((await second.documents.collection(jobs).find({ where: { state: 'queued' }, limit: 1 })).items).toEqual([
      { id: 'a', revision: 1, value: { state: 'queued' } },
    ]);
    expect((await second.eventLog.read(['t.X'], 0, 10)).map(({ id }) => id)).toEqual(['e']);
  });

  it('refuses commits after it was closed, and closes twice without harm', async () => {
    const store = await open(await temporaryFolder());
    const collection = store.documents.collection(jobs);
    await store.close();
    await store.close();
    await expect(store.documents.commit([collection.insert('a', {})])).rejects.toMatchObject({
      kind: 'Unavailable',
      reason: 'store_closed',
    });
    await expect(store.ping()).rejects.toMatchObject({ kind: 'Unavailable' });
  });

  it('finishes the commits in flight before it closes', async () => {
    const dataDir = await temporaryFolder();
    const store = await openDocuments({ dataDir });
    const collection = store.documents.collection(jobs);
    const commits = Promise.all(
      Array.from({ length: 2000 }, (_, i) => store.documents.commit([collection.insert(`id-${i}`, { state: 'queued' })])),
    );
    await store.close();
    await commits;
    expect(await (await open(dataDir)).documents.collection(jobs).count()).toBe(2000);
  });

  it('refuses a folder that cannot be a data folder', async () => {
    const file = path.join(await temporaryFolder(), 'file');
    await fs.writeFile(file, '');
    await expect(openDocuments({ dataDir: path.join(file, 'below') })).rejects.toMatchObject({
      kind: 'FailedPrecondition',
      reason: 'data_folder_unusable',
    });
  });

  it('refuses a file that is no database, or that belongs to another program, and leaves it as it is', async () => {
    const dataDir = await temporaryFolder();
    const file = path.join(dataDir, 'tessera.db');
    const garbage = 'not a database at all, whatever its name says. '.repeat(100);
    await fs.writeFile(file, garbage);
    await expect(openDocuments({ dataDir })).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'not_a_database' });
    expect(await fs.readFile(file, 'utf8')).toBe(garbage);
    await fs.rm(file);
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE theirs(x)');
    other.close();
    await expect(openDocuments({ dataDir })).rejects.toMatchObject({ reason: 'not_a_database' });
  });

  it('keeps what it holds to the owner of the process, in a folder that is open to everybody, too', async () => {
    const dataDir = await temporaryFolder();
    await fs.chmod(dataDir, 0o755);
    const modes = async () =>
      Promise.all(
        (await fs.readdir(dataDir)).map(async (name) => [name, ((await fs.stat(path.join(dataDir, name))).mode & 0o777).toString(8)]),
      );
    const store = await open(dataDir);
    const first = await modes();
    expect(first.length).toBeGreaterThan(1);
    expect(first.filter(([, mode]) => mode !== '600')).toEqual([]);
    await store.close();
    for (const [name] of await modes()) await fs.chmod(path.join(dataDir, name!), 0o644);
    await open(dataDir);
    expect((await modes()).filter(([, mode]) => mode !== '600')).toEqual([]);
  });

  it('refuses data of a newer version', async () => {
    const dataDir = await temporaryFolder();
    await (await openDocuments({ dataDir })).close();
    const database = new DatabaseSync(path.join(dataDir, 'tessera.db'));
    database.exec('PRAGMA user_version=99');
    database.close();
    await expect(openDocuments({ dataDir })).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'newer_schema' });
  });

  it('takes data without versions for the first one, and keeps the file open to the release that wrote it until something is migrated', async () => {
    const dataDir = await temporaryFolder();
    const first = await openDocuments({ dataDir });
    await first.documents.commit([first.documents.collection(jobs).insert('a', { state: 'queued' })]);
    await first.close();
    const look = <T>(ask: (database: DatabaseSync) => T): T => {
      const database = new DatabaseSync(path.join(dataDir, 'tessera.db'));
      try {
        return ask(database);
      } finally {
        database.close();
      }
    };
    const fileVersion = () => look((database) => database.prepare('PRAGMA user_version').get()?.['user_version']);
    look((database) => database.exec('DROP TABLE schema_versions'));
    const second = await openDocuments({ dataDir });
    expect((await second.documents.collection(jobs).get('a'))?.value).toEqual({ state: 'queued' });
    await second.close();
    expect(fileVersion()).toBe(1);
    const third = await open(dataDir);
    const migrated = third.documents.collection({
      ...jobs,
      version: 2,
      migrations: [{ from: 1, migrate: ({ state }) => ({ state: `old ${String(state)}` }) }],
    });
    expect((await migrated.get('a'))?.value).toEqual({ state: 'old queued' });
    expect(fileVersion()).toBe(2);
  });

  it('does not touch the schema when everything is declared already, and rebuilds an index whose fields have changed', async () => {
    const dataDir = await temporaryFolder();
    const schemaVersionAfter = async (spec: CollectionSpec) => {
      const store = await openDocuments({ dataDir });
      await store.documents.collection(spec).count();
      await store.close();
      const database = new DatabaseSync(path.join(dataDir, 'tessera.db'));
      const version = Object.values(database.prepare('PRAGMA schema_version').get() ?? {})[0];
      database.close();
      return version;
    };
    const first = await schemaVersionAfter(jobs);
    expect(await schemaVersionAfter(jobs)).toBe(first);
    expect(await schemaVersionAfter({ ...jobs, indexes: [{ name: 'byLane', fields: ['lane', 'createdMs'] }] })).not.toBe(first);
  });

  it('refuses a unique index that the documents break, and goes on with the rest', async () => {
    const store = await open(await temporaryFolder());
    const collection = store.documents.collection(jobs);
    await store.documents.commit([collection.insert('a', { state: 'x' }), collection.insert('b', { state: 'x' })]);
    const unique = store.documents.collection({ ...jobs, indexes: [{ name: 'oneState', fields: ['state'], isUnique: true }] });
    await expect(unique.get('a')).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'index_violated' });
    await store.documents.commit([collection.insert('c', { state: 'x' })]);
    expect(await collection.count({ state: 'x' })).toBe(3);
  });

  it('shares one fsync among the commits that arrive together', async () => {
    const store = await open(await temporaryFolder());
    const collection = store.documents.collection(jobs);
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.documents.commit([collection.insert(`id-${i}`, { state: 'queued' })])));
    expect(store.fsyncs()).toBe(1);
  });

  it('refuses more commits than it lets wait', async () => {
    const store = await open(await temporaryFolder());
    const collection = store.documents.collection(jobs);
    const results = await Promise.allSettled(
      Array.from({ length: 20_001 }, (_, i) => store.documents.commit([collection.insert(`id-${i}`, {})])),
    );
    const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => (reason as { reason: string }).reason);
    expect(refused).toEqual(['store_overloaded']);
    expect(await collection.count()).toBe(20_000);
  });
});

describe('SQLite: the query builder', () => {
  const planOf = async (query: Query): Promise<{ plan: string; isBounded: boolean }> => {
    const dataDir = await temporaryFolder();
    const store = await openDocuments({ dataDir });
    await store.documents.collection(jobs).count();
    await store.close();
    const conditions = checkWhere(jobs, query.where);
    const sort = fullSort(jobs, query.sort, conditions);
    const { sql, params, isBounded } = findStatement(jobs, conditions, sort, query, query.after === undefined ? undefined : [50, 'id']);
    const database = new DatabaseSync(path.join(dataDir, 'tessera.db'));
    const plan = database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...params)
      .map((row) => String(row['detail']))
      .join('; ');
    database.close();
    return { plan, isBounded };
  };

  it('reads an equality and its order through the index, without sorting', async () => {
    const { plan, isBounded } = await planOf({ where: { state: 'queued' }, sort: [['createdMs', 'desc']], limit: 10 });
    expect(plan).toBe('SEARCH spec.jobs USING INDEX spec.jobs:byState (<expr>=?)');
    expect(isBounded).toBe(true);
  });

  it('starts inside the index behind a cursor', async () => {
    const { plan, isBounded } = await planOf({
      where: { state: 'queued', createdMs: { gt: 1 } },
      sort: [['createdMs', 'asc']],
      limit: 10,
      after: 'x',
    });
    expect(plan).toBe('SEARCH spec.jobs USING INDEX spec.jobs:byState (<expr>=? AND <expr>>?)');
    expect(isBounded).toBe(true);
  });

  it('reads two equalities through the index that has both', async () => {
    const { plan } = await planOf({ where: { state: 'queued', lane: 'fast' }, limit: 10 });
    expect(plan).toBe('SEARCH spec.jobs USING INDEX spec.jobs:byLane (<expr>=? AND <expr>=?)');
  });

  it('knows a query that may touch the whole collection', async () => {
    const { plan, isBounded } = await planOf({ where: { createdMs: { gt: 1 } }, limit: 10 });
    expect(plan).toContain('SCAN');
    expect(isBounded).toBe(false);
  });
});

describe('SQLite: several processes', () => {
  const committer = fileURLToPath(new URL('./committer.fixture.js', import.meta.url));

  it('keeps every acknowledged commit with its event when its process is killed', async () => {
    const dataDir = await temporaryFolder();
    const child = spawn(process.execPath, [committer, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const acknowledged: string[] = [];
    for await (const id of readline.createInterface(child.stdout)) {
      acknowledged.push(id);
      if (acknowledged.length === 500) child.kill('SIGKILL');
    }
    const store = await open(dataDir);
    const collection = store.documents.collection({ name: 'spec.killed', version: 1, indexes: [] });
    const logged = new Set<string>();
    for (
      let offset = 0, page = await store.eventLog.read(['t.Killed'], 0, 1000);
      page.length > 0;
      page = await store.eventLog.read(['t.Killed'], offset, 1000)
    ) {
      for (const { key } of page) logged.add(key);
      offset = page.at(-1)!.offset;
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(500);
    expect(acknowledged.filter((id) => !logged.has(id))).toEqual([]);
    for (const id of acknowledged) expect(await collection.get(id)).toBeDefined();
    expect(await collection.count()).toBe(logged.size);
  });

  it('lets processes that start together on a new folder all make it theirs', async () => {
    const dataDir = await temporaryFolder();
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, [committer, dataDir, '0'], { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    expect(await Promise.all(children.map((child) => once(child, 'exit')))).toEqual(children.map(() => [0, null]));
  });

  it('wakes listeners for events of another process, and both may write at once', async () => {
    const dataDir = await temporaryFolder();
    const store = await open(dataDir);
    const collection = store.documents.collection({ name: 'spec.killed', version: 1, indexes: [] });
    const woken = new Promise<void>((resolve) => store.eventLog.onAppended(resolve));
    const child = spawn(process.execPath, [committer, dataDir, '300'], { stdio: ['ignore', 'ignore', 'inherit'] });
    const exited = once(child, 'exit');
    await woken;
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.documents.commit([collection.insert(`mine-${i}`, { i })])));
    expect(await exited).toEqual([0, null]);
    expect(await collection.count()).toBe(400);
  });
});
