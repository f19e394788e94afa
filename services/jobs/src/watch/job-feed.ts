import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { JobState, WatchResponseSchema, type WatchResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { LeaseProgress } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { stateNumberOf, type Job } from '../queue/job-record.js';
import { BoundedBuffer } from './bounded-buffer.js';
import { previewSequence, progressSequence, sequenceText } from './sequence.js';
import { UpdateChannels } from './update-channels.js';

const jobChannel = (jobId: string): string => `jobs.job.${jobId}`;
const accountChannel = (accountId: string): string => `jobs.account.${accountId}`;

/** Updates that may wait for a slow reader: some ten seconds of progress of a job with many pictures. */
const updatesMax = 256;

const finalStates: ReadonlySet<JobState> = new Set([JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED]);

export type JobUpdate = { readonly jobId: string; readonly message: WatchResponse; /** The job has reached a final state, or is gone. */ readonly isFinal: boolean };

/**
 * Updates of jobs, through the cache, to whoever watches or waits at this moment, in any process. A state change carries only the state: the listener reads the job itself.
 * Losing an update loses a progress step; where updates may have been lost, listeners find a gap, and states are found again in the store.
 */
@Injectable()
export class JobFeed {
  constructor(private readonly channels: UpdateChannels) {}

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

  /** Of one job. Resolves when nothing that happens from now on is missed. Close the buffer. */
  listen(jobId: string): Promise<BoundedBuffer<JobUpdate>> {
    return this.#listen(jobChannel(jobId));
  }

  /** Of all jobs of an account. */
  listenToAccount(accountId: string): Promise<BoundedBuffer<JobUpdate>> {
    return this.#listen(accountChannel(accountId));
  }

  async #listen(channel: string): Promise<BoundedBuffer<JobUpdate>> {
    const buffer = new BoundedBuffer<JobUpdate>(updatesMax, ({ message }) => message.event.case === 'progress' || message.event.case === 'preview');
    const onMessage = (bytes: Uint8Array) => buffer.put(updateOf(fromBinary(WatchResponseSchema, bytes)));
    buffer.onClose(await this.channels.listen(channel, { onMessage, onGap: () => buffer.putGap() }));
    return buffer;
  }

  #publish(job: Job, message: MessageInitShape<typeof WatchResponseSchema>): void {
    const bytes = toBinary(WatchResponseSchema, create(WatchResponseSchema, { ...message, jobId: job.id }));
    for (const channel of [jobChannel(job.id), accountChannel(job.value.accountId)]) this.channels.publish(channel, bytes);
  }
}

function updateOf(message: WatchResponse): JobUpdate {
  const { event, jobId } = message;
  return { jobId, message, isFinal: event.case === 'removed' || (event.case === 'job' && finalStates.has(event.value.state)) };
}
