import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  BillingService,
  BillState,
  type BillSchema,
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
import { callSignal, type RpcCall } from '@tessera/rpc/streams.js';
import type { Entry } from '../ledger/account.js';
import { accountMessage, entitlementsMessage } from '../accounts/account.message.js';
import { Accounts } from '../accounts/accounts.js';
import type { Bill } from './bill.js';
import { whole } from '../input.js';
import { computeOf } from '../catalogue/compute.message.js';
import type { Quote } from '../catalogue/quote.js';
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
    const { bill, balanceTokens, limits, entitlements } = await this.reservations.reserve(
      accountId,
      jobId,
      computeOf(compute),
      whole('deadline_ms', deadlineMs),
      attribution,
      walletNamed(wallet),
    );
    return { bill: billMessage(bill), balanceTokens: BigInt(balanceTokens), limits, entitlements: entitlementsMessage(entitlements) };
  }

  @GrpcMethod(BillingService.typeName)
  async settle({ accountId, jobId, unitsDelivered }: SettleRequest) {
    return { bill: billMessage(await this.reservations.settle(accountId, jobId, unitsDelivered)) };
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
