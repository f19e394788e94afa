import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { AccountStore, type AccountSummary } from '../ledger/store/account.store.js';
import { PriceList } from '../catalogue/catalogue.js';
import type { Plan } from '../catalogue/catalogue-schema.js';
import { entitlementsAt, namesForTopUps, type Entitlements } from '../catalogue/entitlements.js';
import { creditsHaveNoCycle, invalidAmount, invalidId, nothingToReverse, unknownOperation } from '../errors.js';
import { checkAccountId, checkMemberId, checkOperationId, checkWhole } from '../input.js';
import type { PaymentFacts, ReversedPart } from '../ledger/account.js';
import { tokensMax } from '../ledger/granting.js';
import { JobWallets } from '../holds/job-wallets.js';
import type { SettingsChange } from '../ledger/settings.js';
import { creditsPlan, isCreditsAccount, ledgerIdOf, type Wallet } from '../wallets.js';

/** Nobody plans further ahead; without an end a pause lasts as long as it is wanted. */
const pauseMsMax = 2 * 366 * 24 * 3_600_000;

/** From Baker Island to Kiritimati. */
const utcOffsetMinutesBounds = [-720, 840] as const;

/** An account beside the plan that it is on. */
export type AccountOnPlan = AccountSummary & {
  readonly limits: Plan['limits'];
  readonly entitlements: Entitlements;
  /** Its API credits, once it has bought some. */ readonly credits?: AccountSummary;
};

export type Fund = { readonly period?: { readonly fromMs: number; readonly untilMs: number }; readonly isFinal?: boolean };

/** Opens accounts, shows them, changes their plans and adds tokens. */
@Injectable()
export class Accounts {
  constructor(
    private readonly store: AccountStore,
    private readonly prices: PriceList,
    private readonly clock: Clock,
    private readonly wallets: JobWallets,
  ) {}

