import { Controller, Get, Header, HttpCode, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { metricsContentType, metricsText } from '@tessera/platform/telemetry/metrics.js';
import { Readiness } from '../readiness.js';
import { HttpErrors } from './http-errors.js';

/** For those who run the server. */
@Controller()
@UseFilters(HttpErrors)
export class OperationsController {
  constructor(private readonly readiness: Readiness) {}

  /** The event loop turns. */
  @Get('healthz')
  healthz() {
    return { status: 'ok' };
  }

  @Get('readyz')
  @HttpCode(200)
  async readyz(@Res({ passthrough: true }) reply: FastifyReply) {
    const checks = await this.readiness.check();
    const isReady = Object.values(checks).every((check) => check === 'ok');
    if (!isReady) reply.status(503);
    return { status: isReady ? 'ok' : 'not_ready', checks };
  }

  @Get('metrics')
  @Header('content-type', metricsContentType)
  metrics(): Promise<string> {
    return metricsText();
  }
}
