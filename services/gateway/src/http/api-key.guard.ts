import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Callers, requireAllowance } from '../keys/callers.js';
import { refuseWrongQuery } from './query.guard.js';
import type { GatewayRequest } from './request.js';

const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);
/** POST in form, but they change nothing. */
const readRoutes: ReadonlySet<string> = new Set(['/api/rest/v1/pricing-calculator', '/api/rest/v1/quote']);

/** Key, scope, the plan's requests per minute, whose state the answer carries in its headers, and then the query. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(private readonly callers: Callers) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<GatewayRequest>();
    const caller = await this.callers.authenticate(request.headers.authorization);
    request.caller = this.callers.actingFor(caller, String(request.headers['tessera-account'] ?? ''));
    if (!readMethods.has(request.method) && !readRoutes.has(request.routeOptions.url ?? '')) this.callers.requireWrite(caller);
    const allowance = await this.callers.admit(caller);
    if (allowance) {
      http
        .getResponse<FastifyReply>()
        .header('x-ratelimit-limit', String(allowance.limit))
        .header('x-ratelimit-remaining', String(Math.max(0, allowance.remaining)))
        .header('x-ratelimit-reset', String(Math.ceil(allowance.resetMs / 1000)));
      requireAllowance(allowance);
    }
    refuseWrongQuery(request);
    return true;
  }
}
