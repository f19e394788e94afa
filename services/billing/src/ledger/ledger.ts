import { usedByMember, type Account, type Entry, type EntryDraft, type HoldEntry, type Lot, type Posting } from './account.js';
import { burnRank } from './buckets.js';
import { closeOperation, expireOperation, holdOperation, lotsOf, openingOfAccount, settingsOperation, type Command } from './commands.js';
import {
  deadlinePassed,
  holdExpired,
  insufficientCredits,
  insufficientTokens,
  invalidAmount,
  memberCapReached,
  settleExceedsHold,
  spendCapReached,
  tooManyHolds,
  unknownHold,
  unknownMember,
} from '../errors.js';
import { append, hasExpired, heldTokens, isLive, ledgerTime } from './evolve.js';
import { checkTokens, granting } from './granting.js';
import { allowanceOf, begin, cancel, changePlan, renewal } from './life-cycle.js';
import { fund } from './funding.js';
import { pause, resume } from './pausing.js';
import { totalOf, unitsOf, unitsText } from '../catalogue/quote.js';
import { changed } from './settings.js';
import { freeze, reverse, topUp } from './packs.js';
import { turnsMs, type Terms } from './terms.js';
import { isCreditsAccount } from '../wallets.js';
import { requireAllowed } from '@tessera/plans/gate.js';

/** An account's open holds lie in memory while it is in use: some ten megabytes at this many. */
export const holdsOpenMax = 10_000;

/** When time alone will change the account next; absent: never. */
export function dueMsOf({ lots, subscription }: Account): number | undefined {
  const dueMs = lots.reduce(
    (nearest, lot) => (lot.balance > 0 ? Math.min(nearest, lot.expiresMs ?? Infinity) : nearest),
    (subscription && turnsMs(subscription)) ?? Infinity,
  );
  return dueMs === Infinity ? undefined : dueMs;
}

/** The earliest thing that the passing of time alone has made due and that is not entered yet. A lot that expires when a cycle ends goes first. */
export function nextDue(account: Account, clockMs: number): EntryDraft | undefined {
  const nowMs = ledgerTime(account, clockMs);
  const dueMs = dueMsOf(account);
  if (dueMs === undefined || dueMs > nowMs) return undefined;
  const lot = account.lots.find(({ expiresMs, balance }) => expiresMs === dueMs && balance > 0);
  if (!lot) return account.subscription && renewal(account, account.subscription, dueMs, nowMs);
  const { lotId, bucket, balance } = lot;
  const postings: Posting[] = [
    { ledgerAccount: `bucket:${bucket}`, lotId, tokens: -balance },
    { ledgerAccount: 'expired', lotId, tokens: balance },
  ];
  return { kind: 'expire', operationId: expireOperation(lotId), lotId, createdMs: nowMs, postings };
}

/** Enters what has come due, at most so many entries; they go in front of the next command. */
export function catchUp(account: Account, clockMs: number, entriesMax: number): Entry[] {
  const entries: Entry[] = [];
  while (entries.length < entriesMax) {
    const due = nextDue(account, clockMs);
    if (!due) break;
    entries.push(append(account, due));
  }
  return entries;
}

/** What a command that has had no effect yet does to an account, or a refusal. Looks and decides; `evolve` carries out. */
export function decide(account: Account, command: Command): EntryDraft {
  switch (command.kind) {
    case 'open':
      return open(account, command);
    case 'topUp':
      return topUp(account, command);
    case 'changePlan':
      return changePlan(account, command);
    case 'cancel':
      return cancel(account, command);
    case 'pause':
      return pause(account, command);
    case 'resume':
      return resume(account, command);
    case 'fund':
      return fund(account, command);
    case 'freeze':
      return freeze(account, command);
    case 'reverse':
      return reverse(account, command);
    case 'configure':
      return configure(account, command);
    case 'reserve':
      return reserve(account, command);
    case 'settle':
      return settle(account, command);
    case 'release':
      return release(account, command);
  }
}

