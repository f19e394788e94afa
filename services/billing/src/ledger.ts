import type { Account, Entry, EntryDraft, GrantedLot, HoldEntry, Lot, Posting, Sums } from './account.js';
import { burnRank } from './buckets.js';
import { closeOperation, expireOperation, holdOperation, lotsOf, openingOfAccount, topUpOperation, type Command } from './commands.js';
import { deadlinePassed, holdExpired, insufficientTokens, invalidAmount, settleExceedsHold, tooManyHolds, tooManyLots, unknownHold } from './errors.js';
import { entryHash } from './hash.js';
import { totalOf } from './quote.js';

/** The most that one grant, top-up or job may move: a thousand of them still add up below 2^53. */
export const tokensMax = 1_000_000_000_000;
/** An account's open holds lie in memory while it is in use: some ten megabytes at this many. */
export const holdsOpenMax = 10_000;
/** A reservation looks at every lot in the worst case, and the lots are rewritten with every commit. */
export const lotsMax = 1_000;
/** The most that an account may ever have been given; with it no sum reaches 2^53. */
const grantedMax = 1_000_000_000_000_000;

/** Entries that the passing of time alone has made due: they go in front of the next command. */
export function dueEntries(account: Account, clockMs: number): EntryDraft[] {
  const nowMs = ledgerTime(account, clockMs);
  return account.lots
    .filter((lot) => hasExpired(lot, nowMs) && lot.balance > 0)
    .map((lot) => ({
      kind: 'expire',
      operationId: expireOperation(lot.lotId),
      lotId: lot.lotId,
      createdMs: nowMs,
      postings: [
        { ledgerAccount: `bucket:${lot.bucket}`, lotId: lot.lotId, tokens: -lot.balance },
        { ledgerAccount: 'expired', lotId: lot.lotId, tokens: lot.balance },
      ],
    }));
}

/** What a command that has had no effect yet does to an account, or a refusal. Looks and decides; `evolve` carries out. */
export function decide(account: Account, command: Command): EntryDraft {
  switch (command.kind) {
    case 'open':
      return { kind: 'grant', operationId: openingOfAccount, plan: command.plan, createdMs: command.nowMs, ...granting(account, lotsOf(openingOfAccount, command.grants)) };
    case 'topUp': {
      const operationId = topUpOperation(command.operationId);
      return { kind: 'topup', operationId, createdMs: command.nowMs, ...granting(account, lotsOf(operationId, [{ bucket: 'topup', tokens: command.tokens }])) };
    }
    case 'reserve':
      return reserve(account, command);
    case 'settle':
      return settle(account, command);
    case 'release':
      return release(account, command);
  }
}

function granting(account: Account, lots: GrantedLot[]): { lots: GrantedLot[]; postings: Posting[] } {
  if (account.lots.length + lots.length > lotsMax) throw tooManyLots();
  for (const { tokens } of lots) checkTokens('tokens', tokens, 1);
  if (lots.reduce((sum, { tokens }) => sum + tokens, account.totals.granted) > grantedMax) throw invalidAmount('tokens', 'The account would hold more tokens than it can count.');
  const postings = lots.flatMap(({ lotId, bucket, tokens }): Posting[] => [
    { ledgerAccount: 'issued', lotId, tokens: -tokens },
    { ledgerAccount: `bucket:${bucket}`, lotId, tokens },
  ]);
  return { lots, postings };
}

function reserve(account: Account, { jobId, compute, quote, deadlineMs, lane, nowMs }: Extract<Command, { kind: 'reserve' }>): EntryDraft {
  const needed = quote.totalTokens;
  checkTokens('compute', needed, 0);
  if (needed !== totalOf(quote.lines)) throw invalidAmount('compute', 'The lines of the quote do not add up to its total.');
  if (deadlineMs <= nowMs) throw deadlinePassed();
  if (account.holds.size >= holdsOpenMax) throw tooManyHolds();
  const postings: Posting[] = [];
  let missing = needed;
  const liveLots = account.lots.filter((lot) => !hasExpired(lot, ledgerTime(account, nowMs)));
  for (const lot of inBurnOrder(liveLots)) {
    if (missing === 0) break;
    const taken = Math.min(lot.balance, missing);
    if (taken === 0) continue;
    missing -= taken;
    postings.push({ ledgerAccount: `bucket:${lot.bucket}`, lotId: lot.lotId, tokens: -taken }, { ledgerAccount: 'held', lotId: lot.lotId, tokens: taken });
  }
  if (missing > 0) throw insufficientTokens(needed, needed - missing);
  return { kind: 'hold', operationId: holdOperation(jobId), jobId, compute, quote, deadlineMs, lane, postings, createdMs: nowMs };
}

function settle(account: Account, { jobId, imagesDelivered, chargedLines, finishedMs, nowMs }: Extract<Command, { kind: 'settle' }>): EntryDraft {
  const hold = account.holds.get(jobId);
  if (!hold) throw unknownHold(jobId);
  if (finishedMs > hold.deadlineMs) throw holdExpired(jobId);
  if (imagesDelivered > hold.compute.images) throw settleExceedsHold(jobId, `${imagesDelivered} images delivered, ${hold.compute.images} ordered`);
  const charged = totalOf(chargedLines);
  checkTokens('charge', charged, 0);
  const held = heldTokens(hold);
  if (charged > held) throw settleExceedsHold(jobId, `${charged} tokens for a hold of ${held}`);
  return { kind: 'settle', operationId: closeOperation(jobId), jobId, imagesDelivered, chargedLines, createdMs: nowMs, postings: close(account, hold, charged, nowMs) };
}

