import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { AccountDocuments } from './account.documents.js';
import { AccountStore } from './account.store.js';
import { audited, openBilling, type TestBilling } from '../../billing.fixture.js';
import type { Command } from '../commands.js';
import { opening, releasing, reserving, settling, startMs, toppingUp } from '../ledger.fixture.js';

const fast = { bucket: 'fast', tokens: 1_000 } as const;
const refused = (reason: string) => expect.objectContaining({ reason });

describe('the account store', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling();
    await billing.store.apply('acme', opening(fast));
  });

  afterEach(() => billing.close());

  const reasonsOf = (outcomes: PromiseSettledResult<unknown>[]) =>
    outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [(outcome.reason as { reason: string }).reason] : []));

  it('takes no token twice when 64 reservations meet', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 64 }, (_, n) => billing.store.apply('acme', reserving(`job-${n}`, 20))));
    expect(reasonsOf(outcomes)).toEqual(Array.from({ length: 14 }, () => 'insufficient_tokens'));
    expect((await billing.store.summary('acme')).totals).toEqual({ granted: 1_000, balance: 0, held: 1_000, spent: 0, expired: 0 });
    expect((await audited(billing.audit)).findings).toEqual([]);
  });

  it('folds commands that arrive together into few commits', async () => {
    const before = billing.installation.fsyncs();
    await Promise.all(Array.from({ length: 200 }, (_, n) => billing.store.apply('acme', reserving(`job-${n}`, 1))));
    expect(billing.installation.fsyncs() - before).toBeLessThanOrEqual(4);
  });

  it('keeps the order in which the commands of an account arrived', async () => {
    const commands = [reserving('a', 1), settling('a', 1), reserving('b', 1), releasing('b'), toppingUp('order', 5), reserving('c', 1)];
    const entries = await Promise.all(commands.map((command) => billing.store.apply('acme', command)));
    expect(entries.map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it('gives one answer to a command that is delivered ten times at once', async () => {
    const entries = await Promise.all(Array.from({ length: 10 }, () => billing.store.apply('acme', reserving('job', 8))));
    expect(new Set(entries.map(({ sequence }) => sequence))).toEqual(new Set([2]));
    expect((await billing.store.summary('acme')).totals.held).toBe(8);
  });

  it.each<[string, Command]>([
    ['reservation', reserving('job', 8)],
    ['settlement', settling('job', 6, { units: 3 })],
    ['top-up', toppingUp('order', 5)],
    ['opening', opening(fast)],
  ])('answers a repeated %s with its first entry after a restart', async (_, command) => {
    const entries = [];
    for (const each of [reserving('job', 8), settling('job', 6, { units: 3 }), toppingUp('order', 5)])
      entries.push(await billing.store.apply('acme', each));
    billing = await billing.reopened();
    const again = await billing.store.apply('acme', command);
    expect((await billing.documents.entriesAfter('acme', 0)).at(again.sequence - 1)).toEqual(again);
    expect((await billing.store.summary('acme')).lastEntry).toBe(4);
  });

  it('lets a repeat from before a restart not spoil the commands that share its commit', async () => {
    await billing.store.apply('acme', toppingUp('order', 5));
    billing = await billing.reopened();
    const entries = await Promise.all([
      billing.store.apply('acme', reserving('a', 1)),
      billing.store.apply('acme', toppingUp('order', 5)),
      billing.store.apply('acme', reserving('b', 1)),
    ]);
    expect(entries.map(({ operationId }) => operationId)).toEqual(['hold:a', 'topup:order', 'hold:b']);
    expect((await billing.store.summary('acme')).totals).toEqual({ granted: 1_005, balance: 1_003, held: 2, spent: 0, expired: 0 });
  });

  it('refuses a reused operation id after a restart', async () => {
    await billing.store.apply('acme', toppingUp('order', 5));
    billing = await billing.reopened();
    await expect(billing.store.apply('acme', toppingUp('order', 6))).rejects.toEqual(refused('operation_id_reused'));
  });

  it('settles a hold that was taken before a restart', async () => {
    await billing.store.apply('acme', reserving('job', 8));
    billing = await billing.reopened();
    await billing.store.apply('acme', settling('job', 6));
    expect((await billing.store.summary('acme')).totals).toEqual({ granted: 1_000, balance: 994, held: 0, spent: 6, expired: 0 });
    expect(await billing.documents.nearestDueMs()).toBeUndefined();
  });

  it('keeps a late reservation out after a restart', async () => {
    await billing.store.apply('acme', releasing('job'));
    billing = await billing.reopened();
    await expect(billing.store.apply('acme', reserving('job', 8))).rejects.toEqual(refused('job_closed'));
  });

  it('refuses commands for an account that does not exist, and does not make it', async () => {
    await expect(billing.store.apply('nobody', toppingUp('order', 5))).rejects.toEqual(refused('unknown_account'));
    await expect(billing.store.summary('nobody')).rejects.toEqual(refused('unknown_account'));
  });

  it('does not touch a hold of another account', async () => {
    await billing.store.apply('other', opening(fast));
    await billing.store.apply('acme', reserving('job', 8));
    await expect(billing.store.apply('other', settling('job', 8))).rejects.toEqual(refused('unknown_hold'));
    expect((await billing.store.summary('acme')).totals.held).toBe(8);
  });

  it('turns commands away when too many wait, and carries out all that it took', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 4_500 }, (_, n) => billing.store.apply('acme', releasing(`job-${n}`))));
    const reasons = reasonsOf(outcomes);
    expect(new Set(reasons)).toEqual(new Set(['account_busy']));
    expect((await billing.store.summary('acme')).lastEntry).toBe(1 + 4_500 - reasons.length);
  });

  it('lets expired lots expire before the next command, in the same commit', async () => {
    await billing.store.apply('daily', opening({ bucket: 'daily', tokens: 150, expiresMs: startMs + 1_000 }, fast));
    await billing.store.apply('daily', reserving('job', 10, { nowMs: startMs + 1_000 }));
    expect((await billing.documents.entriesAfter('daily', 0)).map(({ kind }) => kind)).toEqual(['grant', 'expire', 'hold']);
  });

  it('ends in the same state whatever other accounts do in between', async () => {
    const commands = [reserving('a', 10), settling('a', 7), toppingUp('order', 50), reserving('b', 900), releasing('b'), reserving('c', 3)];
    const accountIds = ['north', 'south', 'east'];
    await Promise.all(accountIds.map((id) => billing.store.apply(id, opening(fast))));
    await Promise.all(commands.flatMap((command) => accountIds.map((id) => billing.store.apply(id, command))));
    const alone = await openBilling();
    for (const command of [opening(fast), ...commands]) await alone.store.apply('south', command);
    expect(await billing.documents.image('south')).toEqual(await alone.documents.image('south'));
    await alone.close();
  });

  it('agrees with a second store on the same documents: no token is lost, made or taken twice', async () => {
    const elsewhere = await openDocuments({ dataDir: billing.dataDir });
    const second = new AccountStore(new AccountDocuments(elsewhere.documents));
    const pairs = Array.from({ length: 40 }, (_, n) => n);
    const [here, there] = [billing.store, second];
    for (const n of pairs) {
      await Promise.all([
        here.apply('acme', reserving(`job-${n}`, 3)),
        there.apply('acme', reserving(`job-${n}`, 3)),
        there.apply('acme', toppingUp(`order-${n}`, 1)),
      ]);
      await Promise.all([here.apply('acme', settling(`job-${n}`, 2)), there.apply('acme', settling(`job-${n}`, 2))]);
    }
    await elsewhere.close();
    billing = await billing.reopened();
    expect((await billing.store.summary('acme')).totals).toEqual({ granted: 1_040, balance: 960, held: 0, spent: 80, expired: 0 });
    expect((await audited(billing.audit)).findings).toEqual([]);
  });

  it('fails the commands of a commit that the store refused, and goes on from what is stored', async () => {
    await billing.store.apply('acme', reserving('job', 8));
    await billing.installation.close();
    await expect(billing.store.apply('acme', settling('job', 8))).rejects.toBeDefined();
    billing = await openBilling(billing.dataDir);
    expect((await billing.store.summary('acme')).totals.held).toBe(8);
  });
});
