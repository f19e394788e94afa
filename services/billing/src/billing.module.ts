import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { Config } from '@tessera/platform/config.js';
import { AcceptedPictures } from './reports/accepted-pictures.js';
import { AccountIds } from './accounts/account-ids.js';
import { AccountDocuments } from './ledger/store/account.documents.js';
import { AccountStore } from './ledger/store/account.store.js';
import { Accounts } from './accounts/accounts.js';
import { Audit } from './audit/audit.js';
import { BillingController } from './holds/billing.controller.js';
import { LedgerReports } from './reports/ledger-reports.js';
import { CatalogueController } from './catalogue/catalogue.controller.js';
import { PriceList } from './catalogue/catalogue.js';
import { DeletedJobs } from './audit/deleted-jobs.js';
import { DueWork } from './accounts/due-work.js';
import { AccountsController } from './accounts/accounts.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { ReportsController } from './reports/reports.controller.js';
import { History } from './reports/history.js';
import { JobWallets } from './holds/job-wallets.js';
import { PaymentsController } from './payments/payments.controller.js';
import { PAYMENT_PROVIDERS, Payments } from './payments/payments.js';
import { PackPayments } from './payments/pack-payments.js';
import { PaymentAudit } from './payments/payment-audit.js';
import { PaymentBooks } from './payments/payment-books.js';
import { PaymentDocuments } from './payments/payment.documents.js';
import type { PaymentProvider } from './payments/payment-provider.js';
import { StripePayments } from './payments/stripe.js';
import { SubscriptionPayments } from './payments/subscription-payments.js';
import { PlanList } from './catalogue/plan-list.js';
import { Reconciliation } from './audit/reconciliation.js';
import { Reservations } from './holds/reservations.js';
import { Settlement } from './holds/settlement.js';
import { Simulation } from './catalogue/simulation.js';
import { Statements } from './holds/statements.js';
import { UsageReports } from './reports/usage-reports.js';

/** Only what is configured is connected: a webhook without a secret would believe everybody. */
const providersOf = ({ stripeWebhookSecrets }: Config): PaymentProvider[] =>
  stripeWebhookSecrets.length === 0 ? [] : [new StripePayments(stripeWebhookSecrets)];

@Module({
  controllers: [BillingController, AccountsController, ReportsController, CatalogueController, PaymentsController, AuditController],
  providers: [
    { provide: PriceList, inject: [Config], useFactory: ({ catalogueFile }: Config) => PriceList.open(catalogueFile) },
    AccountDocuments,
    AccountStore,
    JobWallets,
    Accounts,
    Reservations,
    Statements,
    History,
    LedgerReports,
    AcceptedPictures,
    UsageReports,
    PlanList,
    AccountIds,
    Audit,
    DeletedJobs,
    Reconciliation,
    Simulation,
    PaymentDocuments,
    PackPayments,
    SubscriptionPayments,
    Payments,
    PaymentBooks,
    PaymentAudit,
    { provide: PAYMENT_PROVIDERS, inject: [Config], useFactory: providersOf },
    Settlement,
    DueWork,
  ],
})
export class BillingModule {}

export const billing: ServiceDefinition = { ...services.billing, module: BillingModule };
