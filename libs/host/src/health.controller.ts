import { Controller, Get, Header } from '@nestjs/common';
import { metricsContentType, metricsText } from '@tessera/platform/telemetry/metrics.js';

/** Liveness and metrics of a service that has no HTTP face of its own. */
@Controller()
export class HealthController {
  @Get('healthz')
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('metrics')
  @Header('content-type', metricsContentType)
  metrics(): Promise<string> {
    return metricsText();
  }
}
