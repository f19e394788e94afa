import { Injectable } from '@nestjs/common';
import { AccountService } from '@tessera/contracts/tessera/billing/v1/accounts_pb.js';
import { PaymentService } from '@tessera/contracts/tessera/billing/v1/payments_pb.js';
import { BillingService, type Account, type ComputeSpecSchema, type Quote } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { ReconciliationService, type ReconcileResponse } from '@tessera/contracts/tessera/billing/v1/reconciliation_pb.js';
import { CatalogueService, type ListPlansResponse } from '@tessera/contracts/tessera/billing/v1/catalogue_pb.js';
import {
  ReportService,
  type GetStatementResponse,
  type GetUsageResponse,
  type Position,
} from '@tessera/contracts/tessera/billing/v1/reports_pb.js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Clock } from '@tessera/platform/clock.js';
import { internal } from '@tessera/platform/errors.js';
import { derivedId, newId } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { Callers } from '../keys/callers.js';
import type { Caller } from '../keys/keys.js';
import { BalanceChanges } from './balance-changes.js';
import { requireForward, type Period } from './periods.js';

export type Wallet = 'plan' | 'credits';
export type Limits = { readonly spendCapTokens?: number | null | undefined; readonly lowBalanceTokens?: number | null | undefined };

/** Reading many entries takes its time. */
const reportDeadlineMs = 120_000;

/** An account's plan, limits, members and books, as the outside world may use them. */
@Injectable()
export class Billing {
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

  plans(): Promise<ListPlansResponse> {
    return this.#catalogue.listPlans({});
  }

