import { Controller, Get, HttpCode, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { missingField } from '../errors.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { bodyOf, callerOf, idempotencyKeyOf } from '../http/request.js';
import { variationNobgBody, variationUnzoomBody, variationUpscaleBody } from './variation-schemas.js';
import { variationJobWire, variationWire } from './variation-wire.js';
import { Variations } from './variations.js';

@Controller('api/rest/v1/variations')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class VariationsController {
  constructor(private readonly variations: Variations) {}

  @Post('upscale')
  @HttpCode(200)
  async upscale(@Req() request: FastifyRequest) {
    const { id } = bodyOf(variationUpscaleBody, request);
    return { sdUpscaleJob: variationJobWire(await this.variations.upscale(callerOf(request), id, optionsOf(request))) };
  }

  @Post('nobg')
  @HttpCode(200)
  async removeBackground(@Req() request: FastifyRequest) {
    const { id, isVariation } = bodyOf(variationNobgBody, request);
    const source = { id, isVariation: isVariation === true };
    return { sdNobgJob: variationJobWire(await this.variations.removeBackground(callerOf(request), source, optionsOf(request))) };
  }

  @Post('unzoom')
  @HttpCode(200)
  async unzoom(@Req() request: FastifyRequest) {
    const { id, isVariation } = bodyOf(variationUnzoomBody, request);
    if (!id) throw missingField('id');
    const source = { id, isVariation: isVariation === true };
    return { sdUnzoomJob: variationJobWire(await this.variations.unzoom(callerOf(request), source, optionsOf(request))) };
  }

  @Get(':id')
  async get(@Req() request: FastifyRequest, @Param('id') id: string) {
    const { generation, transform } = await this.variations.get(callerOf(request), id);
    return { generated_image_variation_generic: [variationWire(generation, transform)] };
  }
}

const optionsOf = (request: FastifyRequest) => ({ idempotencyKey: idempotencyKeyOf(request) });
