import { Module } from '@nestjs/common';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { AccountDocuments } from './account.documents.js';
import { AccountStore } from './account.store.js';
import { Accounts } from './accounts.js';
import { Audit } from './audit.js';
import { BillingController } from './billing.controller.js';
import { PriceList } from './catalogue.js';
import { DueWork } from './due-work.js';
import { Reservations } from './reservations.js';
import { Settlement } from './settlement.js';
import { Statements } from './statements.js';

@Module({
  controllers: [BillingController],
  providers: [AccountDocuments, AccountStore, { provide: PriceList, useFactory: () => PriceList.bundled() }, Accounts, Reservations, Statements, Audit, Settlement, DueWork],
})
export class BillingModule {}

export const billing: ServiceDefinition = { name: 'billing', module: BillingModule, contracts: [BillingService] };
