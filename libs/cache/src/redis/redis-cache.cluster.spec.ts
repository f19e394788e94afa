import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis } from '@tessera/servers/redis.js';
import { until } from '@tessera/servers/loopback.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { createClient } from 'redis';
import { describeCacheConformance } from '../cache.conformance.js';
import { openCache } from '../open-cache.js';

let redis: RunningServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const open = (redisUrl = redis.url) => openCache({ profile: 'cluster', redisUrl });
const bytes = (text: string) => new TextEncoder().encode(text);

/** Time passes for a server when all that it keeps gets nearer to its end. */
async function elapseAt(url: string, ms: number): Promise<void> {
  const client = createClient({ url });
  await client.connect();
  for (const key of await client.keys('*')) {
    const leftMs = await client.pTTL(key);
    if (leftMs >= 0) await client.pExpire(key, leftMs - ms);
  }
  client.destroy();
}

describeCacheConformance('redis', async () => {
  const eraser = createClient({ url: redis.url });
  await eraser.connect();
  await eraser.flushAll();
  eraser.destroy();
  const cache = await open();
  return { cache, elapse: (ms) => elapseAt(redis.url, ms), close: async () => cache.close() };
});

describe('redis: several processes', () => {
  it('shares values, counters and messages', async () => {
    const [one, other] = await Promise.all([open(), open()]);
    await one.set('shared', 'by all', 60_000);
    expect(await other.get('shared')).toBe('by all');
    await Promise.all(Array.from({ length: 100 }, (_, at) => (at % 2 ? one : other).increment('both', 1, 60_000)));
    expect(await one.get('both')).toBe('100');
    let receive: (text: string) => void = () => undefined;
    const received = new Promise<string>((resolve) => (receive = resolve));
    await other.subscribe('messages', (message) => receive(new TextDecoder().decode(message)));
    await one.publish('messages', bytes('a message'));
    expect(await received).toBe('a message');
    one.close();
    other.close();
  });

  it('counts no further than a number can be told exactly', async () => {
    const cache = await open();
    await cache.set('large', String(Number.MAX_SAFE_INTEGER), 60_000);
    await expect(cache.increment('large', 1, 60_000)).rejects.toMatchObject({ reason: 'not_a_counter' });
    expect(await cache.get('large')).toBe(String(Number.MAX_SAFE_INTEGER));
    cache.close();
  });
});

describe('redis: trouble', () => {
  /** Asks until the cache answers again. */
  const recovery = (cache: Awaited<ReturnType<typeof open>>) =>
    until(
      () =>
        cache.get('any').then(
          () => true,
          () => false,
        ),
      { withinMs: 30_000 },
    );

  it('is unavailable while the server is down, and goes on by itself with its listeners when it is back', async () => {
    const server = await startRedis();
    const cache = await open(server.url);
    const messages: string[] = [];
    let received: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (received = resolve));
    await cache.subscribe('progress', (message) => {
      messages.push(new TextDecoder().decode(message));
      received();
    });
    await server.kill();
    const refusal = { kind: 'Unavailable', reason: 'cache_unavailable', retryable: true };
    await expect(cache.get('any')).rejects.toMatchObject(refusal);
    await expect(cache.increment('any', 1, 1000)).rejects.toMatchObject(refusal);
    await expect(cache.publish('progress', bytes('lost'))).rejects.toMatchObject(refusal);
    await expect(cache.subscribe('another', () => undefined)).rejects.toMatchObject(refusal);
    await server.restart();
    expect(await recovery(cache)).toBe(true);
    await cache.publish('progress', bytes('after'));
    await arrived;
    expect(messages).toEqual(['after']);
    cache.close();
    await server.stop();
  });

  it('gives up a connection that has fallen silent, and listens on a new one', async () => {
    const network = await openNetwork(Number(new URL(redis.url).port));
    const cache = await open(network.url);
    const received: string[] = [];
    await cache.subscribe('progress', (message) => void received.push(new TextDecoder().decode(message)));
    network.swallow();
    await expect(cache.get('any')).rejects.toMatchObject({ kind: 'Unavailable' });
    network.mend();
    expect(await recovery(cache)).toBe(true);
    const speaker = await open();
    // The new connection subscribes by itself; until it has, messages are lost.
    const isHeard = until(
      async () => {
        await speaker.publish('progress', bytes('again'));
        return received.includes('again');
      },
      { withinMs: 30_000 },
    );
    expect(await isHeard).toBe(true);
    cache.close();
    speaker.close();
    await network.close();
  });

  it('gives advice when nobody answers, or when the password is wrong', async () => {
    await expect(open('redis://someone:secret-word@127.0.0.1:1')).rejects.toMatchObject({
      reason: 'cache_unreachable',
      message: expect.stringMatching(/^No Redis answers at 127\.0\.0\.1:1: start it/),
    });
    await expect(open('redis://someone:secret-word@127.0.0.1:1')).rejects.not.toMatchObject({
      message: expect.stringContaining('secret-word'),
    });
    await expect(open(redis.url.replace('redis://', 'redis://someone:secret-word@'))).rejects.toMatchObject({
      reason: 'cache_refused',
      message: expect.stringContaining('TESSERA_REDIS_URL'),
    });
    await expect(openCache({ profile: 'cluster' })).rejects.toMatchObject({ reason: 'cache_not_configured' });
  });
});

/** A wire to the server that can swallow everything, as a network that is cut without a word. */
async function openNetwork(port: number) {
  let isSwallowing = false;
  const sockets = new Set<net.Socket>();
  const proxy = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('data', (chunk) => void (isSwallowing || to.write(chunk)));
      from.on('close', () => to.destroy());
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `redis://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`,
    swallow: () => void (isSwallowing = true),
    mend: () => void (isSwallowing = false),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
