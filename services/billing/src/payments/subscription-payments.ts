import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { Accounts, type Fund } from '../accounts/accounts.js';
import { PriceList } from '../catalogue/catalogue.js';
import { paymentIdReused } from '../errors.js';
import { checkAccountId, checkPaymentId } from '../input.js';
import { sameTerms } from '../ledger/terms.js';
import { PaymentDocuments } from './payment.documents.js';
import type { PaymentOutcome, UpdateOf } from './payment-provider.js';
import { unless } from './unless.js';

/** Subscriptions decide which plan an account is on; their invoices decide how far it is paid for. */
@Injectable()
export class SubscriptionPayments {
  constructor(
    private readonly accounts: Accounts,
    private readonly documents: PaymentDocuments,
    private readonly prices: PriceList,
    private readonly clock: Clock,
  ) {}

  async changed(id: string, updateId: string, update: UpdateOf<'subscription'>): Promise<PaymentOutcome> {
    checkPaymentId(updateId);
    const { accountId, isActive, pause, occurredMs } = update;
    checkAccountId(accountId);
    const known = await this.documents.subscription(id);
    if (known?.value.newsId === updateId) {
      await this.payEarlierInvoices(id, accountId);
      return 'repeated';
    }
    if (known && isOlder(update, known.value)) return 'outdated';
    if (pause) await unless(['nothing_to_pause', 'resumes_too_early'], this.accounts.pause(accountId, updateId, pause.resumesMs));
    else if (isActive) await this.goesOn(id, update, updateId, known?.value.isPaused ?? false);
    else if (!(await this.documents.hasOtherActive(accountId, id)))
      await unless(['nothing_to_cancel'], this.accounts.cancel(accountId, updateId));
    const isFirst = !known?.value.isActive && isActive;
    if (isFirst) await unless(['nothing_to_fund'], this.accounts.fund(accountId, `${updateId}:funding`, id));
    await this.documents.saveSubscription(id, known, {
      accountId,
      isActive,
      occurredMs,
      newsId: updateId,
      plan: update.plan,
      seats: update.seats,
      ...(pause ? { isPaused: true } : {}),
    });
    if (isFirst) await this.payEarlierInvoices(id, accountId);
    return 'applied';
  }

  /** A period that is paid for: the grant that waits for it comes, once. */
  async invoicePaid(subscriptionId: string, id: string, update: UpdateOf<'invoicePaid'>): Promise<PaymentOutcome> {
    checkPaymentId(id);
    const { period, money, chargeId, occurredMs } = update;
    const accountId = (await this.documents.subscription(subscriptionId))?.value.accountId ?? update.accountId;
    // Another product's.
    if (accountId === undefined) return 'ignored';
    checkAccountId(accountId);
    const known = await this.documents.payment(id);
    if (known && known.value.subscriptionId !== subscriptionId) throw paymentIdReused(id);
    if (!known) {
      const provider = id.slice(0, id.indexOf(':'));
      await this.documents.savePayment(id, undefined, {
        accountId,
        isPaid: true,
        isRefunded: false,
        state: 'paid',
        receivedMs: this.clock.now(),
        occurredMs,
        subscriptionId,
        ...(chargeId === undefined ? {} : { chargeId: `${provider}:${chargeId}` }),
        ...(period ? { period } : {}),
        ...money,
      });
    }
    // Read after the invoice is kept: whoever makes the subscription known looks for invoices after that, so one of the two finds the other.
    const subscription = await this.documents.subscription(subscriptionId);
    if (period && subscription?.value.isActive) await this.pay(accountId, id, subscriptionId, period);
    return known ? 'repeated' : 'applied';
  }

  /** Nothing is taken away at once: the grant of the next cycle waits, and when the grace or the provider's patience is over, the plan rests. */
  async overdue(id: string, updateId: string, { accountId, isFinal, occurredMs }: UpdateOf<'overdue'>): Promise<PaymentOutcome> {
    checkPaymentId(updateId);
    checkAccountId(accountId);
    const known = await this.documents.subscription(id);
    if (!known?.value.isActive) return 'ignored';
    if (known.value.newsId === updateId) return 'repeated';
    if (occurredMs < known.value.occurredMs) return 'outdated';
    const { subscription } = await this.accounts.get(accountId);
    const payer = subscription?.funding?.payer ?? id;
    if (payer === id && (isFinal || !subscription?.funding))
      await unless(['nothing_to_fund'], this.accounts.fund(accountId, `${updateId}:funding`, id, { isFinal }));
    await this.documents.saveSubscription(id, known, { ...known.value, occurredMs, newsId: updateId });
    return 'applied';
  }

  private async payEarlierInvoices(id: string, accountId: string): Promise<void> {
    for (const { id: invoiceId, value } of await this.documents.invoicesOf(id))
      if (value.period) await this.pay(accountId, invoiceId, id, value.period);
  }

  private async pay(accountId: string, id: string, payer: string, period: NonNullable<Fund['period']>): Promise<void> {
    const wasResting = (await this.accounts.get(accountId)).subscription?.paused?.isUnpaid;
    await unless(['nothing_to_fund', 'operation_id_reused'], this.accounts.fund(accountId, id, payer, { period }));
    const known = await this.documents.subscription(payer);
    if (!wasResting || known?.value.plan === undefined || (await this.accounts.get(accountId)).subscription?.paused) return;
    // It was changed at the provider's while it rested here.
    await unless(['plan_unchanged'], this.accounts.changePlan(accountId, `${id}:plan`, known.value.plan, known.value.seats));
  }

  /** A pause that the account's owner has asked for here is not the provider's to end, and a plan that rests unpaid wakes with the payment. */
  private async goesOn(
    id: string,
    { accountId, plan, seats }: UpdateOf<'subscription'>,
    updateId: string,
    wasPaused: boolean,
  ): Promise<void> {
    const { subscription } = await this.accounts.get(accountId);
    const isUnpaid = subscription?.paused?.isUnpaid ?? false;
    if (isUnpaid && subscription?.funding?.payer === id) return;
    const resting = subscription?.next?.pause ? subscription.terms : isUnpaid ? undefined : subscription?.paused?.terms;
    if (!wasPaused && resting && sameTerms(resting, this.prices.terms(plan, seats, this.clock.now()))) return;
    if (wasPaused) await unless(['nothing_to_resume'], this.accounts.resume(accountId, `${updateId}:resume`, 'collected'));
    await unless(['plan_unchanged'], this.accounts.changePlan(accountId, updateId, plan, seats));
  }
}

/** Provider clocks count in seconds: within one, the end of a subscription is the later update. */
const isOlder = (update: { occurredMs: number; isActive: boolean }, known: { occurredMs: number; isActive: boolean }): boolean =>
  update.occurredMs < known.occurredMs || (update.occurredMs === known.occurredMs && update.isActive && !known.isActive);
