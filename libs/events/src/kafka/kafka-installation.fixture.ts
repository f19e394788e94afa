import { openDocuments } from '@tessera/documents/open-documents.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { Installation } from '../event-bus.installation.js';
import { KafkaEventBus } from './kafka-event-bus.js';
import type { KafkaSecurity } from './kafka-security.js';
import { vanishingKafka } from './vanishing-kafka.fixture.js';

/** For specs: processes on one database, whose topics are its own, so that a broker serves many. */
export function kafkaInstallation({
  mongoUrl,
  broker,
  security,
  logger,
}: {
  readonly mongoUrl: string;
  readonly broker: string;
  readonly security?: KafkaSecurity;
  readonly logger: Logger;
}): Installation {
  return {
    async instance() {
      const store = await openDocuments({ profile: 'cluster', mongoUrl, logger });
      const client = vanishingKafka([broker], logger, security);
      const bus = new KafkaEventBus(client.kafka, [broker], store.outbox, store.documents, logger, { attempts: 3, baseMs: 1, capMs: 4 });
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
