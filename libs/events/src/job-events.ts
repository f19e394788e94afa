import { create } from '@bufbuild/protobuf';
import {
  JobDeletedSchema as FormerJobDeletedSchema,
  JobFinishedSchema as FormerJobFinishedSchema,
} from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { JobDeletedSchema, JobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import type { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { EventBus, EventHandler } from './event-bus.js';

/**
 * The end of every job, also of those that the release before tessera.jobs.v1 has published and that still lie in the log or the topic: they told of images alone, with the same
 * numbers for the same states.
 */
export function subscribeToFinishedJobs(bus: EventBus, group: string, handler: EventHandler<typeof JobFinishedSchema>): void {
  bus.subscribe(JobFinishedSchema, group, handler);
  bus.subscribe(
    FormerJobFinishedSchema,
    group,
    ({ jobId, accountId, state, imagesDelivered, failure, finishedMs, gpuSeconds, hasHold }, envelope) => {
      const event = create(JobFinishedSchema, {
        jobId,
        accountId,
        kind: 'image',
        state: Number(state) as JobState,
        unitsDelivered: imagesDelivered,
        finishedMs,
        gpuSeconds,
        hasHold,
        ...(failure ? { failure: { reason: failure.reason, message: failure.message } } : {}),
      });
      return handler(event, envelope);
    },
  );
}

/** The same for jobs that were deleted. */
export function subscribeToDeletedJobs(bus: EventBus, group: string, handler: EventHandler<typeof JobDeletedSchema>): void {
  bus.subscribe(JobDeletedSchema, group, handler);
  bus.subscribe(FormerJobDeletedSchema, group, ({ jobId, accountId, deletedMs }, envelope) =>
    handler(create(JobDeletedSchema, { jobId, accountId, deletedMs }), envelope),
  );
}
