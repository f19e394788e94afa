import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { describeObjectStoreConformance } from '../object-store.conformance.js';
import { bytesOf } from '../object-store.installation.js';
import { openObjectStore } from '../open-object-store.js';
import { serveFolder, type ServedFolder } from './object-links.fixture.js';

describeObjectStoreConformance('a folder', async () => {
  const served = await serveFolder();
  return {
    store: served.store,
    now: () => served.clock.now(),
    signedAnHourAgo: async (sign) => {
      const signed = await sign(served.store, served.clock.now());
      served.clock.advance(3_600_000);
      return signed;
    },
    reopen: () => openObjectStore({ dataDir: served.dataDir, publicUrl: () => served.url, clock: served.clock }),
    crashWriter: (key) => ({ script: new URL('./filesystem-object-store.crash-writer.js', import.meta.url), args: [served.dataDir, key] }),
    strays: () => fs.readdir(path.join(served.dataDir, 'objects', 'incoming')),
    close: () => served.close(),
  };
});

describe('a folder as an object store', () => {
  let served: ServedFolder;
  beforeEach(async () => {
    served = await serveFolder();
  });
  afterEach(() => served.close());
  const inFolder = (...parts: string[]) => path.join(served.dataDir, 'objects', ...parts);

  it('keeps the signing key to its owner, and keeps it', async () => {
    const before = await fs.readFile(inFolder('.signing-key'), 'utf8');
    expect((await fs.stat(inFolder('.signing-key'))).mode & 0o777).toBe(0o600);
    await Promise.all(Array.from({ length: 4 }, () => openObjectStore({ dataDir: served.dataDir, publicUrl: () => '' })));
    expect(await fs.readFile(inFolder('.signing-key'), 'utf8')).toBe(before);
  });

  it('agrees on one signing key when several processes start at once', async () => {
    await fs.rm(inFolder('.signing-key'));
    const stores = await Promise.all(Array.from({ length: 8 }, () => openObjectStore({ dataDir: served.dataDir, publicUrl: () => '' })));
    expect(new Set(await Promise.all(stores.map((store) => store.signDownload('a', 1)))).size).toBe(1);
  });

  it('removes the folders that a delete has emptied, and no others', async () => {
    await served.store.put('accounts/a/jobs/1/0.png', Buffer.from('x'), { contentType: 'image/png' });
    await served.store.put('accounts/a/jobs/2/0.png', Buffer.from('x'), { contentType: 'image/png' });
    await served.store.delete('accounts/a/jobs/1/0.png');
    expect(await fs.readdir(inFolder('files/accounts/a/jobs'))).toEqual(['2']);
    await served.store.delete('accounts/a/jobs/2/0.png');
    expect(await fs.readdir(inFolder('files'))).toEqual([]);
  });

  it('leaves alone what a living process is writing, and removes what a dead one has left', async () => {
    await fs.writeFile(inFolder('incoming', `${process.ppid}-aaaaaaaaaaaa-1`), 'in hand');
    await fs.writeFile(inFolder('incoming', `${process.pid}-aaaaaaaaaaaa-1`), 'an earlier process with our id');
    await fs.writeFile(inFolder('incoming', '999999999-aaaaaaaaaaaa-1'), 'dead');
    await openObjectStore({ dataDir: served.dataDir, publicUrl: () => '' });
    expect(await fs.readdir(inFolder('incoming'))).toEqual([`${process.ppid}-aaaaaaaaaaaa-1`]);
  });

  it('says so when a file was damaged', async () => {
    await served.store.put('a/b', Buffer.from('content'), { contentType: 'image/png' });
    await fs.truncate(inFolder('files/a/b'), 40);
    await expect(served.store.head('a/b')).rejects.toMatchObject({ kind: 'Internal', reason: 'object_damaged' });
    await expect(served.store.get('a/b')).rejects.toMatchObject({ kind: 'Internal', reason: 'object_damaged' });
  });

  it('refuses a key that is the folder of another one', async () => {
    await served.store.put('a/b', Buffer.from('x'), { contentType: 'image/png' });
    await expect(served.store.put('a', Buffer.from('x'), { contentType: 'image/png' })).rejects.toMatchObject({
      reason: 'invalid_object_key',
    });
    await expect(served.store.put('a/b/c', Buffer.from('x'), { contentType: 'image/png' })).rejects.toMatchObject({
      reason: 'invalid_object_key',
    });
    expect(await fs.readdir(inFolder('incoming'))).toEqual([]);
  });

  it('keeps the bytes at the front of the file, so that an image viewer opens it', async () => {
    await served.store.put('a/b.png', Buffer.from('the picture'), { contentType: 'image/png' });
    expect((await fs.readFile(inFolder('files/a/b.png'))).subarray(0, 11).toString()).toBe('the picture');
    expect((await bytesOf((await served.store.get('a/b.png')).body)).toString()).toBe('the picture');
  });
});
