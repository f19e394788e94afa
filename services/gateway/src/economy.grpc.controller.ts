import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { BillingService, type AuditRequest, type AuditResponse, type ListEntriesRequest, type OpenAccountRequest, type QuoteRequest, type TopUpRequest } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import {
  EconomyService as BillingEconomy,
  type CancelPlanRequest,
  type ChangePlanRequest,
  type ExportEntriesRequest,
  type ExportEntriesResponse,
  type GetBalanceAtRequest,
  type GetStatementRequest,
  type GetUsageRequest,
  type LintCatalogueRequest,
  type PausePlanRequest,
  type PutMemberRequest,
  type ReconcileRequest,
  type ReconcileResponse,
  type RecordPaymentRequest,
  type RecordRefundRequest,
  type RemoveMemberRequest,
  type ResumePlanRequest,
  type ReverseOperationRequest,
  type SetLimitsRequest,
  type SimulateCatalogueRequest,
  type SimulateCatalogueResponse,
} from '@tessera/contracts/tessera/billing/v1/economy_pb.js';
import { EconomyService } from '@tessera/contracts/tessera/gateway/v1/economy_pb.js';
import { Clock } from '@tessera/platform/clock.js';
import { isUuid, newId } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { streamOf } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import { Callers, demandAllowance } from './callers.js';
import { invalidField } from './errors.js';
import type { Caller } from './keys.js';
import { requireForward } from './periods.js';

/** Who may call what: everybody with a key, keys of the account itself, or the installation's owner. */
type Access = 'read' | 'admin' | 'owner';

/** Billing's economy for gRPC clients, word for word, after the key has been looked at. */
@Controller()
export class EconomyGrpcController {
  readonly #billing: RpcClient<typeof BillingEconomy>;
  readonly #ledger: RpcClient<typeof BillingService>;

  constructor(
    private readonly callers: Callers,
    private readonly clock: Clock,
    rpc: Rpc,
  ) {
    this.#billing = rpc.client(BillingEconomy);
    this.#ledger = rpc.client(BillingService);
  }

  @GrpcMethod(EconomyService.typeName)
  async listPlans(_request: unknown, metadata: Metadata) {
    await this.#admit(metadata, '', 'read');
    return this.#billing.listPlans({});
  }

  @GrpcMethod(EconomyService.typeName)
  async quote(request: QuoteRequest, metadata: Metadata) {
    const { accountId, wallet } = await this.#admit(metadata, request.accountId, 'read');
    return this.#ledger.quote({ ...request, accountId, wallet: request.wallet || (wallet ?? '') });
  }

  /** An empty account id means a new one; it must be a UUID, as all are. */
  @GrpcMethod(EconomyService.typeName)
  async openAccount(request: OpenAccountRequest, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    if (request.accountId !== '' && !isUuid(request.accountId)) throw invalidField('An account id is a UUID.', 'account_id');
    return this.#ledger.openAccount({ ...request, accountId: request.accountId || newId() });
  }

  @GrpcMethod(EconomyService.typeName)
  async topUp(request: TopUpRequest, metadata: Metadata) {
    return this.#ledger.topUp(await this.#operation(request, metadata, 'owner'));
  }

  @GrpcMethod(EconomyService.typeName)
  async listEntries(request: ListEntriesRequest, metadata: Metadata) {
    return this.#ledger.listEntries(await this.#owned(request, metadata, 'read'));
  }

