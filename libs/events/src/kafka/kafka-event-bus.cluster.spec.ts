import { afterAll, beforeAll } from '@jest/globals';
import { freshDatabase } from '@tessera/documents/mongo/fresh-database.fixture.js';
import { createLogger } from '@tessera/platform/logger.js';
import { startKafka } from '@tessera/servers/kafka.js';
import { startMongo } from '@tessera/servers/mongo.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { describeEventBusConformance } from '../event-bus.conformance.js';
import { kafkaInstallation } from './kafka-installation.fixture.js';

const logger = createLogger((process.env['LOG'] ?? 'silent') as 'silent', 'events');
let mongo: RunningServer;
let kafka: RunningServer;
beforeAll(async () => {
  [mongo, kafka] = await Promise.all([startMongo(), startKafka()]);
}, 300_000);
afterAll(() => Promise.all([mongo.stop(), kafka.stop()]));

describeEventBusConformance('Kafka', async () => kafkaInstallation({ mongoUrl: freshDatabase(mongo.url), broker: kafka.url, logger }));
