import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installedOnce, runProgram } from './installations.js';
import { installNatively } from './native-server.js';
import { redisRecipe } from './redis.js';
import type { ServerRecipe } from './running-server.js';

describe('installing a server', () => {
  let cache: string;
  const before = process.env['TESSERA_CACHE'];
  beforeEach(async () => {
    cache = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-installations-'));
    process.env['TESSERA_CACHE'] = cache;
  });
  afterEach(async () => {
    if (before === undefined) delete process.env['TESSERA_CACHE'];
    else process.env['TESSERA_CACHE'] = before;
    await fs.rm(cache, { recursive: true, force: true });
  });

  it('happens once, however many want it at the same time', async () => {
    let installed = 0;
    const install = async (folder: string) => {
      installed += 1;
      await fs.writeFile(path.join(folder, 'program'), 'x');
    };
    const folders = await Promise.all(Array.from({ length: 5 }, () => installedOnce('thing-1', install)));
    expect([installed, new Set(folders).size, await fs.readdir(folders[0]!)]).toEqual([1, 1, ['program']]);
    expect(await fs.readdir(cache)).toEqual(['thing-1']);
  });

  it('is taken over from a process that died at it, and leaves nothing when it fails', async () => {
    await fs.writeFile(path.join(cache, 'thing-1.lock'), '999999999');
    await expect(installedOnce('thing-1', () => Promise.reject(new Error('the line is dead')))).rejects.toThrow('the line is dead');
    expect(await fs.readdir(cache)).toEqual([]);
  });

  it('gives advice in one sentence when it cannot be done', async () => {
    const native = {
      ...redisRecipe.native,
      program: 'no-such-server',
      install: async () => void (await runProgram('sh', ['-c', 'echo first; echo "E: nothing here" >&2; exit 3'])),
    };
    const recipe: ServerRecipe = { ...redisRecipe, native };
    await expect(installNatively(recipe)).rejects.toThrow(
      'redis could not be installed here: start Docker, or install redis-server, or run this on a system with apt-get. (sh -c failed: E: nothing here)',
    );
  });
});
