import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  BillingService,
  BillState,
  type AuditRequest,
  type AuditResponseSchema,
  type BillSchema,
  type ComputeSpec as ComputeSpecMessage,
  type GetAccountRequest,
  type GetBillRequest,
  type LedgerEntrySchema,
  type ListEntriesRequest,
  type OpenAccountRequest,
  type QuoteRequest,
  type QuoteSchema,
  type ReleaseRequest,
  type ReserveRequest,
  type SettleRequest,
  type TopUpRequest,
} from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { callSignal, streamOf, type RpcCall } from '@tessera/rpc/streams.js';
import type { Entry } from '../ledger/account.js';
import { accountMessage } from '../accounts/account.message.js';
import { Accounts } from '../accounts/accounts.js';
import { Audit, type AuditResult } from '../audit/audit.js';
import type { Bill } from './bill.js';
import { invalidField } from '../errors.js';
import { whole } from '../input.js';
import { computeKinds, type ComputeSpec, type Quote } from '../catalogue/quote.js';
import { Reservations } from './reservations.js';
import { Statements } from './statements.js';
import { walletNamed } from '../wallets.js';

/** Translates between the contract and the use cases, nothing else. Inside, amounts are numbers; on the wire they are 64 bits wide. */
@Controller()
export class BillingController {
  constructor(
    private readonly accounts: Accounts,
    private readonly reservations: Reservations,
    private readonly statements: Statements,
    private readonly ledgerAudit: Audit,
  ) {}

  @GrpcMethod(BillingService.typeName)
  async openAccount({ accountId, plan, seats, utcOffsetMinutes }: OpenAccountRequest) {
    return { account: accountMessage(await this.accounts.open(accountId, plan, seats || undefined, utcOffsetMinutes)) };
  }

  @GrpcMethod(BillingService.typeName)
  async getAccount({ accountId }: GetAccountRequest) {
    return { account: accountMessage(await this.accounts.get(accountId)) };
  }

  @GrpcMethod(BillingService.typeName)
  async quote({ compute, accountId, wallet }: QuoteRequest) {
    return { quote: quoteMessage(await this.reservations.quote(computeOf(compute), accountId || undefined, walletNamed(wallet))) };
  }

  @GrpcMethod(BillingService.typeName)
  async reserve({ accountId, jobId, compute, deadlineMs, memberId, project, wallet }: ReserveRequest) {
    const attribution = { ...(memberId ? { memberId } : {}), ...(project ? { project } : {}) };
    const { bill, balanceTokens, limits } = await this.reservations.reserve(accountId, jobId, computeOf(compute), whole('deadline_ms', deadlineMs), attribution, walletNamed(wallet));
    return { bill: billMessage(bill), balanceTokens: BigInt(balanceTokens), limits };
  }

  @GrpcMethod(BillingService.typeName)
  async settle({ accountId, jobId, imagesDelivered }: SettleRequest) {
    return { bill: billMessage(await this.reservations.settle(accountId, jobId, imagesDelivered)) };
  }

  @GrpcMethod(BillingService.typeName)
  async release({ accountId, jobId, reason }: ReleaseRequest) {
    return { bill: billMessage(await this.reservations.release(accountId, jobId, reason)) };
  }

  @GrpcMethod(BillingService.typeName)
  async topUp({ accountId, operationId, tokens, wallet }: TopUpRequest) {
    return { account: accountMessage(await this.accounts.topUp(accountId, operationId, whole('tokens', tokens), walletNamed(wallet))) };
  }

  @GrpcMethod(BillingService.typeName)
  async getBill({ accountId, jobId, waitMs }: GetBillRequest, _metadata: unknown, call: RpcCall) {
    const { bill, balanceTokens } = await this.statements.bill(accountId, jobId, waitMs, waitMs > 0 ? callSignal(call) : undefined);
    return { bill: billMessage(bill), balanceTokens: BigInt(balanceTokens) };
  }

  @GrpcMethod(BillingService.typeName)
  async listEntries({ accountId, pageSize, pageToken, wallet }: ListEntriesRequest) {
    const { entries, next } = await this.statements.entries(accountId, pageSize, pageToken, walletNamed(wallet));
    return { entries: entries.map(entryMessage), nextPageToken: next ?? '' };
  }

