import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { WatchResponseSchema, type JobState, type WatchResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { LeaseProgress } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { finalStates as finalStateNames } from '@tessera/jobs/job-life.js';
import { stateNumberOf, stateNumbers, type Job } from '../queue/job-record.js';
import { JobUpdates, type JobUpdate } from './job-updates.js';
import { previewSequence, progressSequence, sequenceText } from './sequence.js';
import { UpdateChannels } from './update-channels.js';

const jobChannel = (jobId: string): string => `jobs.job.${jobId}`;
const accountChannel = (accountId: string): string => `jobs.account.${accountId}`;

const finalStates: ReadonlySet<JobState> = new Set([...finalStateNames].map((name) => stateNumbers[name]));

/**
 * Updates of jobs, through the cache, to whoever watches or waits at this moment, in any process. A state change carries only the state: the listener reads the job itself.
 * Losing an update loses a progress step; where updates may have been lost, listeners find a gap, and states are found again in the store.
 */
@Injectable()
export class JobFeed {
  constructor(private readonly channels: UpdateChannels) {}

  stateChanged(job: Job): void {
    this.#publish(job, {
      sequence: sequenceText({ revision: job.revision, step: 0 }),
      event: { case: 'job', value: { state: stateNumberOf(job) } },
    });
  }

  removed(job: Job): void {
    this.#publish(job, { sequence: sequenceText({ revision: job.revision + 1, step: 0 }), event: { case: 'removed', value: {} } });
  }

  progressed(job: Job, { progress, previews }: LeaseProgress): void {
    if (progress)
      this.#publish(job, {
        sequence: sequenceText(progressSequence(job.revision, progress.step)),
        event: { case: 'progress', value: progress },
      });
    for (const preview of previews) {
      this.#publish(job, {
        sequence: sequenceText(previewSequence(job.revision, preview.step, preview.index)),
        event: { case: 'preview', value: preview },
      });
    }
  }

  /** Of one job. Resolves when nothing that happens from now on is missed. Close it. */
  listen(jobId: string): Promise<JobUpdates> {
    return this.#listen(jobChannel(jobId));
  }

  /** Of all jobs of an account. */
  listenToAccount(accountId: string): Promise<JobUpdates> {
    return this.#listen(accountChannel(accountId));
  }

  async #listen(channel: string): Promise<JobUpdates> {
    const updates = new JobUpdates();
    const onMessage = (bytes: Uint8Array) => updates.push(updateOf(fromBinary(WatchResponseSchema, bytes)));
    updates.onClose(await this.channels.listen(channel, { onMessage, onGap: () => updates.pushGap() }));
    return updates;
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
