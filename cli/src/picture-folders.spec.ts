import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { filesToAdd, formOf } from './picture-folders.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-pictures-'));
  await mkdir(path.join(folder, 'photos'));
  await mkdir(path.join(folder, 'none'));
  for (const name of ['10.png', '9.JPG', 'fox.webp', '.hidden.png', 'notes.pdf']) await writeFile(path.join(folder, 'photos', name), name);
  await writeFile(path.join(folder, 'photos/9.txt'), ' a zorb\n in snow \n');
  await writeFile(path.join(folder, 'set.zip'), 'zip');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('pictures to add', () => {
  it('are those of a folder, in the order that people count in, with the captions beside them', async () => {
    expect((await filesToAdd([path.join(folder, 'photos')])).map(({ fileName, caption }) => [fileName, caption])).toEqual([
      ['9.JPG', 'a zorb in snow'],
      ['10.png', undefined],
      ['fox.webp', undefined],
    ]);
  });

  it('are single files and zips, as they were named', async () => {
    const files = await filesToAdd([path.join(folder, 'set.zip'), path.join(folder, 'photos/9.JPG')]);
    expect(files.map(({ fileName, caption }) => [fileName, caption])).toEqual([
      ['set.zip', undefined],
      ['9.JPG', 'a zorb in snow'],
    ]);
  });

  it('are asked for where there are none', async () => {
    await expect(filesToAdd([path.join(folder, 'nowhere')])).rejects.toThrow(/^There is no .*nowhere\.$/);
    await expect(filesToAdd([path.join(folder, 'none')])).rejects.toThrow('holds no PNG, JPEG or WebP pictures');
  });

  it('are sent after what is said of them', async () => {
    const [file] = await filesToAdd([path.join(folder, 'photos/9.JPG')]);
    const form = await formOf(file!, { licence: 'CC0-1.0', provenance: undefined });
    expect([...form.keys()]).toEqual(['licence', 'caption', 'file']);
    expect(await (form.get('file') as File).text()).toBe('9.JPG');
  });
});
