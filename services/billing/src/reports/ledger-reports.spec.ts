import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tessera/platform/clock.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';

const startMs = Date.UTC(2026, 0, 31, 9);
const dayMs = 24 * hourMs;
const forever = { fromMs: 0, toMs: 0 };

describe("an account's books", () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling(undefined, new ManualClock(startMs));
    await billing.accounts.open('acme', 'artisan');
    await billing.accounts.configure('acme', 'join-ann', { kind: 'member', memberId: 'ann', capTokens: null });
  });

  afterEach(() => billing.close());

  const run = async (jobId: string, delivered: number, attribution = {}) => {
    await billing.reservations.reserve('acme', jobId, twoPictures, billing.clock.now() + hourMs, attribution);
    await billing.reservations.settle('acme', jobId, delivered);
  };

  /** A month with all that can happen in it. */
  const liveAMonth = async () => {
    billing.clock.advance(dayMs);
    await run('one', 2, { memberId: 'ann', project: 'ads' });
    billing.clock.advance(dayMs);
    await run('two', 1, { project: 'ads' });
    await billing.accounts.topUp('acme', 'order-1', 500);
    billing.clock.advance(dayMs);
    await billing.accounts.reverse('acme', 'close:one');
    await billing.accounts.topUp('acme', 'order-2', 70);
    await billing.accounts.reverse('acme', 'topup:order-2');
    await billing.reservations.reserve('acme', 'open', twoPictures, billing.clock.now() + 2 * dayMs);
    billing.clock.advance(40 * dayMs);
    await billing.dueWork.sweep();
  };

  describe('the position at an instant', () => {
    it('is what the account had then, whatever has happened since', async () => {
      await billing.reservations.reserve('acme', 'job', twoPictures, startMs + hourMs);
      const before = await billing.ledgerReports.positionAt('acme', 0);
      await liveAMonth();
      expect(await billing.ledgerReports.positionAt('acme', startMs)).toEqual(before);
      expect(before).toMatchObject({ plan: 'artisan', balance: 24_992, held: 8, granted: 25_000 });
    });

    it('is nothing before the account was opened', async () => {
      expect(await billing.ledgerReports.positionAt('acme', startMs - 1)).toMatchObject({ lastEntry: 0, granted: 0, buckets: [] });
    });

    it('agrees with the account now', async () => {
      await liveAMonth();
      const [position, account] = [await billing.ledgerReports.positionAt('acme', 0), await billing.accounts.get('acme')];
      expect(position).toMatchObject({ ...account.totals, lastEntry: account.lastEntry, buckets: account.buckets });
    });

    it.each([-1, 0.5, Number.NaN])('is refused for %p', async (atMs) => {
      await expect(billing.ledgerReports.positionAt('acme', atMs)).rejects.toMatchObject({ reason: 'invalid_field' });
    });
  });

  describe('a statement', () => {
    it('adds up to the token, in every period', async () => {
      await liveAMonth();
      for (const [fromDay, toDay] of [
        [0, 0],
        [0, 2],
        [1, 3],
        [2, 50],
        [40, 0],
      ] as const) {
        const period = { fromMs: fromDay === 0 ? 0 : startMs + fromDay * dayMs, toMs: toDay === 0 ? 0 : startMs + toDay * dayMs };
        const { opening, closing, lines } = await billing.ledgerReports.statement('acme', period);
        const all = ({ balance, frozen, held }: typeof opening) => balance + frozen + held;
        expect(all(opening) + lines.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(all(closing));
      }
    });

    it('names what came, went and expired', async () => {
      await liveAMonth();
      const { lines } = await billing.ledgerReports.statement('acme', forever);
      expect(Object.fromEntries(lines.map(({ kind, operations, tokens }) => [kind, [operations, tokens]]))).toEqual({
        allowance: [2, 50_000],
        topup: [2, 570],
        charged: [2, -12],
        refunded: [1, 8],
        reversed: [1, -70],
      });
    });

    it('begins where the one before ended', async () => {
      await liveAMonth();
      const middleMs = startMs + 2 * dayMs;
      const [first, second] = [
        await billing.ledgerReports.statement('acme', { fromMs: 0, toMs: middleMs }),
        await billing.ledgerReports.statement('acme', { fromMs: middleMs, toMs: 0 }),
      ];
      expect(second.opening).toEqual(first.closing);
    });
  });

  describe('the export', () => {
    const rowsOf = async (period = forever) => {
      let csv = '';
      for await (const piece of billing.ledgerReports.csv('acme', period)) csv += piece;
      const [header, ...rows] = csv
        .trimEnd()
        .split('\r\n')
        .map((row) => row.split(','));
      return rows.map((row) => Object.fromEntries((header ?? []).map((name, at) => [name, row[at] ?? ''])));
    };

    it('has a row for each posting, and the rows of an entry sum to zero', async () => {
      await liveAMonth();
      const sums = new Map<string, number>();
      for (const { sequence = '', tokens } of await rowsOf()) sums.set(sequence, (sums.get(sequence) ?? 0) + Number(tokens));
      expect([...sums.keys()].map(Number)).toEqual(
        Array.from({ length: (await billing.store.summary('acme')).lastEntry }, (_, n) => n + 1),
      );
      expect(new Set(sums.values())).toEqual(new Set([0]));
    });

    it('ends with the balance of the account', async () => {
      await liveAMonth();
      expect(Number((await rowsOf()).at(-1)?.['balance_after'])).toBe((await billing.store.summary('acme')).totals.balance);
    });

    it('names job, model, member and project of a hold', async () => {
      await liveAMonth();
      expect((await rowsOf()).find(({ operation_id: id }) => id === 'hold:one')).toMatchObject({
        job_id: 'one',
        model: 'mosaic-3d',
        member: 'ann',
        project: 'ads',
      });
    });

    it('is a header alone when nothing happened', async () => {
      expect(await rowsOf({ fromMs: 1, toMs: 2 })).toEqual([]);
    });

    it('quotes what a spreadsheet would misread', async () => {
      const { csvOf } = await import('./csv.js');
      const [entry] = await billing.documents.entriesAfter('acme', 0, 1);
      if (!entry) throw new Error('The account was opened.');
      expect(csvOf({ ...entry, operationId: 'a "b", c' })).toContain('"a ""b"", c"');
    });
  });

  describe('the usage report', () => {
    const usage = async (by: string, period = forever) =>
      (await billing.usage.by('acme', by, period)).rows.map(({ key, jobs, imagesDelivered, tokens }) => [
        key,
        jobs,
        imagesDelivered,
        tokens,
      ]);

    it('tells who spent what, less what was given back', async () => {
      await liveAMonth();
      expect(await usage('member')).toEqual([
        ['', 1, 1, 4],
        ['ann', 1, 2, 0],
      ]);
      expect(await usage('project')).toEqual([['ads', 2, 3, 4]]);
      expect(await usage('model')).toEqual([['mosaic-3d', 2, 3, 4]]);
      expect(await usage('job')).toEqual([
        ['two', 1, 1, 4],
        ['one', 1, 2, 0],
      ]);
    });

    it('counts a charge in the period in which it was made', async () => {
      await liveAMonth();
      expect(await usage('job', { fromMs: 0, toMs: startMs + 2 * dayMs })).toEqual([['one', 1, 2, 8]]);
    });

    it('adds up to what the account has spent', async () => {
      await liveAMonth();
      expect((await billing.usage.by('acme', 'job', forever)).total.tokens).toBe((await billing.store.summary('acme')).totals.spent);
    });

    it('refuses what it does not know', async () => {
      await expect(usage('constructor')).rejects.toMatchObject({ reason: 'invalid_field', param: 'by' });
      await expect(billing.usage.by('nobody', 'job', forever)).rejects.toMatchObject({ reason: 'unknown_account' });
    });
  });
});
