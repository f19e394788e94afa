import type { Metadata } from '@grpc/grpc-js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  JobService,
  type CancelRequest,
  type CancelResponseSchema,
  type DeleteRequest,
  type DeleteResponseSchema,
  type DescribeQueueRequest,
  type DescribeQueueResponseSchema,
  type GetOutcomesRequest,
  type GetOutcomesResponseSchema,
  type GetRequest,
  type GetResponseSchema,
  type ListOutcomesRequest,
  type ListOutcomesResponseSchema,
  type ListRequest,
  type ListResponseSchema,
} from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { callSignal, type RpcCall } from '@tessera/rpc/streams.js';
import { jobMessage, outcomeMessage } from './job-messages.js';
import { Jobs } from './jobs.js';

@Controller()
export class JobsController {
  constructor(private readonly jobs: Jobs) {}

  @GrpcMethod(JobService.typeName)
  async get(
    { accountId, jobId, waitMs }: GetRequest,
    _metadata: Metadata,
    call: RpcCall,
  ): Promise<MessageInitShape<typeof GetResponseSchema>> {
    const job = waitMs > 0 ? await this.jobs.await(accountId, jobId, waitMs, callSignal(call)) : await this.jobs.get(accountId, jobId);
    return { job: jobMessage(job, await this.jobs.positionOf(job)) };
  }

  @GrpcMethod(JobService.typeName)
  async list(request: ListRequest): Promise<MessageInitShape<typeof ListResponseSchema>> {
    const { jobs, next } = await this.jobs.list(request);
    return { jobs: jobs.map((job) => jobMessage(job)), nextPageToken: next };
  }

  @GrpcMethod(JobService.typeName)
  async cancel({ accountId, jobId }: CancelRequest): Promise<MessageInitShape<typeof CancelResponseSchema>> {
    return { job: jobMessage(await this.jobs.cancel(accountId, jobId)) };
  }

  @GrpcMethod(JobService.typeName)
  async delete({ accountId, jobId }: DeleteRequest): Promise<MessageInitShape<typeof DeleteResponseSchema>> {
    await this.jobs.delete(accountId, jobId);
    return {};
  }

  @GrpcMethod(JobService.typeName)
  async getOutcomes({ jobIds }: GetOutcomesRequest): Promise<MessageInitShape<typeof GetOutcomesResponseSchema>> {
    return { outcomes: (await this.jobs.named(jobIds)).map(outcomeMessage) };
  }

  @GrpcMethod(JobService.typeName)
  async listOutcomes({ accountId, pageToken }: ListOutcomesRequest): Promise<MessageInitShape<typeof ListOutcomesResponseSchema>> {
    const { jobs, next } = await this.jobs.page(accountId, pageToken);
    return { outcomes: jobs.map(outcomeMessage), nextPageToken: next };
  }

  @GrpcMethod(JobService.typeName)
  async describeQueue({ accountId }: DescribeQueueRequest): Promise<MessageInitShape<typeof DescribeQueueResponseSchema>> {
    const { queued, running, ownQueued, ownRunning, oldestWaitMs } = await this.jobs.describeQueue(accountId);
    return {
      queuedJobs: queued,
      runningJobs: running,
      accountQueuedJobs: ownQueued,
      accountRunningJobs: ownRunning,
      oldestWaitMs: BigInt(oldestWaitMs),
    };
  }
}
