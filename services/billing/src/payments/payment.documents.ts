import { Injectable } from '@nestjs/common';
import { Documents, type Collection, type Stored } from '@tessera/documents/documents.js';

/** A payment for a pack. A refund may be known before the payment itself. */
export type PaymentRecord = {
  readonly accountId?: string;
  readonly isPaid: boolean;
  readonly isRefunded: boolean;
  /** Absent: the plan's. */ readonly wallet?: 'credits';
};

/** The newest that is known of a subscription. */
export type SubscriptionRecord = {
  readonly accountId: string;
  readonly isActive: boolean;
  readonly occurredMs: number;
  /** Id of the newest update that counted. */ readonly newsId: string;
  readonly isPaused?: true;
};

/** The only place that knows how payments are stored. */
@Injectable()
export class PaymentDocuments {
  private readonly payments: Collection<PaymentRecord>;
  private readonly subscriptions: Collection<SubscriptionRecord>;

  constructor(private readonly documents: Documents) {
    this.payments = documents.collection<PaymentRecord>({ name: 'billing.payments', version: 1, indexes: [] });
    this.subscriptions = documents.collection<SubscriptionRecord>({
      name: 'billing.subscriptions',
      version: 1,
      indexes: [{ name: 'byAccount', fields: ['accountId'] }],
    });
  }

  payment(paymentId: string): Promise<Stored<PaymentRecord> | undefined> {
    return this.payments.get(paymentId);
  }

  async savePayment(paymentId: string, known: Stored<PaymentRecord> | undefined, record: PaymentRecord): Promise<void> {
    await this.documents.commit([known ? this.payments.replace(known, record) : this.payments.insert(paymentId, record)]);
  }

  subscription(subscriptionId: string): Promise<Stored<SubscriptionRecord> | undefined> {
    return this.subscriptions.get(subscriptionId);
  }

  async saveSubscription(subscriptionId: string, known: Stored<SubscriptionRecord> | undefined, record: SubscriptionRecord): Promise<void> {
    await this.documents.commit([known ? this.subscriptions.replace(known, record) : this.subscriptions.insert(subscriptionId, record)]);
  }

  /** Whether the account pays by another subscription than this one. */
  async hasOtherActive(accountId: string, subscriptionId: string): Promise<boolean> {
    const { items } = await this.subscriptions.find({ where: { accountId }, limit: subscriptionsMax });
    return items.some(({ id, value }) => id !== subscriptionId && value.isActive);
  }
}

/** Far more than anybody pays by in a lifetime. */
const subscriptionsMax = 1_000;
