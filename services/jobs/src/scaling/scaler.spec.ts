import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Client, credentials, loadPackageDefinition, Metadata, status, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { host, type Hosted } from '@tessera/host/host.js';
import { defaultPool } from '@tessera/models/model-registry.js';
import { parseConfig } from '@tessera/platform/config.js';
import { newId } from '@tessera/platform/ids.js';
import { jobs } from '../jobs.module.js';
import type { Job, JobPayload } from '../queue/job-record.js';
import { Queue } from '../queue/queue.js';
import { Scaler } from './scaler.js';

// As KEDA calls it: the contract read from its file by another library than ours, over the wire.
const contract = loadSync(path.resolve(import.meta.dirname, '../../../../proto/externalscaler/externalscaler.proto'), {
  longs: Number,
  defaults: true,
});
const { ExternalScaler } = (loadPackageDefinition(contract) as any).externalscaler;

type Metric = { metricName: string; metricValue: number; metricValueFloat: number };
type Call = (request: object, answer: (error: ServiceError | null, reply: any) => void) => void;

const payload: JobPayload = { request: { typeUrl: '', value: '' }, requestDigest: '', hasKey: false, outputIds: [] };

let dataDir: string;
let hosted: Hosted;
let scaler: Client & Record<string, Call> & { StreamIsActive(request: object): ClientReadableStream<{ result: boolean }> };
let queue: Queue;

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-scaler-'));
  hosted = await host([jobs], parseConfig({ dataDir, engine: 'noop', httpPort: 0, grpcPort: 0, logLevel: 'silent' }));
  queue = hosted.app.get(Queue, { strict: false });
  scaler = new ExternalScaler(hosted.grpcAddress, credentials.createInsecure());
});
afterEach(async () => {
  scaler.close();
  await hosted.close();
  await rm(dataDir, { recursive: true, force: true });
});

const scaledObject = (scalerMetadata: Record<string, string> = {}) => ({
  name: 'worker',
  namespace: 'tessera',
  scalerMetadata: { scalerAddress: 'jobs:8421', ...scalerMetadata },
});
const call = <T>(method: string, request: object): Promise<T> =>
  new Promise((resolve, reject) => scaler[method]!.call(scaler, request, (error, reply) => (error ? reject(error) : resolve(reply))));
const isActive = async () => (await call<{ result: boolean }>('IsActive', scaledObject())).result;
const valueOf = async (metricName: string, metadata: Record<string, string> = {}) => {
  const { metricValues } = await call<{ metricValues: Metric[] }>('GetMetrics', { scaledObjectRef: scaledObject(metadata), metricName });
  expect(metricValues).toHaveLength(1);
  return metricValues[0]!.metricValueFloat;
};

async function enqueue(gpuSecondsEstimated: number): Promise<Job> {
  const work = { kind: 'image', pool: defaultPool, modelId: 'mosaic-3d', affinity: 'x', units: 1, size: 1, gpuSecondsEstimated };
  const accepted = await queue.jobs.accept(newId(), {
    accountId: 'account',
    createdMs: Date.now(),
    changedMs: Date.now(),
    work,
    life: { state: 'accepted', resumeMs: Date.now() + 60_000 },
    payload,
  });
  return queue.jobs.enqueue(accepted, { lane: 'fast', startDeadlineMs: Date.now() + 3_600_000, concurrentJobsMax: 0, payload });
}
const claim = () =>
  queue.claims.claim(
    { workerId: newId(), pool: defaultPool, kinds: ['image'], modelIds: ['mosaic-3d'], jobsMax: 1, unitsMax: 1, waitMs: 0 },
    new AbortController().signal,
  );

