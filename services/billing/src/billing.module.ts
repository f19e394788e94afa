import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { Config } from '@tessera/platform/config.js';
import { AcceptedPictures } from './accepted-pictures.js';
import { AccountIds } from './account-ids.js';
import { AccountDocuments } from './account.documents.js';
import { AccountStore } from './account.store.js';
import { Accounts } from './accounts.js';
import { Audit } from './audit.js';
import { BillingController } from './billing.controller.js';
import { Books } from './books.js';
import { CatalogueController } from './catalogue.controller.js';
import { PriceList } from './catalogue.js';
import { DeletedJobs } from './deleted-jobs.js';
import { DueWork } from './due-work.js';
import { EconomyController } from './economy.controller.js';
import { History } from './history.js';
import { JobWallets } from './job-wallets.js';
import { PaymentsController } from './payments.controller.js';
import { PAYMENT_PROVIDERS, Payments } from './payments.js';
import { PaymentDocuments } from './payments/payment.documents.js';
import type { PaymentProvider } from './payments/payment-provider.js';
import { StripePayments } from './payments/stripe.js';
import { PlanList } from './plan-list.js';
import { Reconciliation } from './reconciliation.js';
import { Reservations } from './reservations.js';
import { Settlement } from './settlement.js';
import { Simulation } from './simulation.js';
import { Statements } from './statements.js';
import { UsageReports } from './usage-reports.js';

/** Only what is configured is connected: a webhook without a secret would believe everybody. */
const providersOf = ({ stripeWebhookSecrets }: Config): PaymentProvider[] => (stripeWebhookSecrets.length === 0 ? [] : [new StripePayments(stripeWebhookSecrets)]);

@Module({
  controllers: [BillingController, EconomyController, PaymentsController, CatalogueController],
  providers: [
    { provide: PriceList, inject: [Config], useFactory: ({ catalogueFile }: Config) => PriceList.open(catalogueFile) },
    AccountDocuments,
    AccountStore,
    JobWallets,
    Accounts,
    Reservations,
    Statements,
    History,
    Books,
    AcceptedPictures,
    UsageReports,
    PlanList,
    AccountIds,
    Audit,
    DeletedJobs,
    Reconciliation,
    Simulation,
    PaymentDocuments,
    Payments,
    { provide: PAYMENT_PROVIDERS, inject: [Config], useFactory: providersOf },
    Settlement,
    DueWork,
  ],
})
export class BillingModule {}

export const billing: ServiceDefinition = { ...services.billing, module: BillingModule };
