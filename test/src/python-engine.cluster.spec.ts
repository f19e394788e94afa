import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { bundledModelsDir } from '@tessera/models/families.js';
import { freeLoopbackPort } from '@tessera/servers/loopback.js';
import { pythonPackages } from '@tessera/servers/python-packages.js';
import { ServiceProcess } from '@tessera/servers/service-process.js';
import { Client } from './client.js';
import { environment, newDataDir, removeDataDir, repository } from './profiles.js';

describe('tessera up --engine python', () => {
  let dataDir: string;
  let server: ServiceProcess | undefined;
  beforeEach(async () => {
    dataDir = await newDataDir();
  });
  afterEach(async () => {
    await server?.stop();
    await removeDataDir(dataDir);
  });

  async function up(python: string): Promise<Client> {
    const port = await freeLoopbackPort();
    const args = [
      'cli/dist/main.js',
      'up',
      '--data',
      dataDir,
      '--port',
      `${port}`,
      '--grpc-port',
      '0',
      '--engine',
      'python',
      '--models',
      bundledModelsDir,
    ];
    const env = { ...environment(), TESSERA_PYTHON: python };
    server = new ServiceProcess({ name: 'tessera up', args, cwd: repository, env, readyWords: 'Tessera is ready' });
    await server.start();
    return new Client({ url: `http://127.0.0.1:${port}` });
  }

  it('starts its Python with the first job, and charges what that one delivers', async () => {
    const started = path.join(dataDir, 'started');
    const python = path.join(dataDir, 'python');
    await writeFile(python, `#!/bin/sh\necho start >> "${started}"\nexec "${await pythonPackages()}" "$@"\n`, { mode: 0o755 });
    const client = await up(python);
    expect(existsSync(started)).toBe(false);
    const jobs = await Promise.all(
      [1, 2].map((seed) => client.create({ prompt: 'an apple', width: 128, height: 128, num_inference_steps: 4, seed })),
    );
    for (const id of jobs) {
      const generation = await client.finished(id);
      expect(generation['status']).toBe('COMPLETE');
      expect((await fetch(generation['generated_images'][0].url)).headers.get('content-type')).toBe('image/png');
      expect((await client.bill(id))['state']).toBe('settled');
    }
    expect(await readFile(started, 'utf8')).toBe('start\n');
  }, 120_000);

  it('fails a job with what is missing, and charges nothing, where there is no Python', async () => {
    const client = await up(path.join(dataDir, 'nowhere'));
    const id = await client.create({ prompt: 'an apple', width: 128, height: 128 });
    expect(await client.finished(id)).toMatchObject({ status: 'FAILED' });
    expect(await client.bill(id)).toMatchObject({ chargedTokens: 0 });
  }, 120_000);
});
