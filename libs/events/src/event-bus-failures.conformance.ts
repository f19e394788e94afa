import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobFinishedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { newId } from '@tessera/platform/ids.js';
import { collect, finished, publish, signal, type Installation, type Instance } from './event-bus.installation.js';

const attemptsMax = 3;

/** Retries, dead letters and redrive. */
export function describeFailureConformance(name: string, install: () => Promise<Installation>): void {
  describe(`${name}: handlers that fail`, () => {
    let installation: Installation;
    let here: Instance;
    beforeEach(async () => {
      installation = await install();
      here = await installation.instance();
    });
    afterEach(async () => {
      await here.end();
      await installation.close();
    });

    it('tries again until the handler succeeds, before the next event of the key', async () => {
      const attempts: string[] = [];
      const seen = collect(here.bus, 'billing', ({ jobId }, { attempt }) => {
        attempts.push(`${jobId}:${attempt}`);
        if (jobId === 'a' && attempt < attemptsMax) throw new Error('not yet');
      });
      await here.bus.start();
      await publish(here.documents, finished('ann', 'a'), finished('ann', 'b'));
      await here.bus.drain();
      expect(attempts).toEqual(['a:1', 'a:2', 'a:3', 'b:1']);
      expect(seen).toEqual(['a', 'b']);
      expect(await here.bus.deadLetters('billing', 10)).toEqual([]);
    });

    it('sets an event aside after the last attempt and goes on with its key', async () => {
      const seen = collect(here.bus, 'billing', ({ jobId }) => {
        if (jobId === 'poison') throw new Error('cannot be handled');
      });
      await here.bus.start();
      const poison = finished('ann', 'poison');
      await publish(here.documents, poison, finished('ann', 'next'));
      await here.bus.drain();
      expect(seen).toEqual(['next']);
      expect(await here.bus.deadLetters('billing', 10)).toEqual([
        {
          deadLetterId: expect.any(String),
          group: 'billing',
          type: JobFinishedSchema.typeName,
          key: 'ann',
          eventId: poison.id,
          attempts: attemptsMax,
          error: 'cannot be handled',
          failedMs: expect.any(Number),
        },
      ]);
      expect(await here.bus.lag()).toEqual({ billing: 0 });
    });

    it('does not let failing events hold up other keys, however many fail', async () => {
      const others = signal();
      let healthy = 0;
      collect(here.bus, 'billing', async ({ jobId }) => {
        if (jobId !== 'poison') return void (++healthy === 200 && others.resolve());
        // Fails only once all others are through: if they had to wait for it, this would never end.
        await others.promise.then(() => Promise.reject(new Error('poison')));
      });
      await here.bus.start();
      await publish(
        here.documents,
        ...Array.from({ length: 60 }, (_, i) => finished(`poison-${i}`, 'poison')),
        ...Array.from({ length: 200 }, (_, i) => finished(`key-${i % 50}`, String(i))),
      );
      await here.bus.drain();
      expect(healthy).toBe(200);
      expect(await here.bus.deadLetters('billing', 100)).toHaveLength(60);
    });

    it('gives no place to events that wait for their next attempt', async () => {
      const seen = collect(here.bus, 'billing', ({ jobId }) => {
        if (jobId === 'poison') throw new Error('poison');
      });
      await here.bus.start();
      await publish(
        here.documents,
        ...Array.from({ length: 300 }, (_, i) => finished(`poison-${i}`, 'poison')),
        finished('ann', 'healthy'),
      );
      await here.bus.drain();
      expect(seen).toEqual(['healthy']);
      expect(await here.bus.deadLetters('billing', 1000)).toHaveLength(300);
    });

    it('sets a payload that does not decode aside at once', async () => {
      let attempts = 0;
      const seen = collect(here.bus, 'billing', () => void attempts++);
      await here.bus.start();
      await publish(here.documents, { ...finished('ann', 'x'), data: new Uint8Array([0x0a, 0xff, 0x01]) }, finished('ann', 'fine'));
      await here.bus.drain();
      expect({ attempts, seen }).toEqual({ attempts: 1, seen: ['fine'] });
      expect(await here.bus.deadLetters('billing', 10)).toMatchObject([{ attempts: 1, key: 'ann' }]);
    });

    it('keeps dead letters by group', async () => {
      collect(here.bus, 'billing', () => Promise.reject(new Error('no')));
      const gateway = collect(here.bus, 'gateway');
      await here.bus.start();
      await publish(here.documents, finished('ann', 'a'));
      await here.bus.drain();
      expect(gateway).toEqual(['a']);
      expect(await here.bus.deadLetters('billing', 10)).toHaveLength(1);
      expect(await here.bus.deadLetters('gateway', 10)).toEqual([]);
      expect(await here.bus.deadLetters(undefined, 10)).toMatchObject([{ group: 'billing' }]);
    });

    it('redrives a dead letter, which leaves the list when its handler succeeds', async () => {
      let isRepaired = false;
      const seen = collect(here.bus, 'billing', () => {
        if (!isRepaired) throw new Error('broken');
      });
      await here.bus.start();
      await publish(here.documents, finished('ann', 'a'));
      await here.bus.drain();
      const [deadLetter] = await here.bus.deadLetters('billing', 1);
      await expect(here.bus.redrive(deadLetter!.deadLetterId)).rejects.toMatchObject({
        kind: 'FailedPrecondition',
        reason: 'redrive_failed',
      });
      expect(await here.bus.deadLetters('billing', 1)).toMatchObject([
        { deadLetterId: deadLetter!.deadLetterId, attempts: attemptsMax + 1 },
      ]);
      isRepaired = true;
      await here.bus.redrive(deadLetter!.deadLetterId);
      expect(seen).toEqual(['a']);
      expect(await here.bus.deadLetters('billing', 1)).toEqual([]);
    });

    it('redrives after a restart, with the whole event', async () => {
      collect(here.bus, 'billing', () => Promise.reject(new Error('broken')));
      await here.bus.start();
      await publish(here.documents, finished('ann', 'a'));
      await here.bus.drain();
      await here.end();
      here = await installation.instance();
      const keys: string[] = [];
      const seen = collect(here.bus, 'billing', (_, { key }) => void keys.push(key));
      await here.bus.start();
      const [deadLetter] = await here.bus.deadLetters('billing', 1);
      await here.bus.redrive(deadLetter!.deadLetterId);
      expect({ seen, keys }).toEqual({ seen: ['a'], keys: ['ann'] });
    });

    it('knows nothing of other dead letters', async () => {
      await here.bus.start();
      await expect(here.bus.redrive(newId())).rejects.toMatchObject({ kind: 'NotFound', reason: 'unknown_dead_letter' });
    });
  });
}
