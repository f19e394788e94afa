import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openDocuments, type OpenDocuments } from '@tessera/documents/open-documents.js';
import type { EventBus } from '@tessera/events/event-bus.js';
import { openEventBus } from '@tessera/events/open-event-bus.js';
import { ManualClock } from '@tessera/platform/clock.js';
import { createLogger } from '@tessera/platform/logger.js';
import { AcceptedPictures } from './reports/accepted-pictures.js';
import { AccountIds } from './accounts/account-ids.js';
import { AccountDocuments } from './ledger/store/account.documents.js';
import { AccountStore } from './ledger/store/account.store.js';
import { Accounts } from './accounts/accounts.js';
import { Audit, type AuditResult, type AuditSummary, type Finding } from './audit/audit.js';
import { BillingController } from './holds/billing.controller.js';
import { LedgerReports } from './reports/ledger-reports.js';
import { PriceList } from './catalogue/catalogue.js';
import { DeletedJobs } from './audit/deleted-jobs.js';
import { DueWork } from './accounts/due-work.js';
import { AccountsController } from './accounts/accounts.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { CatalogueController } from './catalogue/catalogue.controller.js';
import { ReportsController } from './reports/reports.controller.js';
import { History } from './reports/history.js';
import { JobWallets } from './holds/job-wallets.js';
import { Payments } from './payments/payments.js';
import { PackPayments } from './payments/pack-payments.js';
import { PaymentAudit } from './payments/payment-audit.js';
import { PaymentBooks } from './payments/payment-books.js';
import { PaymentsController } from './payments/payments.controller.js';
import { SubscriptionPayments } from './payments/subscription-payments.js';
import { PaymentDocuments } from './payments/payment.documents.js';
import { StripePayments } from './payments/stripe.js';
import { PlanList } from './catalogue/plan-list.js';
import type { ImageCompute } from './catalogue/quote.js';
import { Reconciliation } from './audit/reconciliation.js';
import { Reservations } from './holds/reservations.js';
import { SmallGeneration } from './generation.fixture.js';
import { Settlement } from './holds/settlement.js';
import { Simulation } from './catalogue/simulation.js';
import { Statements } from './holds/statements.js';
import { UsageReports } from './reports/usage-reports.js';

/** Billing as the module wires it, on a folder of its own and with a clock that tests move. */
export type TestBilling = {
  readonly dataDir: string;
  readonly installation: OpenDocuments;
  readonly clock: ManualClock;
  readonly bus: EventBus;
  readonly documents: AccountDocuments;
  readonly store: AccountStore;
  readonly accounts: Accounts;
  readonly reservations: Reservations;
  readonly statements: Statements;
  readonly ledgerReports: LedgerReports;
  readonly usage: UsageReports;
  readonly acceptedPictures: AcceptedPictures;
  readonly audit: Audit;
  /** The jobs that generation knows. */
  readonly generation: SmallGeneration;
  readonly deletedJobs: DeletedJobs;
  readonly reconciliation: Reconciliation;
  readonly simulation: Simulation;
  readonly payments: Payments;
  readonly paymentDocuments: PaymentDocuments;
  readonly paymentsController: PaymentsController;
  readonly settlement: Settlement;
  readonly dueWork: DueWork;
  readonly controller: BillingController;
  readonly accountsController: AccountsController;
  readonly reportsController: ReportsController;
  readonly catalogueController: CatalogueController;
  readonly auditController: AuditController;
  /** Ends it and leaves the folder. */
  stop(): Promise<void>;
  close(): Promise<void>;
  /** The same folder in a new process, as far as billing can tell. */
  reopened(): Promise<TestBilling>;
};

export const stripeSecret = 'whsec_of_this_very_test';

export const newDataDir = (): Promise<string> => fs.mkdtemp(path.join(os.tmpdir(), 'tessera-billing-'));

