import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { AccountStore, type AccountSummary } from './account.store.js';
import { PriceList, type Plan } from './catalogue.js';
import { invalidAmount } from './errors.js';
import { checkAccountId, checkOperationId } from './input.js';
import { tokensMax } from './ledger.js';

/** An account beside the plan that it is on. */
export type AccountOnPlan = AccountSummary & { readonly limits: Plan['limits'] };

/** Opens accounts, shows them and adds tokens. */
@Injectable()
export class Accounts {
  constructor(
    private readonly store: AccountStore,
    private readonly prices: PriceList,
    private readonly clock: Clock,
  ) {}

  /** Idempotent by account id: a repeat returns the account as it is, whatever plan it names. */
  async open(accountId: string, plan: string): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    const { grant } = this.prices.plan(plan);
    await this.store.apply(accountId, { kind: 'open', plan, grants: [grant], nowMs: this.clock.now() });
    return this.get(accountId);
  }

  async get(accountId: string): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    const summary = await this.store.summary(accountId);
    return { ...summary, limits: this.prices.plan(summary.plan).limits };
  }

  /** Idempotent by operation id. The tokens never expire. */
  async topUp(accountId: string, operationId: string, tokens: number): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    checkOperationId(operationId);
    if (!Number.isSafeInteger(tokens) || tokens < 1 || tokens > tokensMax) throw invalidAmount('tokens', `tokens must be a whole number from 1 to ${tokensMax.toLocaleString('en-US')}.`);
    await this.store.apply(accountId, { kind: 'topUp', operationId, tokens, nowMs: this.clock.now() });
    return this.get(accountId);
  }
}
