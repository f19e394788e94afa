import { Controller, Delete, Get, HttpCode, Param, Post, Put, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Webhooks } from './webhooks.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { bodyOf, callerOf, queryOf } from '../http/request.js';
import { createWebhookBody, deliveriesQuery, updateWebhookBody } from '../http/schemas/tessera.js';
import { deliveryWire, webhookWire } from './webhook-wire.js';

/** Whom the server tells what. */
@Controller('api/rest/v1')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class WebhooksController {
  constructor(private readonly webhooks: Webhooks) {}

  @Post('webhooks')
  @HttpCode(200)
  async create(@Req() request: FastifyRequest) {
    const { secret, ...webhook } = await this.webhooks.create(callerOf(request), bodyOf(createWebhookBody, request));
    return { ...webhookWire(webhook), secret };
  }

  @Get('webhooks')
  async list(@Req() request: FastifyRequest) {
    return { webhooks: (await this.webhooks.list(callerOf(request))).map(webhookWire) };
  }

  @Put('webhooks/:id')
  async update(@Req() request: FastifyRequest, @Param('id') id: string) {
    return webhookWire(await this.webhooks.update(callerOf(request), id, bodyOf(updateWebhookBody, request)));
  }

  @Delete('webhooks/:id')
  async remove(@Req() request: FastifyRequest, @Param('id') id: string) {
    await this.webhooks.remove(callerOf(request), id);
    return { id };
  }

  @Post('webhooks/:id/secret')
  @HttpCode(200)
  async rotate(@Req() request: FastifyRequest, @Param('id') id: string) {
    const { secret, ...webhook } = await this.webhooks.rotate(callerOf(request), id);
    return { ...webhookWire(webhook), secret };
  }

  @Post('webhooks/:id/test')
  @HttpCode(200)
  async test(@Req() request: FastifyRequest, @Param('id') id: string) {
    return deliveryWire(await this.webhooks.test(callerOf(request), id));
  }

  @Get('webhook-deliveries')
  async deliveries(@Req() request: FastifyRequest) {
    const { webhookId, pageSize, pageToken } = queryOf(deliveriesQuery, request);
    const { deliveries, nextPageToken } = await this.webhooks.deliveries(callerOf(request), webhookId, pageSize, pageToken);
    return { deliveries: deliveries.map(deliveryWire), ...(nextPageToken ? { nextPageToken } : {}) };
  }

  @Post('webhook-deliveries/:id/redeliver')
  @HttpCode(200)
  async redeliver(@Req() request: FastifyRequest, @Param('id') id: string) {
    return deliveryWire(await this.webhooks.redeliver(callerOf(request), id));
  }
}
