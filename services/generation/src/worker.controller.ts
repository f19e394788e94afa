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
  type FailRequest,
  type FailResponseSchema,
  type HeartbeatRequest,
  type HeartbeatResponseSchema,
  type LeaseSchema,
  type LeaveRequest,
  type LeaveResponseSchema,
} from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { callSignal, type RpcCall } from '@tessera/rpc/streams.js';
import { jobMessage, stateNumberOf, type ImageJob } from './job.documents.js';
import { WorkerClaims } from './worker-claims.js';
import { recordSpan, spanTimeMs } from '@tessera/platform/telemetry/span.js';

@Controller()
export class WorkerController {
  constructor(private readonly claims: WorkerClaims) {}

  @GrpcMethod(WorkerService.typeName)
  async claim({ workerId, pool, modelIds, maxJobs, maxImages, waitMs, warmModelIds }: ClaimRequest, _metadata: Metadata, call: RpcCall): Promise<MessageInitShape<typeof ClaimResponseSchema>> {
    const jobs = await this.claims.claim({ workerId, pool, modelIds, jobsMax: Math.max(1, maxJobs), imagesMax: Math.max(1, maxImages), waitMs, warmModelIds }, callSignal(call));
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
  async leave({ workerId }: LeaveRequest): Promise<MessageInitShape<typeof LeaveResponseSchema>> {
    return { returned: await this.claims.leave(workerId) };
  }
}

function leaseMessages(job: ImageJob, traceparent: string): MessageInitShape<typeof LeaseSchema>[] {
  const { life, payload } = job.value;
  if (life.state !== 'running') return [];
  return [{ job: jobMessage(job), leaseId: life.lease.leaseId, expiresMs: BigInt(life.lease.expiresMs), imageIds: [...payload.imageIds], traceparent }];
}

/** The job's wait and its claim, which nobody's call has waited for, as spans of its trace. Answers the context that the lease carries: the work stands below the claim. */
function claimSpans({ id, value: { life, work, traceparent = '' } }: ImageJob, batchJobs: number): string {
  if (traceparent === '' || life.state !== 'running') return '';
  const attributes = { 'tessera.job.id': id, 'tessera.queue.pool': work.pool, 'tessera.queue.lane': life.lane, 'tessera.job.attempt': life.attempt };
  recordSpan('queue wait', { parent: traceparent, startMs: life.enqueuedMs, endMs: life.startedMs, attributes });
  const claim = { ...attributes, 'tessera.worker.id': life.lease.workerId, 'tessera.batch.jobs': batchJobs };
  return recordSpan('claim', { kind: 'consumer', parent: traceparent, startMs: life.startedMs, endMs: spanTimeMs(), attributes: claim }) ?? traceparent;
}
