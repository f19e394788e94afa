import { Controller, Get, Header } from '@nestjs/common';
import { register } from 'prom-client';

/** Liveness and metrics of a service that has no HTTP face of its own. */
@Controller()
export class HealthController {
  @Get('healthz')
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('metrics')
  @Header('content-type', register.contentType)
  metrics(): Promise<string> {
    return register.metrics();
  }
}
