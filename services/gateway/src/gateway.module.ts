import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { Accounts } from './accounts/account.js';
import { Bootstrap } from './start/bootstrap.js';
import { Callers } from './keys/callers.js';
import { Catalogues } from './accounts/catalogues.js';
import { Datasets } from './datasets/datasets.js';
import { DatasetsController } from './datasets/datasets.controller.js';
import { DatasetsGrpcController } from './datasets/datasets.grpc.controller.js';
import { DeadLetterBox } from './operations/dead-letters.js';
import { BillingGrpcController } from './accounts/billing.grpc.controller.js';
import { Billing } from './accounts/billing.js';
import { Generations } from './generations/generations.js';
import { paramInGrpc } from './grpc-params.js';
import { AccountController } from './accounts/account.controller.js';
import { CatalogueController } from './generations/catalogue.controller.js';
import { configureHttp } from './http/configure-http.js';
import { DeadLettersController } from './operations/dead-letters.controller.js';
import { BillingController } from './accounts/billing.controller.js';
import { GenerationEventsController } from './generations/generation-events.controller.js';
import { AccountEvents } from './events/account-events.js';
import { EventsGrpcController } from './events/events.grpc.controller.js';
import { AccountEventsController } from './events/events.controller.js';
import { Figures } from './events/figures.js';
import { OpenStreams } from './events/open-streams.js';
import { BalanceChanges } from './accounts/balance-changes.js';
import { GenerationsController } from './generations/generations.controller.js';
import { HttpErrors } from './http/http-errors.js';
import { KeysController } from './keys/keys.controller.js';
import { OpenAiController } from './openai/openai.controller.js';
import { OperationsController } from './operations/operations.controller.js';
import { PagesController } from './http/pages.controller.js';
import { PaymentBooks } from './accounts/payment-books.js';
import { PaymentBooksController } from './accounts/payment-books.controller.js';
import { PaymentsController } from './accounts/payments.controller.js';
import { PicturesController } from './media/pictures.controller.js';
import { PriceListController } from './accounts/price-list.controller.js';
import { CharactersController } from './characters/characters.controller.js';
import { CharactersGrpcController } from './characters/characters.grpc.controller.js';
import { Characters } from './characters/characters.js';
import { Variations } from './variations/variations.js';
import { VariationsController } from './variations/variations.controller.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';
import { AdaptersController } from './uploads/adapters.controller.js';
import { UploadsController } from './uploads/uploads.controller.js';
import { Installation } from './start/installation.js';
import { KeyStore } from './keys/key.store.js';
import { Keys } from './keys/keys.js';
import { Models } from './generations/models.js';
import { OpenAiImages } from './openai/openai-images.js';
import { PublicGrpcController } from './generations/public-grpc.controller.js';
import { Readiness } from './operations/readiness.js';
import { Uploads } from './uploads/uploads.js';
import { DeliveryWorker } from './webhooks/delivery-worker.js';
import { SecretBox } from './webhooks/secret-box.js';
import { Subscriptions } from './webhooks/subscriptions.js';
import { WebhookEvents } from './webhooks/webhook-events.js';
import { WebhookStore } from './webhooks/webhook.store.js';
import { Webhooks } from './webhooks/webhooks.js';
import { WebhooksGrpcController } from './webhooks/webhooks.grpc.controller.js';

@Module({
  controllers: [
    GenerationsController,
    GenerationEventsController,
    AccountEventsController,
    EventsGrpcController,
    AdaptersController,
    UploadsController,
    CharactersController,
    CharactersGrpcController,
    CatalogueController,
    AccountController,
    DatasetsController,
    DatasetsGrpcController,
    DeadLettersController,
    BillingController,
    KeysController,
    OpenAiController,
    OperationsController,
    PagesController,
    PaymentBooksController,
    PaymentsController,
    PicturesController,
    PriceListController,
    PublicGrpcController,
    VariationsController,
    BillingGrpcController,
    WebhooksController,
    WebhooksGrpcController,
  ],
  providers: [
    AccountPlans,
    Bootstrap,
    Installation,
    KeyStore,
    Keys,
    Callers,
    Generations,
    Uploads,
    Characters,
    Variations,
    OpenAiImages,
    Accounts,
    BalanceChanges,
    Billing,
    PaymentBooks,
    AccountEvents,
    Figures,
    OpenStreams,
    Catalogues,
    Datasets,
    DeadLetterBox,
    Models,
    Readiness,
    HttpErrors,
    SecretBox,
    WebhookStore,
    DeliveryWorker,
    Subscriptions,
    WebhookEvents,
    Webhooks,
  ],
})
export class GatewayModule {}

export const gateway: ServiceDefinition = {
  ...services.gateway,
  module: GatewayModule,
  publicParam: paramInGrpc,
  publicCaller: (app) => {
    const callers = app.get(Callers, { strict: false });
    return (authorization) => callers.authenticate(authorization);
  },
  configureHttp,
};
