import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from './client.js';
import { apiKey, newDataDir, removeDataDir } from './profiles.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** `tessera up --cluster` as a person starts it. */
async function upCluster(dataDir: string) {
  const child = spawn(
    process.execPath,
    ['cli/dist/main.js', 'up', '--cluster', '--data', dataDir, '--port', '0', '--grpc-port', '0', '--engine', 'noop'],
    {
      cwd: repository,
      env: { ...process.env, TESSERA_API_KEY: apiKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  const printed = (words: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = words.exec(output);
        if (found) resolve(found);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)));
      look();
    });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await printed(/profile is ready/);
  const { url } = JSON.parse(await readFile(path.join(dataDir, 'server.json'), 'utf8')) as { url: string };
  const stop = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    return (await ended)[0] as number;
  };
  return { client: new Client({ url }), printed, stop };
}

const request = { prompt: 'a red apple', num_images: 1, width: 512, height: 512 };

describe('tessera up --cluster', () => {
  let dataDir = '';
  beforeAll(async () => void (dataDir = await newDataDir()));
  afterAll(() => removeDataDir(dataDir));

  it('starts what dies again, and finds its data after a restart', async () => {
    const first = await upCluster(dataDir);
    const { client } = first;
    const job = await client.create(request);
    expect((await client.finished(job))['status']).toBe('COMPLETE');
    const pid = Number((await first.printed(/generation \((\d+)\)/))[1]);
    process.kill(pid, 'SIGKILL');
    await first.printed(/generation runs again/);
    const second = await client.create(request);
    expect((await client.finished(second))['status']).toBe('COMPLETE');
    expect((await client.bill(second))['state']).toBe('settled');
    expect(await first.stop()).toBe(0);

    const again = await upCluster(dataDir);
    expect((await again.client.finished(job))['status']).toBe('COMPLETE');
    expect((await again.client.audit()).findings).toEqual([]);
    expect(await again.stop()).toBe(0);
  }, 300_000);
});