function open(account: Account, { plan, grants, terms, utcOffsetMinutes, nowMs }: Extract<Command, { kind: 'open' }>): EntryDraft {
  const subscription = terms && begin(terms, ledgerTime(account, nowMs), { utcOffsetMinutes });
  const given = [...grants, ...(subscription ? allowanceOf(subscription) : [])];
  return {
    kind: 'grant',
    operationId: openingOfAccount,
    plan,
    ...(subscription ? { subscription } : {}),
    ...(utcOffsetMinutes === undefined ? {} : { utcOffsetMinutes }),
    createdMs: nowMs,
    ...granting(account, lotsOf(openingOfAccount, given)),
  };
}

function configure(
  { settings, subscription }: Account,
  { operationId, change, nowMs }: Extract<Command, { kind: 'configure' }>,
): EntryDraft {
  if (change.kind === 'limits') for (const name of ['spendCapTokens', 'lowBalanceTokens'] as const) checkTokens(name, change[name] ?? 0, 0);
  if (change.kind === 'member') checkTokens('capTokens', change.capTokens ?? 0, 0);
  return {
    kind: 'settings',
    operationId: settingsOperation(operationId),
    change,
    settings: changed(settings, change, subscription?.terms.membersMax ?? 1),
    postings: [],
    createdMs: nowMs,
  };
}

function reserve(account: Account, command: Extract<Command, { kind: 'reserve' }>): EntryDraft {
  const { jobId, compute, quote, deadlineMs, memberId, project, nowMs } = command;
  const needed = quote.totalTokens;
  checkTokens('compute', needed, 0);
  if (needed !== totalOf(quote.lines)) throw invalidAmount('compute', 'The lines of the quote do not add up to its total.');
  if (deadlineMs <= nowMs) throw deadlinePassed();
  if (account.holds.size >= holdsOpenMax) throw tooManyHolds();
  const { postings, missing } = burn(account, needed, nowMs);
  const isRelaxed = missing > 0;
  if (isRelaxed) {
    const unpaid = () =>
      isCreditsAccount(account.accountId) ? insufficientCredits(needed, needed - missing) : insufficientTokens(needed, needed - missing);
    requireAllowed('relaxed_lane', { relaxedKinds: relaxedKindsOf(account.subscription?.terms), kind: compute.kind ?? 'image', unpaid });
  }
  requireWithinCaps(account, isRelaxed ? 0 : needed, memberId);
  return {
    kind: 'hold',
    operationId: holdOperation(jobId),
    jobId,
    compute,
    quote,
    deadlineMs,
    lane: isRelaxed ? 'relaxed' : 'fast',
    ...(memberId === undefined ? {} : { memberId }),
    ...(project === undefined ? {} : { project }),
    postings: isRelaxed ? [] : postings,
    createdMs: nowMs,
  };
}

/** What a plan lets wait in the relaxed lane; a plan that lets pictures wait does so with enlargements and with work that has no price of its own. Trainings never do. */
const relaxedKindsOf = (terms: Terms | undefined): ReadonlySet<string> =>
  new Set([...(terms?.hasRelaxedLane ? ['image', 'upscale', 'generic'] : []), ...(terms?.hasRelaxedMotion ? ['motion'] : [])]);

function burn(account: Account, needed: number, nowMs: number): { postings: Posting[]; missing: number } {
  const postings: Posting[] = [];
  let missing = needed;
  const atMs = ledgerTime(account, nowMs);
  for (const lot of inBurnOrder(account.lots.filter((candidate) => isLive(account, candidate, atMs)))) {
    if (missing === 0) break;
    const taken = Math.min(lot.balance, missing);
    if (taken === 0) continue;
    missing -= taken;
    postings.push(
      { ledgerAccount: `bucket:${lot.bucket}`, lotId: lot.lotId, tokens: -taken },
      { ledgerAccount: 'held', lotId: lot.lotId, tokens: taken },
    );
  }
  return { postings, missing };
}

