import { Controller, Get, HttpCode, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Generations } from './generations.js';
import { Models } from './models.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { modelWire } from './leonardo-wire.js';
import { bodyOf, callerOf } from '../http/request.js';
import { pricedRequestOf, pricingBody } from './schemas/leonardo.js';
import { quoteWire } from '../http/tessera-wire.js';

/** What there is, and what it costs. */
@Controller('api/rest/v1')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class CatalogueController {
  constructor(
    private readonly models: Models,
    private readonly generations: Generations,
  ) {}

  @Get('platformModels')
  async platformModels() {
    return { custom_models: (await this.models.list()).map(modelWire) };
  }

  @Post('pricing-calculator')
  @HttpCode(200)
  async price(@Req() request: FastifyRequest) {
    const { quote } = await this.generations.preview(callerOf(request), pricedRequestOf(bodyOf(pricingBody, request)));
    return { calculateProductionApiServiceCost: { cost: Number(quote.totalTokens), tessera: { quote: quoteWire(quote) } } };
  }
}
