import { describe, expect, it } from '@jest/globals';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { failedPrecondition, internal, invalidArgument, TesseraError, unavailable } from '@tessera/platform/errors.js';
import { createLogger } from '@tessera/platform/logger.js';
import { Runner, type HeldModel, type Update } from '../runner.js';
import { lease, QueueStandIn, StorageStandIn } from '../stand-ins.fixture.js';
import { BatchRun } from './batch-run.js';
import { Device } from './device.js';
import type { EngineHealth } from './engine-health.js';
import type { StoredCheckpoint } from './heartbeats.js';
import { JobFiles } from './job-files.js';

type Script = (leases: readonly Lease[], signal: AbortSignal) => AsyncIterable<Update>;

class ScriptedRunner extends Runner {
  override readonly kinds = ['test'];
  override readonly capacity = { jobsPerBatchMax: 4, unitsPerBatchMax: 8, computingMax: 1, batchesMax: 2, warmModelsMax: 1 };
  override readonly drainMs = 0;

  constructor(
    private readonly script: Script,
    private readonly isLost: boolean | undefined,
  ) {
    super();
  }

  override get health(): EngineHealth | undefined {
    const { isLost } = this;
    return isLost === undefined ? undefined : { whenFit: async () => {}, isLost: async () => isLost };
  }

  override async describe(): Promise<readonly HeldModel[]> {
    return [{ modelId: 'tiny', version: '7', pool: 'default' }];
  }

  override run(leases: readonly Lease[], signal: AbortSignal): AsyncIterable<Update> {
    return this.script(leases, signal);
  }

  override async prepare(): Promise<void> {}
  override async close(): Promise<void> {}
}

/** Its checkpoints lie nowhere: what is stored is told by the queue alone. */
class TestFiles extends JobFiles {
  canCheckpoint = true;

  override async storeCheckpoint(_lease: Lease, { step, units }: { step: number; units: number }): Promise<StoredCheckpoint> {
    if (!this.canCheckpoint) throw unavailable('service_unavailable', 'Away.');
    return { key: `step-${step}`, step, units, digest: '' };
  }
}

const whole = (jobId: string, index = 0): Update => ({
  type: 'output',
  jobId,
  index,
  contentType: 'text/plain',
  content: Buffer.from(`${jobId} ${index}`),
});
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));

function batchOf(leases: Lease[], script: Script, { isLost }: { isLost?: boolean } = {}) {
  const queue = new QueueStandIn();
  const storage = new StorageStandIn();
  const files = new TestFiles(storage as never);
  const device = new Device(1);
  const tools = {
    workerId: 'worker',
    worker: queue as never,
    files,
    runner: new ScriptedRunner(script, isLost),
    device,
    logger: createLogger('silent', 'test'),
    modelVersions: new Map([['tiny', '7']]),
  };
  return { queue, storage, files, device, run: new BatchRun(leases, tools) };
}

