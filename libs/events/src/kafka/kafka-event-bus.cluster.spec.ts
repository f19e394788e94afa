import { afterAll, beforeAll } from '@jest/globals';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { freshDatabase } from '@tessera/documents/mongo/fresh-database.fixture.js';
import { createLogger } from '@tessera/platform/logger.js';
import { startKafka } from '@tessera/servers/kafka.js';
import { startMongo } from '@tessera/servers/mongo.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { describeEventBusConformance } from '../event-bus.conformance.js';
import type { Installation } from '../event-bus.installation.js';
import { vanishingKafka } from './vanishing-kafka.fixture.js';
import { KafkaEventBus } from './kafka-event-bus.js';

const logger = createLogger((process.env['LOG'] ?? 'silent') as 'silent', 'events');
let mongo: RunningServer;
let kafka: RunningServer;
beforeAll(async () => {
  [mongo, kafka] = await Promise.all([startMongo(), startKafka()]);
}, 300_000);
afterAll(() => Promise.all([mongo.stop(), kafka.stop()]));

async function install(): Promise<Installation> {
  const mongoUrl = freshDatabase(mongo.url);
  return {
    async instance() {
      const store = await openDocuments({ profile: 'cluster', mongoUrl, logger });
      const client = vanishingKafka([kafka.url], logger);
      const bus = new KafkaEventBus(client.kafka, [kafka.url], store.outbox, store.documents, logger, { attempts: 3, baseMs: 1, capMs: 4 });
      const end = async () => {
        await bus.stop();
        await store.close();
      };
      const crash = async () => {
        await client.vanish();
        await store.close();
      };
      return { documents: store.documents, bus, end, crash };
    },
    close: () => Promise.resolve(),
  };
}

describeEventBusConformance('Kafka', install);
