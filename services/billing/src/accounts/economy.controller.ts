import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  EconomyService,
  type CancelPlanRequest,
  type ChangePlanRequest,
  type ExportEntriesRequest,
  type ExportEntriesResponseSchema,
  type GetBalanceAtRequest,
  type GetStatementRequest,
  type GetUsageRequest,
  type LimitChange,
  type Period as PeriodMessage,
  type PositionSchema,
  type PausePlanRequest,
  type PutMemberRequest,
  type ReconcileRequest,
  type ReconcileResponseSchema,
  type RemoveMemberRequest,
  type ResumePlanRequest,
  type ReverseOperationRequest,
  type SetLimitsRequest,
} from '@tessera/contracts/tessera/billing/v1/economy_pb.js';
import { streamOf } from '@tessera/rpc/streams.js';
import { accountMessage, bucketMessage } from './account.message.js';
import { Accounts } from './accounts.js';
import { Books, type Position } from '../reports/books.js';
import { invalidField } from '../errors.js';
import type { Period } from '../reports/history.js';
import { whole } from '../input.js';
import { PlanList } from '../catalogue/plan-list.js';
import { Reconciliation, type ReconcileFinding, type ReconcileSummary } from '../audit/reconciliation.js';
import type { SettingsChange } from '../ledger/settings.js';
import { UsageReports, type UsageRow } from '../reports/usage-reports.js';
import { ledgerIdOf, walletNamed } from '../wallets.js';

/** Translates between the contract and the use cases, nothing else. */
@Controller()
export class EconomyController {
  constructor(
    private readonly accounts: Accounts,
    private readonly books: Books,
    private readonly usage: UsageReports,
    private readonly planList: PlanList,
    private readonly reconciliation: Reconciliation,
  ) {}

  @GrpcMethod(EconomyService.typeName)
  listPlans() {
    const { version, plans, packs } = this.planList.now();
    return {
      catalogueVersion: version,
      plans: plans.map(({ seatTokens, seatBankTokens, ...plan }) => ({ ...plan, seatTokens: BigInt(seatTokens), seatBankTokens: BigInt(seatBankTokens) })),
      packs: packs.map(({ tokens, ...pack }) => ({ ...pack, tokens: BigInt(tokens) })),
    };
  }

  @GrpcMethod(EconomyService.typeName)
  async changePlan({ accountId, operationId, plan, seats }: ChangePlanRequest) {
    return { account: accountMessage(await this.accounts.changePlan(accountId, operationId, plan, seats || undefined)) };
  }

  @GrpcMethod(EconomyService.typeName)
  async cancelPlan({ accountId, operationId }: CancelPlanRequest) {
    return { account: accountMessage(await this.accounts.cancel(accountId, operationId)) };
  }

  @GrpcMethod(EconomyService.typeName)
  async pausePlan({ accountId, operationId, resumesMs }: PausePlanRequest) {
    return { account: accountMessage(await this.accounts.pause(accountId, operationId, resumesMs === 0n ? undefined : whole('resumes_ms', resumesMs))) };
  }

  @GrpcMethod(EconomyService.typeName)
  async resumePlan({ accountId, operationId }: ResumePlanRequest) {
    return { account: accountMessage(await this.accounts.resume(accountId, operationId)) };
  }

  @GrpcMethod(EconomyService.typeName)
  async setLimits({ accountId, operationId, spendCap, lowBalance, wallet }: SetLimitsRequest) {
    const change = { kind: 'limits', ...limitOf('spendCapTokens', spendCap), ...limitOf('lowBalanceTokens', lowBalance) } as const;
    return { account: accountMessage(await this.accounts.configure(accountId, operationId, change, walletNamed(wallet))) };
  }

  @GrpcMethod(EconomyService.typeName)
  async putMember({ accountId, operationId, memberId, capTokens }: PutMemberRequest) {
    const change: SettingsChange = { kind: 'member', memberId, capTokens: capTokens === undefined ? null : whole('cap_tokens', capTokens) };
    return { account: accountMessage(await this.accounts.configure(accountId, operationId, change)) };
  }

  @GrpcMethod(EconomyService.typeName)
  async removeMember({ accountId, operationId, memberId }: RemoveMemberRequest) {
    return { account: accountMessage(await this.accounts.configure(accountId, operationId, { kind: 'memberLeft', memberId })) };
  }