function release(account: Account, { jobId, reason, nowMs }: Extract<Command, { kind: 'release' }>): EntryDraft {
  const hold = account.holds.get(jobId);
  if (hold) return { kind: 'release', operationId: closeOperation(jobId), jobId, reason, createdMs: nowMs, postings: close(account, hold, 0, nowMs) };
  // The release came before its reservation. An entry without postings remembers it, so that the late one finds the job closed.
  return { kind: 'release', operationId: holdOperation(jobId), jobId, reason, createdMs: nowMs, postings: [] };
}

/** Spends `charged` of a hold in the order in which it was taken, and returns the rest to the lots that gave it, as far as they still live. */
function close(account: Account, hold: HoldEntry, charged: number, nowMs: number): Posting[] {
  const postings: Posting[] = [];
  let toSpend = charged;
  for (const { ledgerAccount, lotId, tokens } of hold.postings) {
    if (ledgerAccount !== 'held') continue;
    const lot = account.lots.find((candidate) => candidate.lotId === lotId);
    if (!lot) throw new Error(`Account ${account.accountId} has lost lot ${lotId}, which job ${hold.jobId} holds tokens of.`);
    const spent = Math.min(tokens, toSpend);
    toSpend -= spent;
    postings.push({ ledgerAccount: 'held', lotId, tokens: -tokens });
    if (spent > 0) postings.push({ ledgerAccount: 'spent', lotId, tokens: spent });
    if (tokens > spent) postings.push({ ledgerAccount: hasExpired(lot, ledgerTime(account, nowMs)) ? 'expired' : `bucket:${lot.bucket}`, lotId, tokens: tokens - spent });
  }
  return postings;
}

/** Gives a draft its place in the account's chain and carries it out. The only way in which an account changes, live or replayed. */
export function append(account: Account, draft: EntryDraft): Entry {
  const createdMs = ledgerTime(account, draft.createdMs);
  const balanceAfterTokens = draft.postings.reduce((sum, { ledgerAccount, tokens }) => (ledgerAccount.startsWith('bucket:') ? sum + tokens : sum), account.totals.balance);
  const unhashed = { ...draft, accountId: account.accountId, sequence: account.sequence + 1, createdMs, balanceAfterTokens };
  const entry: Entry = { ...unhashed, hash: entryHash(account.headHash, unhashed) };
  evolve(account, entry);
  return entry;
}

/** Carries an entry out as it stands. Replaying an account's entries into an empty account rebuilds it. */
export function evolve(account: Account, entry: Entry): void {
  if (entry.kind === 'grant' || entry.kind === 'topup') {
    for (const { lotId, bucket, expiresMs } of entry.lots) {
      account.lots.push({ lotId, bucket, ...(expiresMs === undefined ? {} : { expiresMs }), granted: 0, balance: 0, held: 0, spent: 0, expired: 0 });
    }
  }
  if (entry.kind === 'grant') account.plan = entry.plan;
  for (const posting of entry.postings) post(account, posting);
  if (entry.kind === 'hold') account.holds.set(entry.jobId, entry);
  if (entry.kind === 'settle' || entry.kind === 'release') account.holds.delete(entry.jobId);
  if (entry.postings.length > 0) account.lots = account.lots.filter((lot) => lot.balance > 0 || lot.held > 0);
  if (entry.sequence === 1) account.createdMs = entry.createdMs;
  account.sequence = entry.sequence;
  account.headHash = entry.hash;
  account.lastEntryMs = entry.createdMs;
}

function post(account: Account, { ledgerAccount, lotId, tokens }: Posting): void {
  const lot = account.lots.find((candidate) => candidate.lotId === lotId);
  if (!lot) throw new Error(`Account ${account.accountId} has no lot ${lotId}.`);
  for (const sums of [lot, account.totals]) addTo(sums, ledgerAccount, tokens);
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

/** What a hold takes out of the buckets. */
export const heldTokens = (hold: HoldEntry): number => hold.postings.reduce((sum, { ledgerAccount, tokens }) => (ledgerAccount === 'held' ? sum + tokens : sum), 0);


/** An account's time never runs backwards: what has expired stays expired when the clock is set back. */
const ledgerTime = (account: Account, nowMs: number): number => Math.max(nowMs, account.lastEntryMs);

const hasExpired = (lot: Lot, nowMs: number): boolean => lot.expiresMs !== undefined && lot.expiresMs <= nowMs;

/** Sorting is stable and lots lie in the order of their arrival: within a bucket the oldest pays first. */
const inBurnOrder = (lots: Lot[]): Lot[] => lots.sort((a, b) => burnRank(a.bucket) - burnRank(b.bucket));

function checkTokens(param: string, tokens: number, min: number): void {
  if (!Number.isSafeInteger(tokens) || tokens < min || tokens > tokensMax) throw invalidAmount(param, `${param} must be a whole number of tokens from ${min} to ${tokensMax.toLocaleString('en-US')}.`);
}
