import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from '@jest/globals';
import { JobFinishedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { createLogger } from '@tessera/platform/logger.js';
import { describeEventBusConformance } from '../event-bus.conformance.js';
import { collect, finished, publish, type Installation } from '../event-bus.installation.js';
import { openEventBus } from '../open-event-bus.js';

const logger = createLogger('silent', 'events');

async function install(): Promise<Installation> {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-events-'));
  return {
    async instance() {
      const store = await openDocuments({ dataDir });
      const bus = openEventBus({ ...store, logger, retry: { attempts: 3, baseMs: 1, capMs: 4 } });
      const end = async () => {
        await bus.stop();
        await store.close();
      };
      return { documents: store.documents, bus, end, crash: () => store.close() };
    },
    close: () => fs.rm(dataDir, { recursive: true, force: true }),
  };
}

describeEventBusConformance('embedded', install);

describe('embedded: cost', () => {
  it('writes the cursor far less often than it handles events', async () => {
    const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-events-'));
    const store = await openDocuments({ dataDir });
    const bus = openEventBus({ ...store, logger });
    const seen = collect(bus, 'billing');
    await bus.start();
    for (let i = 0; i < 4; i++)
      await publish(store.documents, ...Array.from({ length: 500 }, (_, j) => finished(`key-${j % 10}`, `${i}/${j}`)));
    await bus.drain();
    await bus.stop();
    const fsyncs = store.fsyncs();
    await store.close();
    await fs.rm(dataDir, { recursive: true });
    expect(seen).toHaveLength(2000);
    expect(fsyncs).toBeLessThan(200);
  });
});

describe('embedded: the age of the log', () => {
  async function restart(dataDir: string, groups: readonly string[]): Promise<number> {
    const store = await openDocuments({ dataDir });
    const bus = openEventBus({ ...store, logger });
    for (const group of groups) collect(bus, group);
    await bus.start();
    await bus.drain();
    await bus.stop();
    const left = await store.eventLog.count([JobFinishedSchema.typeName], 0);
    await store.close();
    return left;
  }

  it('forgets what is old only when every group that ever started has handled it', async () => {
    const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-events-'));
    await restart(dataDir, ['slow']);
    const store = await openDocuments({ dataDir });
    await publish(store.documents, finished('ann', 'a'), finished('ann', 'b'));
    await store.close();
    const database = new DatabaseSync(path.join(dataDir, 'tessera.db'));
    database.exec('UPDATE event_log SET occurred_ms=0');
    database.close();
    await restart(dataDir, ['quick']);
    expect(await restart(dataDir, ['quick'])).toBe(2);
    await restart(dataDir, ['quick', 'slow']);
    expect(await restart(dataDir, ['quick', 'slow'])).toBe(0);
    await fs.rm(dataDir, { recursive: true });
  });
});
