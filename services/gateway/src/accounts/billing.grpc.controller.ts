import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  BillingService,
  type AuditRequest,
  type AuditResponse,
  type ListEntriesRequest,
  type OpenAccountRequest,
  type QuoteRequest,
  type TopUpRequest,
} from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import {
  AccountService,
  type CancelPlanRequest,
  type ChangePlanRequest,
  type PausePlanRequest,
  type PutMemberRequest,
  type RemoveMemberRequest,
  type ResumePlanRequest,
  type ReverseOperationRequest,
  type SetLimitsRequest,
} from '@tessera/contracts/tessera/billing/v1/accounts_pb.js';
import {
  ReconciliationService,
  type ReconcileRequest,
  type ReconcileResponse,
} from '@tessera/contracts/tessera/billing/v1/reconciliation_pb.js';
import {
  CatalogueService,
  type LintCatalogueRequest,
  type SimulateCatalogueRequest,
  type SimulateCatalogueResponse,
} from '@tessera/contracts/tessera/billing/v1/catalogue_pb.js';
import {
  PaymentService,
  type DecidePaymentRequest,
  type ListPaymentsRequest,
  type RecordPaymentRequest,
  type RecordRefundRequest,
} from '@tessera/contracts/tessera/billing/v1/payments_pb.js';
import {
  ReportService,
  type ExportEntriesRequest,
  type ExportEntriesResponse,
  type GetBalanceAtRequest,
  type GetStatementRequest,
  type GetUsageRequest,
} from '@tessera/contracts/tessera/billing/v1/reports_pb.js';
import { BillingService as PublicBillingService } from '@tessera/contracts/tessera/gateway/v1/billing_pb.js';
import { Clock } from '@tessera/platform/clock.js';
import { isUuid, newId } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { streamOf } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import { Callers, requireAllowance } from '../keys/callers.js';
import { invalidField } from '../errors.js';
import type { Caller } from '../keys/keys.js';
import { BalanceChanges } from './balance-changes.js';
import { requireForward } from './periods.js';

/** Who may call what: everybody with a key, keys of the account itself, or the installation's owner. */
type Access = 'read' | 'admin' | 'owner';

/** Plans, accounts, reports and payments for gRPC clients: billing's own contract, word for word, after the key has been looked at. */
@Controller()
export class BillingGrpcController {
  readonly #billing: RpcClient<typeof BillingService>;
  readonly #accounts: RpcClient<typeof AccountService>;
  readonly #reconciliation: RpcClient<typeof ReconciliationService>;
  readonly #catalogue: RpcClient<typeof CatalogueService>;
  readonly #payments: RpcClient<typeof PaymentService>;
  readonly #reports: RpcClient<typeof ReportService>;

  constructor(
    private readonly callers: Callers,
    private readonly clock: Clock,
    private readonly changes: BalanceChanges,
    rpc: Rpc,
  ) {
    this.#billing = rpc.client(BillingService);
    this.#accounts = rpc.client(AccountService);
    this.#reconciliation = rpc.client(ReconciliationService);
    this.#catalogue = rpc.client(CatalogueService);
    this.#payments = rpc.client(PaymentService);
    this.#reports = rpc.client(ReportService);
  }

  @GrpcMethod(PublicBillingService.typeName)
  async listPlans(_request: unknown, metadata: Metadata) {
    await this.#admit(metadata, '', 'read');
    return this.#catalogue.listPlans({});
  }

  @GrpcMethod(PublicBillingService.typeName)
  async quote(request: QuoteRequest, metadata: Metadata) {
    const { accountId, wallet } = await this.#admit(metadata, request.accountId, 'read');
    return this.#billing.quote({ ...request, accountId, wallet: request.wallet || (wallet ?? '') });
  }

  /** An empty account id means a new one; it must be a UUID, as all are. */
  @GrpcMethod(PublicBillingService.typeName)
  async openAccount(request: OpenAccountRequest, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    if (request.accountId !== '' && !isUuid(request.accountId)) throw invalidField('An account id is a UUID.', 'account_id');
    return this.#billing.openAccount({ ...request, accountId: request.accountId || newId() });
  }

  @GrpcMethod(PublicBillingService.typeName)
  async topUp(request: TopUpRequest, metadata: Metadata) {
    return this.#changed(this.#operation(request, metadata, 'owner'), (owned) => this.#billing.topUp(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async listEntries(request: ListEntriesRequest, metadata: Metadata) {
    return this.#billing.listEntries(await this.#owned(request, metadata, 'read'));
  }

