import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { retryOnConflict, type Stored } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import { Config } from '@tessera/platform/config.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { inSpan, type Span } from '@tessera/platform/telemetry/span.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { inTrace } from '@tessera/platform/trace.js';
import { Webhook as Signer } from 'standardwebhooks';
import { webhookDeliveries } from '../metrics.js';
import { guardedPost, type PostOutcome } from './guarded-post.js';
import { SecretBox } from './secret-box.js';
import { WebhookStore, type Delivery, type Webhook } from './webhook.store.js';

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 3_600_000;
/** Pauses between attempts, as https://www.standardwebhooks.com recommends: three days in all. After the last one it has failed. */
export const retryAfterMs: readonly number[] = [
  5 * secondMs,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
  24 * hourMs,
];
/** Receivers that were down together are not asked together. */
const jitterShare = 0.1;
const timeoutMs = 15 * secondMs;
/** A process that has begun an attempt is taken for dead after this, and another one tries: longer than any attempt takes. */
const leaseMs = 60 * secondMs;
/** Attempts side by side: they wait for strangers' servers, at a few kilobytes each. */
const inFlightMax = 32;
/** Of them, so many for one webhook: a slow receiver does not hold up the others. */
const inFlightOfWebhookMax = 4;
/** And so many for one account, which may have many webhooks whose receivers are slow. */
const inFlightOfAccountMax = 8;
const duePerSweep = 128;
/** What finds its webhook busy comes back after this, and lets others by. */
const busyAfterMs = 2 * secondMs;
/** Work of other processes becomes known at the latest then. */
const sleepMsMax = minuteMs;
const sleepMsMin = 5;
const keptMs = 30 * 24 * hourMs;
const purgeEveryMs = hourMs;
const goneStatus = 410;

