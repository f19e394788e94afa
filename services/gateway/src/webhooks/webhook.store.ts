import { Injectable } from '@nestjs/common';
import { Documents, retryOnConflict, type Collection, type Page, type Stored, type Write } from '@tessera/documents/documents.js';

export type StoredSecret = { readonly sealed: string; /** After this it signs no more. */ readonly untilMs?: number };

export type Webhook = {
  readonly accountId: string;
  readonly url: string;
  /** Event types that it gets; empty: all. */
  readonly events: readonly string[];
  readonly description: string;
  readonly isEnabled: boolean;
  /** Newest first. */
  readonly secrets: readonly StoredSecret[];
  readonly createdMs: number;
};

export type Delivery = {
  readonly accountId: string;
  readonly webhookId: string;
  readonly eventType: string;
  readonly payload: string;
  /** Trace context of the event that it tells of. */
  readonly traceparent?: string;
  readonly state: 'pending' | 'delivered' | 'failed';
  /** Of all times, redeliveries included. */
  readonly attempts: number;
  /** Place in the back-off; begins anew with a redelivery. */
  readonly retry: number;
  readonly createdMs: number;
  /** Only while pending: when it is tried next, or when a try that was begun is given up for lost. */
  readonly dueMs?: number;
  readonly attemptedMs?: number;
  readonly status?: number;
  readonly error?: string;
};

/** The only file that knows how webhooks and their deliveries are stored. */
@Injectable()
export class WebhookStore {
  readonly #webhooks: Collection<Webhook>;
  readonly #deliveries: Collection<Delivery>;

  constructor(private readonly documents: Documents) {
    this.#webhooks = documents.collection<Webhook>({
      name: 'gateway.webhooks',
      version: 1,
      indexes: [{ name: 'by_account', fields: ['accountId', 'createdMs'] }],
    });
    this.#deliveries = documents.collection<Delivery>({
      name: 'gateway.webhookDeliveries',
      version: 1,
      indexes: [
        { name: 'by_due', fields: ['dueMs'] },
        { name: 'by_account', fields: ['accountId', 'createdMs'] },
        { name: 'by_webhook', fields: ['webhookId', 'createdMs'] },
        { name: 'pending', fields: ['webhookId', 'state'] },
        { name: 'by_age', fields: ['createdMs'] },
      ],
    });
  }

  webhook(id: string): Promise<Stored<Webhook> | undefined> {
    return this.#webhooks.get(id);
  }

  /** Oldest first. */
  async webhooksOf(accountId: string, limit: number): Promise<readonly Stored<Webhook>[]> {
    return (await this.#webhooks.find({ where: { accountId }, sort: [['createdMs', 'asc']], limit })).items;
  }

  async insertWebhook(id: string, webhook: Webhook): Promise<void> {
    await this.documents.commit([this.#webhooks.insert(id, webhook)]);
  }

  changeWebhook(id: string, change: (webhook: Webhook) => Webhook): Promise<Stored<Webhook> | undefined> {
    return retryOnConflict(async () => {
      const current = await this.#webhooks.get(id);
      if (!current) return undefined;
      const value = change(current.value);
      await this.documents.commit([this.#webhooks.replace(current, value)]);
      return { id, revision: current.revision + 1, value };
    });
  }

  removeWebhook(id: string): Promise<void> {
    return retryOnConflict(async () => {
      const current = await this.#webhooks.get(id);
      if (current) await this.documents.commit([this.#webhooks.remove(current)]);
    });
  }

  delivery(id: string): Promise<Stored<Delivery> | undefined> {
    return this.#deliveries.get(id);
  }

  /** Those that are there already stay as they are: an event may be heard more than once. */
  async insertDeliveries(deliveries: ReadonlyMap<string, Delivery>): Promise<void> {
    await retryOnConflict(async () => {
      const known = new Set((await this.#deliveries.getMany([...deliveries.keys()])).map(({ id }) => id));
      const writes: Write[] = [...deliveries].flatMap(([id, delivery]) => (known.has(id) ? [] : [this.#deliveries.insert(id, delivery)]));
      if (writes.length > 0) await this.documents.commit(writes);
    });
  }

  /** Conflict `revision_mismatch` when somebody else was faster. */
  async replaceDelivery(current: Stored<Delivery>, value: Delivery): Promise<Stored<Delivery>> {
    await this.documents.commit([this.#deliveries.replace(current, value)]);
    return { id: current.id, revision: current.revision + 1, value };
  }

  async removeDeliveries(deliveries: readonly Stored<Delivery>[]): Promise<void> {
    if (deliveries.length > 0) await this.documents.commit(deliveries.map((delivery) => this.#deliveries.remove(delivery)));
  }

  /** The longest overdue first. */
  async dueAt(nowMs: number, limit: number): Promise<readonly Stored<Delivery>[]> {
    return (await this.#deliveries.find({ where: { dueMs: { lte: nowMs } }, sort: [['dueMs', 'asc']], limit })).items;
  }

  async nearestDueMs(): Promise<number | undefined> {
    return (await this.#deliveries.find({ where: { dueMs: { gte: 0 } }, sort: [['dueMs', 'asc']], limit: 1 })).items[0]?.value.dueMs;
  }

  pendingOf(webhookId: string): Promise<number> {
    return this.#deliveries.count({ webhookId, state: 'pending' });
  }

  async olderThan(createdMs: number, limit: number): Promise<readonly Stored<Delivery>[]> {
    return (await this.#deliveries.find({ where: { createdMs: { lt: createdMs } }, sort: [['createdMs', 'asc']], limit })).items;
  }

  /** Newest first. */
  deliveriesOf(accountId: string, webhookId: string, limit: number, after: string): Promise<Page<Delivery>> {
    const where: Record<string, string> = webhookId === '' ? { accountId } : { webhookId };
    return this.#deliveries.find({ where, sort: [['createdMs', 'desc']], limit, ...(after === '' ? {} : { after }) });
  }
}
