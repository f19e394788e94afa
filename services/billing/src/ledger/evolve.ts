import {
  isFrozen,
  usedByMember,
  type Account,
  type Entry,
  type EntryDraft,
  type GrantedLot,
  type HoldEntry,
  type Lot,
  type Posting,
  type Sums,
} from './account.js';
import { entryHash } from './hash.js';

/** Gives a draft its place in the account's chain and carries it out. The only way in which an account changes, live or replayed. */
export function append(account: Account, draft: EntryDraft): Entry {
  const createdMs = ledgerTime(account, draft.createdMs);
  const balanceAfterTokens = draft.postings.reduce(
    (sum, { ledgerAccount, tokens }) => (ledgerAccount.startsWith('bucket:') ? sum + tokens : sum),
    account.totals.balance,
  );
  const unhashed = { ...draft, accountId: account.accountId, sequence: account.sequence + 1, createdMs, balanceAfterTokens };
  const entry: Entry = { ...unhashed, hash: entryHash(account.headHash, unhashed) };
  evolve(account, entry);
  return entry;
}

/** Carries an entry out as it stands. Replaying an account's entries into an empty account rebuilds it. */
export function evolve(account: Account, entry: Entry): void {
  if (entry.kind === 'renewal') turnCycle(account, entry);
  if ('lots' in entry) for (const lot of entry.lots) account.lots.push(newLot(lot));
  // A charge may be reversed long after its lots were emptied and forgotten: their sums live on in the entries.
  for (const posting of entry.postings) post(account, posting, entry.kind === 'reversal');
  followFacts(account, entry);
  if (entry.postings.length > 0) account.lots = account.lots.filter((lot) => lot.balance > 0 || lot.held > 0);
  if (entry.sequence === 1) account.createdMs = entry.createdMs;
  account.sequence = entry.sequence;
  account.headHash = entry.hash;
  account.lastEntryMs = entry.createdMs;
}

function followFacts(account: Account, entry: Entry): void {
  switch (entry.kind) {
    case 'grant':
      account.plan = entry.plan;
      if (entry.utcOffsetMinutes !== undefined) account.settings = { ...account.settings, utcOffsetMinutes: entry.utcOffsetMinutes };
      if (entry.subscription) account.subscription = entry.subscription;
      return;
    case 'renewal':
    case 'plan':
      // A cycle that begins counts from nothing; a change within one does not.
      if (entry.subscription.startedMs !== account.subscription?.startedMs)
        account.usage = { sinceSequence: entry.sequence, tokens: 0, byMember: {} };
      account.plan = entry.subscription.terms.plan;
      account.subscription = entry.subscription;
      return;
    case 'settings':
      account.settings = entry.settings;
      return;
    case 'hold':
      count(account, entry, heldTokens(entry));
      account.holds.set(entry.jobId, entry);
      return;
    case 'settle':
    case 'release': {
      payOwed(account, entry);
      const hold = account.holds.get(entry.jobId);
      if (hold) count(account, hold, tokensIn(entry.postings, 'spent') - heldTokens(hold));
      account.holds.delete(entry.jobId);
      return;
    }
    case 'reversal':
      for (const lot of account.lots) if (lot.lotId === entry.reversedOperationId) takeBack(lot, entry);
      return;
    case 'freeze':
      for (const lot of account.lots) {
        if (lot.lotId !== entry.frozenOperationId) continue;
        if (entry.isFrozen) lot.isFrozen = true;
        else delete lot.isFrozen;
      }
      return;
    default:
      return;
  }
}

/** What a reversed pack's jobs still hold must not come back to it: nothing of it, or as much as was refunded. */
function takeBack(lot: Lot, { part, postings, createdMs }: Extract<Entry, { kind: 'reversal' }>): void {
  if (!part) {
    lot.expiresMs = createdMs;
    return;
  }
  const owed = Math.min(lot.held, (lot.owedTokens ?? 0) + part.tokens - tokensIn(postings, 'issued'));
  if (owed > 0) lot.owedTokens = owed;
}

function payOwed({ lots }: Account, { postings }: Extract<Entry, { kind: 'settle' | 'release' }>): void {
  for (const { ledgerAccount, lotId, tokens } of postings) {
    const lot = lots.find((candidate) => candidate.lotId === lotId);
    if (ledgerAccount !== 'expired' || !lot?.owedTokens) continue;
    lot.owedTokens -= Math.min(lot.owedTokens, tokens);
    if (lot.owedTokens === 0) delete lot.owedTokens;
  }
}

function turnCycle(account: Account, { bank, createdMs }: Extract<Entry, { kind: 'renewal' }>): void {
  if (bank === 'untouched') return;
  for (const lot of account.lots) {
    if (bank === 'filled' && lot.bucket === 'fast') lot.bucket = 'rollover';
    if (bank === 'expired' && (lot.bucket === 'fast' || lot.bucket === 'rollover')) lot.expiresMs = createdMs;
  }
}

/** Holds of an earlier cycle are that cycle's business. */
function count({ usage }: Account, hold: HoldEntry, tokens: number): void {
  if (hold.sequence <= usage.sinceSequence) return;
  usage.tokens += tokens;
  if (hold.memberId !== undefined) usage.byMember[hold.memberId] = usedByMember(usage.byMember, hold.memberId) + tokens;
}

const newLot = ({ lotId, bucket, expiresMs }: GrantedLot): Lot => ({
  lotId,
  bucket,
  ...(expiresMs === undefined ? {} : { expiresMs }),
  granted: 0,
  balance: 0,
  held: 0,
  spent: 0,
  expired: 0,
});

function post(account: Account, { ledgerAccount, lotId, tokens }: Posting, mayBeForgotten: boolean): void {
  const lot = account.lots.find((candidate) => candidate.lotId === lotId);
  if (!lot && !mayBeForgotten) throw new Error(`Account ${account.accountId} has no lot ${lotId}.`);
  for (const sums of lot ? [lot, account.totals] : [account.totals]) addTo(sums, ledgerAccount, tokens);
}

function addTo(sums: Sums, ledgerAccount: Posting['ledgerAccount'], tokens: number): void {
  switch (ledgerAccount) {
    case 'issued':
      sums.granted -= tokens;
      return;
    case 'held':
    case 'spent':
    case 'expired':
      sums[ledgerAccount] += tokens;
      return;
    default:
      sums.balance += tokens;
  }
}

const tokensIn = (postings: readonly Posting[], name: Posting['ledgerAccount']): number =>
  postings.reduce((sum, { ledgerAccount, tokens }) => (ledgerAccount === name ? sum + tokens : sum), 0);

/** What a hold takes out of the buckets. */
export const heldTokens = (hold: HoldEntry): number => tokensIn(hold.postings, 'held');

/** An account's time never runs backwards: what has expired stays expired when the clock is set back. */
export const ledgerTime = (account: Account, nowMs: number): number => Math.max(nowMs, account.lastEntryMs);

export const hasExpired = (lot: Lot, nowMs: number): boolean => lot.expiresMs !== undefined && lot.expiresMs <= nowMs;

/** What a job may be paid from at this instant. */
export const isLive = (account: Account, lot: Lot, nowMs: number): boolean => !hasExpired(lot, nowMs) && !isFrozen(account, lot);
