import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { WatchResponseSchema, type JobState, type WatchResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { LeaseProgress } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { finalStates as finalStateNames } from '@tessera/jobs/job-life.js';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { stateNumberOf, stateNumbers, type Job } from '../queue/job-record.js';
import { previewSequence, progressSequence, sequenceText } from './sequence.js';

const jobChannel = (jobId: string): string => `jobs.job.${jobId}`;
const accountChannel = (accountId: string): string => `jobs.account.${accountId}`;

/** Updates that may wait for a slow reader: some ten seconds of progress of a job with many pictures. */
const updatesMax = 256;

const finalStates: ReadonlySet<JobState> = new Set([...finalStateNames].map((name) => stateNumbers[name]));

export type JobUpdate = { readonly jobId: string; readonly message: WatchResponse; /** The job has reached a final state, or is gone. */ readonly isFinal: boolean };

/** What comes for one listener, until it closes. */
export type JobUpdates = { readonly received: BoundedBuffer<JobUpdate>; close(): void };

/**
 * Updates of jobs, through the cache, to whoever watches or waits at this moment, in any process. A state change carries only the state: the listener reads the job itself.
 * Losing an update loses a progress step; states are always found again in the store.
 */
@Injectable()
export class JobFeed {
  constructor(
    private readonly cache: Cache,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  stateChanged(job: Job): void {
    this.#publish(job, { sequence: sequenceText({ revision: job.revision, step: 0 }), event: { case: 'job', value: { state: stateNumberOf(job) } } });
  }

  removed(job: Job): void {
    this.#publish(job, { sequence: sequenceText({ revision: job.revision + 1, step: 0 }), event: { case: 'removed', value: {} } });
  }

  progressed(job: Job, { progress, previews }: LeaseProgress): void {
    if (progress) this.#publish(job, { sequence: sequenceText(progressSequence(job.revision, progress.step)), event: { case: 'progress', value: progress } });
    for (const preview of previews) {
      this.#publish(job, { sequence: sequenceText(previewSequence(job.revision, preview.step, preview.index)), event: { case: 'preview', value: preview } });
    }
  }

  /** Of one job. Resolves when nothing that happens from now on is missed. */
  listen(jobId: string): Promise<JobUpdates> {
    return this.#listen(jobChannel(jobId));
  }

  /** Of all jobs of an account. */
  listenToAccount(accountId: string): Promise<JobUpdates> {
    return this.#listen(accountChannel(accountId));
  }

  async #listen(channel: string): Promise<JobUpdates> {
    const received = new BoundedBuffer<JobUpdate>({ itemsMax: updatesMax, mayDrop: ({ message }) => message.event.case === 'progress' || message.event.case === 'preview' });
    const close = await this.cache.subscribe(channel, (bytes) => received.push(updateOf(fromBinary(WatchResponseSchema, bytes))));
    return { received, close };
  }

  #publish(job: Job, message: MessageInitShape<typeof WatchResponseSchema>): void {
    const bytes = toBinary(WatchResponseSchema, create(WatchResponseSchema, { ...message, jobId: job.id }));
    for (const channel of [jobChannel(job.id), accountChannel(job.value.accountId)]) {
      this.cache.publish(channel, bytes).catch((error: unknown) => this.logger.warn({ err: error, jobId: job.id }, 'an update of a job did not reach its watchers'));
    }
  }
}

function updateOf(message: WatchResponse): JobUpdate {
  const { event, jobId } = message;
  return { jobId, message, isFinal: event.case === 'removed' || (event.case === 'job' && finalStates.has(event.value.state)) };
}
