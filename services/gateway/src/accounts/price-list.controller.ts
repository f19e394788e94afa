import { Controller, Get, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Catalogues } from './catalogues.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { lintWire, simulationWire } from './billing-wire.js';
import { HttpErrors } from '../http/http-errors.js';
import { sendJsonLines } from '../http/json-lines.js';
import { bodyOf, callerOf, clientSignal, queryOf } from '../http/request.js';
import { priceListBody, simulationQuery } from '../http/schemas/tessera.js';

/** The operator's price list. */
@Controller('api/rest/v1/catalogue')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class PriceListController {
  constructor(private readonly catalogues: Catalogues) {}

  @Get()
  get(@Req() request: FastifyRequest) {
    return this.catalogues.get(callerOf(request));
  }

  @Post('lint')
  @HttpCode(200)
  async lint(@Req() request: FastifyRequest) {
    return { findings: (await this.catalogues.lint(callerOf(request), bodyOf(priceListBody, request))).map(lintWire) };
  }

  @Post('simulation')
  @HttpCode(200)
  async simulate(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { accountId, to, synthetic: isSynthetic, ...synthetic } = queryOf(simulationQuery, request);
    const usage = { accountId, to, ...(isSynthetic === 'true' ? { synthetic } : {}) };
    await sendJsonLines(
      reply,
      this.catalogues.simulate(callerOf(request), bodyOf(priceListBody, request), usage, clientSignal(reply)),
      simulationWire,
    );
  }
}
