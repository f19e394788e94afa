import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tessera/platform/clock.js';
import { createLogger } from '@tessera/platform/logger.js';
import { AccountDocuments } from '../ledger/store/account.documents.js';
import { AccountStore } from '../ledger/store/account.store.js';
import { audited, openBilling, type TestBilling } from '../billing.fixture.js';
import { DueWork } from './due-work.js';

const dayMs = 86_400_000;
const worker = fileURLToPath(new URL('./due-crash-worker.fixture.js', import.meta.url));

/** A second scheduler on the same store, as another process would run it. */
function anotherScheduler({ installation, bus, clock }: TestBilling): DueWork {
  const documents = new AccountDocuments(installation.documents);
  return new DueWork(documents, new AccountStore(documents), bus, clock, createLogger('silent', 'billing'));
}

async function kinds({ documents }: TestBilling, accountId: string): Promise<string[]> {
  return (await documents.entriesAfter(accountId, 0)).map(({ kind }) => kind);
}

const accountIds = (count: number) => Array.from({ length: count }, (_, n) => `account-${n}`);

describe('renewals', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling(undefined, new ManualClock(Date.UTC(2026, 0, 31, 9)));
  });

  afterEach(() => billing.close());

  it('happen at the anniversary of each account and not before', async () => {
    await billing.accounts.open('acme', 'artisan');
    billing.clock.advance(28 * dayMs - 1);
    expect((await billing.dueWork.sweep()).accounts).toBe(0);
    billing.clock.advance(1);
    expect((await billing.dueWork.sweep()).accounts).toBe(1);
    expect((await billing.store.summary('acme')).buckets).toEqual([
      { bucket: 'fast', balanceTokens: 25_000, isFrozen: false },
      { bucket: 'rollover', balanceTokens: 25_000, isFrozen: false },
    ]);
  });

  it('are made up for after a stop across two month ends, each at its own date', async () => {
    await billing.accounts.open('acme', 'artisan');
    billing = await billing.reopened();
    billing.clock.advance(70 * dayMs);
    await billing.dueWork.sweep();
    const due = (await billing.documents.entriesAfter('acme', 0)).flatMap((entry) =>
      entry.kind === 'renewal' ? [new Date(entry.dueMs).toISOString()] : [],
    );
    expect(due).toEqual(['2026-02-28T09:00:00.000Z', '2026-03-31T09:00:00.000Z']);
  });

  it('reset the free plan once after a week of downtime', async () => {
    await billing.accounts.open('acme', 'free');
    billing = await billing.reopened();
    billing.clock.advance(7 * dayMs);
    await billing.dueWork.sweep();
    expect(await kinds(billing, 'acme')).toEqual(['grant', 'expire', 'renewal']);
    expect((await billing.store.summary('acme')).totals.balance).toBe(150);
  });

  it('happen once under two schedulers', async () => {
    const second = anotherScheduler(billing);
    for (const accountId of accountIds(20)) await billing.accounts.open(accountId, 'artisan');
    billing.clock.advance(70 * dayMs);
    await Promise.all([billing.dueWork.sweep(), second.sweep(), billing.dueWork.sweep(), second.sweep()]);
    for (const accountId of accountIds(20)) expect(await kinds(billing, accountId)).toEqual(['grant', 'renewal', 'renewal']);
    expect((await audited(billing.audit)).findings).toEqual([]);
  });

  it('come before the command that finds them due', async () => {
    await billing.accounts.open('acme', 'artisan');
    billing.clock.advance(28 * dayMs);
    await billing.accounts.topUp('acme', 'order-1', 100);
    expect(await kinds(billing, 'acme')).toEqual(['grant', 'renewal', 'topup']);
  });

  it('show in an account that is only looked at', async () => {
    await billing.accounts.open('acme', 'artisan');
    billing.clock.advance(28 * dayMs);
    expect((await billing.accounts.get('acme')).totals.balance).toBe(50_000);
  });

  it('wake the timer by themselves', async () => {
    await billing.accounts.open('acme', 'artisan');
    const renewed = new Promise<void>((resolve) => {
      billing.store.onEntry(({ kind }) => kind === 'renewal' && resolve());
    });
    billing.clock.advance(28 * dayMs);
    await billing.bus.start();
    await billing.dueWork.onModuleInit();
    await renewed;
    expect(await kinds(billing, 'acme')).toEqual(['grant', 'renewal']);
  });

  it('do not wait for a broken account', async () => {
    for (const accountId of accountIds(3)) await billing.accounts.open(accountId, 'artisan');
    const accounts = billing.installation.documents.collection<object>({ name: 'billing.accounts', version: 1, indexes: [] });
    const stored = await accounts.get('account-1');
    if (!stored) throw new Error('The account was opened.');
    await billing.installation.documents.commit([accounts.replace(stored, { ...stored.value, lots: null })]);
    billing = await billing.reopened();
    billing.clock.advance(28 * dayMs);
    await expect(billing.dueWork.sweep()).rejects.toThrow();
    expect([await kinds(billing, 'account-0'), await kinds(billing, 'account-2')]).toEqual([
      ['grant', 'renewal'],
      ['grant', 'renewal'],
    ]);
  });

  it('happen once although the process is killed in the midst of them, twice', async () => {
    const ids = accountIds(600);
    await Promise.all(ids.map((accountId) => billing.accounts.open(accountId, 'artisan')));
    const { dataDir, clock } = billing;
    billing.clock.advance(70 * dayMs);
    await billing.stop();
    for (const entries of [1, 250]) await killedAfter(entries, dataDir, clock.now());
    billing = await openBilling(dataDir, clock);
    await billing.dueWork.sweep();
    for (const accountId of ids) expect(await kinds(billing, accountId)).toEqual(['grant', 'renewal', 'renewal']);
    expect((await audited(billing.audit)).findings).toEqual([]);
  });
});

/** Sweeps in a process of its own and kills it after so many entries, unless it was faster. */
async function killedAfter(entries: number, dataDir: string, nowMs: number): Promise<void> {
  const child = spawn(process.execPath, [worker, dataDir, String(nowMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let seen = 0;
  for await (const _ of readline.createInterface({ input: child.stdout })) if (++seen === entries) child.kill('SIGKILL');
  await closed;
}
