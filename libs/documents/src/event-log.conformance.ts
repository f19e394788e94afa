import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@tessera/platform/ids.js';
import type { Collection } from './documents.js';
import type { StoreForConformance } from './documents.installation.js';
import type { EventLog } from './event-log.js';
import type { OutgoingEvent } from './outgoing-event.js';

type Account = { owner: string; balance: number };
type LoggingStore = StoreForConformance & { readonly eventLog: EventLog };

const event = (type: string, key: string): OutgoingEvent => ({
  id: newId(),
  type,
  key,
  data: new TextEncoder().encode(key),
  traceparent: undefined,
});

/** What a log does that is committed together with documents. */
export function describeEventLogConformance(name: string, open: () => Promise<LoggingStore>): void {
  describe(`${name}: events of commits`, () => {
    let store: LoggingStore;
    let accounts: Collection<Account>;
    beforeAll(async () => {
      store = await open();
      accounts = store.documents.collection<Account>({ name: 'conformance.accounts', version: 1, indexes: [] });
    });
    afterAll(() => store.close());

    it('logs the events of a commit in their order, as they were given', async () => {
      const after = await store.eventLog.lastOffset();
      const given = [
        event('t.A', 'one'),
        { ...event('t.A', 'two'), traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01' },
      ];
      await store.documents.commit([accounts.insert(newId(), { owner: 'ann', balance: 1 })], given);
      const logged = await store.eventLog.read(['t.A'], after, 10);
      expect(
        logged.map(({ id, type, key, traceparent, data }) => ({ id, type, key, traceparent, data: Buffer.from(data).toString() })),
      ).toEqual(given.map(({ id, type, key, traceparent }) => ({ id, type, key, traceparent, data: key })));
    });

    it('logs nothing of a commit that was refused', async () => {
      const id = newId();
      await store.documents.commit([accounts.insert(id, { owner: 'ann', balance: 1 })]);
      const after = await store.eventLog.lastOffset();
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) =>
          store.documents.commit([accounts.insert(i % 2 === 0 ? id : newId(), { owner: 'ann', balance: 1 })], [event('t.B', String(i))]),
        ),
      );
      expect(results.map(({ status }) => status === 'fulfilled')).toEqual(Array.from({ length: 20 }, (_, i) => i % 2 === 1));
      const keys = (await store.eventLog.read(['t.B'], after, 100)).map(({ key }) => Number(key));
      expect(keys).toEqual(Array.from({ length: 10 }, (_, i) => 2 * i + 1));
    });

    it('numbers events in the order in which commits were asked for', async () => {
      const after = await store.eventLog.lastOffset();
      await Promise.all(Array.from({ length: 200 }, (_, i) => store.documents.commit([], [event('t.C', String(i))])));
      const logged = await store.eventLog.read(['t.C'], after, 1000);
      expect(logged.map(({ key }) => Number(key))).toEqual(Array.from({ length: 200 }, (_, i) => i));
      expect(logged.every(({ offset }, i) => i === 0 || offset > logged[i - 1]!.offset)).toBe(true);
      expect(await store.eventLog.lastOffset()).toBe(logged.at(-1)?.offset);
    });

    it('reads and counts only the types asked for, behind the offset, at most the limit', async () => {
      const after = await store.eventLog.lastOffset();
      await store.documents.commit([], [event('t.D', '1'), event('t.E', '2'), event('t.F', '3'), event('t.D', '4')]);
      expect((await store.eventLog.read(['t.D', 't.F'], after, 2)).map(({ key }) => key)).toEqual(['1', '3']);
      expect((await store.eventLog.read(['t.D', 't.F'], after + 1, 10)).map(({ key }) => key)).toEqual(['3', '4']);
      expect(await store.eventLog.count(['t.D', 't.F'], after)).toBe(3);
    });

    it('calls listeners after events were committed, until they stop', async () => {
      let calls = 0;
      const notified = new Promise<void>((resolve) => {
        const stop = store.eventLog.onAppended(() => {
          calls++;
          stop();
          resolve();
        });
      });
      await store.documents.commit([], [event('t.G', '1')]);
      await notified;
      await store.documents.commit([], [event('t.G', '2')]);
      expect(calls).toBe(1);
    });

    it('forgets old events up to an offset, and never uses an offset again', async () => {
      await store.documents.commit([], [event('t.H', '1'), event('t.H', '2'), event('t.H', '3')]);
      const last = await store.eventLog.lastOffset();
      await store.eventLog.trim(last, 3_600_000);
      expect(await store.eventLog.count(['t.H'], 0)).toBe(3);
      await store.eventLog.trim(last - 1, -1000);
      expect((await store.eventLog.read(['t.H'], 0, 10)).map(({ key }) => key)).toEqual(['3']);
      await store.eventLog.trim(last, -1000);
      await store.documents.commit([], [event('t.H', '4')]);
      expect((await store.eventLog.read(['t.H'], 0, 10)).map(({ offset }) => offset)).toEqual([last + 1]);
    });
  });
}
