import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { genesisHash, type Entry } from '../ledger/account.js';
import { audited, hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';
import { entryHash } from '../ledger/hash.js';

/** What somebody could do who reaches the store past the ledger. */
type Forgery = {
  readonly collection: 'billing.accounts' | 'billing.entries' | 'billing.holds';
  readonly id: string;
  readonly change: (value: Record<string, unknown>) => Record<string, unknown> | undefined;
};

const posting = (index: number, tokens: number) => (value: Record<string, unknown>) => ({
  ...value,
  postings: (value['postings'] as Entry['postings']).map((each, n) => (n === index ? { ...each, tokens } : each)),
});

describe('the audit', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling();
    const { accounts, reservations, clock } = billing;
    await accounts.open('acme', 'owner');
    await accounts.topUp('acme', 'order', 500);
    await reservations.reserve('acme', 'done', twoPictures, clock.now() + hourMs);
    await reservations.settle('acme', 'done', 1);
    await reservations.reserve('acme', 'open', twoPictures, clock.now() + hourMs);
    await accounts.open('beta', 'free');
  });

  afterEach(() => billing.close());

  async function forge({ collection, id, change }: Forgery): Promise<void> {
    const { documents } = billing.installation;
    const raw = documents.collection<Record<string, unknown>>({ name: collection, version: 1, indexes: [] });
    const stored = await raw.get(id);
    if (!stored) throw new Error(`There is no ${id} to forge.`);
    const forged = change(stored.value);
    await documents.commit([forged ? raw.replace(stored, forged) : raw.remove(stored)]);
  }

  it('finds nothing in accounts that only the ledger wrote, and adds them up', async () => {
    const { findings, summary } = await audited(billing.audit);
    expect(findings).toEqual([]);
    expect(summary).toEqual({
      accounts: 2,
      entries: 6,
      openHolds: 1,
      findings: 0,
      granted: 1_000_650,
      balance: 1_000_638,
      held: 8,
      spent: 4,
      expired: 0,
      creditWallets: 0,
      credits: { granted: 0, balance: 0, held: 0, spent: 0, expired: 0 },
    });
  });

  it.each<[string, Forgery, number, string]>([
    ['an amount in an entry', { collection: 'billing.entries', id: 'acme:topup:order', change: posting(1, 5_000) }, 2, 'hash_chain'],
    [
      'the charge of a bill',
      { collection: 'billing.entries', id: 'acme:close:done', change: (value) => ({ ...value, chargedLines: [] }) },
      4,
      'hash_chain',
    ],
    [
      'a hash',
      { collection: 'billing.entries', id: 'acme:hold:done', change: (value) => ({ ...value, hash: '0'.repeat(64) }) },
      3,
      'hash_chain',
    ],
    ['an entry that vanished', { collection: 'billing.entries', id: 'acme:hold:done', change: () => undefined }, 3, 'entry_missing'],
    [
      'the newest entry that vanished',
      { collection: 'billing.entries', id: 'acme:hold:open', change: () => undefined },
      5,
      'entry_missing',
    ],
    [
      'a balance',
      {
        collection: 'billing.accounts',
        id: 'acme',
        change: (value) => ({ ...value, totals: { ...(value['totals'] as object), balance: 2_000_000 } }),
      },
      5,
      'stored_balance',
    ],
    [
      'an account set back to an earlier entry',
      { collection: 'billing.accounts', id: 'acme', change: (value) => ({ ...value, sequence: 4 }) },
      5,
      'entry_beyond_account',
    ],
    ['an account that vanished', { collection: 'billing.accounts', id: 'acme', change: () => undefined }, 1, 'entry_beyond_account'],
    ['a hold that vanished', { collection: 'billing.holds', id: 'acme:open', change: () => undefined }, 5, 'stored_balance'],
  ])('names %s', async (_, forgery, sequence, invariant) => {
    await forge(forgery);
    const { findings, summary } = await audited(billing.audit);
    expect(findings).toEqual([{ accountId: 'acme', sequence, invariant, detail: expect.any(String) }]);
    expect(summary.findings).toBe(1);
  });

  it('names an entry that the rules forbid although the chain was made anew', async () => {
    const { documents } = billing.installation;
    const raw = documents.collection<Entry>({ name: 'billing.entries', version: 1, indexes: [] });
    let previousHash = genesisHash;
    for (const entry of await billing.documents.entriesAfter('acme', 0)) {
      // The job's change goes to the top-up, which never expires, instead of back to where it came from.
      const forged =
        entry.kind === 'settle'
          ? {
              ...entry,
              postings: entry.postings.map((each) =>
                each.ledgerAccount === 'bucket:fast' ? { ...each, ledgerAccount: 'bucket:topup' as const } : each,
              ),
            }
          : entry;
      const { hash: _, ...unhashed } = forged;
      const hash = entryHash(previousHash, unhashed);
      const stored = await raw.get(`acme:${entry.operationId}`);
      if (!stored) throw new Error('the entry is gone');
      await documents.commit([raw.replace(stored, { ...forged, hash })]);
      previousHash = hash;
    }
    expect((await audited(billing.audit)).findings).toEqual([expect.objectContaining({ sequence: 4, invariant: 'ledger_rules' })]);
  });

  it('judges one account alone when asked to', async () => {
    await forge({ collection: 'billing.accounts', id: 'acme', change: (value) => ({ ...value, plan: 'free' }) });
    expect((await audited(billing.audit, 'beta')).summary).toEqual(expect.objectContaining({ accounts: 1, entries: 1, findings: 0 }));
  });

  it('refuses an account that there is not', async () => {
    await expect(audited(billing.audit, 'nobody')).rejects.toEqual(expect.objectContaining({ reason: 'unknown_account' }));
  });

  it('finds nothing while the ledger works on', async () => {
    const { reservations, clock } = billing;
    const work = Array.from({ length: 300 }, async (_, n) => {
      await reservations.reserve('acme', `live-${n}`, twoPictures, clock.now() + hourMs);
      await reservations.settle('acme', `live-${n}`, 2);
    });
    const audits = [audited(billing.audit), audited(billing.audit), audited(billing.audit)];
    await Promise.all(work);
    for (const { findings } of await Promise.all(audits)) expect(findings).toEqual([]);
  });
});
