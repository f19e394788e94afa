import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { InTurn } from '@tessera/platform/concurrency/in-turn.js';
import { tooManyPayments, unknownProvider } from '../errors.js';
import { checkPaymentId } from '../input.js';
import { PackPayments } from './pack-payments.js';
import { SubscriptionPayments } from './subscription-payments.js';
import type { PaymentOutcome, PaymentUpdate, PaymentProvider } from './payment-provider.js';

/** The owner's own word, where no payment provider is connected. */
export const manualProvider = 'manual';
/** Updates that wait for another one of the same payment. */
const waitingMax = 1_000;

/** Injection token of the providers that are connected. */
export const PAYMENT_PROVIDERS = Symbol('PaymentProviders');

/**
 * Turns money into tokens. Updates may come late, twice and in any order: every change of the ledger has an operation id made of the provider's own id, what is told of a payment
 * that is not known yet is refused and told again, and an older update of a subscription is dropped.
 */
@Injectable()
export class Payments {
  private readonly turns = new InTurn();

  constructor(
    private readonly packs: PackPayments,
    private readonly subscriptions: SubscriptionPayments,
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

  /** Idempotent by the ids of the update. One that the ledger refuses changes nothing and may be sent again; a provider's pack that the account may not have is kept. */
  async apply(provider: string, update: PaymentUpdate): Promise<PaymentOutcome> {
    const id = `${provider}:${'subscriptionId' in update ? update.subscriptionId : update.paymentId}`;
    return this.inTurn(id, () => {
      switch (update.kind) {
        case 'packPaid':
          return this.packs.paid(id, update, provider !== manualProvider);
        case 'packRefunded':
          return this.packs.refunded(id, update.share);
        case 'disputed':
          return this.packs.disputed(id, `${provider}:${update.disputeId}`, update);
        case 'invoicePaid':
          return this.thenWaiting(update.accountId, this.subscriptions.invoicePaid(id, `${provider}:${update.paymentId}`, update));
        case 'overdue':
          return this.subscriptions.overdue(id, `${provider}:${update.updateId}`, update);
        case 'subscription':
          return this.thenWaiting(update.accountId, this.subscriptions.changed(id, `${provider}:${update.updateId}`, update));
      }
    });
  }

  /** The operator's decision about a payment, by its full id: its tokens, whatever the plan may buy, or its money back. */
  async decide(id: string, decision: 'credit' | 'refund'): Promise<PaymentOutcome> {
    return this.inTurn(id, () => (decision === 'credit' ? this.packs.credited(id) : this.packs.refunded(id)));
  }

  /** The plan may have become one that has packs: what waits for that need not wait for the operator. */
  private async thenWaiting(accountId: string | undefined, change: Promise<PaymentOutcome>): Promise<PaymentOutcome> {
    const outcome = await change;
    for (const id of accountId === undefined ? [] : await this.packs.waitingOf(accountId))
      await this.inTurn(id, () => this.packs.triedAgain(id));
    return outcome;
  }

  private inTurn<T>(id: string, task: () => Promise<T>): Promise<T> {
    checkPaymentId(id);
    if (this.turns.size >= waitingMax) throw tooManyPayments();
    return this.turns.run(id, task);
  }
}
