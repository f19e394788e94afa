import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@tessera/platform/ids.js';
import { startMongo } from '@tessera/servers/mongo.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { openDocuments, type OpenClusterDocuments } from '../open-documents.js';
import type { OutboxEvent } from '../outbox.js';
import { freshDatabase } from './fresh-database.fixture.js';

let server: RunningServer;
beforeAll(async () => {
  server = await startMongo();
}, 120_000);
afterAll(() => server.stop());

const open = (mongoUrl: string): Promise<OpenClusterDocuments> => openDocuments({ profile: 'cluster', mongoUrl });
const event = (key: string, id = newId()) => ({ id, type: 't.A', key, data: new Uint8Array([1, 2, 3]), traceparent: undefined });
const never = new AbortController().signal;

describe('MongoDB: the outbox', () => {
  it('hands on what was committed before and after, in the order of the commits, and forgets it', async () => {
    const store = await open(freshDatabase(server.url));
    const handedOn: OutboxEvent[] = [];
    const ids = Array.from({ length: 40 }, () => newId());
    const commit = (some: readonly string[]) => Promise.all(some.map((id) => store.documents.commit([], [event('k', id)])));
    await commit(ids.slice(0, 20));
    expect(await store.outbox.waiting(['t.A', 't.B'])).toBe(20);
    const stop = store.outbox.relay(async (events) => void handedOn.push(...events));
    await commit(ids.slice(20));
    await store.outbox.handedOn(never);
    expect(handedOn.map(({ id }) => id)).toEqual(ids);
    expect(handedOn[0]).toEqual({ ...event('k', ids[0]), occurredMs: expect.any(Number) });
    expect(await store.outbox.waiting(['t.A'])).toBe(0);
    await stop();
    await store.close();
  });

  it('has one relay at a time, and the next one goes on when it ends', async () => {
    const mongoUrl = freshDatabase(server.url);
    const [first, second] = await Promise.all([open(mongoUrl), open(mongoUrl)]);
    const by: string[] = [];
    const stopFirst = first.outbox.relay(async (events) => void by.push(...events.map(() => 'first')));
    await first.documents.commit([], [event('a')]);
    await first.outbox.handedOn(never);
    const stopSecond = second.outbox.relay(async (events) => void by.push(...events.map(() => 'second')));
    await second.documents.commit([], [event('a')]);
    await second.outbox.handedOn(never);
    await stopFirst();
    await first.documents.commit([], [event('a')]);
    await first.outbox.handedOn(never);
    expect(by).toEqual(['first', 'first', 'second']);
    await stopSecond();
    await Promise.all([first.close(), second.close()]);
  });

  it('repeats a batch that could not be handed on', async () => {
    const store = await open(freshDatabase(server.url));
    let failures = 0;
    const handedOn: string[] = [];
    const stop = store.outbox.relay(async (events) => {
      if (failures++ < 3) throw new Error('not yet');
      handedOn.push(...events.map(({ id }) => id));
    });
    const given = [event('a'), event('b')];
    await store.documents.commit([], given);
    await store.outbox.handedOn(never);
    expect(handedOn).toEqual(given.map(({ id }) => id));
    await stop();
    await store.close();
  });

  it('loses nothing and keeps the order of each key when its relay is killed, again and again', async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-outbox-'));
    const file = path.join(folder, 'handed-on');
    const mongoUrl = freshDatabase(server.url);
    const store = await open(mongoUrl);
    const committed = new Map<string, string[]>();
    const over = new AbortController();
    const writers = Array.from({ length: 6 }, async (_, key) => {
      while (!over.signal.aborted) {
        const one = event(`key-${key}`);
        await store.documents.commit([], [one]);
        committed.set(one.key, [...(committed.get(one.key) ?? []), one.id]);
      }
    });
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, [fileURLToPath(new URL('./relayer.fixture.js', import.meta.url)), mongoUrl, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      for (let batches = 0; batches < 20; batches++) await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    over.abort();
    await Promise.all(writers);
    const lines = (await fs.readFile(file, 'utf8')).trimEnd().split('\n');
    const stop = store.outbox.relay(async (events) => void lines.push(...events.map(({ key, id }) => `${key} ${id}`)));
    await store.outbox.handedOn(never);
    await stop();
    await store.close();
    const firsts = new Map<string, string[]>();
    for (const line of new Set(lines)) {
      const [key = '', id = ''] = line.split(' ');
      firsts.set(key, [...(firsts.get(key) ?? []), id]);
    }
    expect(firsts).toEqual(committed);
    await fs.rm(folder, { recursive: true });
  });
});
