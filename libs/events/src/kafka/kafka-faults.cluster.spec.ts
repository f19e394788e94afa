import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobFinishedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { freshDatabase } from '@tessera/documents/mongo/fresh-database.fixture.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { createLogger } from '@tessera/platform/logger.js';
import { startKafka } from '@tessera/servers/kafka.js';
import { startMongo } from '@tessera/servers/mongo.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import kafkajs from 'kafkajs';
import type { EventBus } from '../event-bus.js';
import { finished, publish, signal } from '../event-bus.installation.js';
import { openEventBus } from '../open-event-bus.js';

const logger = createLogger('silent', 'events');
let mongo: RunningServer;
let kafka: RunningServer;
beforeAll(async () => {
  [mongo, kafka] = await Promise.all([startMongo(), startKafka()]);
}, 300_000);
afterAll(() => Promise.all([mongo.stop(), kafka.stop()]));

/** A process of an installation: its store and its bus. */
async function member(mongoUrl: string, prepare: (bus: EventBus) => void) {
  const store = await openDocuments({ profile: 'cluster', mongoUrl, logger });
  const bus = await openEventBus({ ...store, kafkaBrokers: [kafka.url], logger, retry: { attempts: 3, baseMs: 1, capMs: 4 } });
  prepare(bus);
  await bus.start();
  const end = async () => {
    await bus.stop();
    await store.close();
  };
  return { ...store, bus, end };
}

/** Notes what is handled: how often, and whether the first times are in the order of each key. */
function notes() {
  const times = new Map<string, number>();
  const order = new Map<string, string[]>();
  let awaited = { count: Number.POSITIVE_INFINITY, resolve: () => undefined as void };
  const subscribe = (bus: EventBus) =>
    bus.subscribe(JobFinishedSchema, 'billing', async ({ jobId }, { key }) => {
      await new Promise(setImmediate);
      if (!times.has(jobId)) order.set(key, [...(order.get(key) ?? []), jobId]);
      times.set(jobId, (times.get(jobId) ?? 0) + 1);
      if (times.size >= awaited.count) awaited.resolve();
    });
  const reaching = async (count: number) => {
    const reached = signal();
    awaited = { count, resolve: reached.resolve };
    if (times.size < count) await reached.promise;
  };
  return { times, order, subscribe, reaching };
}

const load = (from: number, count: number) => Array.from({ length: count }, (_, i) => finished(`key-${(from + i) % 40}`, String(from + i)));
const orderOf = (count: number) =>
  new Map(
    Array.from({ length: 40 }, (_, key) => [
      `key-${key}`,
      Array.from({ length: count }, (_, i) => String(i)).filter((id) => Number(id) % 40 === key),
    ]),
  );

describe('Kafka: bad days', () => {
  it('skips nothing while three members join and leave under load', async () => {
    const mongoUrl = freshDatabase(mongo.url);
    const { times, order, subscribe, reaching } = notes();
    const first = await member(mongoUrl, subscribe);
    let sent = 0;
    const over = new AbortController();
    const writer = (async () => {
      for (; !over.signal.aborted; sent += 100) await publish(first.documents, ...load(sent, 100));
    })();
    await reaching(500);
    const second = await member(mongoUrl, subscribe);
    await reaching(times.size + 500);
    const third = await member(mongoUrl, subscribe);
    await reaching(times.size + 500);
    await second.end();
    await reaching(times.size + 500);
    await third.end();
    over.abort();
    await writer;
    await first.bus.drain();
    expect(times.size).toBe(sent);
    expect(order).toEqual(orderOf(sent));
    expect(await first.bus.lag()).toEqual({ billing: 0 });
    await first.end();
  });

  it('goes on by itself when the broker was killed and comes back', async () => {
    const { times, order, subscribe, reaching } = notes();
    const only = await member(freshDatabase(mongo.url), subscribe);
    await publish(only.documents, ...load(0, 400));
    await reaching(100);
    await kafka.kill();
    for (let i = 400; i < 2000; i += 400) await publish(only.documents, ...load(i, 400));
    await kafka.restart();
    await reaching(2000);
    await only.bus.drain();
    expect(order).toEqual(orderOf(2000));
    expect(times.size).toBe(2000);
    await only.end();
  });

  it('refuses to start without a broker, and on a topic that forgets events', async () => {
    const mongoUrl = freshDatabase(mongo.url);
    const store = await openDocuments({ profile: 'cluster', mongoUrl, logger });
    const nobody = await openEventBus({ ...store, kafkaBrokers: ['127.0.0.1:1'], logger });
    await expect(nobody.start()).rejects.toMatchObject({
      kind: 'Unavailable',
      reason: 'broker_unavailable',
      message: expect.stringContaining('127.0.0.1:1'),
    });
    await nobody.stop();
    const admin = new kafkajs.Kafka({ brokers: [kafka.url], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic: `${store.outbox.installation}.${JobFinishedSchema.typeName}`,
          configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
        },
      ],
    });
    await admin.disconnect();
    const bus = await openEventBus({ ...store, kafkaBrokers: [kafka.url], logger });
    bus.subscribe(JobFinishedSchema, 'billing', async () => undefined);
    await expect(bus.start()).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'topic_unsuitable' });
    await bus.stop();
    await store.close();
  });
});
