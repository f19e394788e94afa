import { Injectable } from '@nestjs/common';
import {
  BillingService,
  type Account,
  type AuditResponse,
  type Bill,
  type ListEntriesResponse,
} from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { internal } from '@tessera/platform/errors.js';
import { derivedId, isUuid, newId } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { unknownBill } from '../errors.js';
import { BalanceChanges } from './balance-changes.js';
import type { Caller } from '../keys/keys.js';

const waitMarginMs = 10_000;

/** The caller's tokens: balance, bills, ledger entries. */
@Injectable()
export class Accounts {
  readonly #billing: RpcClient<typeof BillingService>;

  constructor(
    private readonly changes: BalanceChanges,
    rpc: Rpc,
  ) {
    this.#billing = rpc.client(BillingService);
  }

  async get(caller: Caller): Promise<Account> {
    return opened((await this.#billing.getAccount({ accountId: caller.accountId })).account);
  }

  /** The same idempotency key adds its tokens once. */
  async topUp(caller: Caller, tokens: number, wallet: string, idempotencyKey: string): Promise<Account> {
    const operationId = idempotencyKey === '' ? newId() : derivedId('topup', caller.accountId, idempotencyKey);
    const { accountId } = caller;
    return opened(
      (await this.changes.report(accountId, this.#billing.topUp({ accountId, operationId, tokens: BigInt(tokens), wallet }))).account,
    );
  }

  /** Waits up to `waitMs` for the hold to be closed. */
  async bill(
    caller: Caller,
    jobId: string,
    { waitMs, signal }: { waitMs: number; signal?: AbortSignal },
  ): Promise<{ bill: Bill; balanceTokens: number }> {
    if (!isUuid(jobId)) throw unknownBill();
    const options = { deadlineMs: waitMs + waitMarginMs, ...(signal ? { signal } : {}) };
    const { bill, balanceTokens } = await this.#billing.getBill({ accountId: caller.accountId, jobId, waitMs }, options);
    if (!bill) throw unknownBill();
    return { bill, balanceTokens: Number(balanceTokens) };
  }

  entries(caller: Caller, pageSize: number, pageToken: string, wallet: string): Promise<ListEntriesResponse> {
    return this.#billing.listEntries({ accountId: caller.accountId, pageSize, pageToken, wallet });
  }

  /** Of all accounts; every finding, then a summary. */
  audit(signal: AbortSignal): AsyncIterable<AuditResponse> {
    return this.#billing.audit({ accountId: '' }, { signal });
  }
}

function opened(account: Account | undefined): Account {
  if (!account) throw internal('incomplete_answer', 'The billing service answered without an account.');
  return account;
}