/** Brings deliveries to their receivers: at least once, with the same id each time. Everything due is in the store, so a crash loses nothing. */
@Injectable()
export class DeliveryWorker implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #inFlight = new Map<string, Promise<void>>();
  /** By the id of a webhook, and by that of an account. */
  readonly #inFlightOf = new Map<string, number>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #wakesAtMs = Infinity;
  #sweeping: Promise<void> | undefined;
  #purgedMs = 0;

  constructor(
    private readonly store: WebhookStore,
    private readonly secrets: SecretBox,
    private readonly clock: Clock,
    @Inject(Config) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.wakeAt(this.clock.now());
  }

  async onModuleDestroy(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#sweeping;
    await Promise.all(this.#inFlight.values());
  }

  wakeAt(dueMs: number): void {
    if (this.#stop.signal.aborted || dueMs >= this.#wakesAtMs) return;
    clearTimeout(this.#timer);
    this.#wakesAtMs = dueMs;
    this.#timer = setTimeout(() => this.#wake(), Math.min(sleepMsMax, Math.max(sleepMsMin, dueMs - this.clock.now())));
    this.#timer.unref();
  }

  /** Back to the beginning of its back-off, whatever became of it. */
  async redeliver(deliveryId: string): Promise<void> {
    const dueMs = this.clock.now();
    await retryOnConflict(async () => {
      const current = await this.store.delivery(deliveryId);
      if (current) await this.store.replaceDelivery(current, { ...current.value, state: 'pending', retry: 0, dueMs });
    });
    this.wakeAt(dueMs);
  }

  /** Waits until what is due now has been tried; for tests and an orderly end. */
  async settle(): Promise<void> {
    for (;;) {
      await this.#sweep();
      if (this.#inFlight.size === 0) return;
      await Promise.all(this.#inFlight.values());
    }
  }

  #wake(): void {
    this.#wakesAtMs = Infinity;
    if (this.#sweeping) return;
    this.#sweeping = this.#sweepAndSleep().finally(() => {
      this.#sweeping = undefined;
    });
  }

  async #sweepAndSleep(): Promise<void> {
    try {
      await this.#sweep();
      await this.#purge();
      const nearestMs = (await this.store.nearestDueMs()) ?? Infinity;
      // At the bound, the next attempt that ends wakes it.
      if (this.#inFlight.size < inFlightMax) this.wakeAt(Math.min(nearestMs, this.clock.now() + sleepMsMax));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.logger.warn({ err: error }, 'due webhook deliveries could not be read; tried again in a while');
      this.wakeAt(this.clock.now() + 5 * secondMs);
    }
  }

  async #sweep(): Promise<void> {
    const free = inFlightMax - this.#inFlight.size;
    if (free <= 0 || this.#stop.signal.aborted) return;
    let begun = 0;
    for (const due of await this.store.dueAt(this.clock.now(), duePerSweep)) {
      if (begun >= free || this.#stop.signal.aborted) return;
      if (this.#inFlight.has(due.id)) continue;
      const isBusy = this.#isBusy(due.value);
      const claimed = await this.#claim(due, isBusy ? busyAfterMs : leaseMs);
      if (!claimed || isBusy) continue;
      begun++;
      this.#begin(claimed);
    }
  }

  /** Undefined when another process was faster. */
  async #claim(due: Stored<Delivery>, forMs: number): Promise<Stored<Delivery> | undefined> {
    try {
      return await this.store.replaceDelivery(due, { ...due.value, dueMs: this.clock.now() + forMs });
    } catch (error) {
      if (error instanceof TesseraError && error.kind === 'Conflict') return undefined;
      throw error;
    }
  }

  #begin(delivery: Stored<Delivery>): void {
    const { webhookId, accountId } = delivery.value;
    for (const id of [webhookId, accountId]) this.#inFlightOf.set(id, (this.#inFlightOf.get(id) ?? 0) + 1);
    const attempt = this.#attempt(delivery)
      .catch((error: unknown) =>
        this.logger.warn({ err: error, deliveryId: delivery.id }, 'a webhook delivery broke off; its lease runs out'),
      )
      .finally(() => {
        this.#inFlight.delete(delivery.id);
        for (const id of [webhookId, accountId]) this.#release(id);
        this.wakeAt(this.clock.now());
      });
    this.#inFlight.set(delivery.id, attempt);
  }

  #isBusy({ webhookId, accountId }: Delivery): boolean {
    const inFlightOf = (id: string) => this.#inFlightOf.get(id) ?? 0;
    return inFlightOf(webhookId) >= inFlightOfWebhookMax || inFlightOf(accountId) >= inFlightOfAccountMax;
  }

  #release(id: string): void {
    const left = (this.#inFlightOf.get(id) ?? 1) - 1;
    if (left > 0) this.#inFlightOf.set(id, left);
    else this.#inFlightOf.delete(id);
  }

  /** Below the event that it tells of, whoever woke this process, and however much later. */
  #attempt(delivery: Stored<Delivery>): Promise<void> {
    const { traceparent, webhookId, eventType, attempts } = delivery.value;
    const attributes = {
      'tessera.webhook.id': webhookId,
      'tessera.webhook.event': eventType,
      'tessera.webhook.delivery_id': delivery.id,
      'tessera.webhook.attempt': attempts + 1,
    };
    return inTrace(traceparent, () => inSpan('deliver webhook', attributes, (span) => this.#deliver(delivery, span), { kind: 'client' }));
  }

  async #deliver(delivery: Stored<Delivery>, span: Span): Promise<void> {
    const webhook = await this.store.webhook(delivery.value.webhookId);
    if (!webhook) return this.store.removeDeliveries([delivery]);
    const outcome: PostOutcome = webhook.value.isEnabled ? await this.#post(webhook, delivery) : { error: 'disabled' };
    if ('status' in outcome) span.set({ 'http.request.method': 'POST', 'http.response.status_code': outcome.status });
    else span.fail({ reason: outcome.error, message: 'The receiver could not be told.' });
    // A process that ends does not count what it broke off itself: the lease brings it back.
    if ('error' in outcome && outcome.error === 'stopped') return;
    await this.#record(delivery, outcome);
    if ('status' in outcome && outcome.status === goneStatus)
      await this.store.changeWebhook(webhook.id, (current) => ({ ...current, isEnabled: false }));
  }

  async #post(
    { id, value: { url, secrets } }: Stored<Webhook>,
    { id: deliveryId, value: { payload } }: Stored<Delivery>,
  ): Promise<PostOutcome> {
    const nowMs = this.clock.now();
    const signingAt = new Date(nowMs);
    const live = secrets.filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs);
    const signatures = await Promise.all(
      live.map(async ({ sealed }) => new Signer(await this.secrets.open(sealed, id)).sign(deliveryId, signingAt, payload)),
    );
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Tessera-Webhooks/1',
      'webhook-id': deliveryId,
      'webhook-timestamp': String(Math.floor(nowMs / secondMs)),
      'webhook-signature': signatures.join(' '),
    };
    return guardedPost(url, headers, payload, { allowsPrivate: this.config.webhookPrivateNetworks, timeoutMs, signal: this.#stop.signal });
  }

  async #record(delivery: Stored<Delivery>, outcome: PostOutcome): Promise<void> {
    const nowMs = this.clock.now();
    const isDelivered = 'status' in outcome && outcome.status >= 200 && outcome.status < 300;
    const { dueMs: _, status: __, error: ___, ...before } = delivery.value;
    const attempted = {
      ...before,
      attempts: before.attempts + 1,
      attemptedMs: nowMs,
      ...('status' in outcome ? { status: outcome.status } : {}),
    };
    const pauseMs = retryAfterMs[before.retry];
    webhookDeliveries.inc({ outcome: isDelivered ? 'delivered' : pauseMs === undefined ? 'failed' : 'retried' });
    if (isDelivered) await this.store.replaceDelivery(delivery, { ...attempted, state: 'delivered' });
    else {
      const error =
        'error' in outcome ? outcome.error : outcome.status >= 300 && outcome.status < 400 ? 'redirected' : `http_${outcome.status}`;
      const isLast = pauseMs === undefined || error === 'disabled' || error === `http_${goneStatus}`;
      const next = isLast
        ? ({ state: 'failed' } as const)
        : { retry: before.retry + 1, dueMs: nowMs + Math.round(pauseMs * (1 + jitterShare * Math.random())) };
      await this.store.replaceDelivery(delivery, { ...attempted, error, ...next });
    }
  }

  /** What is old enough is forgotten, a page at a time. */
  async #purge(): Promise<void> {
    const nowMs = this.clock.now();
    if (nowMs - this.#purgedMs < purgeEveryMs) return;
    for (;;) {
      const old = await this.store.olderThan(nowMs - keptMs, 500);
      if (old.length === 0) break;
      await this.store.removeDeliveries(old);
    }
    this.#purgedMs = nowMs;
  }
}
