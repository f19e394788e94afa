import { Module } from '@nestjs/common';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { EconomyService } from '@tessera/contracts/tessera/billing/v1/economy_pb.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { AccountIds } from './account-ids.js';
import { AccountDocuments } from './account.documents.js';
import { AccountStore } from './account.store.js';
import { Accounts } from './accounts.js';
import { Audit } from './audit.js';
import { BillingController } from './billing.controller.js';
import { Books } from './books.js';
import { PriceList } from './catalogue.js';
import { DeletedJobs } from './deleted-jobs.js';
import { DueWork } from './due-work.js';
import { EconomyController } from './economy.controller.js';
import { History } from './history.js';
import { PlanList } from './plan-list.js';
import { Reconciliation } from './reconciliation.js';
import { Reservations } from './reservations.js';
import { Settlement } from './settlement.js';
import { Statements } from './statements.js';
import { UsageReports } from './usage-reports.js';

@Module({
  controllers: [BillingController, EconomyController],
  providers: [
    { provide: PriceList, useFactory: () => PriceList.bundled() },
    AccountDocuments,
    AccountStore,
    Accounts,
    Reservations,
    Statements,
    History,
    Books,
    UsageReports,
    PlanList,
    AccountIds,
    Audit,
    DeletedJobs,
    Reconciliation,
    Settlement,
    DueWork,
  ],
})
export class BillingModule {}

export const billing: ServiceDefinition = { name: 'billing', module: BillingModule, contracts: [BillingService, EconomyService] };
