import { Injectable } from '@nestjs/common';
import type { CompleteRequest, FailRequest, LeaseProgress } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { retryOnConflict } from '@tessera/documents/documents.js';
import type { ClaimRequest } from '@tessera/jobs/claims.js';
import { engineLostReason, handedBackReason } from '@tessera/jobs/batch-run.js';
import { leased, leaseLost } from '@tessera/jobs/job-life.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import { ImageQueue } from './image-queue.js';
import { JobFeed } from './job-feed.js';
import { storedImage, type ImageJob, type ImageJobPayload } from './job.documents.js';

/** Longer waits are cut; the worker asks again. */
const claimWaitMsMax = 60_000;
/** Jobs in one heartbeat: above any batch. */
const heldMax = 256;
/** What a worker may tell about one job beyond its pictures. */
const noticesMax = 32;
const noticeCharactersMax = 500;

/** What workers do to jobs. Every call but a claim proves itself by the lease; without it the answer is FailedPrecondition `lease_lost`. */
@Injectable()
export class WorkerClaims {
  constructor(
    private readonly queue: ImageQueue,
    private readonly feed: JobFeed,
  ) {}

  claim(request: ClaimRequest, signal: AbortSignal): Promise<ImageJob[]> {
    return this.queue.claims.claim({ ...request, waitMs: Math.min(request.waitMs, claimWaitMsMax) }, signal);
  }

  leave(workerId: string): Promise<number> {
    return this.queue.claims.leave(workerId);
  }

  /** Answers the jobs to stop. */
  async heartbeat(leases: readonly LeaseProgress[]): Promise<string[]> {
    if (leases.length > heldMax) throw invalidArgument('too_many_leases', `At most ${heldMax} leases in one heartbeat.`);
    const { renewed, dropJobIds } = await this.queue.claims.renew(leases);
    const held = new Map(renewed.map((job) => [job.id, job]));
    for (const progress of leases) {
      const job = held.get(progress.jobId);
      if (job) this.feed.progressed(job, progress);
    }
    return dropJobIds;
  }

  /** `succeeded`, the pictures and the event in one commit. A repeat under the same lease answers what the first did. */
  complete(request: CompleteRequest): Promise<ImageJob> {
    return retryOnConflict(async () => {
      const job = await this.#job(request.jobId);
      if (job.value.life.state === 'succeeded' && job.value.life.leaseId === request.leaseId) return job;
      leased(job.value.life, request.leaseId);
      return this.queue.jobs.succeed(job, request.leaseId, gpuSecondsOf(request.gpuSeconds), outcomeOf(job.value.payload, request));
    });
  }

  fail({ jobId, leaseId, failure, retryable, gpuSeconds }: FailRequest): Promise<ImageJob> {
    return retryOnConflict(async () => {
      const job = await this.#job(jobId);
      leased(job.value.life, leaseId);
      const reason = { reason: failure?.reason || 'engine_error', message: (failure?.message || 'The engine could not paint it.').slice(0, noticeCharactersMax) };
      if (!retryable) return this.queue.jobs.fail(job, reason, gpuSecondsOf(gpuSeconds));
      return this.queue.jobs.giveUp(job, reason, { countsAsAttempt: reason.reason !== handedBackReason && reason.reason !== engineLostReason });
    });
  }

  async #job(jobId: string): Promise<ImageJob> {
    const job = await this.queue.store.get(jobId);
    if (!job) throw leaseLost();
    return job;
  }
}

/** A worker's clock is not to be trusted with the fairness of the queue. */
const gpuSecondsOf = (reported: number): number => (Number.isFinite(reported) && reported > 0 ? reported : 0);

function outcomeOf(payload: ImageJobPayload, { images, notices, modelVersion, computeMs, storingMs }: CompleteRequest): ImageJobPayload {
  const isOurs = images.every(({ imageId, index }) => payload.imageIds[index] === imageId);
  const isWhole = images.length > 0 && new Set(images.map(({ index }) => index)).size === images.length;
  if (!isOurs || !isWhole) throw invalidArgument('invalid_images', 'A completion brings pictures under the ids that its lease gave, each once.', { param: 'images' });
  return {
    ...payload,
    images: images.map(storedImage).sort((a, b) => a.index - b.index),
    notices: notices.slice(0, noticesMax).map(({ kind, message }) => ({ kind, message: message.slice(0, noticeCharactersMax) })),
    modelVersion,
    paintingMs: Number(computeMs),
    storingMs: Number(storingMs),
  };
}
