import type { Metadata } from '@grpc/grpc-js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  WorkerService,
  type ClaimRequest,
  type ClaimResponseSchema,
  type CompleteRequest,
  type CompleteResponseSchema,
  type DeregisterRequest,
  type DeregisterResponseSchema,
  type FailRequest,
  type FailResponseSchema,
  type HeartbeatRequest,
  type HeartbeatResponseSchema,
  type LeaseSchema,
  type ReclaimRequest,
  type ReclaimResponseSchema,
} from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { leaseMsOf } from '@tessera/jobs/claims.js';
import { recordSpan, spanTimeMs } from '@tessera/platform/telemetry/span.js';
import { callSignal, type RpcCall } from '@tessera/rpc/streams.js';
import { anyMessage } from '../queue/job-messages.js';
import { stateNumberOf, type Job } from '../queue/job-record.js';
import { WorkerClaims } from './worker-claims.js';

@Controller()
export class WorkersController {
  constructor(private readonly claims: WorkerClaims) {}

  @GrpcMethod(WorkerService.typeName)
  async claim(
    { workerId, pool, kinds, modelIds, maxJobs, maxUnits, waitMs, warmModelIds }: ClaimRequest,
    _metadata: Metadata,
    call: RpcCall,
  ): Promise<MessageInitShape<typeof ClaimResponseSchema>> {
    const capacity = { kinds, modelIds, jobsMax: Math.max(1, maxJobs), unitsMax: Math.max(1, maxUnits), warmModelIds };
    const jobs = await this.claims.claim({ workerId, pool, waitMs, ...capacity }, callSignal(call));
    return { leases: jobs.flatMap((job) => leaseMessages(job, claimSpans(job, jobs.length))) };
  }

  @GrpcMethod(WorkerService.typeName)
  async heartbeat({ leases }: HeartbeatRequest): Promise<MessageInitShape<typeof HeartbeatResponseSchema>> {
    return { stopJobIds: await this.claims.heartbeat(leases) };
  }

  @GrpcMethod(WorkerService.typeName)
  async complete(request: CompleteRequest): Promise<MessageInitShape<typeof CompleteResponseSchema>> {
    return { state: stateNumberOf(await this.claims.complete(request)) };
  }

  @GrpcMethod(WorkerService.typeName)
  async fail(request: FailRequest): Promise<MessageInitShape<typeof FailResponseSchema>> {
    return { state: stateNumberOf(await this.claims.fail(request)) };
  }

  @GrpcMethod(WorkerService.typeName)
  async deregister({ workerId }: DeregisterRequest): Promise<MessageInitShape<typeof DeregisterResponseSchema>> {
    return { returned: await this.claims.deregister(workerId) };
  }

  @GrpcMethod(WorkerService.typeName)
  async reclaim({ workerId }: ReclaimRequest): Promise<MessageInitShape<typeof ReclaimResponseSchema>> {
    return { returned: await this.claims.reclaim(workerId) };
  }
}

function leaseMessages(job: Job, traceparent: string): MessageInitShape<typeof LeaseSchema>[] {
  const { life, work, payload, accountId } = job.value;
  if (life.state !== 'running') return [];
  return [
    {
      leaseId: life.lease.leaseId,
      jobId: job.id,
      accountId,
      kind: work.kind,
      expiresMs: BigInt(life.lease.expiresMs),
      leaseMs: BigInt(leaseMsOf(job)),
      work: { pool: work.pool, modelId: work.modelId, affinity: work.affinity, units: work.units, size: work.size },
      payload: anyMessage(payload.request),
      outputIds: [...payload.outputIds],
      ...(payload.checkpoint ? { checkpoint: { ...payload.checkpoint } } : {}),
      attempt: life.attempt,
      traceparent,
    },
  ];
}

/** The job's wait and its claim, which nobody's call has waited for, as spans of its trace. Answers the context that the lease carries: the work stands below the claim. */
function claimSpans({ id, value: { life, work, traceparent = '' } }: Job, batchJobs: number): string {
  if (traceparent === '' || life.state !== 'running') return '';
  const attributes = {
    'tessera.job.id': id,
    'tessera.job.kind': work.kind,
    'tessera.queue.pool': work.pool,
    'tessera.queue.lane': life.lane,
    'tessera.job.attempt': life.attempt,
  };
  recordSpan('queue wait', { parent: traceparent, startMs: life.enqueuedMs, endMs: life.startedMs, attributes });
  const claim = { ...attributes, 'tessera.worker.id': life.lease.workerId, 'tessera.batch.jobs': batchJobs };
  return (
    recordSpan('claim', { kind: 'consumer', parent: traceparent, startMs: life.startedMs, endMs: spanTimeMs(), attributes: claim }) ??
    traceparent
  );
}