export async function openBilling(dataDir?: string, clock = new ManualClock(), prices = PriceList.bundled()): Promise<TestBilling> {
  const folder = dataDir ?? (await newDataDir());
  const installation = await openDocuments({ dataDir: folder });
  const logger = createLogger('silent', 'billing');
  const bus = openEventBus({ eventLog: installation.eventLog, documents: installation.documents, logger });
  const documents = new AccountDocuments(installation.documents);
  const store = new AccountStore(documents);
  const wallets = new JobWallets(store, prices, clock);
  const accounts = new Accounts(store, prices, clock, wallets);
  const reservations = new Reservations(store, prices, clock, wallets);
  const statements = new Statements(store, documents, wallets);
  const history = new History(store, documents, clock);
  const ledgerReports = new LedgerReports(history, clock);
  const accountIds = new AccountIds(documents);
  const paymentDocuments = new PaymentDocuments(installation.documents);
  const audit = new Audit(store, documents, accountIds, new PaymentAudit(paymentDocuments));
  const generation = new SmallGeneration();
  const acceptedPictures = new AcceptedPictures(installation.documents, bus);
  const usage = new UsageReports(history, documents, acceptedPictures, generation);
  const deletedJobs = new DeletedJobs(installation.documents, bus);
  const reconciliation = new Reconciliation(accountIds, history, documents, deletedJobs, clock, generation);
  const settlement = new Settlement(reservations, bus, logger);
  const dueWork = new DueWork(documents, store, bus, clock, logger);
  const controller = new BillingController(accounts, reservations, statements);
  const accountsController = new AccountsController(accounts);
  const reportsController = new ReportsController(ledgerReports, usage);
  const auditController = new AuditController(audit, reconciliation);
  const packPayments = new PackPayments(accounts, paymentDocuments, prices, clock, logger);
  const subscriptionPayments = new SubscriptionPayments(accounts, paymentDocuments, prices, clock);
  const payments = new Payments(packPayments, subscriptionPayments, clock, [new StripePayments([stripeSecret, 'whsec_of_the_day_before'])]);
  const simulation = new Simulation(accountIds, history, prices, clock);
  const catalogueController = new CatalogueController(prices, new PlanList(prices, clock), simulation);
  const stop = async () => {
    await dueWork.onModuleDestroy();
    statements.onModuleDestroy();
    await bus.stop();
    await installation.close();
  };
  const close = async () => {
    await stop();
    await fs.rm(folder, { recursive: true, force: true });
  };
  const reopened = async () => {
    await stop();
    return openBilling(folder, clock, prices);
  };
  return {
    dataDir: folder,
    installation,
    clock,
    bus,
    documents,
    store,
    accounts,
    reservations,
    statements,
    ledgerReports,
    usage,
    acceptedPictures,
    audit,
    generation,
    deletedJobs,
    reconciliation,
    simulation,
    payments,
    paymentDocuments,
    paymentsController: new PaymentsController(payments, accounts, new PaymentBooks(paymentDocuments)),
    settlement,
    dueWork,
    controller,
    accountsController,
    reportsController,
    catalogueController,
    auditController,
    stop,
    close,
    reopened,
  };
}

/** Costs 8 tokens: 6 for the compute, 2 for the super-resolution. */
export const twoPictures: ImageCompute = {
  modelId: 'mosaic-3d',
  widthPx: 512,
  heightPx: 512,
  steps: 20,
  images: 2,
  superResolution: true,
  surcharges: [],
};

export const hourMs = 3_600_000;

export async function audited(audit: Audit, accountId = ''): Promise<{ findings: Finding[]; summary: AuditSummary }> {
  const results: AuditResult[] = [];
  for await (const result of audit.run(accountId, new AbortController().signal)) results.push(result);
  const last = results.at(-1);
  if (!last || !('summary' in last)) throw new Error('An audit ends with its summary.');
  return { findings: results.flatMap((result) => ('finding' in result ? [result.finding] : [])), summary: last.summary };
}
