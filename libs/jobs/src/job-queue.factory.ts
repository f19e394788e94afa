import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import type { Documents } from '@tessera/documents/documents.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { ManualClock, type Clock } from '@tessera/platform/clock.js';
import { newId } from '@tessera/platform/ids.js';
import { createLogger } from '@tessera/platform/logger.js';
import { Claims } from './claims.js';
import { DueSweeper } from './due-sweeper.js';
import { JobQueue } from './job-queue.js';
import type { Lane } from './lanes.js';
import { JobStore, type StoredJob } from './job.store.js';

export type Payload = { readonly name: string };
export type Submitted = {
  accountId?: string;
  lane?: Lane;
  concurrentJobsMax?: number;
  units?: number;
  kind?: string;
  affinity?: string;
  modelId?: string;
};

/** A queue on a real store in a folder of its own, with a clock that tests move. `restart` forgets what the process kept in memory. */
export async function openQueue({ isShared = false }: { isShared?: boolean } = {}) {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-jobs-'));
  const { documents, eventLog, close } = await openDocuments({ dataDir });
  const clock = new ManualClock();
  const changes: StoredJob<Payload>[] = [];
  const start = () => openParts(documents, clock, changes, isShared);
  let parts = start();
  return {
    clock,
    changes,
    get parts() {
      return parts;
    },
    restart: () => (parts = start()),
    async accept({ accountId = 'account', units = 1, kind = 'image', affinity = 'x', modelId = 'model' }: Submitted = {}): Promise<
      StoredJob<Payload>
    > {
      const work = { kind, pool: 'pool', modelId, affinity, units, size: units, gpuSecondsEstimated: units };
      return parts.queue.accept(newId(), {
        accountId,
        createdMs: clock.now(),
        changedMs: clock.now(),
        work,
        life: { state: 'accepted', resumeMs: clock.now() + 1_000 },
        payload: { name: 'job' },
      });
    },
    async submit(job: Submitted = {}): Promise<StoredJob<Payload>> {
      return this.enqueue(await this.accept(job), job);
    },
    enqueue(
      job: StoredJob<Payload>,
      { lane = 'fast', concurrentJobsMax = 0 }: { lane?: Lane; concurrentJobsMax?: number } = {},
    ): Promise<StoredJob<Payload>> {
      return parts.queue.enqueue(job, { lane, concurrentJobsMax, startDeadlineMs: clock.now() + 3_600_000, payload: { name: 'job' } });
    },
    /** A claim that has found nothing and waits for what will be queued. */
    async waitingClaim({ jobsMax = 1, signal = new AbortController().signal }: { jobsMax?: number; signal?: AbortSignal } = {}): Promise<{
      claimed: Promise<StoredJob<Payload>[]>;
    }> {
      const pool = await parts.queue.pools.named('pool');
      const claimed = parts.claims.claim(
        { workerId: 'worker', pool: 'pool', kinds: ['image'], modelIds: ['model'], jobsMax, unitsMax: 64, waitMs: 60_000 },
        signal,
      );
      while (pool.backlogged.size > 0) await nextTurn();
      return { claimed };
    },
    claim(jobsMax = 1, workerId = 'worker'): Promise<StoredJob<Payload>[]> {
      return parts.claims.claim(
        { workerId, pool: 'pool', kinds: ['image'], modelIds: ['model'], jobsMax, unitsMax: 64, waitMs: 0 },
        new AbortController().signal,
      );
    },
    async succeed(job: StoredJob<Payload>): Promise<StoredJob<Payload>> {
      if (job.value.life.state !== 'running') throw new Error(`Job ${job.id} does not run`);
      const ended = await parts.queue.succeed(job, job.value.life.lease.leaseId, 1, job.value.payload);
      await parts.queue.parking.settle();
      return ended;
    },
    async stateOf(jobId: string): Promise<string | undefined> {
      return (await parts.store.get(jobId))?.value.life.state;
    },
    eventCount: async () => (await eventLog.read([EmptySchema.typeName], 0, 1_000)).length,
    async close(): Promise<void> {
      await parts.sweeper.stop();
      await parts.queue.parking.settle();
      await close();
      await fs.rm(dataDir, { recursive: true, force: true });
    },
  };
}

function openParts(documents: Documents, clock: Clock, changes: StoredJob<Payload>[], isShared: boolean) {
  const logger = createLogger('silent', 'jobs');
  const store = new JobStore<Payload>(documents, { name: 'test.jobs', version: 1 });
  const queue = new JobQueue<Payload>({
    store,
    clock,
    logger,
    finishedEvent: (job) => outgoingEvent(EmptySchema, job.value.accountId, {}),
    onChange: (job) => changes.push(job),
    onDue: () => {},
    isShared,
  });
  const resumed: string[] = [];
  const sweeper = new DueSweeper<Payload>(store, queue, clock, logger, async (job) => {
    resumed.push(job.id);
    await queue.reject(job, { reason: 'test', message: '' }, true);
  });
  return { store, queue, claims: new Claims(queue), sweeper, resumed };
}
