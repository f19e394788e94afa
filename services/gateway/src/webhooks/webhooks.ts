import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import type { Stored } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import { Config } from '@tessera/platform/config.js';
import { newId } from '@tessera/platform/ids.js';
import { Callers } from '../keys/callers.js';
import { invalidField, tooManyWebhooks, unknownDelivery, unknownWebhook } from '../errors.js';
import type { Caller } from '../keys/keys.js';
import { hostOf, isPublicAddress } from './addresses.js';
import { DeliveryWorker } from './delivery-worker.js';
import { SecretBox } from './secret-box.js';
import { subscribableTypes } from './webhook-events.js';
import { Subscriptions } from './subscriptions.js';
import { WebhookStore, type Delivery, type Webhook } from './webhook.store.js';

/** More receivers than anybody tells apart; each event is written once for each. */
const webhooksOfAccountMax = 20;
const urlCharsMax = 2_048;
const secretBytes = 32;
/** Receivers have so long to learn a new secret. */
const oldSecretSignsMs = 24 * 3_600_000;
const pageSizeMax = 100;

export type DescribedWebhook = Omit<Webhook, 'secrets' | 'accountId'> & { readonly id: string };
export type DescribedDelivery = Delivery & { readonly id: string };
export type WebhookChange = {
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  readonly isEnabled?: boolean | undefined;
  readonly description?: string | undefined;
};

/** An account's webhooks: who is told what, and what became of it. */
@Injectable()
export class Webhooks {
  constructor(
    private readonly store: WebhookStore,
    private readonly subscriptions: Subscriptions,
    private readonly secrets: SecretBox,
    private readonly worker: DeliveryWorker,
    private readonly callers: Callers,
    private readonly clock: Clock,
    @Inject(Config) private readonly config: Config,
  ) {}

  /** The secret is in this answer and nowhere else, ever again. */
  async create(
    caller: Caller,
    { url, events = [], description = '' }: WebhookChange & { readonly url: string },
  ): Promise<DescribedWebhook & { readonly secret: string }> {
    this.callers.requireAdmin(caller);
    this.#checkUrl(url);
    checkEvents(events);
    if ((await this.store.webhooksOf(caller.accountId, webhooksOfAccountMax)).length >= webhooksOfAccountMax)
      throw tooManyWebhooks(webhooksOfAccountMax);
    const id = newId();
    const secret = mintSecret();
    const webhook = {
      accountId: caller.accountId,
      url,
      events,
      description,
      isEnabled: true,
      secrets: [{ sealed: await this.secrets.seal(secret, id) }],
      createdMs: this.clock.now(),
    };
    await this.store.insertWebhook(id, webhook);
    this.subscriptions.forget(caller.accountId);
    return { ...described(id, webhook), secret };
  }

  async list(caller: Caller): Promise<DescribedWebhook[]> {
    return (await this.store.webhooksOf(caller.accountId, webhooksOfAccountMax)).map(({ id, value }) => described(id, value));
  }

  async update(caller: Caller, id: string, change: WebhookChange): Promise<DescribedWebhook> {
    await this.#owned(caller, id);
    if (change.url !== undefined) this.#checkUrl(change.url);
    if (change.events !== undefined) checkEvents(change.events);
    return this.#change(caller, id, (webhook) => ({ ...webhook, ...given(change) }));
  }

