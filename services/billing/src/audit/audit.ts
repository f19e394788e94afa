import { Injectable } from '@nestjs/common';
import { TesseraError } from '@tessera/platform/errors.js';
import { emptyAccount, emptySums, type Account, type Entry, type EntryDraft, type Sums } from '../ledger/account.js';
import { AccountDocuments, imageOf, type AccountImage } from '../ledger/store/account.documents.js';
import { AccountIds } from '../accounts/account-ids.js';
import { AccountStore } from '../ledger/store/account.store.js';
import { openingOfAccount } from '../ledger/commands.js';
import { canonical, entryHash } from '../ledger/hash.js';
import { evolve } from '../ledger/evolve.js';
import { decide, nextDue } from '../ledger/ledger.js';
import { commandOf } from '../ledger/replay-commands.js';
import { PaidEntries, PaymentAudit } from '../payments/payment-audit.js';
import { isCreditsAccount } from '../wallets.js';

/** Something that must not be. `invariant` is stable, `detail` is for a person. */
export type Finding = { readonly accountId: string; readonly sequence: number; readonly invariant: string; readonly detail: string };
export type AuditSummary = Readonly<Sums> & {
  /** Credits are no tokens: their sums stand apart. */ readonly credits: Readonly<Sums>;
  readonly creditWallets: number;
  readonly accounts: number;
  readonly entries: number;
  readonly openHolds: number;
  readonly findings: number;
};
export type AuditResult = { readonly finding: Finding } | { readonly summary: AuditSummary };

type Broken = Pick<Finding, 'invariant' | 'detail'>;

/** Entries in memory at a time. */
const entriesPerPage = 500;

/** Proves on a live store that every account is what its entries say, and that every entry was allowed when it was made. */
@Injectable()
export class Audit {
  constructor(
    private readonly store: AccountStore,
    private readonly documents: AccountDocuments,
    private readonly accountIds: AccountIds,
    private readonly payments: PaymentAudit,
  ) {}

  /** One account, or all when `accountId` is empty. At most one finding of an account's entries: after the first broken one nothing that follows can be judged. Then those of its payments. */
  async *run(accountId: string, signal: AbortSignal): AsyncIterable<AuditResult> {
    const counts = { accounts: 0, creditWallets: 0, entries: 0, openHolds: 0, findings: 0 };
    const [totals, credits] = [emptySums(), emptySums()];
    for await (const id of this.accountIds.named(accountId)) {
      if (signal.aborted) return;
      const { account, finding, paid } = await this.auditAccount(id);
      const isCredits = isCreditsAccount(id);
      counts[isCredits ? 'creditWallets' : 'accounts']++;
      const sums = isCredits ? credits : totals;
      counts.entries += account.sequence;
      counts.openHolds += account.holds.size;
      for (const name of Object.keys(sums) as (keyof Sums)[]) sums[name] += account.totals[name];
      if (finding) {
        counts.findings++;
        yield { finding };
        continue;
      }
      for await (const mismatch of this.payments.findings(id, paid)) {
        counts.findings++;
        yield { finding: { accountId: id, ...mismatch } };
      }
    }
    yield { summary: { ...counts, ...totals, credits } };
  }

  private async auditAccount(accountId: string): Promise<{ account: Account; paid: PaidEntries; finding?: Finding }> {
    const { image, beyond } = await this.store.exclusively(accountId, async () => {
      const current = await this.documents.image(accountId);
      return { image: current, beyond: await this.documents.entriesAfter(accountId, current?.sequence ?? 0, 1) };
    });
    const account = emptyAccount(accountId);
    const paid = new PaidEntries();
    const found = (sequence: number, broken: Broken) => ({ account, paid, finding: { accountId, sequence, ...broken } });
    const head = image?.sequence ?? 0;
    while (account.sequence < head) {
      const page = await this.documents.entriesAfter(accountId, account.sequence, Math.min(entriesPerPage, head - account.sequence));
      for (const entry of page) {
        const sequence = account.sequence + 1;
        const broken = replay(account, entry);
        if (broken) return found(sequence, broken);
        paid.see(entry);
      }
      if (page.length === 0)
        return found(account.sequence + 1, {
          invariant: 'entry_missing',
          detail: `The account counts ${head} entries; number ${account.sequence + 1} and later ones are gone.`,
        });
    }
    const [extra] = beyond;
    if (extra)
      return found(extra.sequence, {
        invariant: 'entry_beyond_account',
        detail: `The account counts ${head} entries, and there is one more.`,
      });
    const broken = image && differing(imageOf(account), image);
    return broken ? found(account.sequence, broken) : { account, paid };
  }
}

