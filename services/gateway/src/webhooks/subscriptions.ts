import { Inject, Injectable } from '@nestjs/common';
import type { Stored } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import { ExpiringMap } from '@tessera/platform/expiring-map.js';
import { derivedId } from '@tessera/platform/ids.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { currentTraceparent } from '@tessera/platform/trace.js';
import { DeliveryWorker } from './delivery-worker.js';
import { WebhookStore, type Delivery, type Webhook } from './webhook.store.js';

export type AccountEvent = {
  readonly accountId: string;
  readonly type: string;
  readonly eventId: string;
  readonly occurredMs: number;
  readonly data: object;
};
export type NewDelivery = Pick<Delivery, 'accountId' | 'webhookId' | 'eventType' | 'payload'>;

/** A webhook that another process made or changed is known here after this long. */
const keptMs = 5_000;
/** Accounts with recent events; beyond it the oldest is asked for again. */
const keptMax = 10_000;
const webhooksMax = 100;
/** A receiver that is down for days fills no disk: beyond this its events are dropped, with a line in the log. */
const pendingMax = 100_000;

/** Writes down who is to be told what. Most accounts have no webhooks, and of those nothing is read for every event. */
@Injectable()
export class Subscriptions {
  readonly #known: ExpiringMap<string, readonly Stored<Webhook>[]>;

  constructor(
    private readonly store: WebhookStore,
    private readonly worker: DeliveryWorker,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#known = new ExpiringMap({ clock, ttlMs: keptMs, entriesMax: keptMax });
  }

  /** Idempotent by the event's id: a delivery's id is made of it. */
  async notify({ accountId, type, eventId, occurredMs, data }: AccountEvent): Promise<void> {
    const payload = JSON.stringify({ type, timestamp: new Date(occurredMs).toISOString(), data });
    const deliveries = new Map<string, NewDelivery>();
    for (const { id: webhookId, value } of await this.#webhooksOf(accountId)) {
      // Events of before it was made are not its business: a group begins at the start of the log.
      const isMeant = value.isEnabled && value.createdMs <= occurredMs && (value.events.length === 0 || value.events.includes(type));
      if (isMeant) deliveries.set(derivedId('webhook.delivery', webhookId, eventId), { accountId, webhookId, eventType: type, payload });
    }
    await this.enqueue(deliveries);
  }

  async enqueue(deliveries: ReadonlyMap<string, NewDelivery>): Promise<void> {
    if (deliveries.size === 0) return;
    const nowMs = this.clock.now();
    const traceparent = currentTraceparent();
    await this.store.insertDeliveries(
      new Map(
        [...deliveries].map(([id, delivery]) => [
          id,
          { ...delivery, ...(traceparent ? { traceparent } : {}), state: 'pending', attempts: 0, retry: 0, createdMs: nowMs, dueMs: nowMs },
        ]),
      ),
    );
    this.worker.wakeAt(nowMs);
  }

  forget(accountId: string): void {
    this.#known.delete(accountId);
  }

  async #webhooksOf(accountId: string): Promise<readonly Stored<Webhook>[]> {
    const known = this.#known.get(accountId);
    if (known) return known;
    const all = await this.store.webhooksOf(accountId, webhooksMax);
    const takesMore = await Promise.all(all.map(({ id }) => this.#takesMore(accountId, id)));
    const webhooks = all.filter((_, at) => takesMore[at]);
    this.#known.set(accountId, webhooks);
    return webhooks;
  }

  async #takesMore(accountId: string, webhookId: string): Promise<boolean> {
    const pending = await this.store.pendingOf(webhookId);
    if (pending < pendingMax) return true;
    this.logger.warn({ accountId, webhookId, pending }, 'a webhook takes nothing; its newest events are dropped');
    return false;
  }
}