  /** The secret before signs beside the new one for a day. */
  async rotate(caller: Caller, id: string): Promise<DescribedWebhook & { readonly secret: string }> {
    await this.#owned(caller, id);
    const secret = mintSecret();
    const sealed = await this.secrets.seal(secret, id);
    const untilMs = this.clock.now() + oldSecretSignsMs;
    const changed = await this.#change(caller, id, (webhook) => ({
      ...webhook,
      secrets: [{ sealed }, ...webhook.secrets.slice(0, 1).map((old) => ({ ...old, untilMs }))],
    }));
    return { ...changed, secret };
  }

  /** What is still on its way to it is dropped. */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.#owned(caller, id);
    await this.store.removeWebhook(id);
    this.subscriptions.forget(caller.accountId);
  }

  async test(caller: Caller, id: string): Promise<DescribedDelivery> {
    await this.#owned(caller, id);
    const deliveryId = newId();
    const payload = { type: 'ping', timestamp: new Date(this.clock.now()).toISOString(), data: { webhookId: id } };
    await this.subscriptions.enqueue(
      new Map([[deliveryId, { webhookId: id, accountId: caller.accountId, eventType: 'ping', payload: JSON.stringify(payload) }]]),
    );
    return this.#delivery(caller, deliveryId);
  }

  /** Newest first; of one webhook, or of all when `webhookId` is empty. */
  async deliveries(
    caller: Caller,
    webhookId: string,
    pageSize: number,
    pageToken: string,
  ): Promise<{ deliveries: DescribedDelivery[]; nextPageToken: string }> {
    if (webhookId !== '') await this.#known(caller, webhookId);
    const { items, next = '' } = await this.store.deliveriesOf(caller.accountId, webhookId, Math.min(pageSizeMax, pageSize), pageToken);
    return { deliveries: items.map(({ id, value }) => ({ id, ...value })), nextPageToken: next };
  }

  /** With the same id: receivers that remember ids notice. */
  async redeliver(caller: Caller, deliveryId: string): Promise<DescribedDelivery> {
    this.callers.requireAdmin(caller);
    await this.#delivery(caller, deliveryId);
    await this.worker.redeliver(deliveryId);
    return this.#delivery(caller, deliveryId);
  }

  async #delivery(caller: Caller, id: string): Promise<DescribedDelivery> {
    const found = await this.store.delivery(id);
    if (found?.value.accountId !== caller.accountId) throw unknownDelivery();
    return { id, ...found.value };
  }

  async #owned(caller: Caller, id: string): Promise<Stored<Webhook>> {
    this.callers.requireAdmin(caller);
    return this.#known(caller, id);
  }

  async #known(caller: Caller, id: string): Promise<Stored<Webhook>> {
    const found = await this.store.webhook(id);
    if (found?.value.accountId !== caller.accountId) throw unknownWebhook();
    return found;
  }

  async #change(caller: Caller, id: string, change: (webhook: Webhook) => Webhook): Promise<DescribedWebhook> {
    const changed = await this.store.changeWebhook(id, change);
    if (!changed) throw unknownWebhook();
    this.subscriptions.forget(caller.accountId);
    return described(id, changed.value);
  }

  /** What a name resolves to is judged at every delivery; an address that is written out is refused here. */
  #checkUrl(text: string): void {
    const url = text.length <= urlCharsMax && URL.canParse(text) ? new URL(text) : undefined;
    if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      throw invalidField(`A webhook's url is an https address of at most ${urlCharsMax} characters.`, 'url');
    if (url.username !== '' || url.password !== '')
      throw invalidField('A webhook is signed; its url holds no user and no password.', 'url');
    if (this.config.webhookPrivateNetworks) return;
    if (url.protocol !== 'https:') throw invalidField('WebhookCallbackUrl is not a valid url (must be https://)', 'url');
    const host = hostOf(url);
    if (isIP(host) !== 0 && !isPublicAddress(host)) throw invalidField('This server does not call addresses of private networks.', 'url');
  }
}

function checkEvents(events: readonly string[]): void {
  const unknown = events.find((event) => !subscribableTypes.includes(event));
  if (unknown !== undefined)
    throw invalidField(`There is no event "${unknown.slice(0, 80)}"; there are ${subscribableTypes.join(', ')}.`, 'events');
}

/** As https://www.standardwebhooks.com writes them. */
const mintSecret = (): string => `whsec_${randomBytes(secretBytes).toString('base64')}`;

const described = (id: string, { secrets: _, accountId: __, ...webhook }: Webhook): DescribedWebhook => ({ id, ...webhook });

const given = (change: WebhookChange): Partial<Webhook> =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
