import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { host, type Hosted } from '@tessera/host/host.js';
import { freeLoopbackPort } from '@tessera/servers/loopback.js';
import { parseConfig } from '@tessera/platform/config.js';
import { imageLease, QueueStandIn, standIns, StorageStandIn } from './stand-ins.fixture.js';
import { worker } from './worker.module.js';

const modelIds = ['mosaic-3d', 'mosaic-turbo'] as const;
const abroad = { modelPools: { 'mosaic-turbo': 'fast' } };

describe('a worker', () => {
  let folder: string;
  let queue: QueueStandIn;
  let storage: StorageStandIn;
  let running: Hosted[];
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-worker-'));
    queue = new QueueStandIn();
    storage = new StorageStandIn();
    running = [];
  });
  afterEach(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  const dataDir = () => path.join(folder, 'data');
  const settings = (more: object) =>
    parseConfig({ dataDir: dataDir(), engine: 'noop', logLevel: 'silent', httpPort: 0, grpcPort: 0, ...more });
  async function start(...[definitions, more]: [Parameters<typeof host>[0], object]): Promise<Hosted> {
    const hosted = await host(definitions, settings(more));
    running.push(hosted);
    return hosted;
  }
  async function stop(): Promise<void> {
    for (const hosted of running.splice(0).reverse()) await hosted.close();
  }
  const inTheSingleProcess = (more: object = {}) => start([standIns(queue, storage), worker], more);
  async function alone(more: object = {}): Promise<Hosted> {
    const { grpcAddress } = await start([standIns(queue, storage)], {});
    return start([worker], { peers: { jobs: grpcAddress, storage: grpcAddress }, workerId: 'worker-1', ...more });
  }
  const claims = () => queue.of('claim').map(({ workerId, pool, kinds, modelIds }) => ({ workerId, pool, kinds, modelIds }));

  describe('in the single process', () => {
    it('takes back what it held when the process died before it claims anything', async () => {
      await inTheSingleProcess();
      await queue.received('claim');
      expect(queue.calls.slice(0, 2)).toMatchObject([
        { call: 'reclaim', request: { workerId: 'embedded' } },
        { call: 'claim', request: { workerId: 'embedded' } },
      ]);
    });

    it('claims for every pool of its models, with the kinds of its runner', async () => {
      await inTheSingleProcess(abroad);
      await queue.received('claim', 2);
      expect(claims()).toMatchObject([
        { pool: 'default', kinds: ['image'], modelIds: expect.arrayContaining([modelIds[0]]) },
        { pool: 'fast', kinds: ['image'], modelIds: [modelIds[1]] },
      ]);
    });

    it('runs what it is given, stores it and completes it', async () => {
      queue.offer(imageLease('a', modelIds[0], { images: 2 }));
      await inTheSingleProcess();
      await queue.received('complete');
      expect(queue.of('complete')).toMatchObject([
        { jobId: 'a', unitsDelivered: 2, outputs: [{ assetId: 'a-output-0' }, { assetId: 'a-output-1' }] },
      ]);
      expect([...storage.assets.keys()]).toEqual(['a-output-0', 'a-output-1']);
    });

    it('deregisters once, when none of its pools holds anything any more', async () => {
      await inTheSingleProcess(abroad);
      await queue.received('claim', 2);
      await stop();
      expect(queue.calls.at(-1)).toMatchObject({ call: 'deregister', request: { workerId: 'embedded' } });
      expect(queue.of('deregister')).toHaveLength(1);
    });
  });

  describe('alone', () => {
    it('claims for its own pool only, under its own name, and reclaims nothing', async () => {
      await alone({ ...abroad, pool: 'fast' });
      await queue.received('claim');
      expect(claims()).toMatchObject([{ workerId: 'worker-1', pool: 'fast', kinds: ['image'], modelIds: [modelIds[1]] }]);
      expect(queue.of('reclaim')).toEqual([]);
    });

    it('claims for all models that it holds where nothing is said of pools', async () => {
      await alone({ pool: 'anywhere' });
      await queue.received('claim');
      expect(claims()).toMatchObject([{ pool: 'anywhere', modelIds: expect.arrayContaining([...modelIds]) }]);
    });

    it('runs jobs over the wire', async () => {
      queue.offer(imageLease('a', modelIds[0]), imageLease('b', modelIds[0]));
      await alone();
      await queue.received('complete', 2);
      expect(
        queue
          .of('complete')
          .map(({ jobId }) => jobId)
          .sort(),
      ).toEqual(['a', 'b']);
    });

    it('needs neither a data folder nor the address of a store, whatever the profile', async () => {
      await alone({ profile: 'cluster', dataDir: path.join(folder, 'of-the-worker') });
      await queue.received('claim');
      expect(existsSync(path.join(folder, 'of-the-worker'))).toBe(false);
    });

    it('is ready when its engine answers, and opens no port but that of its health', async () => {
      const healthPort = await freeLoopbackPort();
      const { url, grpcAddress } = await alone({ healthPort });
      expect({ url, grpcAddress }).toEqual({ url: `http://127.0.0.1:${healthPort}`, grpcAddress: undefined });
      expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ok', checks: { engine: 'ok' } });
    });

    it('does not start without the addresses that it needs', async () => {
      await expect(start([worker], { peers: { storage: '127.0.0.1:1' } })).rejects.toThrow('set TESSERA_PEERS');
    });

    it('does not start for a pool without models', async () => {
      await expect(alone({ ...abroad, pool: 'empty' })).rejects.toThrow('There is no model for the pool "empty"');
    });
  });
});
