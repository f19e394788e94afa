import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { announceServer, findRunningServer, readServerFile, withdrawServer } from './server-file.js';

describe('finding the server of a data folder', () => {
  let folder: string;
  let server: http.Server;
  let url: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-server-'));
    server = http.createServer((request, answer) => answer.writeHead(request.url === '/healthz' ? 200 : 404).end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  const announce = (pid: number) => announceServer(folder, { url, grpcUrl: '127.0.0.1:1', pid, startedMs: 1 });

  it('finds one that lives and answers', async () => {
    announce(process.pid);
    expect(await findRunningServer(folder)).toEqual({ url, grpcUrl: '127.0.0.1:1', pid: process.pid, startedMs: 1 });
  });

  it('keeps the file to its owner and leaves nothing half-written', async () => {
    announce(process.pid);
    expect(await readdir(folder)).toEqual(['server.json']);
    expect((await stat(path.join(folder, 'server.json'))).mode & 0o777).toBe(0o600);
  });

  it('takes the file of a dead process for what it is', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    announce(child.pid!);
    expect(await findRunningServer(folder)).toBeUndefined();
  });

  it('does not believe a live process that does not answer', async () => {
    announceServer(folder, { url: 'http://127.0.0.1:1', grpcUrl: '', pid: process.pid, startedMs: 1 });
    expect(await findRunningServer(folder)).toBeUndefined();
  });

  it('reads a damaged file as none', async () => {
    await writeFile(path.join(folder, 'server.json'), '{"url":');
    expect(readServerFile(folder)).toBeUndefined();
  });

  it('withdraws its own announcement and nobody else’s', () => {
    announce(process.pid);
    withdrawServer(folder, process.pid + 1);
    expect(readServerFile(folder)?.pid).toBe(process.pid);
    withdrawServer(folder, process.pid);
    expect(readServerFile(folder)).toBeUndefined();
  });
});
