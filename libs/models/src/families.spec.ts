import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { addModel } from './checkpoint/add-model.js';
import { shapesOf, writeSafetensors } from './checkpoint/checkpoint.fixture.js';
import { bundledModelsDir, loadFamilies } from './families.js';

describe('several folders of models', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-families-'));
  });
  afterEach(() => fs.rm(dir, { recursive: true, force: true }));

  const add = async (modelId: string, modelsDir = path.join(dir, 'added')) =>
    addModel({
      from: await writeSafetensors(path.join(dir, `${modelId}.safetensors`), shapesOf.sdxl),
      modelsDir,
      modelId,
      license: 'openrail++',
      isTaken: () => false,
      isLinked: false,
    });
  const namesIn = async (...folders: string[]) =>
    (await loadFamilies(folders.join(path.delimiter))).flatMap(({ variants }) => variants.map(({ modelId }) => modelId));

  it('are one list: what comes with a release, and what was added', async () => {
    await add('lions');
    const names = await namesIn(bundledModelsDir, path.join(dir, 'added'));
    expect(names).toContain('lions');
    expect(names).toContain('mosaic-3d');
  });

  it('are refused when two families have one folder name, by which an engine elsewhere knows them', async () => {
    await add('lions');
    const other = path.join(dir, 'other');
    const { folder } = await add('bears', other);
    await fs.rename(folder, path.join(other, 'lions'));
    await expect(namesIn(bundledModelsDir, path.join(dir, 'added'), other)).rejects.toThrow('two folders are called "lions"');
  });

  it('have a default even if they name none', async () => {
    await add('lions');
    await add('bears');
    const families = await loadFamilies(path.join(dir, 'added'));
    expect(families.flatMap(({ variants }) => variants.map(({ modelId, isDefault }) => [modelId, isDefault]))).toEqual([
      ['bears', true],
      ['lions', false],
    ]);
  });

  it('are read without a model that is just being added', async () => {
    const { folder } = await add('lions');
    await fs.rename(folder, path.join(path.dirname(folder), '.lions.adding'));
    expect(await namesIn(bundledModelsDir, path.dirname(folder))).not.toContain('lions');
  });
});
