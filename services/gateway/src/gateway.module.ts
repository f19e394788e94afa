import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { Accounts } from './account.js';
import { Bootstrap } from './bootstrap.js';
import { Callers } from './callers.js';
import { Catalogues } from './catalogues.js';
import { DeadLetterBox } from './dead-letters.js';
import { BillingGrpcController } from './billing.grpc.controller.js';
import { Billing } from './billing.js';
import { Generations } from './generations.js';
import { paramInGrpc } from './grpc-params.js';
import { AccountController } from './http/account.controller.js';
import { CatalogueController } from './http/catalogue.controller.js';
import { configureHttp } from './http/configure-http.js';
import { DeadLettersController } from './http/dead-letters.controller.js';
import { BillingController } from './http/billing.controller.js';
import { EventsController } from './http/events.controller.js';
import { GenerationsController } from './http/generations.controller.js';
import { HttpErrors } from './http/http-errors.js';
import { KeysController } from './http/keys.controller.js';
import { OpenAiController } from './http/openai.controller.js';
import { OperationsController } from './http/operations.controller.js';
import { PagesController } from './http/pages.controller.js';
import { PaymentsController } from './http/payments.controller.js';
import { PicturesController } from './http/pictures.controller.js';
import { PriceListController } from './http/price-list.controller.js';
import { WebhooksController } from './http/webhooks.controller.js';
import { UploadsController } from './http/uploads.controller.js';
import { Installation } from './installation.js';
import { KeyStore } from './key.store.js';
import { Keys } from './keys.js';
import { Models } from './models.js';
import { OpenAiImages } from './openai-images.js';
import { PublicGrpcController } from './public-grpc.controller.js';
import { Readiness } from './readiness.js';
import { Uploads } from './uploads.js';
import { DeliveryWorker } from './webhooks/delivery-worker.js';
import { SecretBox } from './webhooks/secret-box.js';
import { Subscriptions } from './webhooks/subscriptions.js';
import { WebhookEvents } from './webhooks/webhook-events.js';
import { WebhookStore } from './webhooks/webhook.store.js';
import { Webhooks } from './webhooks/webhooks.js';
import { WebhooksGrpcController } from './webhooks.grpc.controller.js';

@Module({
  controllers: [
    GenerationsController,
    EventsController,
    UploadsController,
    CatalogueController,
    AccountController,
    DeadLettersController,
    BillingController,
    KeysController,
    OpenAiController,
    OperationsController,
    PagesController,
    PaymentsController,
    PicturesController,
    PriceListController,
    PublicGrpcController,
    BillingGrpcController,
    WebhooksController,
    WebhooksGrpcController,
  ],
  providers: [AccountPlans, Bootstrap, Installation, KeyStore, Keys, Callers, Generations, Uploads, OpenAiImages, Accounts, Billing, Catalogues, DeadLetterBox, Models, Readiness, HttpErrors, SecretBox, WebhookStore, DeliveryWorker, Subscriptions, WebhookEvents, Webhooks],
})
export class GatewayModule {}

export const gateway: ServiceDefinition = { ...services.gateway, module: GatewayModule, publicParam: paramInGrpc, configureHttp };
