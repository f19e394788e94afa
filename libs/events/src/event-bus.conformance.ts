import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobDeletedSchema, JobFinishedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { currentTraceparent, newTraceparent, withTraceparent } from '@tessera/platform/trace.js';
import type { EventEnvelope } from './event-bus.js';
import { describeFailureConformance } from './event-bus-failures.conformance.js';
import { collect, finished, publish, signal, type Installation, type Instance } from './event-bus.installation.js';

/** What every adapter of the port does. */
export function describeEventBusConformance(name: string, install: () => Promise<Installation>): void {
  describe(`${name}: delivery`, () => {
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

    it('delivers an event with its payload and its envelope', async () => {
      const got: { jobId: string; envelope: EventEnvelope }[] = [];
      here.bus.subscribe(JobFinishedSchema, 'billing', async ({ jobId }, envelope) => void got.push({ jobId, envelope }));
      await here.bus.start();
      const event = finished('ann', 'job-1');
      await publish(here.documents, event);
      await here.bus.drain();
      expect(got).toEqual([
        {
          jobId: 'job-1',
          envelope: {
            id: event.id,
            type: JobFinishedSchema.typeName,
            key: 'ann',
            occurredMs: expect.any(Number),
            traceparent: undefined,
            attempt: 1,
          },
        },
      ]);
    });

    it('continues the trace of the commit in the handler', async () => {
      const traceparent = newTraceparent();
      const seen: (string | undefined)[] = [];
      collect(here.bus, 'billing', () => void seen.push(currentTraceparent()));
      await here.bus.start();
      await publish(
        here.documents,
        withTraceparent(traceparent, () => finished('ann', 'job-1')),
        finished('ann', 'job-2'),
      );
      await here.bus.drain();
      expect(seen).toEqual([traceparent, undefined]);
    });

    it('delivers the events of a key one after the other in their order', async () => {
      const running = new Map<string, number>();
      const seen = new Map<string, string[]>();
      let overlaps = 0;
      here.bus.subscribe(JobFinishedSchema, 'billing', async ({ jobId }, { key }) => {
        if ((running.get(key) ?? 0) > 0) overlaps++;
        running.set(key, 1);
        await new Promise(setImmediate);
        running.set(key, 0);
        seen.set(key, [...(seen.get(key) ?? []), jobId]);
      });
      await here.bus.start();
      const ids = Array.from({ length: 300 }, (_, i) => String(i));
      await Promise.all(ids.map((id) => publish(here.documents, finished(`key-${Number(id) % 7}`, id))));
      await here.bus.drain();
      expect(overlaps).toBe(0);
      expect(Object.fromEntries(seen)).toEqual(
        Object.fromEntries(Array.from({ length: 7 }, (_, k) => [`key-${k}`, ids.filter((id) => Number(id) % 7 === k)])),
      );
    });

    it('handles different keys side by side', async () => {
      const together = signal();
      let inside = 0;
      const seen = collect(here.bus, 'billing', async () => {
        if (++inside === 8) together.resolve();
        await together.promise;
      });
      await here.bus.start();
      await publish(here.documents, ...Array.from({ length: 8 }, (_, i) => finished(`key-${i}`, String(i))));
      await here.bus.drain();
      expect(seen).toHaveLength(8);
    });

    it('delivers to a group only what it subscribes to, and to each group on its own', async () => {
      const deleted: string[] = [];
      here.bus.subscribe(JobDeletedSchema, 'storage', async ({ jobId }) => void deleted.push(jobId));
      const billing = collect(here.bus, 'billing');
      const gateway = collect(here.bus, 'gateway');
      await here.bus.start();
      await publish(here.documents, finished('ann', 'a'), outgoingEvent(JobDeletedSchema, 'ann', { jobId: 'b' }), finished('ann', 'c'));
      await here.bus.drain();
      expect({ deleted, billing, gateway }).toEqual({ deleted: ['b'], billing: ['a', 'c'], gateway: ['a', 'c'] });
    });

    it('does not let a slow group hold up another one', async () => {
      const gate = signal();
      collect(here.bus, 'slow', () => gate.promise);
      const quick: string[] = [];
      const quickDone = signal();
      here.bus.subscribe(JobFinishedSchema, 'quick', async ({ jobId }) => {
        if (quick.push(jobId) === 3000) quickDone.resolve();
      });
      await here.bus.start();
      for (let i = 0; i < 6; i++)
        await publish(here.documents, ...Array.from({ length: 500 }, (_, j) => finished(`key-${j}`, `${i}/${j}`)));
      await quickDone.promise;
      expect((await here.bus.lag())['slow']).toBe(3000);
      gate.resolve();
      await here.bus.drain();
      expect(await here.bus.lag()).toEqual({ slow: 0, quick: 0 });
    });

    it('shows a group that starts late everything from the beginning', async () => {
      collect(here.bus, 'billing');
      await here.bus.start();
      await publish(here.documents, finished('ann', 'a'), finished('ann', 'b'));
      await here.bus.drain();
      await here.end();
      here = await installation.instance();
      const billing = collect(here.bus, 'billing');
      const late = collect(here.bus, 'late');
      await here.bus.start();
      await here.bus.drain();
      expect({ billing, late }).toEqual({ billing: [], late: ['a', 'b'] });
    });

    it('goes on after a restart where it stopped', async () => {
      collect(here.bus, 'billing');
      await here.bus.start();
      await publish(here.documents, finished('ann', 'a'));
      await here.bus.drain();
      await here.end();
      const between = await installation.instance();
      await publish(between.documents, finished('ann', 'b'));
      await between.end();
      here = await installation.instance();
      const seen = collect(here.bus, 'billing');
      expect(await here.bus.lag()).toEqual({ billing: 1 });
      await here.bus.start();
      await here.bus.drain();
      expect(seen).toEqual(['b']);
    });

    it('delivers again what was handled but not yet noted when the process died, and never skips', async () => {
      const half = signal();
      const before: string[] = [];
      here.bus.subscribe(JobFinishedSchema, 'billing', async ({ jobId }) => {
        if (before.length === 100) {
          half.resolve();
          await new Promise(() => undefined);
        }
        before.push(jobId);
      });
      await here.bus.start();
      const ids = Array.from({ length: 200 }, (_, i) => String(i));
      await publish(here.documents, ...ids.map((id) => finished(`key-${Number(id) % 20}`, id)));
      await half.promise;
      await here.crash();
      here = await installation.instance();
      const after = collect(here.bus, 'billing');
      await here.bus.start();
      await here.bus.drain();
      expect([...new Set([...before, ...after])].sort()).toEqual([...ids].sort());
    });

    it('is notified at once of events that another process commits', async () => {
      const received = signal();
      collect(here.bus, 'billing', () => received.resolve());
      await here.bus.start();
      const other = await installation.instance();
      await publish(other.documents, finished('ann', 'from afar'));
      await received.promise;
      await other.end();
    });

    it('refuses a second handler of an event in one group, and subscriptions after the start', async () => {
      collect(here.bus, 'billing');
      expect(() => collect(here.bus, 'billing')).toThrow(expect.objectContaining({ reason: 'subscribed_twice' }));
      await here.bus.start();
      expect(() => collect(here.bus, 'late')).toThrow(expect.objectContaining({ reason: 'subscribed_too_late' }));
    });

    it('waits on stop for the handlers in hand, and starts no other', async () => {
      const entered = signal();
      const gate = signal();
      const seen = collect(here.bus, 'billing', async () => {
        entered.resolve();
        await gate.promise;
      });
      await here.bus.start();
      await publish(here.documents, finished('ann', 'a'), finished('ann', 'b'));
      await entered.promise;
      const stopped = here.bus.stop();
      gate.resolve();
      await stopped;
      expect(seen).toEqual(['a']);
      await expect(here.bus.drain()).rejects.toMatchObject({ reason: 'bus_stopped' });
    });
  });
  describeFailureConformance(name, install);
}
