import { describe, expect, it } from '@jest/globals';
import { zipOf, zipSourceOf } from './zip.fixture.js';
import { isZip, readZipEntries, unpackEntry } from './zip-reader.js';

const namesOf = async (zip: Buffer) => (await readZipEntries(zipSourceOf(zip))).map(({ name }) => name);
const reading = (zip: Buffer, bytesMax = 1e6) => {
  const source = zipSourceOf(zip);
  return readZipEntries(source).then((entries) => Promise.all(entries.map((entry) => unpackEntry(source, entry, bytesMax))));
};

describe('a zip', () => {
  const noise = Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7919) % 251));

  it('gives back what was packed, stored or deflated, in folders and with names of any language', async () => {
    const files = { 'a.png': noise, 'set/b.txt': Buffer.from('a zorb fox'), 'füchse/ć.jpg': noise.subarray(9) };
    expect(await namesOf(zipOf(files))).toEqual(Object.keys(files));
    for (const method of ['stored', 'deflated'] as const) expect(await reading(zipOf(files, { method }))).toEqual(Object.values(files));
  });

  it('is read with a comment, without its folders, and when it is empty', async () => {
    expect(await namesOf(zipOf({ 'set/': Buffer.alloc(0), 'set/a.png': noise }, { comment: 'made by hand' }))).toEqual(['set/a.png']);
    expect(await namesOf(zipOf({}))).toEqual([]);
  });

  it('is told by its first bytes', () => {
    expect([isZip(zipOf({ a: noise })), isZip(zipOf({})), isZip(noise), isZip(Buffer.alloc(2))]).toEqual([true, true, false, false]);
  });

  it.each([
    ['cut off', zipOf({ a: noise }).subarray(0, 200), 'zip_unreadable'],
    ['no zip', noise, 'zip_unreadable'],
    ['encrypted', zipOf({ a: noise }, { flags: 1 }), 'zip_unreadable'],
    ['packed by another method', zipOf({ a: noise }, { methodNumber: 14 }), 'zip_unreadable'],
    ['a file that unpacks to a thousand times its size', zipOf({ a: Buffer.alloc(10_000_000) }), 'zip_too_large'],
    ['a file that unpacks to more than it says', zipOf({ a: Buffer.alloc(90_000) }, { saidBytes: 50_000 }), 'zip_too_large'],
    ['one file under many names', zipOf({ a: noise, b: noise }, { sharesBytes: true }), 'zip_too_large'],
    ['other bytes than were packed', zipOf({ a: noise }, { method: 'stored', crc32: 5 }), 'zip_unreadable'],
    [
      'names of megabytes',
      zipOf(Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`${at}${'n'.repeat(65_000)}`, noise]))),
      'zip_too_large',
    ],
    ['too many files', zipOf(Object.fromEntries(Array.from({ length: 5_001 }, (_, at) => [`${at}`, Buffer.alloc(0)]))), 'zip_too_large'],
  ])('is refused when it is, or has, %s', async (_what, zip, reason) => {
    await expect(reading(zip)).rejects.toMatchObject({ kind: 'InvalidArgument', reason });
  });

  it('has no file that is larger than was asked for', async () => {
    await expect(reading(zipOf({ a: noise }), 4_999)).rejects.toMatchObject({ reason: 'zip_too_large' });
  });
});
