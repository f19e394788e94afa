import { Controller, Get, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Models } from '../generations/models.js';
import { OpenAiImages } from './openai-images.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { bodyOf, callerOf, clientSignal, idempotencyKeyOf, isRepeat } from '../http/request.js';
import { formatOf, imageRequestOf, imagesBody } from './openai-schemas.js';

@Controller('v1')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class OpenAiController {
  constructor(
    private readonly images: OpenAiImages,
    private readonly models: Models,
  ) {}

  @Post('images/generations')
  @HttpCode(200)
  async generate(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const body = bodyOf(imagesBody, request);
    const { job, images } = await this.images.generate(callerOf(request), {
      request: imageRequestOf(body),
      format: formatOf(body),
      idempotencyKey: idempotencyKeyOf(request),
      isRepeat: isRepeat(request),
      signal: clientSignal(reply),
    });
    const tokens = Number(job.chargedTokens);
    return {
      created: Math.floor(Number(job.createdMs) / 1000),
      data: images,
      usage: { input_tokens: 0, output_tokens: tokens, total_tokens: tokens, input_tokens_details: { text_tokens: 0, image_tokens: 0 } },
      tessera: { generationId: job.jobId, notices: job.notices.map(({ kind, message }) => ({ kind, message })) },
    };
  }

  @Get('models')
  async list() {
    return {
      object: 'list',
      data: (await this.models.list()).map(({ modelId }) => ({ id: modelId, object: 'model', created: 0, owned_by: 'tessera' })),
    };
  }
}
