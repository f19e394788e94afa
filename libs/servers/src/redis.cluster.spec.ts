import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { answers, until } from './loopback.js';
import { startRedis } from './redis.js';
import type { RunningServer } from './running-server.js';

const clientOf = (url: string) => createClient({ url, socket: { reconnectStrategy: false } });

async function ask<Answer>(url: string, question: (client: ReturnType<typeof clientOf>) => Promise<Answer>): Promise<Answer> {
  const client = clientOf(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await question(client);
  } finally {
    client.destroy();
  }
}

const isSilent = async (url: string) => !(await answers(Number(new URL(url).port), 'PING\r\n', '+PONG'));

describe('a server for tests', () => {
  let folder: string;
  const running: RunningServer[] = [];
  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-servers-spec-'));
  });
  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop();
    await fs.rm(folder, { recursive: true, force: true });
  });
  const start = async (dataDir?: string) => {
    const server = await startRedis(dataDir === undefined ? {} : { dataDir });
    running.push(server);
    return server;
  };

  it('comes back on its port with its data after it was killed', async () => {
    const server = await start();
    await ask(server.url, (client) => client.set('kept', 'yes'));
    await server.kill();
    expect(await isSilent(server.url)).toBe(true);
    await server.restart();
    expect(await ask(server.url, (client) => client.get('kept'))).toBe('yes');
  });

  it('has nothing of another one, and leaves nothing behind when it stops', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    await ask(first.url, (client) => client.set('mine', '1'));
    expect(await ask(second.url, (client) => client.get('mine'))).toBeNull();
    await first.stop();
    expect(await isSilent(first.url)).toBe(true);
  });

  it('leaves a data folder that was given to it, and finds its data there again', async () => {
    const first = await start(folder);
    await ask(first.url, (client) => client.set('kept', 'yes'));
    await first.stop();
    const second = await start(folder);
    expect(await ask(second.url, (client) => client.get('kept'))).toBe('yes');
  });

  it('ends with the process that started it, even when that is killed, and leaves no folder', async () => {
    const parent = spawn(process.execPath, [new URL('./servers.keeper-parent.js', import.meta.url).pathname], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: folder },
    });
    const [url] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    expect([await isSilent(url), (await fs.readdir(folder)).length]).toEqual([false, 2]);
    parent.kill('SIGKILL');
    expect(await until(() => isSilent(url), { withinMs: 20_000 })).toBe(true);
    expect(await until(async () => (await fs.readdir(folder)).length === 0, { withinMs: 20_000 })).toBe(true);
  });
});
