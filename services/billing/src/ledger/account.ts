import { burnOrder, type BucketName } from './buckets.js';
import type { ComputeSpec, Quote, QuoteLine } from '../catalogue/quote.js';
import type { Settings, SettingsChange } from './settings.js';
import type { Subscription } from './terms.js';

export type LedgerAccount = 'issued' | `bucket:${BucketName}` | 'held' | 'spent' | 'expired';

/** One side of a balanced entry. Every posting names the lot whose tokens move, so each lot can be added up on its own. */
export type Posting = { readonly ledgerAccount: LedgerAccount; readonly lotId: string; readonly tokens: number };

/** Tokens that came in together: they expire together, and refunds find their way back to them. */
export type GrantedLot = {
  readonly lotId: string;
  readonly bucket: BucketName;
  readonly tokens: number;
  /** From this instant the lot's unspent tokens are gone. Absent: never. */
  readonly expiresMs?: number;
};

/** The lane that a hold's tokens bought; the relaxed one costs nothing. */
export type Lane = 'fast' | 'relaxed';

/** Whom a job is counted to in usage reports, and against whose cap. */
export type Attribution = { readonly memberId?: string; readonly project?: string };

/** What an entry records beside its postings: enough to rebuild the account, its holds and its bills from the entries alone. */
export type EntryFacts =
  | {
      readonly kind: 'grant';
      readonly plan: string;
      readonly lots: readonly GrantedLot[];
      readonly subscription?: Subscription;
      readonly utcOffsetMinutes?: number;
    }
  | { readonly kind: 'topup'; readonly lots: readonly GrantedLot[]; readonly payment?: PaymentFacts; readonly isForced?: true }
  | ({
      readonly kind: 'hold';
      readonly jobId: string;
      readonly compute: ComputeSpec;
      readonly quote: Quote;
      readonly deadlineMs: number;
      readonly lane: Lane;
    } & Attribution)
  /** `imagesDelivered` are units of whatever was priced: the name is older than the other kinds, and part of every hash. */
  | { readonly kind: 'settle'; readonly jobId: string; readonly imagesDelivered: number; readonly chargedLines: readonly QuoteLine[] }
  | { readonly kind: 'release'; readonly jobId: string; readonly reason: string }
  | { readonly kind: 'expire'; readonly lotId: string }
  /** `dueMs` is when the cycle ended, `createdMs` when it was noticed. `bank` says what became of the month's rest: moved to the bank, or gone with it. */
  | {
      readonly kind: 'renewal';
      readonly dueMs: number;
      readonly bank: 'untouched' | 'filled' | 'expired';
      readonly lots: readonly GrantedLot[];
      readonly subscription: Subscription;
    }
  /** A plan taken, changed, paused, resumed or cancelled, now or for the next renewal. */
  | { readonly kind: 'plan'; readonly asked: PlanAsked; readonly lots: readonly GrantedLot[]; readonly subscription: Subscription }
  | {
      readonly kind: 'reversal';
      readonly reversedOperationId: string;
      readonly lots: readonly GrantedLot[];
      readonly part?: ReversedPart;
    }
  | { readonly kind: 'freeze'; readonly frozenOperationId: string; readonly isFrozen: boolean }
  | { readonly kind: 'settings'; readonly change: SettingsChange; readonly settings: Settings };

/** What a payment record must go on saying, for the audit. `amount` is in the currency's smallest unit. */
export type PaymentFacts = { readonly pack: string; readonly amount?: number; readonly currency?: string; readonly occurredMs?: number };

/** `tokens` are all that is to go back this time; what jobs still hold of it goes when they return it. */
export type ReversedPart = { readonly id: string; readonly tokens: number };

export type FundingAsked = {
  readonly payer: string;
  readonly graceMs: number;
  readonly period?: { readonly fromMs: number; readonly untilMs: number };
};

export type PlanAsked = {
  readonly plan: string;
  readonly seats: number;
  readonly isCancellation: boolean;
  /** The plan was to rest: the plan named is the one that holds meanwhile. */
  readonly pause?: { readonly resumesMs?: number };
  /** A paused plan was to go on at once. */
  readonly isResumption?: true;
  /** By the one who collects the money for it. */
  readonly isCollected?: true;
  /** Somebody pays: the plan named is the one that holds when nobody does. */
  readonly funding?: FundingAsked;
};