  @GrpcMethod(EconomyService.typeName)
  audit({ accountId }: AuditRequest, metadata: Metadata): Observable<AuditResponse> {
    return streamOf((signal) => this.#audit(accountId, metadata, signal));
  }

  @GrpcMethod(EconomyService.typeName)
  async pausePlan(request: PausePlanRequest, metadata: Metadata) {
    return this.#billing.pausePlan(await this.#operation(request, metadata, 'admin'));
  }

  @GrpcMethod(EconomyService.typeName)
  async resumePlan(request: ResumePlanRequest, metadata: Metadata) {
    return this.#billing.resumePlan(await this.#operation(request, metadata, 'owner'));
  }

  @GrpcMethod(EconomyService.typeName)
  async changePlan(request: ChangePlanRequest, metadata: Metadata) {
    return this.#billing.changePlan(await this.#operation(request, metadata, 'owner'));
  }

  @GrpcMethod(EconomyService.typeName)
  async cancelPlan(request: CancelPlanRequest, metadata: Metadata) {
    return this.#billing.cancelPlan(await this.#operation(request, metadata, 'admin'));
  }

  @GrpcMethod(EconomyService.typeName)
  async setLimits(request: SetLimitsRequest, metadata: Metadata) {
    return this.#billing.setLimits(await this.#operation(request, metadata, 'admin'));
  }

  @GrpcMethod(EconomyService.typeName)
  async putMember(request: PutMemberRequest, metadata: Metadata) {
    return this.#billing.putMember(await this.#operation(request, metadata, 'admin'));
  }

  @GrpcMethod(EconomyService.typeName)
  async removeMember(request: RemoveMemberRequest, metadata: Metadata) {
    return this.#billing.removeMember(await this.#operation(request, metadata, 'admin'));
  }

  @GrpcMethod(EconomyService.typeName)
  async reverseOperation(request: ReverseOperationRequest, metadata: Metadata) {
    return this.#billing.reverseOperation(await this.#owned(request, metadata, 'owner'));
  }

  @GrpcMethod(EconomyService.typeName)
  async getBalanceAt(request: GetBalanceAtRequest, metadata: Metadata) {
    return this.#billing.getBalanceAt(await this.#owned(request, metadata, 'read'));
  }

  @GrpcMethod(EconomyService.typeName)
  async getUsage(request: GetUsageRequest, metadata: Metadata) {
    return this.#billing.getUsage(await this.#reported(request, metadata));
  }

  @GrpcMethod(EconomyService.typeName)
  async getStatement(request: GetStatementRequest, metadata: Metadata) {
    return this.#billing.getStatement(await this.#reported(request, metadata));
  }

  @GrpcMethod(EconomyService.typeName)
  exportEntries(request: ExportEntriesRequest, metadata: Metadata): Observable<ExportEntriesResponse> {
    return streamOf((signal) => this.#export(request, metadata, signal));
  }

  @GrpcMethod(EconomyService.typeName)
  async getCatalogue(_request: unknown, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    return this.#billing.getCatalogue({});
  }

  @GrpcMethod(EconomyService.typeName)
  async lintCatalogue(request: LintCatalogueRequest, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    return this.#billing.lintCatalogue(request);
  }

  @GrpcMethod(EconomyService.typeName)
  simulateCatalogue(request: SimulateCatalogueRequest, metadata: Metadata): Observable<SimulateCatalogueResponse> {
    return streamOf((signal) => this.#simulate(request, metadata, signal));
  }

  @GrpcMethod(EconomyService.typeName)
  async recordPayment(request: RecordPaymentRequest, metadata: Metadata) {
    return this.#billing.recordPayment(await this.#owned(request, metadata, 'owner'));
  }

  @GrpcMethod(EconomyService.typeName)
  async recordRefund(request: RecordRefundRequest, metadata: Metadata) {
    await this.#admit(metadata, '', 'owner');
    return this.#billing.recordRefund(request);
  }

  @GrpcMethod(EconomyService.typeName)
  reconcile({ accountId }: ReconcileRequest, metadata: Metadata): Observable<ReconcileResponse> {
    return streamOf((signal) => this.#reconcile(accountId, metadata, signal));
  }

  async *#simulate(request: SimulateCatalogueRequest, metadata: Metadata, signal: AbortSignal): AsyncGenerator<SimulateCatalogueResponse> {
    await this.#admit(metadata, request.accountId, 'owner');
    yield* this.#billing.simulateCatalogue(request, { signal });
  }

  /** An empty account id means all. */
  async *#reconcile(accountId: string, metadata: Metadata, signal: AbortSignal): AsyncGenerator<ReconcileResponse> {
    await this.#admit(metadata, accountId, 'owner');
    yield* this.#billing.reconcile({ accountId }, { signal });
  }

  /** An empty account id means all. */
  async *#audit(accountId: string, metadata: Metadata, signal: AbortSignal): AsyncGenerator<AuditResponse> {
    await this.#admit(metadata, accountId, 'owner');
    yield* this.#ledger.audit({ accountId }, { signal });
  }

  async *#export(request: ExportEntriesRequest, metadata: Metadata, signal: AbortSignal): AsyncGenerator<ExportEntriesResponse> {
    yield* this.#billing.exportEntries(await this.#reported(request, metadata), { signal });
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
    if (access === 'admin') this.callers.demandAdmin(caller);
    if (access === 'owner') this.callers.demandOwner(caller);
    demandAllowance(await this.callers.admit(caller));
    return caller;
  }
}
