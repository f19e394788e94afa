import { Controller, Get, Header, HttpStatus, Res } from '@nestjs/common';
import { HealthChecks, readinessOf, type Readiness } from '@tessera/platform/health.js';
import { metricsContentType, metricsText } from '@tessera/platform/telemetry/metrics.js';
import type { FastifyReply } from 'fastify';

/** Liveness, readiness and metrics of a service that has no HTTP face of its own. */
@Controller()
export class HealthController {
  constructor(private readonly health: HealthChecks) {}

  @Get('healthz')
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('readyz')
  async readyz(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await readinessOf(this.health);
    reply.status(readiness.status === 'ok' ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    return readiness;
  }

  @Get('metrics')
  @Header('content-type', metricsContentType)
  metrics(): Promise<string> {
    return metricsText();
  }
}
