import type { Metadata } from '@grpc/grpc-js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  GenerationService,
  type CancelJobRequest,
  type CancelJobResponseSchema,
  type DeleteJobRequest,
  type DeleteJobResponseSchema,
  type DescribeQueueRequest,
  type DescribeQueueResponseSchema,
  type GetJobRequest,
  type GetJobResponseSchema,
  type GetOutcomesRequest,
  type GetOutcomesResponseSchema,
  type ListJobsRequest,
  type ListJobsResponseSchema,
  type ListModelsRequest,
  type ListModelsResponseSchema,
  type ModelDescriptionSchema,
  type ListOutcomesRequest,
  type ListOutcomesResponseSchema,
  type PreviewRequest,
  type PreviewResponseSchema,
  type SubmitRequest,
  type SubmitResponseSchema,
  type WatchJobRequest,
  type WatchJobResponseSchema,
} from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import { callSignal, streamOf, type RpcCall } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import { imagesMax } from './image-request.js';
import { jobMessage, outcomeMessage, requestMessage } from './job.documents.js';
import { Jobs } from './jobs.js';
import { Requests } from './requests.js';
import { Submissions } from './submissions.js';
import { Watching } from './watching.js';

@Controller()
export class GenerationController {
  constructor(
    private readonly submissions: Submissions,
    private readonly requests: Requests,
    private readonly jobs: Jobs,
    private readonly watching: Watching,
    private readonly models: ModelRegistry,
  ) {}

  @GrpcMethod(GenerationService.typeName)
  async submit(request: SubmitRequest): Promise<MessageInitShape<typeof SubmitResponseSchema>> {
    const { job, isReplay, balanceTokens } = await this.submissions.submit(request);
    return { job: jobMessage(job), isReplay, ...(isReplay || balanceTokens === undefined ? {} : { balanceTokens }) };
  }

  @GrpcMethod(GenerationService.typeName)
  async preview({ accountId, request, wallet }: PreviewRequest): Promise<MessageInitShape<typeof PreviewResponseSchema>> {
    const preview = await this.requests.preview(accountId, request, wallet);
    return { request: requestMessage(preview.request), ...(preview.quote ? { quote: preview.quote } : {}) };
  }

  @GrpcMethod(GenerationService.typeName)
  async getJob({ accountId, jobId, waitMs }: GetJobRequest, _metadata: Metadata, call: RpcCall): Promise<MessageInitShape<typeof GetJobResponseSchema>> {
    const job = waitMs > 0 ? await this.jobs.await(accountId, jobId, waitMs, callSignal(call)) : await this.jobs.get(accountId, jobId);
    return { job: jobMessage(job, await this.jobs.positionOf(job)) };
  }

  @GrpcMethod(GenerationService.typeName)
  async listJobs({ accountId, limit, offset }: ListJobsRequest): Promise<MessageInitShape<typeof ListJobsResponseSchema>> {
    const jobs = await this.jobs.list(accountId, limit, offset);
    return { jobs: jobs.map((job) => jobMessage(job)) };
  }

  @GrpcMethod(GenerationService.typeName)
  async cancelJob({ accountId, jobId }: CancelJobRequest): Promise<MessageInitShape<typeof CancelJobResponseSchema>> {
    return { job: jobMessage(await this.jobs.cancel(accountId, jobId)) };
  }

  @GrpcMethod(GenerationService.typeName)
  async deleteJob({ accountId, jobId }: DeleteJobRequest): Promise<MessageInitShape<typeof DeleteJobResponseSchema>> {
    await this.jobs.delete(accountId, jobId);
    return {};
  }

  @GrpcMethod(GenerationService.typeName)
  async getOutcomes({ jobIds }: GetOutcomesRequest): Promise<MessageInitShape<typeof GetOutcomesResponseSchema>> {
    return { outcomes: (await this.jobs.named(jobIds)).map(outcomeMessage) };
  }

  @GrpcMethod(GenerationService.typeName)
  async listOutcomes({ accountId, pageToken }: ListOutcomesRequest): Promise<MessageInitShape<typeof ListOutcomesResponseSchema>> {
    const { jobs, next } = await this.jobs.page(accountId, pageToken);
    return { outcomes: jobs.map(outcomeMessage), nextPageToken: next };
  }

  @GrpcMethod(GenerationService.typeName)
  watchJob({ accountId, jobId, afterSequence }: WatchJobRequest): Observable<MessageInitShape<typeof WatchJobResponseSchema>> {
    return streamOf((signal) => this.watching.watch(accountId, jobId, afterSequence, signal));
  }

  @GrpcMethod(GenerationService.typeName)
  async listModels(_request: ListModelsRequest): Promise<MessageInitShape<typeof ListModelsResponseSchema>> {
    return { models: this.models.list.map((model) => modelMessage(model, this.models.poolOf(model.modelId))) };
  }

  @GrpcMethod(GenerationService.typeName)
  async describeQueue({ accountId }: DescribeQueueRequest): Promise<MessageInitShape<typeof DescribeQueueResponseSchema>> {
    const { queued, running, ownQueued, ownRunning, oldestWaitMs } = await this.jobs.describeQueue(accountId);
    return { queuedJobs: queued, runningJobs: running, accountQueuedJobs: ownQueued, accountRunningJobs: ownRunning, oldestWaitMs: BigInt(oldestWaitMs) };
  }
}

const modelMessage = ({ aliases, guidanceKinds = [], adapterIds = [], minSidePx: _, ...model }: ModelInfo, pool: string): MessageInitShape<typeof ModelDescriptionSchema> => ({
  ...model,
  aliases: [...aliases],
  guidanceKinds: [...guidanceKinds],
  adapterIds: [...adapterIds],
  pool,
  maxImages: imagesMax,
});
