import { Injectable } from '@nestjs/common';
import { Documents, type Collection, type Query, type Write } from '@tessera/documents/documents.js';
import type { OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import type { Account, ClosingEntry, Entry, HoldEntry, Lot, Sums, Usage } from '../account.js';
import { closeOperation, holdOperation } from '../commands.js';
import { dueMsOf } from '../ledger.js';
import type { Settings } from '../settings.js';
import type { Subscription } from '../terms.js';

type StoredAccount = {
  readonly plan: string;
  readonly subscription?: Subscription;
  readonly settings: Settings;
  readonly usage: Usage;
  /** When time alone will change the account next; accounts without it are not found by the index. */
  readonly dueMs?: number;
  readonly createdMs: number;
  readonly sequence: number;
  readonly headHash: string;
  readonly lastEntryMs: number;
  readonly totals: Sums;
  readonly lots: readonly Lot[];
  readonly openHolds: number;
};

/** A pointer to an open hold; its facts lie in the entry that opened it. Its own document, so that a commit costs the same with a thousand open holds as with one. */
type StoredHold = { readonly accountId: string; readonly jobId: string; readonly deadlineMs: number };

export type LoadedAccount = { readonly account: Account; readonly revision: number };
export type DueHold = { readonly accountId: string; readonly jobId: string; readonly deadlineMs: number };
export type EntryPage = { readonly entries: readonly Entry[]; readonly next?: string };

/** An account as the store has it, in a form that two copies can be compared in. */
export type AccountImage = StoredAccount & { readonly holds: readonly StoredHold[] };

const pageMax = 1_000;

/** The only place that knows how accounts, entries and holds are stored. An entry's id is made of its operation id, so an operation cannot be entered twice. */
@Injectable()
export class AccountDocuments {
  private readonly accounts: Collection<StoredAccount>;
  private readonly entries: Collection<Entry>;
  private readonly holds: Collection<StoredHold>;

  constructor(private readonly documents: Documents) {
    this.accounts = documents.collection<StoredAccount>({
      name: 'billing.accounts',
      version: 1,
      indexes: [{ name: 'byDue', fields: ['dueMs'] }],
    });
    this.entries = documents.collection<Entry>({
      name: 'billing.entries',
      version: 1,
      indexes: [{ name: 'bySequence', fields: ['accountId', 'sequence'], isUnique: true }],
    });
    this.holds = documents.collection<StoredHold>({
      name: 'billing.holds',
      version: 1,
      indexes: [
        { name: 'byDeadline', fields: ['deadlineMs'] },
        { name: 'byAccount', fields: ['accountId'] },
      ],
    });
  }

  async load(accountId: string): Promise<LoadedAccount | undefined> {
    const stored = await this.accounts.get(accountId);
    if (!stored) return undefined;
    const { openHolds: _, dueMs: __, totals, lots, usage, ...rest } = stored.value;
    const holds = new Map<string, HoldEntry>();
    for await (const page of this.holdPages(accountId)) {
      const opened = await this.entries.getMany(page.map(({ jobId }) => entryId(accountId, holdOperation(jobId))));
      for (const { value } of opened) if (value.kind === 'hold') holds.set(value.jobId, value);
    }
    return {
      revision: stored.revision,
      account: { ...rest, accountId, totals: { ...totals }, usage: copied(usage), lots: lots.map((lot) => ({ ...lot })), holds },
    };
  }

  countHolds(): Promise<number> {
    return this.holds.count();
  }

  countHoldsDue(nowMs: number): Promise<number> {
    return this.holds.count({ deadlineMs: { lte: nowMs } });
  }

  /** One commit for any number of entries: the entries, what they did to the open holds, the account after the last of them, and the events of it. */
  async save(
    account: Account,
    revision: number | undefined,
    entries: readonly Entry[],
    events: readonly OutgoingEvent[] = [],
  ): Promise<void> {
    const value = storedAccount(account);
    const writes: Write[] = [
      revision === undefined
        ? this.accounts.insert(account.accountId, value)
        : this.accounts.replace({ id: account.accountId, revision }, value),
      ...entries.map((entry) => this.entries.insert(entryId(account.accountId, entry.operationId), entry)),
      ...this.holdWrites(account.accountId, entries),
    ];
    await this.documents.commit(writes, events);
  }

  /** A hold that opens and closes within one commit is never written. */
  private holdWrites(accountId: string, entries: readonly Entry[]): Write[] {
    const writes = new Map<string, Write>();
    for (const entry of entries) {
      if (entry.kind === 'hold')
        writes.set(
          entry.jobId,
          this.holds.insert(entryId(accountId, entry.jobId), { accountId, jobId: entry.jobId, deadlineMs: entry.deadlineMs }),
        );
      else if (isClosing(entry) && !writes.delete(entry.jobId))
        writes.set(entry.jobId, this.holds.remove({ id: entryId(accountId, entry.jobId), revision: 1 }));
    }
    return [...writes.values()];
  }

  /** Those of the operations that have been entered. */
  async entriesOf(accountId: string, operationIds: readonly string[]): Promise<Entry[]> {
    const found = await this.entries.getMany(operationIds.map((operationId) => entryId(accountId, operationId)));
    return found.map(({ value }) => value);
  }

  async entriesNewestFirst(accountId: string, limit: number, after?: string): Promise<EntryPage> {
    return this.entryPage({ where: { accountId }, sort: [['sequence', 'desc']], limit, ...(after ? { after } : {}) });
  }

  /** Oldest first, those above `afterSequence`. */
  async entriesAfter(accountId: string, afterSequence: number, limit = pageMax): Promise<readonly Entry[]> {
    return (await this.entryPage({ where: { accountId, sequence: { gt: afterSequence } }, sort: [['sequence', 'asc']], limit })).entries;
  }

  /** The next id, in order, that an account or an entry bears. Steps from account to account, however many entries each has. */
  async accountIdAfter(accountId: string): Promise<string | undefined> {
    const [account, entry] = await Promise.all([
      this.accounts.find({ where: { id: { gt: accountId } }, sort: [['id', 'asc']], limit: 1 }),
      this.entries.find({
        where: { accountId: { gt: accountId } },
        sort: [
          ['accountId', 'asc'],
          ['sequence', 'asc'],
        ],
        limit: 1,
      }),
    ]);
    return [account.items[0]?.id, entry.items[0]?.value.accountId].filter((id) => id !== undefined).sort()[0];
  }

  /** The account and its open holds as they lie in the store, without their facts. Read it while nothing is being committed for the account. */
  async image(accountId: string): Promise<AccountImage | undefined> {
    const stored = await this.accounts.get(accountId);
    if (!stored) return undefined;
    const holds: StoredHold[] = [];
    for await (const page of this.holdPages(accountId)) holds.push(...page);
    return { ...stored.value, holds: sortedHolds(holds) };
  }

  async holdsDueAt(nowMs: number, limit: number): Promise<readonly DueHold[]> {
    const due = await this.holds.find({ where: { deadlineMs: { lt: nowMs } }, sort: [['deadlineMs', 'asc']], limit });
    return due.items.map(({ value }) => value);
  }

  /** Accounts that the passing of time has changed, the longest overdue first. */
  async accountsDueAt(nowMs: number, limit: number): Promise<readonly string[]> {
    const due = await this.accounts.find({ where: { dueMs: { lte: nowMs } }, sort: [['dueMs', 'asc']], limit });
    return due.items.map(({ id }) => id);
  }

  /** When the next hold passes its deadline or the next account is due, whichever comes first. */
  async nearestDueMs(): Promise<number | undefined> {
    const [hold, account] = await Promise.all([
      this.holds.find({ sort: [['deadlineMs', 'asc']], limit: 1 }),
      this.accounts.find({ where: { dueMs: { gte: 0 } }, sort: [['dueMs', 'asc']], limit: 1 }),
    ]);
    const [deadlineMs, dueMs] = [hold.items[0]?.value.deadlineMs, account.items[0]?.value.dueMs];
    // A hold is good up to and including its deadline.
    return deadlineMs === undefined ? dueMs : Math.min(deadlineMs + 1, dueMs ?? Infinity);
  }

  private async entryPage(query: Query): Promise<EntryPage> {
    const page = await this.entries.find(query);
    return { entries: page.items.map(({ value }) => value), ...(page.next ? { next: page.next } : {}) };
  }

  private async *holdPages(accountId: string): AsyncIterable<StoredHold[]> {
    for (let after: string | undefined; ;) {
      const page = await this.holds.find({ where: { accountId }, sort: [['id', 'asc']], limit: pageMax, ...(after ? { after } : {}) });
      if (page.items.length > 0) yield page.items.map(({ value }) => value);
      if (!page.next) return;
      after = page.next;
    }
  }
}

/** What the store should hold for an account that its entries made. */
export function imageOf(account: Account): AccountImage {
  const holds = [...account.holds.values()].map(({ jobId, deadlineMs }) => ({ accountId: account.accountId, jobId, deadlineMs }));
  return { ...storedAccount(account), holds: sortedHolds(holds) };
}

function storedAccount(account: Account): StoredAccount {
  const { plan, subscription, settings, usage, createdMs, sequence, headHash, lastEntryMs, totals, lots, holds } = account;
  const dueMs = dueMsOf(account);
  return {
    plan,
    ...(subscription ? { subscription } : {}),
    settings,
    usage: copied(usage),
    ...(dueMs === undefined ? {} : { dueMs }),
    createdMs,
    sequence,
    headHash,
    lastEntryMs,
    totals: { ...totals },
    lots: lots.map((lot) => ({ ...lot })),
    openHolds: holds.size,
  };
}

const copied = (usage: Usage): Usage => ({ ...usage, byMember: { ...usage.byMember } });

/** A release that found no hold has taken the reservation's place and closes nothing. */
const isClosing = (entry: Entry): entry is ClosingEntry =>
  (entry.kind === 'settle' || entry.kind === 'release') && entry.operationId === closeOperation(entry.jobId);

const sortedHolds = (holds: StoredHold[]): StoredHold[] => holds.sort((a, b) => (a.jobId < b.jobId ? -1 : 1));

/** Account ids hold no colon, so no two pairs make the same id. */
const entryId = (accountId: string, operationId: string): string => `${accountId}:${operationId}`;