function requireWithinCaps({ accountId, settings, usage }: Account, needed: number, memberId: string | undefined): void {
  if (settings.spendCapTokens !== undefined && usage.tokens + needed > settings.spendCapTokens)
    throw spendCapReached(settings.spendCapTokens);
  if (memberId === undefined) return;
  const member = settings.members.find((candidate) => candidate.memberId === memberId);
  // Members have seats in the plan's wallet; whoever asks for the credits has looked there.
  if (!member && isCreditsAccount(accountId)) return;
  if (!member) throw unknownMember(memberId);
  if (member.capTokens !== undefined && usedByMember(usage.byMember, memberId) + needed > member.capTokens)
    throw memberCapReached(memberId, member.capTokens);
}

function settle(
  account: Account,
  { jobId, unitsDelivered, chargedLines, finishedMs, nowMs }: Extract<Command, { kind: 'settle' }>,
): EntryDraft {
  const hold = account.holds.get(jobId);
  if (!hold) throw unknownHold(jobId);
  if (finishedMs > hold.deadlineMs) throw holdExpired(jobId);
  const ordered = unitsOf(hold.compute);
  if (unitsDelivered > ordered) throw settleExceedsHold(jobId, `${unitsText(hold.compute, unitsDelivered)} delivered, ${ordered} ordered`);
  const charged = totalOf(chargedLines);
  checkTokens('charge', charged, 0);
  const held = heldTokens(hold);
  if (charged > held) throw settleExceedsHold(jobId, `${charged} tokens for a hold of ${held}`);
  return {
    kind: 'settle',
    operationId: closeOperation(jobId),
    jobId,
    imagesDelivered: unitsDelivered,
    chargedLines,
    createdMs: nowMs,
    postings: close(account, hold, charged, nowMs),
  };
}

function release(account: Account, { jobId, reason, nowMs }: Extract<Command, { kind: 'release' }>): EntryDraft {
  const hold = account.holds.get(jobId);
  if (hold)
    return {
      kind: 'release',
      operationId: closeOperation(jobId),
      jobId,
      reason,
      createdMs: nowMs,
      postings: close(account, hold, 0, nowMs),
    };
  // The release came before its reservation. An entry without postings remembers it, so that the late one finds the job closed.
  return { kind: 'release', operationId: holdOperation(jobId), jobId, reason, createdMs: nowMs, postings: [] };
}

/** Spends `charged` of a hold in the order in which it was taken, and returns the rest to the lots that gave it, as far as they still live. */
function close(account: Account, hold: HoldEntry, charged: number, nowMs: number): Posting[] {
  const postings: Posting[] = [];
  let toSpend = charged;
  let bankRoom = bankRoomOf(account);
  for (const { ledgerAccount, lotId, tokens } of hold.postings) {
    if (ledgerAccount !== 'held') continue;
    const lot = account.lots.find((candidate) => candidate.lotId === lotId);
    if (!lot) throw new Error(`Account ${account.accountId} has lost lot ${lotId}, which job ${hold.jobId} holds tokens of.`);
    const spent = Math.min(tokens, toSpend);
    toSpend -= spent;
    postings.push({ ledgerAccount: 'held', lotId, tokens: -tokens });
    if (spent > 0) postings.push({ ledgerAccount: 'spent', lotId, tokens: spent });
    const own = Math.max(0, tokens - spent - (lot.owedTokens ?? 0));
    const back = hasExpired(lot, ledgerTime(account, nowMs)) ? 0 : Math.min(own, lot.bucket === 'rollover' ? bankRoom : Infinity);
    if (lot.bucket === 'rollover') bankRoom -= back;
    if (back > 0) postings.push({ ledgerAccount: `bucket:${lot.bucket}`, lotId, tokens: back });
    if (tokens - spent > back) postings.push({ ledgerAccount: 'expired', lotId, tokens: tokens - spent - back });
  }
  return postings;
}

/** A refund may not lift the bank above its cap. */
function bankRoomOf({ lots, subscription }: Account): number {
  if (!subscription) return Infinity;
  return subscription.bankCapTokens - lots.reduce((sum, lot) => (lot.bucket === 'rollover' ? sum + lot.balance : sum), 0);
}

/** Sorting is stable and lots lie in the order of their arrival: within a bucket the oldest pays first. */
const inBurnOrder = (lots: Lot[]): Lot[] => lots.sort((a, b) => burnRank(a.bucket) - burnRank(b.bucket));