  @GrpcMethod(EconomyService.typeName)
  async reverseOperation({ accountId, reversedOperationId, wallet }: ReverseOperationRequest) {
    return { account: accountMessage(await this.accounts.reverse(accountId, reversedOperationId, walletNamed(wallet))) };
  }

  @GrpcMethod(EconomyService.typeName)
  async getBalanceAt({ accountId, atMs, wallet }: GetBalanceAtRequest) {
    return { position: positionMessage(await this.books.positionAt(ledgerIdOf(accountId, walletNamed(wallet)), whole('at_ms', atMs))) };
  }

  @GrpcMethod(EconomyService.typeName)
  async getUsage({ accountId, period, by, wallet }: GetUsageRequest) {
    const { rows, total } = await this.usage.by(ledgerIdOf(accountId, walletNamed(wallet)), by, periodOf(period));
    return { rows: rows.map(usageMessage), total: usageMessage(total) };
  }

  @GrpcMethod(EconomyService.typeName)
  async getStatement({ accountId, period, wallet }: GetStatementRequest) {
    const { opening, closing, lines } = await this.books.statement(ledgerIdOf(accountId, walletNamed(wallet)), periodOf(period));
    return {
      opening: positionMessage(opening),
      closing: positionMessage(closing),
      lines: lines.map(({ kind, operations, tokens }) => ({ kind, operations: BigInt(operations), tokens: BigInt(tokens) })),
    };
  }

  @GrpcMethod(EconomyService.typeName)
  exportEntries({ accountId, period, wallet, format }: ExportEntriesRequest) {
    return streamOf((signal) => this.exportMessages(ledgerIdOf(accountId, walletNamed(wallet)), periodOf(period), format, signal));
  }

  @GrpcMethod(EconomyService.typeName)
  reconcile({ accountId }: ReconcileRequest) {
    return streamOf((signal) => this.reconcileMessages(accountId, signal));
  }

  private async *exportMessages(ledgerId: string, period: Period, format: string, signal: AbortSignal): AsyncIterable<MessageInitShape<typeof ExportEntriesResponseSchema>> {
    if (!['', 'csv', 'parquet'].includes(format)) throw invalidField('format', 'format must be csv or parquet.');
    const pieces = format === 'parquet' ? this.books.parquet(ledgerId, period) : this.books.csv(ledgerId, period);
    for await (const piece of pieces) {
      if (signal.aborted) return;
      yield typeof piece === 'string' ? { csv: piece } : { data: piece };
    }
  }

  private async *reconcileMessages(accountId: string, signal: AbortSignal): AsyncIterable<MessageInitShape<typeof ReconcileResponseSchema>> {
    for await (const result of this.reconciliation.run(accountId, signal)) yield 'finding' in result ? findingMessage(result.finding) : summaryMessage(result.summary);
  }
}

const findingMessage = (finding: ReconcileFinding) => ({ result: { case: 'finding' as const, value: finding } });

const summaryMessage = ({ accounts, jobs, settlements, findings }: ReconcileSummary) => ({
  result: { case: 'summary' as const, value: { accounts: BigInt(accounts), jobs: BigInt(jobs), settlements: BigInt(settlements), findings: BigInt(findings) } },
});

const periodOf = (period: PeriodMessage | undefined): Period => ({ fromMs: whole('period.from_ms', period?.fromMs ?? 0n), toMs: whole('period.to_ms', period?.toMs ?? 0n) });

const limitOf = (name: 'spendCapTokens' | 'lowBalanceTokens', change: LimitChange | undefined) => (change === undefined ? {} : { [name]: change.tokens === undefined ? null : whole(name, change.tokens) });

const usageMessage = ({ key, jobs, imagesDelivered, imagesAccepted, tokens }: UsageRow) => ({ key, jobs: BigInt(jobs), imagesDelivered: BigInt(imagesDelivered), imagesAccepted: BigInt(imagesAccepted), tokens: BigInt(tokens) });

const positionMessage = (position: Position): MessageInitShape<typeof PositionSchema> => ({
  atMs: BigInt(position.atMs),
  lastEntry: BigInt(position.lastEntry),
  plan: position.plan,
  balanceTokens: BigInt(position.balance),
  frozenTokens: BigInt(position.frozen),
  heldTokens: BigInt(position.held),
  spentTokens: BigInt(position.spent),
  expiredTokens: BigInt(position.expired),
  grantedTokens: BigInt(position.granted),
  buckets: position.buckets.map(bucketMessage),
});
