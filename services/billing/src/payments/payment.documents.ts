import { Injectable } from '@nestjs/common';
import { Documents, type Collection, type Stored } from '@tessera/documents/documents.js';
import type { OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import type { DisputeState } from './payment-provider.js';

export const paymentStates = ['received', 'waiting', 'paid', 'partly_refunded', 'refunded', 'disputed', 'lost'] as const;
export type PaymentState = (typeof paymentStates)[number];

/** A payment for a pack or for a period of a subscription, with all that has become of it. */
export type PaymentRecord = {
  /** Absent in what earlier releases kept of refunds without a payment. */
  readonly accountId?: string;
  /** Its tokens are in the ledger, or its period is. */
  readonly isPaid: boolean;
  readonly isRefunded: boolean;
  /** Absent: the plan's. */ readonly wallet?: 'credits';
  readonly state: PaymentState;
  /** 0: kept by a release that did not note it. */ readonly receivedMs: number;
  /** By the provider's clock. */ readonly occurredMs?: number;
  readonly pack?: string;
  readonly tokens?: number;
  /** In the currency's smallest unit. */ readonly amount?: number;
  readonly currency?: string;
  /** The reason for which the ledger refused the pack. */ readonly waitsFor?: string;
  /** How much of how much has gone back. */ readonly refunded?: { readonly amount: number; readonly of: number };
  /** Lost in disputes, in the same unit. */ readonly lostAmount?: number;
  /** Asked back of the ledger so far. */ readonly refundedTokens?: number;
  readonly disputes?: Readonly<Record<string, DisputeState>>;
  readonly subscriptionId?: string;
  readonly chargeId?: string;
  readonly period?: { readonly fromMs: number; readonly untilMs: number };
};

/** The newest that is known of a subscription. */
export type SubscriptionRecord = {
  readonly accountId: string;
  readonly isActive: boolean;
  readonly occurredMs: number;
  /** Id of the newest update that counted. */ readonly newsId: string;
  readonly isPaused?: true;
  /** What is bought. Absent in what earlier releases kept. */ readonly plan?: string;
  readonly seats?: number;
};

export type PaymentFilter = { readonly accountId?: string; readonly state?: PaymentState };

/** The only place that knows how payments are stored. */
@Injectable()
export class PaymentDocuments {
  private readonly payments: Collection<PaymentRecord>;
  private readonly subscriptions: Collection<SubscriptionRecord>;

  constructor(private readonly documents: Documents) {
    this.payments = documents.collection<PaymentRecord>({
      name: 'billing.payments',
      version: 2,
      migrations: [{ from: 1, migrate: withState }],
      indexes: [
        { name: 'byTime', fields: ['receivedMs'] },
        { name: 'byAccount', fields: ['accountId', 'receivedMs'] },
        { name: 'byState', fields: ['state', 'receivedMs'] },
        { name: 'bySubscription', fields: ['subscriptionId'] },
        { name: 'byCharge', fields: ['chargeId'] },
      ],
    });
    this.subscriptions = documents.collection<SubscriptionRecord>({
      name: 'billing.subscriptions',
      version: 1,
      indexes: [{ name: 'byAccount', fields: ['accountId'] }],
    });
  }

  payment(paymentId: string): Promise<Stored<PaymentRecord> | undefined> {
    return this.payments.get(paymentId);
  }

  /** By its own id, or by the one that refunds and disputes name it with. */
  async paymentCharged(id: string): Promise<Stored<PaymentRecord> | undefined> {
    return (await this.payments.get(id)) ?? (await this.payments.find({ where: { chargeId: id }, limit: 1 })).items[0];
  }

  async savePayment(
    paymentId: string,
    known: Stored<PaymentRecord> | undefined,
    record: PaymentRecord,
    events: readonly OutgoingEvent[] = [],
  ): Promise<Stored<PaymentRecord>> {
    await this.documents.commit([known ? this.payments.replace(known, record) : this.payments.insert(paymentId, record)], events);
    return { id: paymentId, revision: (known?.revision ?? 0) + 1, value: record };
  }

  async forgetPayment(known: Stored<PaymentRecord>): Promise<void> {
    await this.documents.commit([this.payments.remove(known)]);
  }

  /** Newest first; those without a date last. */
  async list(where: PaymentFilter, limit: number, after?: string) {
    return this.payments.find({ where, sort: [['receivedMs', 'desc']], limit, ...(after ? { after } : {}) });
  }

  countWaiting(): Promise<number> {
    return this.payments.count({ state: 'waiting' });
  }

  async invoicesOf(subscriptionId: string): Promise<readonly Stored<PaymentRecord>[]> {
    return (await this.payments.find({ where: { subscriptionId }, limit: recordsMax })).items;
  }

  subscription(subscriptionId: string): Promise<Stored<SubscriptionRecord> | undefined> {
    return this.subscriptions.get(subscriptionId);
  }

  async saveSubscription(subscriptionId: string, known: Stored<SubscriptionRecord> | undefined, record: SubscriptionRecord): Promise<void> {
    await this.documents.commit([known ? this.subscriptions.replace(known, record) : this.subscriptions.insert(subscriptionId, record)]);
  }

  /** Whether the account pays by another subscription than this one. */
  async hasOtherActive(accountId: string, subscriptionId: string): Promise<boolean> {
    const { items } = await this.subscriptions.find({ where: { accountId }, limit: recordsMax });
    return items.some(({ id, value }) => id !== subscriptionId && value.isActive);
  }
}

/** Far more than anybody pays by, or for one subscription, in a lifetime. */
const recordsMax = 1_000;

/** What earlier releases kept says whether a payment counted and went back, and nothing of when. */
function withState(value: Readonly<Record<string, unknown>>): object {
  const state: PaymentState = value['isRefunded'] ? 'refunded' : 'paid';
  return { ...value, state, receivedMs: 0 };
}