  /** What work would cost; nothing is created. */
  async quote(caller: Caller, compute: MessageInitShape<typeof ComputeSpecSchema>, wallet: Wallet | undefined): Promise<Quote> {
    return present((await this.#billing.quote({ accountId: caller.accountId, wallet: wallet ?? caller.wallet ?? '', compute })).quote);
  }

  /** The same idempotency key opens the account once. */
  async open(caller: Caller, plan: string, seats: number | undefined, utcOffsetMinutes: number, idempotencyKey: string): Promise<Account> {
    this.callers.requireOwner(caller);
    const accountId = idempotencyKey === '' ? newId() : derivedId('account', caller.accountId, idempotencyKey);
    return present((await this.#billing.openAccount({ accountId, plan, seats: seats ?? 0, utcOffsetMinutes })).account);
  }

  /** Tokens cost money, so only the owner gives them; a payment does it by itself. */
  async changePlan(caller: Caller, plan: string, seats: number | undefined, idempotencyKey: string): Promise<Account> {
    this.callers.requireOwner(caller);
    return this.#changed(caller, this.#accounts.changePlan({ ...operation(caller, idempotencyKey), plan, seats: seats ?? 0 }));
  }

  async cancelPlan(caller: Caller, idempotencyKey: string): Promise<Account> {
    this.callers.requireAdmin(caller);
    return this.#changed(caller, this.#accounts.cancelPlan(operation(caller, idempotencyKey)));
  }

  async pausePlan(caller: Caller, resumesMs: number | undefined, idempotencyKey: string): Promise<Account> {
    this.callers.requireAdmin(caller);
    return this.#changed(caller, this.#accounts.pausePlan({ ...operation(caller, idempotencyKey), resumesMs: BigInt(resumesMs ?? 0) }));
  }

  /** A month's tokens cost money, so only the owner lets a plan go on; a day that was named with the pause does it by itself. */
  async resumePlan(caller: Caller, idempotencyKey: string): Promise<Account> {
    this.callers.requireOwner(caller);
    return this.#changed(caller, this.#accounts.resumePlan(operation(caller, idempotencyKey)));
  }

  async setLimits(caller: Caller, { spendCapTokens, lowBalanceTokens }: Limits, wallet: Wallet, idempotencyKey: string): Promise<Account> {
    this.callers.requireAdmin(caller);
    const limits = { ...limitChange('spendCap', spendCapTokens), ...limitChange('lowBalance', lowBalanceTokens) };
    return this.#changed(caller, this.#accounts.setLimits({ ...operation(caller, idempotencyKey), ...limits, wallet }));
  }

  async putMember(caller: Caller, memberId: string, capTokens: number | null, idempotencyKey: string): Promise<Account> {
    this.callers.requireAdmin(caller);
    return this.#changed(
      caller,
      this.#accounts.putMember({
        ...operation(caller, idempotencyKey),
        memberId,
        ...(capTokens === null ? {} : { capTokens: BigInt(capTokens) }),
      }),
    );
  }

  async removeMember(caller: Caller, memberId: string, idempotencyKey: string): Promise<Account> {
    this.callers.requireAdmin(caller);
    return this.#changed(caller, this.#accounts.removeMember({ ...operation(caller, idempotencyKey), memberId }));
  }

  async reverse(caller: Caller, reversedOperationId: string, wallet: Wallet): Promise<Account> {
    this.callers.requireOwner(caller);
    return this.#changed(caller, this.#accounts.reverseOperation({ accountId: caller.accountId, reversedOperationId, wallet }));
  }

  async positionAt(caller: Caller, atMs: number | undefined, wallet: Wallet): Promise<Position> {
    return present(
      (await this.#reports.getBalanceAt({ accountId: caller.accountId, atMs: BigInt(atMs ?? 0), wallet }, { deadlineMs: reportDeadlineMs }))
        .position,
    );
  }

  async usage(caller: Caller, period: Period, by: string, wallet: Wallet): Promise<GetUsageResponse> {
    return this.#reports.getUsage(
      { accountId: caller.accountId, period: this.#period(period), by, wallet },
      { deadlineMs: reportDeadlineMs },
    );
  }

  async statement(caller: Caller, period: Period, wallet: Wallet): Promise<GetStatementResponse> {
    return this.#reports.getStatement(
      { accountId: caller.accountId, period: this.#period(period), wallet },
      { deadlineMs: reportDeadlineMs },
    );
  }

  /** The owner's word that a pack was paid for; the same payment counts once. */
  async recordPayment(caller: Caller, paymentId: string, pack: string): Promise<{ outcome: string; account: Account }> {
    this.callers.requireOwner(caller);
    const { outcome, account } = await this.changes.report(
      caller.accountId,
      this.#payments.recordPayment({ accountId: caller.accountId, paymentId, pack }),
    );
    return { outcome, account: present(account) };
  }

  async recordRefund(caller: Caller, paymentId: string): Promise<{ outcome: string }> {
    this.callers.requireOwner(caller);
    const { outcome } = await this.#payments.recordRefund({ paymentId });
    return { outcome };
  }

  /** From a payment provider: its signature is its key. */
  async receivePayment(provider: string, payload: Uint8Array, signature: string): Promise<{ outcome: string }> {
    const { outcome } = await this.#payments.receivePayment({ provider, payload, signature });
    return { outcome };
  }

  /** Of all accounts; every finding, then a summary. */
  reconcile(caller: Caller, signal: AbortSignal): AsyncIterable<ReconcileResponse> {
    this.callers.requireOwner(caller);
    return this.#reconciliation.reconcile({ accountId: '' }, { signal });
  }

  async *export(
    caller: Caller,
    period: Period,
    wallet: Wallet,
    format: 'csv' | 'parquet',
    signal: AbortSignal,
  ): AsyncGenerator<string | Uint8Array> {
    const request = { accountId: caller.accountId, period: this.#period(period), wallet, format };
    for await (const { csv, data } of this.#reports.exportEntries(request, { signal })) yield format === 'csv' ? csv : data;
  }

  async #changed({ accountId }: Caller, change: Promise<{ account?: Account | undefined }>): Promise<Account> {
    return present((await this.changes.report(accountId, change)).account);
  }

  #period(period: Period) {
    requireForward(period, this.clock.now(), 'from');
    return { fromMs: BigInt(period.from ?? 0), toMs: BigInt(period.to ?? 0) };
  }
}

/** The same idempotency key has its effect once. */
const operation = ({ accountId }: Caller, idempotencyKey: string) => ({
  accountId,
  operationId: idempotencyKey === '' ? newId() : derivedId('economy', accountId, idempotencyKey),
});

const limitChange = (name: 'spendCap' | 'lowBalance', tokens: number | null | undefined) =>
  tokens === undefined ? {} : { [name]: tokens === null ? {} : { tokens: BigInt(tokens) } };

function present<T>(value: T | undefined): T {
  if (value === undefined) throw internal('incomplete_answer', 'The billing service answered without what it promises.');
  return value;
}
