import { Injectable } from '@nestjs/common';
import type { Output } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { CompleteRequest, FailRequest, LeaseProgress } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { retryOnConflict } from '@tessera/documents/documents.js';
import type { ClaimRequest } from '@tessera/jobs/claims.js';
import { leased, leaseLost } from '@tessera/jobs/job-life.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import { storedOutput } from '../queue/job-messages.js';
import type { Job, JobPayload, StoredCheckpoint } from '../queue/job-record.js';
import { Queue } from '../queue/queue.js';
import { JobFeed } from '../watch/job-feed.js';

/** Longer waits are cut; the worker asks again. */
const claimWaitMsMax = 60_000;
/** Jobs in one heartbeat: above any batch. */
const heldMax = 256;
/** What a worker may report about one job beyond its outputs. */
const noticesMax = 32;
const noticeCharactersMax = 500;

/** What workers do to jobs. Every call but a claim proves itself by the lease; without it the answer is FailedPrecondition `lease_lost`. */
@Injectable()
export class WorkerClaims {
  constructor(
    private readonly queue: Queue,
    private readonly feed: JobFeed,
  ) {}

  claim(request: ClaimRequest, signal: AbortSignal): Promise<Job[]> {
    return this.queue.claims.claim({ ...request, waitMs: Math.min(request.waitMs, claimWaitMsMax) }, signal);
  }

  deregister(workerId: string): Promise<number> {
    return this.queue.claims.deregister(workerId, this.queue.pools);
  }

  reclaim(workerId: string): Promise<number> {
    return this.queue.claims.reclaim(workerId, this.queue.pools);
  }

  /** Answers the jobs to stop. A checkpoint is durable when this answers. */
  async heartbeat(leases: readonly LeaseProgress[]): Promise<string[]> {
    if (leases.length > heldMax) throw invalidArgument('too_many_leases', `At most ${heldMax} leases in one heartbeat.`);
    const { renewed, dropJobIds } = await this.queue.claims.renew(leases);
    const held = new Map(renewed.map((job) => [job.id, job]));
    for (const progress of leases) {
      const job = held.get(progress.jobId);
      if (!job) continue;
      this.feed.progressed(job, progress);
      if (progress.checkpoint) await this.#keepCheckpoint(progress.jobId, progress.leaseId, progress.checkpoint);
    }
    return dropJobIds;
  }

  /** `succeeded`, the outputs and the event in one commit. A repeat under the same lease answers what the first did. */
  complete(request: CompleteRequest): Promise<Job> {
    return retryOnConflict(async () => {
      const job = await this.#job(request.jobId);
      if (job.value.life.state === 'succeeded' && job.value.life.leaseId === request.leaseId) return job;
      leased(job.value.life, request.leaseId);
      return this.queue.jobs.succeed(job, request.leaseId, gpuSecondsOf(request.gpuSeconds), completed(job, request));
    });
  }

  fail({ jobId, leaseId, failure, retryable, gpuSeconds, countsNoAttempt }: FailRequest): Promise<Job> {
    return retryOnConflict(async () => {
      const job = await this.#job(jobId);
      leased(job.value.life, leaseId);
      const reason = {
        reason: failure?.reason || 'engine_error',
        message: (failure?.message || 'The engine could not do it.').slice(0, noticeCharactersMax),
      };
      if (!retryable) return this.queue.jobs.fail(job, reason, gpuSecondsOf(gpuSeconds));
      return this.queue.jobs.requeueOrFail(job, reason, { countsAsAttempt: !countsNoAttempt });
    });
  }

  /** An older one than is known, of a repeated or late heartbeat, changes nothing. */
  #keepCheckpoint(jobId: string, leaseId: string, { key, step, digest, units }: StoredCheckpoint): Promise<void> {
    return retryOnConflict(async () => {
      const job = await this.#job(jobId);
      leased(job.value.life, leaseId);
      if ((job.value.payload.checkpoint?.step ?? -1) >= step) return;
      await this.queue.jobs.note(job, {
        ...job.value.payload,
        checkpoint: { key, step, digest, units: Math.min(units, job.value.work.units) },
      });
    });
  }

  async #job(jobId: string): Promise<Job> {
    const job = await this.queue.store.get(jobId);
    if (!job) throw leaseLost();
    return job;
  }
}

/** A worker's clock is not to be trusted with the fairness of the queue. */
const gpuSecondsOf = (reported: number): number => (Number.isFinite(reported) && reported > 0 ? reported : 0);

function completed(
  { value: { payload, work } }: Job,
  { outputs, notices, modelVersion, computeMs, storingMs, unitsDelivered }: CompleteRequest,
): JobPayload {
  refuseForeign(outputs, payload.outputIds);
  if (unitsDelivered === 0 || unitsDelivered > work.units)
    throw invalidArgument('invalid_outputs', 'A completion delivers one unit at least, and no more than were priced.', {
      param: 'units_delivered',
    });
  return {
    ...payload,
    outputs: outputs.map(storedOutput).sort((a, b) => a.index - b.index),
    notices: notices.slice(0, noticesMax).map(({ kind, message }) => ({ kind, message: message.slice(0, noticeCharactersMax) })),
    modelVersion,
    unitsDelivered,
    computeMs: Number(computeMs),
    storingMs: Number(storingMs),
  };
}

function refuseForeign(outputs: readonly Output[], outputIds: readonly string[]): void {
  const isOurs = outputs.every(({ assetId, index }) => outputIds[index] === assetId);
  const isWhole = outputs.length > 0 && new Set(outputs.map(({ index }) => index)).size === outputs.length;
  if (!isOurs || !isWhole)
    throw invalidArgument('invalid_outputs', 'A completion brings outputs under the ids that its lease gave, each once.', {
      param: 'outputs',
    });
}
