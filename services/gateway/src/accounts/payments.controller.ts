import { Controller, HttpCode, Param, Post, Req, UseFilters } from '@nestjs/common';
import { WithoutKey } from '@tessera/host/without-key.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { FastifyRequest } from 'fastify';
import { Billing } from './billing.js';
import { HttpErrors } from '../http/http-errors.js';
import type { GatewayRequest } from '../http/request.js';

/** Payment providers call here. They have no key; what they say is signed, byte for byte. */
@Controller('api/rest/v1/payments')
@UseFilters(HttpErrors)
export class PaymentsController {
  constructor(private readonly billing: Billing) {}

  @Post(':provider/webhook')
  @HttpCode(200)
  @WithoutKey()
  async receive(@Req() request: FastifyRequest, @Param('provider') provider: string) {
    const { rawBody } = request as GatewayRequest;
    if (!rawBody) throw invalidArgument('missing_body', 'Send the event as application/json.');
    return this.billing.receivePayment(provider, rawBody, String(request.headers[`${provider}-signature`] ?? ''));
  }
}