/** An entry that has not found its place in the chain yet. */
export type EntryDraft = EntryFacts & { readonly operationId: string; readonly postings: readonly Posting[]; readonly createdMs: number };

export type Entry = EntryDraft & {
  readonly accountId: string;
  /** 1 for the account's first entry, without gaps. */
  readonly sequence: number;
  /** Tokens in the buckets after this entry, frozen ones included. */
  readonly balanceAfterTokens: number;
  /** SHA-256, hex, over the hash of the entry before and this entry. */
  readonly hash: string;
};

export type HoldEntry = Extract<Entry, { kind: 'hold' }>;
export type ClosingEntry = Extract<Entry, { kind: 'settle' | 'release' }>;

/** `granted = balance + held + spent + expired`, always; of one lot and of the account as a whole. */
export type Sums = { granted: number; balance: number; held: number; spent: number; expired: number };

/** A month's lot that rolls over stays the same lot in another bucket, so that refunds still find it. */
export type Lot = Sums & {
  readonly lotId: string;
  bucket: BucketName;
  expiresMs?: number;
  /** Kept from being spent while its payment is disputed. */
  isFrozen?: true;
  /** Goes out of what jobs return to it: refunded while they held it. */
  owedTokens?: number;
};

/** Tokens held or spent since the cycle began, of all and of each member. */
export type Usage = { readonly sinceSequence: number; tokens: number; readonly byMember: Record<string, number> };

/** What a member has used in this cycle. Members choose their names, so an inherited `constructor` or `toString` must not answer for one. */
export const usedByMember = (byMember: Usage['byMember'], memberId: string): number =>
  Object.hasOwn(byMember, memberId) ? (byMember[memberId] ?? 0) : 0;

/** An account as its entries made it. Only `evolve` changes one. */
export type Account = {
  readonly accountId: string;
  plan: string;
  /** Absent: the account was opened without terms and never renews. */
  subscription?: Subscription;
  settings: Settings;
  usage: Usage;
  createdMs: number;
  sequence: number;
  headHash: string;
  /** Creation time of the newest entry: history never runs backwards, even when the clock does. */
  lastEntryMs: number;
  readonly totals: Sums;
  /** Lots that hold or may get back tokens, oldest first; emptied ones are forgotten here and live on in the entries. */
  lots: Lot[];
  /** The entry that opened each open hold. */
  readonly holds: Map<string, HoldEntry>;
};

export const emptySums = (): Sums => ({ granted: 0, balance: 0, held: 0, spent: 0, expired: 0 });

export const genesisHash = '0'.repeat(64);

/** An account before its first entry. */
export function emptyAccount(accountId: string): Account {
  return {
    accountId,
    plan: '',
    settings: { members: [] },
    usage: { sinceSequence: 0, tokens: 0, byMember: {} },
    createdMs: 0,
    sequence: 0,
    headHash: genesisHash,
    lastEntryMs: 0,
    totals: emptySums(),
    lots: [],
    holds: new Map(),
  };
}

/** The bank of an account that does not pay any more, and packs whose payment is disputed, can be looked at, not spent. */
export const isFrozen = (
  { subscription }: { readonly subscription?: Subscription | undefined },
  { bucket, isFrozen: isDisputed }: Pick<Lot, 'bucket' | 'isFrozen'>,
): boolean => isDisputed === true || (bucket === 'rollover' && subscription?.terms.isPaid === false);

export const frozenTokens = (account: Account): number =>
  account.lots.reduce((sum, lot) => (isFrozen(account, lot) ? sum + lot.balance : sum), 0);

export const spendableTokens = (account: Account): number => account.totals.balance - frozenTokens(account);

export type BucketBalance = { readonly bucket: BucketName; readonly balanceTokens: number; readonly isFrozen: boolean };

/** Tokens by bucket, in burn order, frozen ones apart; empty buckets are left out. */
export function bucketBalances({ lots, subscription }: Pick<Account, 'lots' | 'subscription'>): BucketBalance[] {
  return burnOrder
    .flatMap((bucket) => [false, true].map((frozen) => ({ bucket, isFrozen: frozen })))
    .map(({ bucket, isFrozen: frozen }) => ({
      bucket,
      balanceTokens: lots.reduce(
        (sum, lot) => (lot.bucket === bucket && isFrozen({ subscription }, lot) === frozen ? sum + lot.balance : sum),
        0,
      ),
      isFrozen: frozen,
    }))
    .filter(({ balanceTokens }) => balanceTokens > 0);
}
