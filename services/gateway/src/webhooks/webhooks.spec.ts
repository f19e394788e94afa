import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, makeGenericClientConstructor, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LowBalanceReachedSchema, SpendCapReachedSchema } from '@tessera/contracts/tessera/billing/v1/events_pb.js';
import { WebhookService } from '@tessera/contracts/tessera/gateway/v1/webhooks_pb.js';
import { JobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { Clock } from '@tessera/platform/clock.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { Webhook } from 'standardwebhooks';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';
import { retryAfterMs } from './delivery-worker.js';
import { openReceiver, type Receiver } from './receiver.fixture.js';

const api = '/api/rest/v1';
type Json = Record<string, unknown>;

/** The real time, moved ahead. */
class AheadClock extends Clock {
  aheadMs = 0;
  now(): number {
    return Date.now() + this.aheadMs;
  }
}

describe('webhooks', () => {
  let gateway: OpenGateway;
  let receiver: Receiver;
  let clock: AheadClock;
  let accountId: string;
  beforeEach(async () => {
    clock = new AheadClock();
    receiver = await openReceiver();
    gateway = await openGateway({ webhookPrivateNetworks: true, clock });
    accountId = gateway.installation.ownerAccountId;
  });
  afterEach(async () => {
    await gateway.close();
    await receiver.close();
  });

  const ask = async (method: string, route: string, body?: object, headers: Record<string, string> = {}) => {
    const answer = await gateway.fetch(`${api}${route}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    return { status: answer.status, body: (await answer.json()) as Json };
  };
  const create = async (body: object = {}) =>
    (await ask('POST', '/webhooks', { url: receiver.url, ...body })).body as { id: string; secret: string };
  const finish = async (jobId: string, state = JobState.SUCCEEDED) => {
    const event = outgoingEvent(JobFinishedSchema, jobId, {
      jobId,
      accountId,
      state,
      kind: 'image',
      unitsDelivered: 2,
      finishedMs: BigInt(clock.now()),
      hasHold: true,
    });
    await gateway.documents.commit([], [event]);
    await gateway.bus.drain();
    await gateway.worker.settle();
  };
  const deliveries = async (query = '') => (await ask('GET', `/webhook-deliveries${query}`)).body['deliveries'] as Json[];
  const later = async (byMs: number) => {
    clock.aheadMs += byMs;
    await gateway.worker.settle();
  };

  it('tell a receiver that a job has ended, signed so that it can be sure', async () => {
    const { secret } = await create();
    await finish('job-1');
    const [first] = receiver.received;
    const verified = new Webhook(secret).verify(first?.body ?? '', first?.headers as Record<string, string>);
    expect(verified).toMatchObject({
      type: 'job.finished',
      data: { generationId: 'job-1', state: 'succeeded', kind: 'image', unitsDelivered: 2 },
    });
    expect(receiver.received).toHaveLength(1);
    expect(await deliveries()).toMatchObject([
      { id: first?.headers['webhook-id'], event: 'job.finished', state: 'delivered', attempts: 1, status: 200 },
    ]);
  });

  it('tell when tokens or credits run low, and when a cap is near', async () => {
    await create();
    await gateway.documents.commit(
      [],
      [
        outgoingEvent(LowBalanceReachedSchema, accountId, {
          accountId,
          balanceTokens: 4n,
          lowBalanceTokens: 5n,
          entry: 9n,
          wallet: 'credits',
        }),
        outgoingEvent(SpendCapReachedSchema, accountId, {
          accountId,
          memberId: 'ann',
          percent: 80,
          usedTokens: 8n,
          capTokens: 10n,
          entry: 9n,
        }),
      ],
    );
    await gateway.bus.drain();
    await gateway.worker.settle();
    expect(
      receiver.received.map(({ body }) => JSON.parse(body) as Json).sort((a, b) => String(a['type']).localeCompare(String(b['type']))),
    ).toMatchObject([
      { type: 'account.low_balance', data: { wallet: 'credits', balanceTokens: 4, lowBalanceTokens: 5 } },
      { type: 'account.spend_cap', data: { memberId: 'ann', percent: 80, usedTokens: 8, capTokens: 10 } },
    ]);
  });

  it('send what was subscribed to, to those who are switched on, of their account', async () => {
    await create({ events: ['account.low_balance'] });
    const { id } = await create();
    await ask('PUT', `/webhooks/${id}`, { isEnabled: false });
    const other = (await ask('POST', '/accounts', { plan: 'free' })).body['accountId'] as string;
    await ask('POST', '/webhooks', { url: receiver.url }, { 'tessera-account': other });
    await finish('job-1');
    expect(receiver.received).toEqual([]);
  });

  it('come once for an event that is heard twice', async () => {
    await create();
    const event = { accountId, type: 'job.finished', eventId: 'event-1', occurredMs: clock.now(), data: { generationId: 'job-1' } };
    for (let n = 0; n < 2; n++) {
      await gateway.subscriptions.notify(event);
      await gateway.worker.settle();
    }
    expect(receiver.received).toHaveLength(1);
  });

  it('are tried again after growing pauses, with the same id, until they are taken', async () => {
    await create();
    receiver.answers.push(500, 503, 302);
    await finish('job-1');
    expect(await deliveries()).toMatchObject([{ state: 'pending', attempts: 1, status: 500, error: 'http_500' }]);
    await later(1_000);
    expect(receiver.received).toHaveLength(1);
    for (const pauseMs of retryAfterMs.slice(0, 3)) await later(pauseMs * 1.1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(receiver.received.map(({ path: place }) => place)).toEqual(Array.from({ length: 4 }, () => '/hook'));
    expect(await deliveries()).toMatchObject([{ state: 'delivered', attempts: 4, status: 200 }]);
  });

  it('are given up after three days, and brought again when asked for', async () => {
    await create();
    receiver.answers.push(...Array.from({ length: 10 }, () => 500));
    await finish('job-1');
    for (const pauseMs of retryAfterMs) await later(pauseMs * 1.1);
    const [failed] = await deliveries();
    expect(failed).toMatchObject({ state: 'failed', attempts: 10, error: 'http_500' });
    expect(await ask('POST', `/webhook-deliveries/${String(failed?.['id'])}/redeliver`)).toMatchObject({
      status: 200,
      body: { state: 'pending' },
    });
    await gateway.worker.settle();
    expect(await deliveries()).toMatchObject([{ state: 'delivered', attempts: 11 }]);
    expect(receiver.received.at(-1)?.headers['webhook-id']).toBe(failed?.['id']);
  });

  it('outlive the server', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'gateway-'));
    const first = await openGateway({ dataDir, webhookPrivateNetworks: true, clock });
    await first.fetch(`${api}/webhooks`, { method: 'POST', body: JSON.stringify({ url: receiver.url }) });
    receiver.answers.push(500);
    await first.subscriptions.notify({
      accountId: first.installation.ownerAccountId,
      type: 'job.finished',
      eventId: 'event-1',
      occurredMs: clock.now(),
      data: {},
    });
    await first.worker.settle();
    await first.close();
    clock.aheadMs += (retryAfterMs[0] ?? 0) * 1.1;
    const second = await openGateway({ dataDir, webhookPrivateNetworks: true, clock });
    await second.worker.settle();
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([
      receiver.received[0]?.headers['webhook-id'],
      receiver.received[0]?.headers['webhook-id'],
    ]);
    await second.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('reach one account while the receivers of another are silent', async () => {
    const open = new Set<ServerResponse>();
    const silent = createServer((_request, response) => {
      open.add(response);
      response.on('close', () => open.delete(response));
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    for (let n = 0; n < 15; n += 1) await create({ url: `http://127.0.0.1:${port}/${n}` });
    const finished = ['one', 'two', 'three'].map((job) => finish(job));
    while (open.size < 8) await delay(20);
    const other = { 'tessera-account': (await ask('POST', '/accounts', { plan: 'free' })).body['accountId'] as string };
    const { id } = (await ask('POST', '/webhooks', { url: receiver.url }, other)).body as { id: string };
    await ask('POST', `/webhooks/${id}/test`, undefined, other);
    while (receiver.received.length === 0) await delay(20);
    expect(open.size).toBe(8);
    const closing = setInterval(() => silent.closeAllConnections(), 20);
    await Promise.all(finished);
    clearInterval(closing);
    silent.close();
  });

  it('stop for a receiver that says it has gone for good', async () => {
    const { id } = await create();
    receiver.answers.push(410);
    await finish('job-1');
    expect(await deliveries()).toMatchObject([{ state: 'failed', attempts: 1, status: 410 }]);
    expect((await ask('GET', '/webhooks')).body['webhooks']).toMatchObject([{ id, isEnabled: false }]);
  });

  it('sign with the old secret beside the new one for a day', async () => {
    const { id, secret: old } = await create();
    const { secret: fresh } = (await ask('POST', `/webhooks/${id}/secret`)).body as { secret: string };
    await finish('job-1');
    const verify = (secret: string, at: number) =>
      new Webhook(secret).verify(receiver.received[at]?.body ?? '', receiver.received[at]?.headers as Record<string, string>);
    expect(verify(old, 0)).toEqual(verify(fresh, 0));
    clock.aheadMs += 25 * 3_600_000;
    await finish('job-2');
    const [signatures] = [String(receiver.received[1]?.headers['webhook-signature'])];
    expect(signatures.split(' ')).toHaveLength(1);
  });

  it('can be tried out', async () => {
    const { id } = await create({ events: ['account.spend_cap'] });
    expect(await ask('POST', `/webhooks/${id}/test`)).toMatchObject({ status: 200, body: { event: 'ping', webhookId: id } });
    await gateway.worker.settle();
    expect(JSON.parse(receiver.received[0]?.body ?? '{}')).toMatchObject({ type: 'ping', data: { webhookId: id } });
  });

  it('are forgotten with what is on its way to them', async () => {
    const { id } = await create();
    receiver.answers.push(500);
    await finish('job-1');
    await ask('DELETE', `/webhooks/${id}`);
    await later(3_600_000);
    expect(receiver.received).toHaveLength(1);
    expect([(await ask('GET', '/webhooks')).body['webhooks'], await deliveries()]).toEqual([[], []]);
  });

  it('keep their secret to themselves: it is in no list, and in no file as it is', async () => {
    const { secret } = await create();
    expect(JSON.stringify((await ask('GET', '/webhooks')).body)).not.toContain(secret.slice(6));
    const files = (await readdir(gateway.dataDir, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
    for (const file of files)
      expect((await readFile(path.join(file.parentPath, file.name))).includes(Buffer.from(secret.slice(6)))).toBe(false);
  });

  it("are nobody else's business", async () => {
    const { id } = await create();
    const other = (await ask('POST', '/accounts', { plan: 'free' })).body['accountId'] as string;
    const keyOf = async (body: object) => ({
      authorization: `Bearer ${String((await ask('POST', '/keys', { name: 'k', ...body }, { 'tessera-account': other })).body['key'])}`,
    });
    const [stranger, member, reader] = [await keyOf({}), await keyOf({ memberId: 'ann' }), await keyOf({ scopes: ['read'] })];
    for (const [method, route] of [
      ['PUT', `/webhooks/${id}`],
      ['DELETE', `/webhooks/${id}`],
      ['POST', `/webhooks/${id}/test`],
      ['POST', `/webhooks/${id}/secret`],
    ] as const) {
      expect(await ask(method, route, method === 'PUT' ? {} : undefined, stranger)).toMatchObject({
        status: 404,
        body: { type: 'unknown_webhook' },
      });
    }
    expect(await ask('POST', '/webhooks', { url: receiver.url }, member)).toMatchObject({ status: 403, body: { type: 'member_key' } });
    expect(await ask('POST', '/webhooks', { url: receiver.url }, reader)).toMatchObject({ status: 403, body: { type: 'read_only_key' } });
    expect(await ask('GET', '/webhooks', undefined, reader)).toMatchObject({ status: 200, body: { webhooks: [] } });
  });

  it.each([
    [{}, 'missing_field'],
    [{ url: 'ftp://example.com' }, 'invalid_field'],
    [{ url: 'https://user:secret@example.com' }, 'invalid_field'],
    [{ url: 'nonsense' }, 'invalid_field'],
    [{ url: `https://example.com/${'x'.repeat(2_048)}` }, 'invalid_field'],
    [{ url: 'https://example.com', events: ['job.exploded'] }, 'invalid_field'],
    [{ url: 'https://example.com', secret: 'mine' }, 'unknown_field'],
  ])('are refused as %j', async (body, type) => {
    expect(await ask('POST', '/webhooks', body)).toMatchObject({ status: 400, body: { type } });
  });

  it('are bounded in number', async () => {
    for (let n = 0; n < 20; n++) await create();
    expect(await ask('POST', '/webhooks', { url: receiver.url })).toMatchObject({ status: 409, body: { type: 'too_many_webhooks' } });
  });
});

describe('webhooks of strangers', () => {
  let gateway: OpenGateway;
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await openReceiver();
    gateway = await openGateway();
  });
  afterEach(async () => {
    await gateway.close();
    await receiver.close();
  });
  const create = async (url: string) => {
    const answer = await gateway.fetch(`${api}/webhooks`, { method: 'POST', body: JSON.stringify({ url }) });
    return { status: answer.status, body: (await answer.json()) as { id: string; type: string } };
  };

  it.each([
    'http://example.com',
    'https://127.0.0.1/x',
    'https://[::1]/',
    'https://10.1.2.3',
    'https://169.254.169.254/latest/meta-data',
    'https://[fd00::1]',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://[::ffff:10.0.0.1]/',
  ])('may not go to %s', async (url) => {
    expect(await create(url)).toMatchObject({ status: 400, body: { type: 'invalid_field' } });
  });

  it('reach nothing by a name that leads into the house', async () => {
    const { body } = await create(receiver.url.replace('http://127.0.0.1', 'https://localhost'));
    await gateway.fetch(`${api}/webhooks/${body.id}/test`, { method: 'POST' });
    await gateway.worker.settle();
    const answer = (await (await gateway.fetch(`${api}/webhook-deliveries`)).json()) as { deliveries: Json[] };
    expect(answer.deliveries).toMatchObject([{ state: 'pending', attempts: 1, error: 'private_address' }]);
    expect(receiver.received).toEqual([]);
  });
});

describe('webhooks over gRPC', () => {
  it('are made, listed, changed, tried, redelivered and removed as over REST', async () => {
    const receiver = await openReceiver();
    const gateway = await openGateway({ webhookPrivateNetworks: true });
    const Client = makeGenericClientConstructor(packageDefinition([WebhookService])[WebhookService.typeName] as never, 'Webhooks');
    const client = new Client(gateway.grpcAddress, credentials.createInsecure());
    const call = <T>(method: string, request: object, key = gateway.key) =>
      new Promise<T>((resolve, reject) => {
        const metadata = new Metadata();
        metadata.set('authorization', `Bearer ${key}`);
        (
          client[method] as unknown as (request: object, metadata: Metadata, done: (error: ServiceError | null, reply: T) => void) => void
        ).call(client, request, metadata, (error, reply) => (error ? reject(error) : resolve(reply)));
      });
    try {
      const { webhook, secret } = await call<{ webhook: { webhookId: string }; secret: string }>('CreateWebhook', { url: receiver.url });
      const { webhookId } = webhook;
      expect(secret).toMatch(/^whsec_/);
      expect(await call('UpdateWebhook', { webhookId, description: 'mine', events: { types: ['job.finished'] } })).toMatchObject({
        webhook: { description: 'mine', events: ['job.finished'], isEnabled: true },
      });
      expect(await call('RotateWebhookSecret', { webhookId })).toMatchObject({ secret: expect.not.stringContaining(secret) });
      const { delivery } = await call<{ delivery: { deliveryId: string } }>('TestWebhook', { webhookId });
      await gateway.worker.settle();
      expect(await call('ListDeliveries', {})).toMatchObject({
        deliveries: [{ deliveryId: delivery.deliveryId, state: 'delivered', status: 200 }],
      });
      await call('Redeliver', { deliveryId: delivery.deliveryId });
      await gateway.worker.settle();
      expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([delivery.deliveryId, delivery.deliveryId]);
      await call('DeleteWebhook', { webhookId });
      expect(await call('ListWebhooks', {})).toMatchObject({ webhooks: [] });
      await expect(call('TestWebhook', { webhookId })).rejects.toMatchObject({ code: status.NOT_FOUND });
      await expect(call('ListWebhooks', {}, 'nobody')).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    } finally {
      client.close();
      await gateway.close();
      await receiver.close();
    }
  });
});