  @GrpcMethod(PublicBillingService.typeName)
  audit({ accountId }: AuditRequest, metadata: Metadata): Observable<AuditResponse> {
    return streamOf((signal) => this.#audit(accountId, metadata, signal));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async pausePlan(request: PausePlanRequest, metadata: Metadata) {
    return this.#changed(this.#operation(request, metadata, 'admin'), (owned) => this.#accounts.pausePlan(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async resumePlan(request: ResumePlanRequest, metadata: Metadata) {
    return this.#changed(this.#operation(request, metadata, 'owner'), (owned) => this.#accounts.resumePlan(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async changePlan(request: ChangePlanRequest, metadata: Metadata) {
    return this.#changed(this.#operation(request, metadata, 'owner'), (owned) => this.#accounts.changePlan(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async cancelPlan(request: CancelPlanRequest, metadata: Metadata) {
    return this.#changed(this.#operation(request, metadata, 'admin'), (owned) => this.#accounts.cancelPlan(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async setLimits(request: SetLimitsRequest, metadata: Metadata) {
    return this.#changed(this.#operation(request, metadata, 'admin'), (owned) => this.#accounts.setLimits(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async putMember(request: PutMemberRequest, metadata: Metadata) {
    return this.#changed(this.#operation(request, metadata, 'admin'), (owned) => this.#accounts.putMember(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async removeMember(request: RemoveMemberRequest, metadata: Metadata) {
    return this.#changed(this.#operation(request, metadata, 'admin'), (owned) => this.#accounts.removeMember(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async reverseOperation(request: ReverseOperationRequest, metadata: Metadata) {
    return this.#changed(this.#owned(request, metadata, 'owner'), (owned) => this.#accounts.reverseOperation(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async getBalanceAt(request: GetBalanceAtRequest, metadata: Metadata) {
    return this.#reports.getBalanceAt(await this.#owned(request, metadata, 'read'));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async getUsage(request: GetUsageRequest, metadata: Metadata) {
    return this.#reports.getUsage(await this.#reported(request, metadata));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async getStatement(request: GetStatementRequest, metadata: Metadata) {
    return this.#reports.getStatement(await this.#reported(request, metadata));
  }

  @GrpcMethod(PublicBillingService.typeName)
  exportEntries(request: ExportEntriesRequest, metadata: Metadata): Observable<ExportEntriesResponse> {
    return streamOf((signal) => this.#export(request, metadata, signal));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async getCatalogue(_request: unknown, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    return this.#catalogue.getCatalogue({});
  }

  @GrpcMethod(PublicBillingService.typeName)
  async lintCatalogue(request: LintCatalogueRequest, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    return this.#catalogue.lintCatalogue(request);
  }

  @GrpcMethod(PublicBillingService.typeName)
  simulateCatalogue(request: SimulateCatalogueRequest, metadata: Metadata): Observable<SimulateCatalogueResponse> {
    return streamOf((signal) => this.#simulate(request, metadata, signal));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async recordPayment(request: RecordPaymentRequest, metadata: Metadata) {
    return this.#changed(this.#owned(request, metadata, 'owner'), (owned) => this.#payments.recordPayment(owned));
  }

  @GrpcMethod(PublicBillingService.typeName)
  async recordRefund(request: RecordRefundRequest, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    return this.#payments.recordRefund(request);
  }

  @GrpcMethod(PublicBillingService.typeName)
  async listPayments(request: ListPaymentsRequest, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    return this.#payments.listPayments(request);
  }

  @GrpcMethod(PublicBillingService.typeName)
  async decidePayment(request: DecidePaymentRequest, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    return this.#payments.decidePayment(request);
  }

  @GrpcMethod(PublicBillingService.typeName)
  reconcile({ accountId }: ReconcileRequest, metadata: Metadata): Observable<ReconcileResponse> {
    return streamOf((signal) => this.#reconcile(accountId, metadata, signal));
  }

  async #changed<R extends { accountId: string }, T>(admitted: Promise<R>, change: (request: R) => Promise<T>): Promise<T> {
    const request = await admitted;
    return this.changes.report(request.accountId, change(request));
  }

  async *#simulate(request: SimulateCatalogueRequest, metadata: Metadata, signal: AbortSignal): AsyncGenerator<SimulateCatalogueResponse> {
    await this.#admit(metadata, request.accountId, 'owner');
    yield* this.#catalogue.simulateCatalogue(request, { signal });
  }

  /** An empty account id means all. */
  async *#reconcile(accountId: string, metadata: Metadata, signal: AbortSignal): AsyncGenerator<ReconcileResponse> {
    await this.#admit(metadata, accountId, 'owner');
    yield* this.#reconciliation.reconcile({ accountId }, { signal });
  }

  /** An empty account id means all. */
  async *#audit(accountId: string, metadata: Metadata, signal: AbortSignal): AsyncGenerator<AuditResponse> {
    await this.#admit(metadata, accountId, 'owner');
    yield* this.#billing.audit({ accountId }, { signal });
  }

  async *#export(request: ExportEntriesRequest, metadata: Metadata, signal: AbortSignal): AsyncGenerator<ExportEntriesResponse> {
    yield* this.#reports.exportEntries(await this.#reported(request, metadata), { signal });
  }

  async #reported<R extends GetUsageRequest | GetStatementRequest | ExportEntriesRequest>(request: R, metadata: Metadata): Promise<R> {
    const owned = await this.#owned(request, metadata, 'read');
    const instant = (ms: bigint | undefined) => (ms ? Number(ms) : undefined);
    requireForward({ from: instant(request.period?.fromMs), to: instant(request.period?.toMs) }, this.clock.now(), 'period.from_ms');
    return owned;
  }

  /** A call without an operation id is a new operation. */
  async #operation<R extends { accountId: string; operationId: string }>(request: R, metadata: Metadata, access: Access): Promise<R> {
    return { ...(await this.#owned(request, metadata, access)), operationId: request.operationId || newId() };
  }

  async #owned<R extends { accountId: string }>(request: R, metadata: Metadata, access: Access): Promise<R> {
    return { ...request, accountId: (await this.#admit(metadata, request.accountId, access)).accountId };
  }

  async #admit(metadata: Metadata, accountId: string, access: Access): Promise<Caller> {
    const caller = this.callers.actingFor(await this.callers.authenticate(metadata.get('authorization')[0]?.toString()), accountId);
    if (access === 'admin') this.callers.requireAdmin(caller);
    if (access === 'owner') this.callers.requireOwner(caller);
    requireAllowance(await this.callers.admit(caller));
    return caller;
  }
}
