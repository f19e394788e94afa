import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pictureFile, savePicture, slugOf } from './picture-files.js';

describe('the name of a picture', () => {
  it.each([
    ['a red apple on a beach at sunset', 'red-apple-on-beach-sunset'],
    ['Crème brûlée!', 'creme-brulee'],
    ['../../etc/passwd', 'etc-passwd'],
    ['東京の夜', '東京の夜'],
    ['???', 'picture'],
    ['word '.repeat(40), 'word-word-word-word-word-word-word-word'],
    ['x'.repeat(99), 'x'.repeat(40)],
  ])('of "%s" is %s', (prompt, slug) => {
    expect(slugOf(prompt)).toBe(slug);
  });

  const picture = { prompt: 'a cat', seed: 7, index: 1, count: 2, extension: '.png' };

  it('stands in the folder that --out names', () => {
    expect(pictureFile({ ...picture, out: 'pictures' })).toBe(path.join('pictures', 'cat-7-2.png'));
  });

  it('is the file that --out names, numbered when there are several', () => {
    expect(pictureFile({ ...picture, out: 'a/cat.png', index: 0, count: 1 })).toBe('a/cat.png');
    expect(pictureFile({ ...picture, out: 'a/cat.png' })).toBe(path.join('a', 'cat-2.png'));
  });
});

describe('saving a picture', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-pictures-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = (file: string) => (existsSync(file) ? readFileSync(file) : undefined);
  const save = (bytes: string) => savePicture(path.join(folder, 'new/cat-7-1.png'), Buffer.from(bytes), read);

  it('makes the folder and leaves no unfinished file behind', async () => {
    const file = save('one');
    expect(await readFile(file, 'utf8')).toBe('one');
    expect(await readdir(path.dirname(file))).toEqual(['cat-7-1.png']);
  });

  it('writes the same picture once', () => {
    expect(save('one')).toBe(save('one'));
  });

  it('never overwrites another picture of the same name', async () => {
    const first = save('one');
    const second = save('two');
    expect(path.basename(second)).toBe('cat-7-1-v2.png');
    expect(await readFile(first, 'utf8')).toBe('one');
    expect(save('two')).toBe(second);
  });
});
