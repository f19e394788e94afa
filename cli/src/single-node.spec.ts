import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { configFromEnvironment } from '@tessera/platform/config.js';
import { startSingleNode } from './single-node.js';

const wiring = (dataDir: string, more: Record<string, string> = {}) =>
  configFromEnvironment({}, { dataDir, engine: 'noop', httpPort: '0', grpcPort: '0', logLevel: 'silent', ...more });

describe('a process of services', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-host-'));
  });
  afterEach(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  it('lets go of everything when its start fails, so that the next start on the same folder works', async () => {
    const stranger = createServer().listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const { port } = stranger.address() as AddressInfo;
    await expect(startSingleNode(wiring(dataDir, { httpPort: String(port) }))).rejects.toMatchObject({ code: 'EADDRINUSE' });
    stranger.close();
    const node = await startSingleNode(wiring(dataDir));
    expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
    await node.close();
  });

  it('lets go of the ports that are open when another cannot be opened', async () => {
    await expect(startSingleNode(wiring(dataDir, { engine: 'onnx', modelsDir: path.join(dataDir, 'nowhere') }))).rejects.toThrow(
      'folder of models',
    );
    const node = await startSingleNode(wiring(dataDir));
    await node.close();
  });

  it.each(['::1', '[::1]'])('listens on %s, where this machine has IPv6', async (address) => {
    const probe = createServer();
    const hasIpv6 = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(0, '::1', () => probe.close(() => resolve(true)));
    });
    if (!hasIpv6) {
      process.stdout.write('IPv6: not tried, this machine has no ::1\n');
      return;
    }
    const node = await startSingleNode(wiring(dataDir, { httpHost: address, grpcHost: address }));
    expect(node.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(node.grpcUrl).toMatch(/^\[::1\]:\d+$/);
    expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
    await node.close();
  });

  it('refuses a folder that another process works on', async () => {
    const first = await startSingleNode(wiring(dataDir));
    await expect(startSingleNode(wiring(dataDir))).rejects.toThrow(/folder/i);
    await first.close();
  });
});