  /** Idempotent by account id: a repeat returns the account as it is, whatever plan it names. */
  async open(accountId: string, plan: string, seats?: number, utcOffsetMinutes = 0): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    if (isCreditsAccount(accountId)) throw invalidId('account_id', 'an id of its own; this one stands for API credits');
    checkWhole('utc_offset_minutes', utcOffsetMinutes, ...utcOffsetMinutesBounds);
    const nowMs = this.clock.now();
    const terms = this.prices.terms(plan, seats, nowMs);
    await this.store.apply(accountId, {
      kind: 'open',
      plan: terms.plan,
      grants: [],
      terms,
      ...(utcOffsetMinutes === 0 ? {} : { utcOffsetMinutes }),
      nowMs,
    });
    return this.get(accountId);
  }

  /** As it is at this instant: what has come due is entered first. */
  async get(accountId: string): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    const nowMs = this.clock.now();
    const known = await this.store.summary(accountId);
    if (known.dueMs !== undefined && known.dueMs <= nowMs) await this.store.catchUp(accountId, nowMs);
    const summary = await this.store.summary(accountId);
    const credits = (await this.wallets.hasCredits(accountId)) ? await this.store.summary(ledgerIdOf(accountId, 'credits')) : undefined;
    return {
      ...summary,
      limits: this.prices.plan(summary.plan, nowMs).limits,
      entitlements: entitlementsAt(this.prices, summary.plan, nowMs),
      ...(credits ? { credits } : {}),
    };
  }

  /** Idempotent by operation id. They never expire. Tokens are refused on plans that are not paid for; credits anybody may buy, and the first ones open their wallet. */
  async topUp(
    accountId: string,
    operationId: string,
    tokens: number,
    wallet: Wallet = 'plan',
    paid: { readonly payment?: PaymentFacts; readonly isForced?: true } = {},
  ): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    checkOperationId(operationId);
    if (!Number.isSafeInteger(tokens) || tokens < 1 || tokens > tokensMax)
      throw invalidAmount('tokens', `tokens must be a whole number from 1 to ${tokensMax.toLocaleString('en-US')}.`);
    const ledgerId = ledgerIdOf(accountId, wallet);
    const nowMs = this.clock.now();
    const { plan } = await this.store.summary(accountId);
    if (wallet === 'credits') {
      await this.store.apply(ledgerId, { kind: 'open', plan: creditsPlan, grants: [], nowMs });
    }
    const names = namesForTopUps(this.prices, plan, nowMs);
    await this.store.apply(ledgerId, { kind: 'topUp', operationId, tokens, names, ...paid, nowMs });
    return this.get(accountId);
  }

  /** Idempotent by operation id. More tokens count at once, for the rest of the cycle; fewer from the next renewal. Naming the present plan takes a planned change back. */
  async changePlan(accountId: string, operationId: string, plan: string, seats?: number): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    checkOperationId(operationId);
    const nowMs = this.clock.now();
    await this.store.apply(accountId, { kind: 'changePlan', operationId, terms: this.prices.terms(plan, seats, nowMs), nowMs });
    return this.get(accountId);
  }

  /** Idempotent by operation id. The plan ends with its month; then the rollover bank expires. */
  async cancel(accountId: string, operationId: string): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    checkOperationId(operationId);
    const nowMs = this.clock.now();
    const terms = this.prices.terms(this.prices.at(nowMs).cancelledPlan, undefined, nowMs);
    await this.store.apply(accountId, { kind: 'cancel', operationId, terms, nowMs });
    return this.get(accountId);
  }

  /** Idempotent by operation id. From the end of the paid month the plan rests, on the terms of the plan that follows a cancellation, with its bank frozen; until `resumesMs`, or until it is asked to go on. */
  async pause(accountId: string, operationId: string, resumesMs: number | undefined): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    checkOperationId(operationId);
    const nowMs = this.clock.now();
    if (resumesMs !== undefined) checkWhole('resumes_ms', resumesMs, nowMs, nowMs + pauseMsMax);
    const terms = this.prices.terms(this.prices.at(nowMs).cancelledPlan, undefined, nowMs);
    await this.store.apply(accountId, { kind: 'pause', operationId, terms, pause: resumesMs === undefined ? {} : { resumesMs }, nowMs });
    return this.get(accountId);
  }

  /** Idempotent by operation id. A new cycle of the paused plan begins at once; a pause that was only planned is taken back. A plan that a subscription pays for goes on unpaid only by the word of `collected`. */
  async resume(accountId: string, operationId: string, by?: 'collected'): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    checkOperationId(operationId);
    await this.store.apply(accountId, { kind: 'resume', operationId, ...(by ? { isCollected: true } : {}), nowMs: this.clock.now() });
    return this.get(accountId);
  }

  /** Idempotent by operation id. The plan renews from now on for paid periods only; `period` is one, and without it what runs counts as paid. */
  async fund(accountId: string, operationId: string, payer: string, paid: Fund = {}): Promise<AccountOnPlan> {
    const nowMs = this.clock.now();
    const { cancelledPlan, paymentGraceDays } = this.prices.at(nowMs);
    const terms = this.prices.terms(cancelledPlan, undefined, nowMs);
    const { period, isFinal } = paid;
    const graceMs = isFinal ? 0 : paymentGraceDays * 24 * 3_600_000;
    await this.store.apply(accountId, { kind: 'fund', operationId, payer, terms, graceMs, ...(period ? { period } : {}), nowMs });
    return this.get(accountId);
  }

  /** Idempotent by operation id. What is left of a top-up cannot be spent, or can again. FailedPrecondition `nothing_to_reverse`. */
  async freeze(accountId: string, operationId: string, frozenOperationId: string, isFrozen: boolean, wallet: Wallet): Promise<void> {
    await this.store.apply(ledgerIdOf(accountId, wallet), {
      kind: 'freeze',
      operationId,
      frozenOperationId,
      isFrozen,
      nowMs: this.clock.now(),
    });
  }

  /** Caps, alerts and members. Idempotent by operation id. */
  async configure(accountId: string, operationId: string, change: SettingsChange, wallet: Wallet = 'plan'): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    if (wallet === 'credits' && change.kind === 'limits' && change.spendCapTokens !== undefined) throw creditsHaveNoCycle();
    checkOperationId(operationId);
    if (change.kind !== 'limits') checkMemberId(change.memberId);
    await this.store.apply(ledgerIdOf(accountId, wallet), { kind: 'configure', operationId, change, nowMs: this.clock.now() });
    return this.get(accountId);
  }

  /** The tokens that a top-up brought. NotFound `unknown_operation`. */
  async toppedUp(accountId: string, operationId: string, wallet: Wallet = 'plan'): Promise<number> {
    const entry = await this.store.entry(ledgerIdOf(accountId, wallet), operationId);
    if (entry?.kind !== 'topup') throw unknownOperation(operationId);
    return entry.lots[0]?.tokens ?? 0;
  }

  /** Takes a top-up, or a part of it, back as far as nobody has spent it, or gives a job's charge back. Once for each operation; the first entry stays. */
  async reverse(accountId: string, reversedOperationId: string, wallet: Wallet = 'plan', part?: ReversedPart): Promise<AccountOnPlan> {
    checkAccountId(accountId);
    checkOperationId(reversedOperationId);
    const ledgerId = ledgerIdOf(accountId, wallet);
    const entry = await this.store.entry(ledgerId, reversedOperationId);
    if (entry?.kind !== 'topup' && entry?.kind !== 'settle') throw unknownOperation(reversedOperationId);
    const charged = entry.kind === 'settle' ? entry.postings.filter(({ ledgerAccount }) => ledgerAccount === 'spent') : [];
    if (entry.kind === 'settle' && charged.length === 0) throw nothingToReverse(reversedOperationId);
    await this.store.apply(ledgerId, { kind: 'reverse', reversedOperationId, charged, ...(part ? { part } : {}), nowMs: this.clock.now() });
    return this.get(accountId);
  }
}