describe('the scaler', () => {
  it('tells what it aims at, in both number formats', async () => {
    const { metricSpecs } = await call<{ metricSpecs: object[] }>(
      'GetMetricSpec',
      scaledObject({ backlogSecondsPerWorker: '7.5', waitSecondsPerWorker: '120' }),
    );
    expect(metricSpecs).toMatchObject([
      { metricName: 'backlog-gpu-seconds', targetSize: 8, targetSizeFloat: 7.5 },
      { metricName: 'busy-workers', targetSizeFloat: 1 },
      { metricName: 'oldest-wait-seconds', targetSizeFloat: 120 },
    ]);
  });

  it('leaves the wait out unless it is asked for', async () => {
    const { metricSpecs } = await call<{ metricSpecs: Metric[] }>('GetMetricSpec', scaledObject());
    expect(metricSpecs.map(({ metricName }) => metricName)).toEqual(['backlog-gpu-seconds', 'busy-workers']);
  });

  it('reports the GPU-seconds that are queued', async () => {
    expect(await valueOf('backlog-gpu-seconds')).toBe(0);
    await enqueue(90);
    await enqueue(30.5);
    expect(await valueOf('backlog-gpu-seconds')).toBe(120.5);
  });

  it('counts a busy worker for one, however long its job still takes', async () => {
    await enqueue(5_000);
    await claim();
    await enqueue(30);
    expect(await valueOf('backlog-gpu-seconds', { backlogSecondsPerWorker: '60' })).toBe(90);
    expect(await valueOf('busy-workers')).toBe(1);
  });

  it('reports how long the oldest job has waited', async () => {
    expect(await valueOf('oldest-wait-seconds', { waitSecondsPerWorker: '60' })).toBe(0);
    const { value } = await enqueue(1);
    const reported = await valueOf('oldest-wait-seconds', { waitSecondsPerWorker: '60' });
    expect(reported).toBeGreaterThanOrEqual(0);
    expect(reported).toBeLessThanOrEqual((Date.now() - value.createdMs) / 1_000);
  });

  it('is active while anything is queued or running', async () => {
    expect(await isActive()).toBe(false);
    await enqueue(1);
    expect(await isActive()).toBe(true);
    const [running] = await claim();
    expect(await isActive()).toBe(true);
    await queue.jobs.cancel(running!);
    expect(await isActive()).toBe(false);
  });

  it('does not measure a very long queue anew for everyone who asks', async () => {
    const measured = hosted.app.get(Scaler, { strict: false });
    expect(await measured.measure(defaultPool)).not.toBe(await measured.measure(defaultPool));
    const waiting = (n: number) => ({
      accountId: 'account',
      createdMs: 1,
      changedMs: 1,
      payload,
      work: { pool: defaultPool, modelId: 'mosaic-3d', affinity: 'x', kind: 'image', units: 1, size: 1, gpuSecondsEstimated: 2 },
      life: {
        state: 'queued',
        lane: 'fast',
        tag: n + 1,
        isParked: false,
        enqueuedMs: Date.now(),
        startDeadlineMs: Date.now() + 3_600_000,
        concurrentJobsMax: 0,
        attempt: 1,
      } as const,
    });
    for (let n = 0; n < 10_000; n += 1_000)
      await queue.store.commit(Array.from({ length: 1_000 }, (_, at) => queue.store.insertion(newId(), waiting(n + at))));
    const first = await measured.measure(defaultPool);
    expect(first).toMatchObject({ queuedJobs: { fast: 10_000 }, queuedGpuSeconds: 20_000 });
    expect(await measured.measure(defaultPool)).toBe(first);
  });

  it('answers that it has no stream of targets, so that they are asked for', async () => {
    const stream = (scaler as any).StreamMetricSpec(scaledObject()) as ClientReadableStream<object>;
    await expect(next(stream)).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
  });
});

/** The next message of a stream, or its error. */
const next = <T>(stream: ClientReadableStream<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    stream.once('data', (message: T) => {
      stream.pause();
      stream.removeListener('error', reject);
      resolve(message);
    });
    stream.once('error', reject);
    stream.resume();
  });

describe('the stream of activity', () => {
  it('begins with how things stand and tells each change as it happens', async () => {
    const stream = scaler.StreamIsActive(scaledObject());
    stream.on('error', () => {});
    expect(await next(stream)).toEqual({ result: false });
    const job = await enqueue(1);
    expect(await next(stream)).toEqual({ result: true });
    await queue.jobs.cancel(job);
    expect(await next(stream)).toEqual({ result: false });
    stream.cancel();
  });

  it('tells every listener', async () => {
    const streams = [scaler.StreamIsActive(scaledObject()), scaler.StreamIsActive(scaledObject())];
    for (const stream of streams) stream.on('error', () => {});
    expect(await Promise.all(streams.map(next))).toEqual([{ result: false }, { result: false }]);
    await enqueue(1);
    expect(await Promise.all(streams.map(next))).toEqual([{ result: true }, { result: true }]);
    for (const stream of streams) stream.cancel();
  });
});

describe('metadata', () => {
  const refusals: [string, Record<string, string>, string, string][] = [
    ['a pool that does not exist', { pool: 'attic' }, 'unknown_pool', 'default'],
    ['a target that is no number', { backlogSecondsPerWorker: 'soon' }, 'invalid_scaler_metadata', '"soon"'],
    ['a target of nothing', { backlogSecondsPerWorker: '0' }, 'invalid_scaler_metadata', 'above 0'],
    ['a target below nothing', { waitSecondsPerWorker: '-5' }, 'invalid_scaler_metadata', 'above 0'],
    ['a target beyond a day', { waitSecondsPerWorker: '1e9' }, 'invalid_scaler_metadata', '86400'],
    ['a misspelt name', { backlogSecondPerWorker: '60' }, 'invalid_scaler_metadata', 'Did you mean "backlogSecondsPerWorker"?'],
  ];
  it.each(refusals)('is refused with a sentence when it names %s', async (_, metadata, reason, words) => {
    for (const [method, request] of [
      ['IsActive', scaledObject(metadata)],
      ['GetMetricSpec', scaledObject(metadata)],
      ['GetMetrics', { scaledObjectRef: scaledObject(metadata), metricName: 'busy-workers' }],
    ] as const) {
      const error = await call(method, request).catch((refused: unknown) => refused as ServiceError);
      expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(words) });
      expect((error as ServiceError).metadata).toBeInstanceOf(Metadata);
      expect((error as ServiceError).metadata.get('tessera-reason')).toEqual([reason]);
    }
    await expect(next(scaler.StreamIsActive(scaledObject(metadata)))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('may leave everything out but what KEDA needs', async () => {
    expect(await isActive()).toBe(false);
  });

  it('does not make up a metric', async () => {
    await expect(valueOf('oldest-wait-seconds')).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('backlog-gpu-seconds'),
    });
  });
});
