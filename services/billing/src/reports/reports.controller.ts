import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  ReportService,
  type ExportEntriesRequest,
  type ExportEntriesResponseSchema,
  type GetBalanceAtRequest,
  type GetStatementRequest,
  type GetUsageRequest,
  type Period as PeriodMessage,
  type PositionSchema,
} from '@tessera/contracts/tessera/billing/v1/reports_pb.js';
import { streamOf } from '@tessera/rpc/streams.js';
import { bucketMessage } from '../accounts/account.message.js';
import { invalidField } from '../errors.js';
import { whole } from '../input.js';
import { ledgerIdOf, walletNamed } from '../wallets.js';
import type { Period } from './history.js';
import { LedgerReports, type Position } from './ledger-reports.js';
import { UsageReports, type UsageRow } from './usage-reports.js';

/** Translates between the contract and the use cases, nothing else. */
@Controller()
export class ReportsController {
  constructor(
    private readonly ledgerReports: LedgerReports,
    private readonly usage: UsageReports,
  ) {}

  @GrpcMethod(ReportService.typeName)
  async getBalanceAt({ accountId, atMs, wallet }: GetBalanceAtRequest) {
    return {
      position: positionMessage(await this.ledgerReports.positionAt(ledgerIdOf(accountId, walletNamed(wallet)), whole('at_ms', atMs))),
    };
  }

  @GrpcMethod(ReportService.typeName)
  async getUsage({ accountId, period, by, wallet }: GetUsageRequest) {
    const { rows, total } = await this.usage.by(ledgerIdOf(accountId, walletNamed(wallet)), by, periodOf(period));
    return { rows: rows.map(usageMessage), total: usageMessage(total) };
  }

  @GrpcMethod(ReportService.typeName)
  async getStatement({ accountId, period, wallet }: GetStatementRequest) {
    const { opening, closing, lines } = await this.ledgerReports.statement(ledgerIdOf(accountId, walletNamed(wallet)), periodOf(period));
    return {
      opening: positionMessage(opening),
      closing: positionMessage(closing),
      lines: lines.map(({ kind, operations, tokens }) => ({ kind, operations: BigInt(operations), tokens: BigInt(tokens) })),
    };
  }

  @GrpcMethod(ReportService.typeName)
  exportEntries({ accountId, period, wallet, format }: ExportEntriesRequest) {
    return streamOf((signal) => this.exportMessages(ledgerIdOf(accountId, walletNamed(wallet)), periodOf(period), format, signal));
  }

  private async *exportMessages(
    ledgerId: string,
    period: Period,
    format: string,
    signal: AbortSignal,
  ): AsyncIterable<MessageInitShape<typeof ExportEntriesResponseSchema>> {
    if (!['', 'csv', 'parquet'].includes(format)) throw invalidField('format', 'format must be csv or parquet.');
    const pieces = format === 'parquet' ? this.ledgerReports.parquet(ledgerId, period) : this.ledgerReports.csv(ledgerId, period);
    for await (const piece of pieces) {
      if (signal.aborted) return;
      yield typeof piece === 'string' ? { csv: piece } : { data: piece };
    }
  }
}

const periodOf = (period: PeriodMessage | undefined): Period => ({
  fromMs: whole('period.from_ms', period?.fromMs ?? 0n),
  toMs: whole('period.to_ms', period?.toMs ?? 0n),
});

const usageMessage = ({ key, jobs, imagesDelivered, imagesAccepted, tokens }: UsageRow) => ({
  key,
  jobs: BigInt(jobs),
  imagesDelivered: BigInt(imagesDelivered),
  imagesAccepted: BigInt(imagesAccepted),
  tokens: BigInt(tokens),
});

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