describe('a batch', () => {
  it('stores what its jobs deliver and completes each with its share of the device, by units', async () => {
    const { queue, storage, run } = batchOf([lease('a', { units: 1 }), lease('b', { units: 3 })], async function* () {
      yield { type: 'needs_device' };
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield { type: 'notice', jobId: 'a', kind: 'unknown_word', message: 'There is no concept for it.' };
      yield whole('a');
      for (const index of [0, 1, 2]) yield whole('b', index);
      yield { type: 'finished', jobId: 'a', units: 1 };
      yield { type: 'finished', jobId: 'b', units: 3 };
    });
    await run.ended();
    expect(queue.of('fail')).toEqual([]);
    const completed = Object.fromEntries(queue.of('complete').map((request) => [request.jobId, request]));
    expect(completed['a']).toMatchObject({
      leaseId: 'lease-of-a',
      unitsDelivered: 1,
      modelVersion: '7',
      outputs: [{ assetId: 'a-output-0', index: 0 }],
      notices: [{ kind: 'unknown_word' }],
    });
    expect(completed['b']).toMatchObject({ unitsDelivered: 3, outputs: [{ index: 0 }, { index: 1 }, { index: 2 }], notices: [] });
    expect(completed['a']!.gpuSeconds).toBeGreaterThan(0);
    expect(completed['b']!.gpuSeconds! / completed['a']!.gpuSeconds!).toBeCloseTo(3);
    expect(Buffer.from(storage.assets.get('b-output-2')!).toString()).toBe('b 2');
  });

  it('gives a job that its runner did not finish back to be tried again', async () => {
    const { queue, run } = batchOf([lease('a'), lease('b')], async function* () {
      yield { type: 'needs_device' };
      yield whole('a');
      yield { type: 'finished', jobId: 'a', units: 1 };
    });
    await run.ended();
    expect(queue.of('complete')).toMatchObject([{ jobId: 'a' }]);
    expect(queue.of('fail')).toMatchObject([{ jobId: 'b', failure: { reason: 'engine_error' }, retryable: true, countsNoAttempt: false }]);
  });

  it('that breaks fails each of its jobs to be tried again, for any of them may be to blame', async () => {
    const { queue, run } = batchOf([lease('a'), lease('b')], async function* () {
      yield { type: 'needs_device' };
      throw invalidArgument('unreadable_mask', 'The mask cannot be read.');
    });
    await run.ended();
    expect(queue.of('fail')).toMatchObject(
      ['a', 'b'].map((jobId) => ({ jobId, failure: { reason: 'engine_error' }, retryable: true, countsNoAttempt: false })),
    );
  });

  it('fails a job for good that was alone when it was refused', async () => {
    const { queue, run } = batchOf([lease('a')], async function* () {
      yield { type: 'needs_device' };
      throw invalidArgument('unreadable_mask', 'The mask cannot be read.');
    });
    await run.ended();
    expect(queue.of('fail')).toMatchObject([
      { failure: { reason: 'unreadable_mask', message: 'The mask cannot be read.' }, retryable: false },
    ]);
  });

  it.each([
    ['as Internal, beside others', async () => internal('paid_unfinished', 'Half of it was paid.'), [lease('a'), lease('b')]],
    [
      'because its worker stops',
      async (signal: AbortSignal) => {
        await aborted(signal);
        return new TesseraError('Cancelled', 'outcome_unknown', 'It was on its way.');
      },
      [lease('a')],
    ],
  ])('never gives back what may have been paid for elsewhere: %s', async (_how, ends, leases) => {
    const { queue, run } = batchOf(
      leases,
      async function* (_, signal) {
        yield { type: 'needs_device' };
        setImmediate(() => run.handBack());
        throw await ends(signal);
      },
      { isLost: true },
    );
    await run.ended();
    expect(queue.of('fail')).toHaveLength(leases.length);
    for (const report of queue.of('fail'))
      expect(report).toMatchObject({
        failure: { reason: expect.stringMatching(/^(paid_unfinished|outcome_unknown)$/) },
        retryable: false,
        countsNoAttempt: false,
      });
  });

  it.each([
    [true, 'engine_lost', true],
    [false, 'engine_error', false],
  ])('whose engine is not there costs an attempt only if the engine is fit: lost %s', async (isLost, reason, countsNoAttempt) => {
    const { queue, run } = batchOf(
      [lease('a')],
      async function* () {
        yield { type: 'needs_device' };
        throw unavailable('engine_unavailable', 'Dead.');
      },
      { isLost },
    );
    await run.ended();
    expect(queue.of('fail')).toMatchObject([{ failure: { reason }, retryable: true, countsNoAttempt }]);
  });

  it('fails at once a job whose inputs cannot be had, and goes on with the others', async () => {
    const { queue, run } = batchOf([lease('a'), lease('b')], async function* () {
      yield { type: 'failed', jobId: 'a', reason: 'unknown_asset', message: 'There is no such picture.', retryable: false };
      yield { type: 'needs_device' };
      yield whole('b');
      yield { type: 'finished', jobId: 'b', units: 1 };
    });
    await run.ended();
    expect(queue.calls.map(({ call, request }) => [call, 'jobId' in request && request.jobId])).toEqual([
      ['fail', 'a'],
      ['complete', 'b'],
    ]);
    expect(queue.of('fail')).toMatchObject([{ failure: { reason: 'unknown_asset' }, retryable: false, gpuSeconds: 0 }]);
  });

  it('that is handed back reports its last checkpoint first, and costs no attempt', async () => {
    const { queue, run } = batchOf([lease('a')], async function* (_, signal) {
      yield { type: 'needs_device' };
      setImmediate(() => run.handBack());
      await aborted(signal);
      yield { type: 'checkpoint', jobId: 'a', step: 40, units: 4, content: Buffer.from('weights') };
    });
    await run.ended();
    expect(queue.calls.map(({ call }) => call)).toEqual(['heartbeat', 'fail']);
    expect(queue.of('heartbeat')).toMatchObject([{ leases: [{ jobId: 'a', checkpoint: { key: 'step-40', step: 40, units: 4 } }] }]);
    expect(queue.of('fail')).toMatchObject([{ failure: { reason: 'worker_stopping' }, retryable: true, countsNoAttempt: true }]);
  });

  it('that is handed back before it had the device never computes', async () => {
    const { queue, run } = batchOf([lease('a')], async function* () {
      yield { type: 'needs_device' };
      yield { type: 'finished', jobId: 'a', units: 1 };
    });
    run.handBack();
    await run.ended();
    expect(queue.calls).toMatchObject([{ call: 'fail', request: { failure: { reason: 'worker_stopping' }, countsNoAttempt: true } }]);
  });

  it('goes on when a checkpoint cannot be stored', async () => {
    const { queue, files, run } = batchOf([lease('a')], async function* () {
      yield { type: 'needs_device' };
      yield { type: 'checkpoint', jobId: 'a', step: 1, units: 1, content: Buffer.from('weights') };
      yield { type: 'finished', jobId: 'a', units: 2 };
    });
    files.canCheckpoint = false;
    await run.ended();
    expect(queue.of('complete')).toMatchObject([{ jobId: 'a', unitsDelivered: 2 }]);
  });

  it('stops when the queue has dropped all of its jobs, and reports none', async () => {
    const { queue, run } = batchOf([lease('a'), lease('b')], async function* (_, signal) {
      yield { type: 'needs_device' };
      yield { type: 'progress', step: 1, steps: 9 };
      await aborted(signal);
    });
    queue.stopJobIds = ['a', 'b'];
    await run.ended();
    expect(queue.calls.map(({ call }) => call)).toEqual(['heartbeat']);
  });

  it('goes on for the jobs that the queue has not dropped', async () => {
    let isSeen: () => void = () => {};
    const seen = new Promise<void>((resolve) => (isSeen = resolve));
    const { queue, run } = batchOf([lease('a'), lease('b')], async function* () {
      yield { type: 'needs_device' };
      yield { type: 'progress', jobId: 'b', step: 1, steps: 9, phase: 'teach' };
      await seen;
      for (const jobId of ['a', 'b']) yield* [whole(jobId), { type: 'finished', jobId, units: 1 } as const];
    });
    queue.stopJobIds = ['a'];
    void queue.received('heartbeat').then(() => setImmediate(isSeen));
    await run.ended();
    expect(queue.of('heartbeat')).toMatchObject([
      { leases: [{ jobId: 'a' }, { jobId: 'b', progress: { step: 1, steps: 9, phase: 'teach' } }] },
    ]);
    expect(queue.of('complete')).toMatchObject([{ jobId: 'b' }]);
  });

  it('delivers again what storage and queue could not take', async () => {
    const { queue, storage, run } = batchOf([lease('a')], async function* () {
      yield { type: 'needs_device' };
      yield* [whole('a'), { type: 'finished', jobId: 'a', units: 1 } as const];
    });
    storage.refusals = [unavailable('service_unavailable', 'Away.')];
    queue.refusals = [unavailable('store_unavailable', 'Away.')];
    await run.ended();
    expect(queue.calls.map(({ call }) => call)).toEqual(['complete', 'complete']);
    expect(storage.assets.size).toBe(1);
  });

  it('reports outputs that storage refuses as a failure that a repeat may mend', async () => {
    const { queue, storage, run } = batchOf([lease('a')], async function* () {
      yield { type: 'needs_device' };
      yield* [whole('a'), { type: 'finished', jobId: 'a', units: 1 } as const];
    });
    storage.refusals = [failedPrecondition('job_ended', 'Nobody wants them.')];
    await run.ended();
    expect(queue.of('fail')).toMatchObject([{ failure: { reason: 'storage_error' }, retryable: true }]);
  });

  it('says nothing more of a job whose lease it has lost', async () => {
    const { queue, run } = batchOf([lease('a')], async function* () {
      yield { type: 'needs_device' };
      yield* [whole('a'), { type: 'finished', jobId: 'a', units: 1 } as const];
    });
    queue.refusals = [failedPrecondition('lease_lost', 'It is another worker’s.')];
    await run.ended();
    expect(queue.calls.map(({ call }) => call)).toEqual(['complete']);
  });

  it('waits for the device after its inputs are read, and not before', async () => {
    const order: string[] = [];
    const { device, run } = batchOf([lease('a')], async function* () {
      order.push('inputs read');
      yield { type: 'needs_device' };
      order.push('computing');
      yield { type: 'finished', jobId: 'a', units: 1 };
    });
    await device.permits.acquire();
    const ended = run.ended();
    await new Promise((resolve) => setImmediate(resolve));
    order.push('device free');
    device.permits.release();
    await ended;
    expect(order).toEqual(['inputs read', 'device free', 'computing']);
  });
});
