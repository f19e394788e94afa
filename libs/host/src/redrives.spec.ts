import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { JobDeletedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { RedriveAskedSchema } from '@tessera/contracts/tessera/operations/v1/events_pb.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { openEventBus } from '@tessera/events/open-event-bus.js';
import { createLogger } from '@tessera/platform/logger.js';
import { redriveWhenAsked } from './redrives.js';

describe('redriving when asked', () => {
  it('runs the handler of the dead letter again, and keeps a dead letter that fails again', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'redrives-'));
    const logger = createLogger('silent', 'test');
    const store = await openDocuments({ dataDir, logger });
    const { documents } = store;
    const bus = openEventBus({ eventLog: store.eventLog, documents, logger, retry: { attempts: 1, baseMs: 1, capMs: 1 } });
    const handled: string[] = [];
    let isBroken = true;
    bus.subscribe(JobDeletedSchema, 'storage', async ({ jobId }) => {
      if (isBroken || jobId === 'hopeless') throw new Error('broken');
      handled.push(jobId);
    });
    redriveWhenAsked(bus, 'billing+storage', logger);
    await bus.start();
    for (const jobId of ['mended', 'hopeless']) await documents.commit([], [outgoingEvent(JobDeletedSchema, jobId, { jobId })]);
    await bus.drain();
    const deadLetters = await bus.deadLetters(undefined, 10);
    expect(deadLetters).toHaveLength(2);
    isBroken = false;
    for (const { deadLetterId } of deadLetters)
      await documents.commit([], [outgoingEvent(RedriveAskedSchema, deadLetterId, { deadLetterId })]);
    await bus.drain();
    expect(handled).toEqual(['mended']);
    expect(await bus.deadLetters('storage', 10)).toMatchObject([{ key: 'hopeless' }]);
    await bus.stop();
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  });
});
