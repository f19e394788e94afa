import { Controller, Param, Put, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Generations } from '../generations/generations.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { bodyOf, callerOf } from '../http/request.js';
import { markBody } from '../http/schemas/tessera.js';

/** Single pictures, whatever job painted them. */
@Controller('api/rest/v1/pictures')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class PicturesController {
  constructor(private readonly generations: Generations) {}

  @Put(':id')
  async mark(@Req() request: FastifyRequest, @Param('id') id: string) {
    const { imageId, isAccepted } = await this.generations.mark(callerOf(request), id, bodyOf(markBody, request).accepted);
    return { id: imageId, accepted: isAccepted };
  }
}
