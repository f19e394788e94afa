import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { InTurn } from '@tessera/platform/concurrency/in-turn.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { Accounts } from '../accounts/accounts.js';
import { PriceList } from '../catalogue/catalogue.js';
import { topUpOperation } from '../ledger/commands.js';
import { tooManyPayments, unknownProvider } from '../errors.js';
import { checkAccountId, checkPaymentId } from '../input.js';
import { PaymentDocuments } from './payment.documents.js';
import { sameTerms } from '../ledger/terms.js';
import type { Wallet } from '../wallets.js';
import type { PaymentUpdate, PaymentProvider } from './payment-provider.js';

/** `outdated`: a newer update has come before it. */
export type PaymentOutcome = 'applied' | 'repeated' | 'outdated' | 'ignored';

/** The owner's own word, where no payment provider is connected. */
export const manualProvider = 'manual';
/** Updates that wait for another one of the same payment. */
const waitingMax = 1_000;

/** Injection token of the providers that are connected. */
export const PAYMENT_PROVIDERS = Symbol('PaymentProviders');

/**
 * Turns money into tokens. Updates may come late, twice and in any order: every change of the ledger has an operation id made of the provider's own id, a refund is remembered
 * until its payment comes, and an older update of a subscription is dropped.
 */
@Injectable()
export class Payments {
  private readonly turns = new InTurn();

  constructor(
    private readonly accounts: Accounts,
    private readonly documents: PaymentDocuments,
    private readonly prices: PriceList,
    private readonly clock: Clock,
    @Inject(PAYMENT_PROVIDERS) private readonly providers: readonly PaymentProvider[],
  ) {}

  /** A provider's message, as it came. */
  async receive(providerName: string, payload: Uint8Array, signature: string): Promise<PaymentOutcome> {
    const provider = this.providers.find(({ name }) => name === providerName);
    if (!provider) throw unknownProvider(providerName);
    const update = provider.read(payload, signature, this.clock.now());
    return update ? this.apply(provider.name, update) : 'ignored';
  }

  /** Idempotent by the ids of the update. One that the ledger refuses changes nothing and may be sent again. */
  async apply(provider: string, update: PaymentUpdate): Promise<PaymentOutcome> {
    const id = `${provider}:${update.kind === 'subscription' ? update.subscriptionId : update.paymentId}`;
    if (this.turns.size >= waitingMax) throw tooManyPayments();
    return this.turns.run(id, () => {
      switch (update.kind) {
        case 'packPaid':
          return this.packPaid(id, update);
        case 'packRefunded':
          return this.packRefunded(id);
        case 'subscription':
          return this.subscription(id, `${provider}:${update.updateId}`, update);
      }
    });
  }

  private async packPaid(id: string, { accountId, pack }: Extract<PaymentUpdate, { kind: 'packPaid' }>): Promise<PaymentOutcome> {
    checkPaymentId(id);
    checkAccountId(accountId);
    const known = await this.documents.payment(id);
    if (known?.value.isPaid) return 'repeated';
    // A crash after the first attempt, and a new catalogue since: the tokens of the first attempt stand.
    const { tokens, wallet } = this.prices.pack(pack, this.clock.now());
    await unless(['operation_id_reused'], this.accounts.topUp(accountId, id, tokens, wallet));
    const isRefunded = known?.value.isRefunded ?? false;
    if (isRefunded) await this.takeBack(accountId, id, wallet);
    await this.documents.savePayment(id, known, { accountId, ...(wallet === 'credits' ? { wallet } : {}), isPaid: true, isRefunded });
    return 'applied';
  }

  private async packRefunded(id: string): Promise<PaymentOutcome> {
    checkPaymentId(id);
    const known = await this.documents.payment(id);
    if (known?.value.isRefunded) return 'repeated';
    if (known?.value.accountId !== undefined) await this.takeBack(known.value.accountId, id, known.value.wallet);
    await this.documents.savePayment(id, known, { isPaid: false, ...known?.value, isRefunded: true });
    return 'applied';
  }

  /** What has been spent of the pack stays spent. */
  private takeBack(accountId: string, id: string, wallet: Wallet = 'plan'): Promise<unknown> {
    return unless(['nothing_to_reverse'], this.accounts.reverse(accountId, topUpOperation(id), wallet));
  }

  private async subscription(
    id: string,
    updateId: string,
    update: Extract<PaymentUpdate, { kind: 'subscription' }>,
  ): Promise<PaymentOutcome> {
    checkPaymentId(id);
    checkPaymentId(updateId);
    const { accountId, isActive, pause, occurredMs } = update;
    checkAccountId(accountId);
    const known = await this.documents.subscription(id);
    if (known?.value.newsId === updateId) return 'repeated';
    if (known && isOlder(update, known.value)) return 'outdated';
    if (pause) await unless(['nothing_to_pause', 'resumes_too_early'], this.accounts.pause(accountId, updateId, pause.resumesMs));
    else if (isActive) await this.goesOn(update, updateId, known?.value.isPaused ?? false);
    else if (!(await this.documents.hasOtherActive(accountId, id)))
      await unless(['nothing_to_cancel'], this.accounts.cancel(accountId, updateId));
    await this.documents.saveSubscription(id, known, {
      accountId,
      isActive,
      occurredMs,
      newsId: updateId,
      ...(pause ? { isPaused: true } : {}),
    });
    return 'applied';
  }

  /** A pause that the account's owner has asked for here is not the provider's to end. */
  private async goesOn(
    { accountId, plan, seats }: Extract<PaymentUpdate, { kind: 'subscription' }>,
    updateId: string,
    wasPaused: boolean,
  ): Promise<void> {
    const { subscription } = await this.accounts.get(accountId);
    const resting = subscription?.next?.pause ? subscription.terms : subscription?.paused?.terms;
    if (!wasPaused && resting && sameTerms(resting, this.prices.terms(plan, seats, this.clock.now()))) return;
    if (wasPaused) await unless(['nothing_to_resume'], this.accounts.resume(accountId, `${updateId}:resume`));
    await unless(['plan_unchanged'], this.accounts.changePlan(accountId, updateId, plan, seats));
  }
}

/** Provider clocks count in seconds: within one, the end of a subscription is the later update. */
const isOlder = (update: { occurredMs: number; isActive: boolean }, known: { occurredMs: number; isActive: boolean }): boolean =>
  update.occurredMs < known.occurredMs || (update.occurredMs === known.occurredMs && update.isActive && !known.isActive);

async function unless(reasons: readonly string[], change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!(error instanceof TesseraError) || !reasons.includes(error.reason)) throw error;
  }
}
