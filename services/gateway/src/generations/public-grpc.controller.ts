import type { Metadata } from '@grpc/grpc-js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  TesseraService,
  type CancelGenerationRequest,
  type CancelGenerationResponseSchema,
  type CreateGenerationRequest,
  type CreateGenerationResponseSchema,
  type DeleteGenerationRequest,
  type DeleteGenerationResponseSchema,
  type GetAccountRequest,
  type GetAccountResponseSchema,
  type GetBillRequest,
  type GetBillResponseSchema,
  type GetGenerationRequest,
  type GetGenerationResponseSchema,
  type ListGenerationsRequest,
  type ListGenerationsResponseSchema,
  type ListModelsRequest,
  type ListModelsResponseSchema,
  type MarkPictureRequest,
  type MarkPictureResponseSchema,
  type WatchGenerationRequest,
  type WatchGenerationResponseSchema,
} from '@tessera/contracts/tessera/gateway/v1/gateway_pb.js';
import { callSignal, streamOf, type RpcCall } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import { Accounts } from '../accounts/account.js';
import { Callers, requireAllowance } from '../keys/callers.js';
import { Generations, type GenerationEvent } from './generations.js';
import { generationMessage, previewMessage, progressMessage } from './grpc-wire.js';
import type { Caller } from '../keys/keys.js';
import { Models } from './models.js';

const listLimitDefault = 10;
const waitMsMax = 60_000;

/** The same use cases as REST has, for gRPC clients. */
@Controller()
export class PublicGrpcController {
  constructor(
    private readonly generations: Generations,
    private readonly accounts: Accounts,
    private readonly models: Models,
    private readonly callers: Callers,
  ) {}

  @GrpcMethod(TesseraService.typeName)
  async createGeneration(
    { request, dryRun }: CreateGenerationRequest,
    metadata: Metadata,
  ): Promise<MessageInitShape<typeof CreateGenerationResponseSchema>> {
    const caller = await this.#admit(metadata, 'write');
    if (dryRun) {
      const { quote, notices } = await this.generations.preview(caller, request ?? {});
      return { quote, notices: notices.map(({ kind, message }) => ({ kind, message })) };
    }
    const { job, notices } = await this.generations.submit(caller, request ?? {}, {
      idempotencyKey: metadataValue(metadata, 'idempotency-key') ?? '',
    });
    return {
      generation: generationMessage({ job, links: new Map() }),
      notices: notices.map(({ kind, message }) => ({ kind, message })),
      ...(job.quote ? { quote: job.quote } : {}),
    };
  }

  @GrpcMethod(TesseraService.typeName)
  async getGeneration(
    { jobId, waitMs }: GetGenerationRequest,
    metadata: Metadata,
    call: RpcCall,
  ): Promise<MessageInitShape<typeof GetGenerationResponseSchema>> {
    const caller = await this.#admit(metadata, 'read');
    return {
      generation: generationMessage(
        await this.generations.get(caller, jobId, { waitMs: Math.min(waitMsMax, waitMs), signal: callSignal(call) }),
      ),
    };
  }

  @GrpcMethod(TesseraService.typeName)
  async listGenerations(
    { limit, offset, pageToken }: ListGenerationsRequest,
    metadata: Metadata,
  ): Promise<MessageInitShape<typeof ListGenerationsResponseSchema>> {
    const caller = await this.#admit(metadata, 'read');
    const { generations, nextPageToken } = await this.generations.list(caller, { limit: limit || listLimitDefault, offset, pageToken });
    return { generations: generations.map(generationMessage), nextPageToken };
  }

  @GrpcMethod(TesseraService.typeName)
  async cancelGeneration(
    { jobId }: CancelGenerationRequest,
    metadata: Metadata,
  ): Promise<MessageInitShape<typeof CancelGenerationResponseSchema>> {
    const caller = await this.#admit(metadata, 'write');
    return { generation: generationMessage(await this.generations.cancel(caller, jobId)) };
  }

  @GrpcMethod(TesseraService.typeName)
  async markPicture(
    { imageId, isAccepted }: MarkPictureRequest,
    metadata: Metadata,
  ): Promise<MessageInitShape<typeof MarkPictureResponseSchema>> {
    return this.generations.mark(await this.#admit(metadata, 'write'), imageId, isAccepted);
  }

  @GrpcMethod(TesseraService.typeName)
  async deleteGeneration(
    { jobId }: DeleteGenerationRequest,
    metadata: Metadata,
  ): Promise<MessageInitShape<typeof DeleteGenerationResponseSchema>> {
    const caller = await this.#admit(metadata, 'write');
    await this.generations.remove(caller, jobId);
    return {};
  }

  @GrpcMethod(TesseraService.typeName)
  watchGeneration(
    { jobId, afterSequence }: WatchGenerationRequest,
    metadata: Metadata,
  ): Observable<MessageInitShape<typeof WatchGenerationResponseSchema>> {
    return streamOf((signal) => this.#watch(metadata, jobId, afterSequence, signal));
  }

  @GrpcMethod(TesseraService.typeName)
  async listModels(_request: ListModelsRequest, metadata: Metadata): Promise<MessageInitShape<typeof ListModelsResponseSchema>> {
    await this.#admit(metadata, 'read');
    return { models: [...(await this.models.list())] };
  }

  @GrpcMethod(TesseraService.typeName)
  async getAccount(_request: GetAccountRequest, metadata: Metadata): Promise<MessageInitShape<typeof GetAccountResponseSchema>> {
    return { account: await this.accounts.get(await this.#admit(metadata, 'read')) };
  }

  @GrpcMethod(TesseraService.typeName)
  async getBill(
    { jobId, waitMs }: GetBillRequest,
    metadata: Metadata,
    call: RpcCall,
  ): Promise<MessageInitShape<typeof GetBillResponseSchema>> {
    const caller = await this.#admit(metadata, 'read');
    const { bill, balanceTokens } = await this.accounts.bill(caller, jobId, {
      waitMs: Math.min(waitMsMax, waitMs),
      signal: callSignal(call),
    });
    return { bill, balanceTokens: BigInt(balanceTokens) };
  }

  async *#watch(
    metadata: Metadata,
    jobId: string,
    afterSequence: string,
    signal: AbortSignal,
  ): AsyncGenerator<MessageInitShape<typeof WatchGenerationResponseSchema>> {
    const caller = await this.#admit(metadata, 'read');
    for await (const event of this.generations.watch(caller, jobId, afterSequence, signal)) yield eventMessage(event);
  }

  async #admit(metadata: Metadata, access: 'read' | 'write'): Promise<Caller> {
    const caller = await this.callers.authenticate(metadataValue(metadata, 'authorization'));
    if (access === 'write') this.callers.requireWrite(caller);
    requireAllowance(await this.callers.admit(caller));
    return caller;
  }
}

const metadataValue = (metadata: Metadata, name: string): string | undefined => metadata.get(name)[0]?.toString();

function eventMessage(event: GenerationEvent): MessageInitShape<typeof WatchGenerationResponseSchema> {
  const { sequence } = event;
  switch (event.kind) {
    case 'state':
      return { sequence, event: { case: 'generation', value: generationMessage(event.generation) } };
    case 'progress':
      return { sequence, event: { case: 'progress', value: progressMessage(event.progress) } };
    case 'preview':
      return { sequence, event: { case: 'preview', value: previewMessage(event.preview) } };
  }
}
