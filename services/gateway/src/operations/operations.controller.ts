import { Controller, Get, Header, HttpCode, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { metricsContentType, metricsText } from '@tessera/platform/telemetry/metrics.js';
import { HealthChecks, readinessOf } from '@tessera/platform/health.js';
import { HttpErrors } from '../http/http-errors.js';
import { QueryGuard } from '../http/query.guard.js';

/** For those who run the server. */
@Controller()
@UseGuards(QueryGuard)
@UseFilters(HttpErrors)
export class OperationsController {
  constructor(private readonly health: HealthChecks) {}

  /** The event loop turns. */
  @Get('healthz')
  healthz() {
    return { status: 'ok' };
  }

  @Get('readyz')
  @HttpCode(200)
  async readyz(@Res({ passthrough: true }) reply: FastifyReply) {
    const readiness = await readinessOf(this.health);
    if (readiness.status === 'not_ready') reply.status(503);
    return readiness;
  }

  @Get('metrics')
  @Header('content-type', metricsContentType)
  metrics(): Promise<string> {
    return metricsText();
  }
}
