import { Controller, HttpCode, Param, Post, Put, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Generations, type ImageRequestInit } from '../generations/generations.js';
import { nameOfState } from '../generations/job-states.js';
import { generationWire } from '../generations/leonardo-wire.js';
import { Models } from '../generations/models.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { bodyOf, callerOf, clientSignal, idempotencyKeyOf, preferredWaitMs, queryOf } from '../http/request.js';
import { createQuery, markBody } from '../http/schemas/tessera.js';
import { quoteWire } from '../http/tessera-wire.js';
import { cutOutBody, upscaleBody } from './picture-schemas.js';

/** Single pictures, whatever job painted them. */
@Controller('api/rest/v1/pictures')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class PicturesController {
  constructor(
    private readonly generations: Generations,
    private readonly models: Models,
  ) {}

  @Put(':id')
  async mark(@Req() request: FastifyRequest, @Param('id') id: string) {
    const { imageId, isAccepted } = await this.generations.mark(callerOf(request), id, bodyOf(markBody, request).accepted);
    return { id: imageId, accepted: isAccepted };
  }

  @Post(':id/upscale')
  @HttpCode(200)
  upscale(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply, @Param('id') assetId: string) {
    const { factor = 0, width = 0, height = 0, modelId = '', public: isPublic } = bodyOf(upscaleBody, request);
    const operation = { assetId, kind: { case: 'upscale' as const, value: { factor } } };
    return this.#submit(request, reply, { operation, widthPx: width, heightPx: height, modelId, isPublic });
  }

  @Post(':id/remove-background')
  @HttpCode(200)
  removeBackground(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply, @Param('id') assetId: string) {
    const { modelId = '', public: isPublic } = bodyOf(cutOutBody, request);
    const operation = { assetId, kind: { case: 'removeBackground' as const, value: {} } };
    return this.#submit(request, reply, { operation, modelId, isPublic });
  }

  async #submit(request: FastifyRequest, reply: FastifyReply, asked: ImageRequestInit) {
    const caller = callerOf(request);
    if (queryOf(createQuery, request).dryRun === 'true') {
      const { request: filled, quote } = await this.generations.preview(caller, asked);
      return { dryRun: true, width: filled.widthPx, height: filled.heightPx, quote: quoteWire(quote) };
    }
    const { job, isReplay, balanceTokens } = await this.generations.submit(caller, asked, { idempotencyKey: idempotencyKeyOf(request) });
    const { widthPx, heightPx } = job.request;
    const submitted = {
      generationId: job.jobId,
      state: nameOfState(job.state),
      isReplay,
      width: widthPx,
      height: heightPx,
      ...(job.quote ? { quote: quoteWire(job.quote) } : {}),
      ...(balanceTokens === undefined ? {} : { balanceTokens }),
    };
    const waitMs = preferredWaitMs(request);
    if (waitMs === 0) return submitted;
    reply.header('preference-applied', `wait=${waitMs / 1000}`);
    const generation = await this.generations.get(caller, job.jobId, { waitMs, signal: clientSignal(reply) });
    return {
      ...submitted,
      state: nameOfState(generation.job.state),
      generation: generationWire(generation, await this.models.leonardoIds()),
    };
  }
}
