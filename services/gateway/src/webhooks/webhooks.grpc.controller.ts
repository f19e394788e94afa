import type { Metadata } from '@grpc/grpc-js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  WebhookService,
  type CreateWebhookRequest,
  type DeleteWebhookRequest,
  type DeliverySchema,
  type ListDeliveriesRequest,
  type ListWebhooksRequest,
  type RedeliverRequest,
  type RotateWebhookSecretRequest,
  type TestWebhookRequest,
  type UpdateWebhookRequest,
  type WebhookSchema,
} from '@tessera/contracts/tessera/gateway/v1/webhooks_pb.js';
import { Callers, requireAllowance } from '../keys/callers.js';
import type { Caller } from '../keys/keys.js';
import { Webhooks, type DescribedDelivery, type DescribedWebhook } from './webhooks.js';

const pageSizeDefault = 50;

/** The same use cases as REST has. Who may change what is theirs to judge; reading needs a key only. */
@Controller()
export class WebhooksGrpcController {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly callers: Callers,
  ) {}

  @GrpcMethod(WebhookService.typeName)
  async createWebhook({ accountId, url, events, description }: CreateWebhookRequest, metadata: Metadata) {
    const { secret, ...webhook } = await this.webhooks.create(await this.#admit(metadata, accountId), { url, events, description });
    return { webhook: webhookMessage(webhook), secret };
  }

  @GrpcMethod(WebhookService.typeName)
  async listWebhooks({ accountId }: ListWebhooksRequest, metadata: Metadata) {
    return { webhooks: (await this.webhooks.list(await this.#admit(metadata, accountId))).map(webhookMessage) };
  }

  @GrpcMethod(WebhookService.typeName)
  async updateWebhook({ accountId, webhookId, url, events, isEnabled, description }: UpdateWebhookRequest, metadata: Metadata) {
    return {
      webhook: webhookMessage(
        await this.webhooks.update(await this.#admit(metadata, accountId), webhookId, {
          url,
          events: events?.types,
          isEnabled,
          description,
        }),
      ),
    };
  }

  @GrpcMethod(WebhookService.typeName)
  async rotateWebhookSecret({ accountId, webhookId }: RotateWebhookSecretRequest, metadata: Metadata) {
    const { secret, ...webhook } = await this.webhooks.rotate(await this.#admit(metadata, accountId), webhookId);
    return { webhook: webhookMessage(webhook), secret };
  }

  @GrpcMethod(WebhookService.typeName)
  async deleteWebhook({ accountId, webhookId }: DeleteWebhookRequest, metadata: Metadata) {
    await this.webhooks.remove(await this.#admit(metadata, accountId), webhookId);
    return {};
  }

  @GrpcMethod(WebhookService.typeName)
  async testWebhook({ accountId, webhookId }: TestWebhookRequest, metadata: Metadata) {
    return { delivery: deliveryMessage(await this.webhooks.test(await this.#admit(metadata, accountId), webhookId)) };
  }

  @GrpcMethod(WebhookService.typeName)
  async listDeliveries({ accountId, webhookId, pageSize, pageToken }: ListDeliveriesRequest, metadata: Metadata) {
    const { deliveries, nextPageToken } = await this.webhooks.deliveries(
      await this.#admit(metadata, accountId),
      webhookId,
      pageSize || pageSizeDefault,
      pageToken,
    );
    return { deliveries: deliveries.map(deliveryMessage), nextPageToken };
  }

  @GrpcMethod(WebhookService.typeName)
  async redeliver({ accountId, deliveryId }: RedeliverRequest, metadata: Metadata) {
    return { delivery: deliveryMessage(await this.webhooks.redeliver(await this.#admit(metadata, accountId), deliveryId)) };
  }

  async #admit(metadata: Metadata, accountId: string): Promise<Caller> {
    const caller = this.callers.actingFor(await this.callers.authenticate(metadata.get('authorization')[0]?.toString()), accountId);
    requireAllowance(await this.callers.admit(caller));
    return caller;
  }
}

const webhookMessage = ({
  id,
  url,
  events,
  isEnabled,
  createdMs,
  description,
}: DescribedWebhook): MessageInitShape<typeof WebhookSchema> => ({
  webhookId: id,
  url,
  events: [...events],
  isEnabled,
  createdMs: BigInt(createdMs),
  description,
});

const deliveryMessage = ({
  id,
  webhookId,
  eventType,
  state,
  attempts,
  createdMs,
  attemptedMs = 0,
  dueMs = 0,
  status = 0,
  error = '',
  payload,
}: DescribedDelivery): MessageInitShape<typeof DeliverySchema> => ({
  deliveryId: id,
  webhookId,
  eventType,
  state,
  attempts,
  createdMs: BigInt(createdMs),
  attemptedMs: BigInt(attemptedMs),
  nextAttemptMs: BigInt(state === 'pending' ? dueMs : 0),
  status,
  error,
  payload,
});
