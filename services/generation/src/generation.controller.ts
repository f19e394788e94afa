import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  GenerationService,
  type ListModelsRequest,
  type ListModelsResponseSchema,
  type ModelDescriptionSchema,
  type PreviewRequest,
  type PreviewResponseSchema,
  type SubmitRequest,
  type SubmitResponseSchema,
} from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import { sideMultipleOf } from '@tessera/models/request-rules.js';
import { imagesMax, requestMessage } from './image-request.js';
import { Requests } from './requests.js';
import { Submissions } from './submissions.js';

@Controller()
export class GenerationController {
  constructor(
    private readonly submissions: Submissions,
    private readonly requests: Requests,
    private readonly models: ModelRegistry,
  ) {}

  @GrpcMethod(GenerationService.typeName)
  async submit(request: SubmitRequest): Promise<MessageInitShape<typeof SubmitResponseSchema>> {
    const { submitted, notices } = await this.submissions.submit(request);
    const { job, isReplay, balanceTokens } = submitted;
    return { isReplay, notices: [...notices], ...(job ? { job } : {}), ...(balanceTokens === undefined ? {} : { balanceTokens }) };
  }

  @GrpcMethod(GenerationService.typeName)
  async preview({ accountId, request, wallet }: PreviewRequest): Promise<MessageInitShape<typeof PreviewResponseSchema>> {
    const preview = await this.requests.preview(accountId, request, wallet);
    return { request: requestMessage(preview.request), notices: [...preview.notices], ...(preview.quote ? { quote: preview.quote } : {}) };
  }

  @GrpcMethod(GenerationService.typeName)
  async listModels(_request: ListModelsRequest): Promise<MessageInitShape<typeof ListModelsResponseSchema>> {
    return { models: this.models.list.map((model) => modelMessage(model, this.models.poolOf(model.modelId))) };
  }
}

const modelMessage = (
  { aliases, guidanceKinds = [], adapterIds = [], ...model }: ModelInfo,
  pool: string,
): MessageInitShape<typeof ModelDescriptionSchema> => ({
  negativePrompt: 'always',
  guidance: 'guidance_scale',
  supportsInpaint: model.supportsInitImage,
  ...model,
  sideMultiplePx: sideMultipleOf(model),
  aliases: [...aliases],
  guidanceKinds: [...guidanceKinds],
  adapterIds: [...adapterIds],
  pool,
  maxImages: imagesMax,
});
