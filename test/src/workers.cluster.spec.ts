import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDocuments, type OpenClusterDocuments } from '@tessera/documents/open-documents.js';
import { leaseMsDefault as leaseMs } from '@tessera/jobs/claims.js';
import { JobStore } from '@tessera/jobs/job.store.js';
import { createLogger } from '@tessera/platform/logger.js';
import { startServices, type Services } from '@tessera/servers/cluster.js';
import { startClusterServers, type ClusterServers } from '@tessera/servers/cluster-servers.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { pythonPackages } from '@tessera/servers/python-packages.js';
import { startTriton } from '@tessera/servers/triton.js';
import { jobCollectionVersion } from '@tessera/service-jobs/queue/job-migrations.js';
import { jobCollectionName } from '@tessera/service-jobs/queue/job-record.js';
import { Client } from './client.js';
import { inspect } from './crash-run.js';
import { environment, newDataDir, removeDataDir, repository } from './profiles.js';

const jobsOf = { prompt: 'an apple', width: 128, height: 128, num_inference_steps: 30 };
const askEveryMs = 50;

describe('workers as processes of their own', () => {
  let dataDir: string;
  let servers: ClusterServers;
  let store: OpenClusterDocuments;
  let services: Services | undefined;
  let triton: RunningServer | undefined;

  beforeEach(async () => {
    dataDir = await newDataDir();
    servers = await startClusterServers({ dataDir: path.join(dataDir, 'servers') });
    store = await openDocuments({ profile: 'cluster', mongoUrl: servers.servers.mongo.url, logger: createLogger('silent', 'test') });
  }, 120_000);
  afterEach(async () => {
    await services?.stop();
    await triton?.stop();
    services = triton = undefined;
    await store.close();
    await servers.stop();
    await removeDataDir(dataDir);
  }, 120_000);

  const start = async (engine: string, workers: number, more: Record<string, string> = {}) => {
    services = await startServices({
      repository,
      dataDir,
      engine,
      workers,
      env: { ...environment(), TESSERA_ENGINE_THREADS: '1', TESSERA_DRAIN_SECONDS: '0', ...servers.env, ...more },
    });
    return services;
  };

  async function heldBy(workerId: string): Promise<string[]> {
    const held: string[] = [];
    for await (const { id, value } of new JobStore<object>(store.documents, {
      name: jobCollectionName,
      version: jobCollectionVersion,
    }).dueUntil(Date.now() + leaseMs)) {
      if (value.life.state === 'running' && value.life.lease.workerId === workerId) held.push(id);
    }
    return held;
  }

  async function untilHeldBy(workerId: string): Promise<string[]> {
    for (;;) {
      const held = await heldBy(workerId);
      if (held.length > 0) return held;
      await delay(askEveryMs);
    }
  }

  const submit = (client: Client, count: number) =>
    Promise.all(Array.from({ length: count }, (_, seed) => client.create({ ...jobsOf, seed })));

  const outcomeOf = (client: Client, jobIds: readonly string[]) =>
    inspect(client, { jobs: jobIds.length, kills: 0, request: () => jobsOf }, new Map(jobIds.entries()), servers.objectsDir);

  it('lose nothing and charge nothing twice when one of them is killed', async () => {
    const { url, workers } = await start('onnx', 2);
    const client = new Client({ url });
    const jobIds = await submit(client, 8);
    const held = await untilHeldBy('worker-1');
    await workers[0]!.kill();
    expect((await outcomeOf(client, jobIds)).complaints).toEqual([]);
    expect(jobIds).toEqual(expect.arrayContaining(held));
    expect(await heldBy('worker-1')).toEqual([]);
  }, 240_000);

  it('hand back what they cannot finish in time when they are told to stop, and it is painted at once', async () => {
    const { url, workers } = await start('onnx', 2);
    const client = new Client({ url });
    const jobIds = await submit(client, 8);
    await untilHeldBy('worker-1');
    await workers[0]!.stop();
    expect(await heldBy('worker-1')).toEqual([]);
    expect((await outcomeOf(client, jobIds)).complaints).toEqual([]);
  }, 240_000);

  it('wait for a Triton that was killed, and none of its jobs pays for that with an attempt', async () => {
    triton = await startTriton({ env: { TESSERA_ENGINE_THREADS: '1' } });
    const { url } = await start('triton', 1, { TESSERA_TRITON_URL: triton.url });
    const client = new Client({ url });
    const jobIds = await submit(client, 4);
    for (let kill = 0; kill < 4; kill += 1) {
      await untilHeldBy('worker-1');
      await triton.restart();
    }
    expect((await outcomeOf(client, jobIds)).complaints).toEqual([]);
  }, 240_000);

  it('generate with a Python of their own where there is no Triton, and with another one when it was killed', async () => {
    const { url, workers } = await start('python', 1, { TESSERA_PYTHON: await pythonPackages() });
    const client = new Client({ url });
    const jobIds = await submit(client, 4);
    await untilHeldBy('worker-1');
    const worker = workers[0]!.pid;
    const children = (await readFile(`/proc/${worker}/task/${worker}/children`, 'utf8')).trim().split(' ').map(Number);
    expect(children).toHaveLength(1);
    process.kill(children[0]!, 'SIGKILL');
    expect((await outcomeOf(client, jobIds)).complaints).toEqual([]);
  }, 240_000);
});