  @GrpcMethod(BillingService.typeName)
  audit({ accountId }: AuditRequest) {
    return streamOf((signal) => auditMessages(this.ledgerAudit.run(accountId, signal)));
  }
}

function computeOf(compute: ComputeSpecMessage | undefined): ComputeSpec {
  if (!compute) throw invalidField('compute', 'compute is missing.');
  const { modelId, widthPx, heightPx, steps, images, superResolution, surcharges } = compute;
  return { modelId, widthPx, heightPx, steps, images, superResolution, surcharges, ...workOf(compute) };
}

/** What is not an image says so. */
function workOf({ kind, complexity, epochs }: ComputeSpecMessage): Pick<ComputeSpec, 'kind' | 'complexity' | 'epochs'> {
  const known = computeKinds.find((name) => name === (kind || 'image'));
  if (!known) throw invalidField('compute.kind', `compute.kind must be one of ${computeKinds.join(', ')}.`);
  if (!['', 'standard', 'complex'].includes(complexity)) throw invalidField('compute.complexity', 'compute.complexity must be standard or complex.');
  if (known === 'image') return {};
  return { kind: known, ...(known === 'motion' && complexity === 'complex' ? { complexity } : {}), ...(known === 'training' ? { epochs } : {}) };
}

const lineMessage = ({ kind, description, tokens }: Quote['lines'][number]) => ({ kind, description, tokens: BigInt(tokens) });

const quoteMessage = ({ catalogueVersion, lines, totalTokens, wallet }: Quote): MessageInitShape<typeof QuoteSchema> => ({
  catalogueVersion,
  lines: lines.map(lineMessage),
  totalTokens: BigInt(totalTokens),
  wallet: wallet ?? 'plan',
});

const billStates = { held: BillState.HELD, settled: BillState.SETTLED, released: BillState.RELEASED } as const;

const billMessage = (bill: Bill): MessageInitShape<typeof BillSchema> => ({
  jobId: bill.jobId,
  accountId: bill.accountId,
  state: billStates[bill.state],
  quote: quoteMessage(bill.quote),
  chargedLines: bill.chargedLines.map(lineMessage),
  heldTokens: BigInt(bill.heldTokens),
  chargedTokens: BigInt(bill.chargedTokens),
  returnedTokens: BigInt(bill.returnedTokens),
  lane: bill.lane,
  wallet: bill.wallet,
});

const entryMessage = (entry: Entry): MessageInitShape<typeof LedgerEntrySchema> => ({
  sequence: BigInt(entry.sequence),
  operationId: entry.operationId,
  kind: entry.kind,
  jobId: 'jobId' in entry ? entry.jobId : '',
  postings: entry.postings.map(({ ledgerAccount, lotId, tokens }) => ({ ledgerAccount, lotId, tokens: BigInt(tokens) })),
  createdMs: BigInt(entry.createdMs),
  hash: entry.hash,
  balanceAfterTokens: BigInt(entry.balanceAfterTokens),
});

async function* auditMessages(results: AsyncIterable<AuditResult>): AsyncIterable<MessageInitShape<typeof AuditResponseSchema>> {
  for await (const result of results) yield 'finding' in result ? findingMessage(result.finding) : summaryMessage(result.summary);
}

const findingMessage = (finding: Extract<AuditResult, { finding: unknown }>['finding']): MessageInitShape<typeof AuditResponseSchema> => ({
  result: { case: 'finding', value: { ...finding, sequence: BigInt(finding.sequence) } },
});

const summaryMessage = (summary: Extract<AuditResult, { summary: unknown }>['summary']): MessageInitShape<typeof AuditResponseSchema> => ({
  result: {
    case: 'summary',
    value: {
      accounts: BigInt(summary.accounts),
      entries: BigInt(summary.entries),
      openHolds: BigInt(summary.openHolds),
      findings: BigInt(summary.findings),
      grantedTokens: BigInt(summary.granted),
      spentTokens: BigInt(summary.spent),
      heldTokens: BigInt(summary.held),
      balanceTokens: BigInt(summary.balance),
      expiredTokens: BigInt(summary.expired),
      creditWallets: BigInt(summary.creditWallets),
      grantedCredits: BigInt(summary.credits.granted),
      spentCredits: BigInt(summary.credits.spent),
      heldCredits: BigInt(summary.credits.held),
      balanceCredits: BigInt(summary.credits.balance),
    },
  },
});
