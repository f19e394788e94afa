import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { parseConfig } from '@tessera/platform/config.js';
import { host } from './host.js';
import type { OptionalPort, ServiceDefinition } from './service-definition.js';

@Module({})
class EmptyModule {}

const using = (...uses: OptionalPort[]): ServiceDefinition => ({ name: 'empty', module: EmptyModule, contracts: [], uses, calls: [] });

describe('the ports of a process', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-host-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const dataDir = () => path.join(folder, 'data');
  const start = (service: ServiceDefinition, more: object = {}) =>
    host([service], parseConfig({ dataDir: dataDir(), engine: 'noop', logLevel: 'silent', httpPort: 0, grpcPort: 0, ...more }));

  it('are those that its services use: without any it has neither a folder nor a lock nor an open port', async () => {
    const { ports, url, grpcAddress, close } = await start(using());
    expect({ ...ports, url, grpcAddress }).toMatchObject({
      store: undefined,
      documents: undefined,
      bus: undefined,
      objects: undefined,
      cache: undefined,
      engine: undefined,
      url: '',
      grpcAddress: undefined,
    });
    expect(existsSync(dataDir())).toBe(false);
    await close();
  });

  it('are its own alone where they keep data', async () => {
    const { close } = await start(using('documents'));
    await expect(start(using('documents'))).rejects.toThrow(/folder/i);
    await close();
  });

  it.each([
    [using('documents'), {}, 'TESSERA_MONGO_URL'],
    [using('documents', 'events'), {}, 'TESSERA_MONGO_URL'],
    [using('cache'), {}, 'TESSERA_REDIS_URL'],
    [using('objects'), {}, 'TESSERA_S3_BUCKET'],
  ])('ask for what the cluster profile needs, each for its own', async (service, settings, variable) => {
    await expect(start(service, { profile: 'cluster', ...settings })).rejects.toThrow(variable);
  });

  it('ask for nothing in the cluster profile that they do not use', async () => {
    const { close } = await start(using('engine'), { profile: 'cluster' });
    await close();
  });
});