/** Checks one entry against the account that those before it made, then carries it out. */
export function replay(account: Account, entry: Entry): Broken | undefined {
  if (entry.sequence !== account.sequence + 1) return { invariant: 'entry_missing', detail: `Entry ${account.sequence + 1} is gone.` };
  const { hash, ...unhashed } = entry;
  if (entry.accountId !== account.accountId || entryHash(account.headHash, unhashed) !== hash)
    return { invariant: 'hash_chain', detail: `The entry is not the one that was written: its hash does not follow from it.` };
  const sum = entry.postings.reduce((total, { tokens }) => total + tokens, 0);
  if (sum !== 0 || entry.postings.some(({ tokens }) => !Number.isSafeInteger(tokens)))
    return { invariant: 'balanced_entry', detail: `The postings add up to ${sum}.` };
  const forbidden = againstTheRules(account, entry);
  if (forbidden) return { invariant: 'ledger_rules', detail: forbidden };
  evolve(account, entry);
  if (entry.balanceAfterTokens !== account.totals.balance)
    return {
      invariant: 'balance_after',
      detail: `The entry says ${entry.balanceAfterTokens} tokens remained; ${account.totals.balance} did.`,
    };
  return unsound(account);
}

/** Asks the ledger again: the entry must be what it decides, burn order, refunds and amounts included. */
function againstTheRules(account: Account, entry: Entry): string | undefined {
  try {
    const expected = decidedAgain(account, entry);
    if (!expected) return 'Nothing made this entry due.';
    if (expected.operationId !== entry.operationId) return `The operation should be ${expected.operationId}, not ${entry.operationId}.`;
    if (canonical(expected.postings) !== canonical(entry.postings)) return 'The tokens went another way than the rules say.';
    return canonical(termsIn(expected)) === canonical(termsIn(entry))
      ? undefined
      : 'The account was promised something else than the rules say.';
  } catch (error) {
    if (error instanceof TesseraError) return error.message;
    throw error;
  }
}

function decidedAgain(account: Account, entry: Entry) {
  if (entry.kind === 'expire' || entry.kind === 'renewal') return nextDue(account, entry.createdMs);
  if (entry.operationId === openingOfAccount && account.sequence > 0) return undefined;
  const command = commandOf(entry);
  return command && decide(account, command);
}

/** What an entry changes beside tokens. */
const termsIn = (draft: EntryDraft) => [
  ('subscription' in draft && draft.subscription) || null,
  'settings' in draft ? draft.settings : null,
  draft.kind === 'hold' ? draft.lane : null,
];

function unsound(account: Account): Broken | undefined {
  const { lots, subscription } = account;
  const bank = lots.reduce((sum, lot) => (lot.bucket === 'rollover' ? sum + lot.balance : sum), 0);
  if (subscription && bank > subscription.bankCapTokens)
    return { invariant: 'bank_cap', detail: `The rollover bank holds ${bank} tokens; its cap is ${subscription.bankCapTokens}.` };
  for (const [name, sums] of [['the account', account.totals] as const, ...account.lots.map((lot) => [`lot ${lot.lotId}`, lot] as const)]) {
    if (Math.min(sums.granted, sums.balance, sums.held, sums.spent, sums.expired) < 0)
      return { invariant: 'never_negative', detail: `A balance of ${name} is below zero.` };
    if (sums.balance + sums.held + sums.spent + sums.expired !== sums.granted)
      return { invariant: 'nothing_lost', detail: `What ${name} was given is not what it has, holds, spent and let expire.` };
  }
  return undefined;
}

function differing(expected: AccountImage, stored: AccountImage): Broken | undefined {
  const field = (Object.keys(expected) as (keyof AccountImage)[]).find((name) => canonical(expected[name]) !== canonical(stored[name]));
  return (
    field && {
      invariant: 'stored_balance',
      detail: `The stored account has ${field} ${canonical(stored[field])}; its entries make ${canonical(expected[field])}.`.slice(0, 500),
    }
  );
}
