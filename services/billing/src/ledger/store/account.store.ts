import { Injectable } from '@nestjs/common';
import { retryOnConflict } from '@tessera/documents/documents.js';
import type { OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { inSpan, isTracing } from '@tessera/platform/telemetry/span.js';
import { currentTraceparent, inTrace } from '@tessera/platform/trace.js';
import {
  bucketBalances,
  emptyAccount,
  frozenTokens,
  type Account,
  type BucketBalance,
  type Entry,
  type Sums,
  type Usage,
} from '../account.js';
import { AccountDocuments, type LoadedAccount } from './account.documents.js';
import { withAlerts } from '../alerts.js';
import { closeOperation, earlierEffect, holdOperation, pastOperations, type Command, type Past } from '../commands.js';
import { accountBusy, unknownAccount } from '../../errors.js';
import { append } from '../evolve.js';
import { catchUp, decide, dueMsOf } from '../ledger.js';
import { commandsPerCommit, ledgerCommands } from './ledger-metrics.js';
import { RecentEntries } from './recent-entries.js';
import type { Settings } from '../settings.js';
import type { Subscription } from '../terms.js';

/** Commands of one account that may wait for the commit in flight: a second's worth for a hot account. */
const commandsWaitingMax = 4_096;
/** Commands that fold into one commit: enough to make the fsync cheap, few enough to keep a commit in the low milliseconds, and at two writes each within the thousand that a commit may have. */
const commandsPerCommitMax = 256;
/** Entries that time alone made due and that fold into one commit: an account that slept for years wakes up in several. */
const dueEntriesPerCommitMax = 256;
/** Accounts kept in memory between commands, at about a kilobyte each without holds. */
const accountsCachedMax = 10_000;

/** What is known of an account after its newest durable entry. */
export type AccountSummary = {
  readonly accountId: string;
  readonly plan: string;
  readonly subscription?: Subscription;
  readonly settings: Settings;
  readonly usage: Pick<Usage, 'tokens' | 'byMember'>;
  /** When time alone will change the account next. */
  readonly dueMs?: number;
  /** Part of `totals.balance` that cannot be spent while the account does not pay. */
  readonly frozenTokens: number;
  readonly createdMs: number;
  readonly lastEntry: number;
  readonly openHolds: number;
  readonly totals: Readonly<Sums>;
  readonly buckets: readonly BucketBalance[];
};

type Waiting = {
  readonly command: Command;
  readonly traceparent: string | undefined;
  readonly resolve: (entry: Entry) => void;
  readonly reject: (error: unknown) => void;
};
type Task = { readonly run: () => Promise<void>; readonly reject: (error: unknown) => void };

/** One account's place in memory. Its commands go through one after the other; those that arrive during a commit share the next one. */
type Lane = {
  readonly accountId: string;
  loaded: LoadedAccount | undefined;
  summary: AccountSummary | undefined;
  readonly queue: (Waiting | Task)[];
  isRunning: boolean;
};

/** The commit in the making: its entries by operation id, and the events that go with it. */
type Making = { readonly entries: Map<string, Entry>; readonly events: OutgoingEvent[] };

type Outcome = { readonly waiting: Waiting } & ({ readonly entry: Entry } | { readonly refusal: TesseraError });

/** Carries commands out on stored accounts: each at most once, in order, and many to a commit. */
@Injectable()
export class AccountStore {
  private readonly lanes = new Map<string, Lane>();
  private readonly recent = new RecentEntries();
  private readonly listeners = new Set<(entry: Entry) => void>();

  constructor(private readonly documents: AccountDocuments) {}

  /** The entry that the command made, now or when it was first carried out. When this answers, the entry is durable. A refused command fails alone. */
  apply(accountId: string, command: Command): Promise<Entry> {
    return measured(
      command,
      () => new Promise((resolve, reject) => this.enqueue(accountId, { command, traceparent: currentTraceparent(), resolve, reject })),
    );
  }

  /** Runs between two commits of the account, so that what it reads from the store belongs together. */
  exclusively<T>(accountId: string, task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => this.enqueue(accountId, { run: () => task().then(resolve, reject), reject }));
  }

  /** Enters what time alone has made due. How many entries that were; 0 when another process was faster. */
  catchUp(accountId: string, nowMs: number): Promise<number> {
    return this.exclusively(accountId, () => {
      const lane = this.lane(accountId);
      let attempts = 0;
      return retryOnConflict(async () => {
        if (attempts++ > 0) lane.loaded = undefined;
        await this.load(lane);
        return this.commitDue(lane, nowMs);
      });
    });
  }

  /** NotFound `unknown_account`. */
  async summary(accountId: string): Promise<AccountSummary> {
    const known = this.lanes.get(accountId)?.summary;
    if (known) return known;
    const loaded = await this.exclusively(accountId, async () => {
      const lane = this.lane(accountId);
      await this.load(lane);
      return lane.summary;
    });
    if (!loaded) throw unknownAccount();
    return loaded;
  }

  /** The entries that opened and closed a job's hold. An open hold is known without asking the store. */
  async jobEntries(accountId: string, jobId: string): Promise<Past> {
    const hold = this.lanes.get(accountId)?.loaded?.account.holds.get(jobId);
    return hold ? { opening: hold } : this.past(accountId, { opening: holdOperation(jobId), closing: closeOperation(jobId) });
  }

  /** The entry that an operation has made, if it has made one. */
  async entry(accountId: string, operationId: string): Promise<Entry | undefined> {
    return (await this.past(accountId, { opening: operationId })).opening;
  }

  /** Calls back for every entry once it is durable. Returns the way to stop. */
  onEntry(listener: (entry: Entry) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private enqueue(accountId: string, item: Waiting | Task): void {
    const lane = this.lane(accountId);
    if (lane.queue.length >= commandsWaitingMax) return item.reject(accountBusy());
    lane.queue.push(item);
    if (!lane.isRunning) void this.drain(lane);
  }

  private lane(accountId: string): Lane {
    const lane = this.lanes.get(accountId) ?? { accountId, loaded: undefined, summary: undefined, queue: [], isRunning: false };
    this.lanes.delete(accountId);
    this.lanes.set(accountId, lane);
    return lane;
  }

  /** Never rejects: every failure goes to those whose commands it concerns. */
  private async drain(lane: Lane): Promise<void> {
    lane.isRunning = true;
    while (lane.queue.length > 0) {
      const [first] = lane.queue;
      if (first && 'run' in first) {
        lane.queue.shift();
        await first.run();
      } else {
        const nextTask = lane.queue.findIndex((item) => 'run' in item);
        const batch = lane.queue.splice(0, Math.min(commandsPerCommitMax, nextTask === -1 ? commandsPerCommitMax : nextTask)) as Waiting[];
        // A commit that many share stands in the trace of the first; the others have the time that they waited for it.
        await inTrace(batch[0]?.traceparent, () => this.commitTogether(lane, batch));
      }
    }
    lane.isRunning = false;
    this.forgetIdleAccounts();
  }

  private async commitTogether(lane: Lane, batch: readonly Waiting[]): Promise<void> {
    let attempts = 0;
    try {
      const outcomes = await retryOnConflict(() => this.attempt(lane, batch, attempts++ > 0));
      commandsPerCommit.observe(batch.length);
      for (const outcome of outcomes) {
        if ('entry' in outcome) outcome.waiting.resolve(outcome.entry);
        else outcome.waiting.reject(outcome.refusal);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  /** Decides every command against the account as the ones before it left it, then commits what they did. After a lost race it starts from the store and trusts nothing that it remembers. */
  private async attempt(lane: Lane, batch: readonly Waiting[], isRepeat: boolean): Promise<Outcome[]> {
    if (isRepeat) lane.loaded = undefined;
    await this.load(lane);
    await this.commitDue(lane, Math.max(...batch.map(({ command }) => command.nowMs)));
    const account = lane.loaded?.account ?? emptyAccount(lane.accountId);
    const made: Making = { entries: new Map(), events: [] };
    try {
      const outcomes: Outcome[] = [];
      for (const waiting of batch) outcomes.push(await this.outcome(account, waiting, made, isRepeat));
      if (made.entries.size > 0) {
        const entries = [...made.entries.values()];
        await this.documents.save(account, lane.loaded?.revision, entries, made.events);
        lane.loaded = { account, revision: (lane.loaded?.revision ?? 0) + 1 };
        this.announce(lane, entries);
      }
      return outcomes;
    } catch (error) {
      // The account in memory is ahead of the store, or broken: the next command reads it anew.
      lane.loaded = undefined;
      throw error;
    }
  }

  /** In front of the commands, in commits of their own: they stand whatever becomes of the commands, and there may be many. */
  private async commitDue(lane: Lane, nowMs: number): Promise<number> {
    let entered = 0;
    for (;;) {
      const { loaded } = lane;
      if (!loaded || (dueMsOf(loaded.account) ?? Infinity) > Math.max(nowMs, loaded.account.lastEntryMs)) return entered;
      const events: OutgoingEvent[] = [];
      const entries = withAlerts(loaded.account, events, () => catchUp(loaded.account, nowMs, dueEntriesPerCommitMax));
      try {
        await this.documents.save(loaded.account, loaded.revision, entries, events);
      } catch (error) {
        lane.loaded = undefined;
        throw error;
      }
      lane.loaded = { account: loaded.account, revision: loaded.revision + 1 };
      this.announce(lane, entries);
      entered += entries.length;
    }
  }

  private async outcome(account: Account, waiting: Waiting, made: Making, isRepeat: boolean): Promise<Outcome> {
    try {
      return { waiting, entry: await this.carryOut(account, waiting.command, made, isRepeat) };
    } catch (error) {
      if (error instanceof TesseraError) return { waiting, refusal: error };
      throw error;
    }
  }

  private async carryOut(account: Account, command: Command, made: Making, isRepeat: boolean): Promise<Entry> {
    if (account.sequence === 0 && command.kind !== 'open') throw unknownAccount();
    const earlier = earlierEffect(command, await this.pastOf(account, command, made, isRepeat));
    if (earlier) return earlier;
    const entry = withAlerts(account, made.events, () => append(account, decide(account, command)));
    made.entries.set(entry.operationId, entry);
    return entry;
  }

  /** Reservations and top-ups are taken for new ones, which spares a read each; when one is not, its commit meets the earlier entry, and the repeat looks. */
  private async pastOf(account: Account, command: Command, made: Making, isRepeat: boolean): Promise<Past> {
    if (account.sequence === 0) return {};
    const hold = 'jobId' in command ? account.holds.get(command.jobId) : undefined;
    if (hold) return { opening: hold };
    const operations = pastOperations(command);
    const isNewAsARule = command.kind === 'reserve' || command.kind === 'topUp';
    const isRemembered = made.entries.has(operations.opening) || this.recent.get(account.accountId, operations.opening) !== undefined;
    return isNewAsARule && !isRepeat && !isRemembered ? {} : this.past(account.accountId, operations, made.entries);
  }

  private async past(
    accountId: string,
    { opening, closing }: { opening: string; closing?: string },
    made: ReadonlyMap<string, Entry> = new Map(),
  ): Promise<Past> {
    const remembered = (operationId: string) => made.get(operationId) ?? this.recent.get(accountId, operationId);
    const wanted = closing === undefined ? [opening] : [opening, closing];
    const missing = wanted.filter((operationId) => !remembered(operationId));
    const found = missing.length === 0 ? [] : await this.documents.entriesOf(accountId, missing);
    const [first, last] = wanted.map((operationId) => remembered(operationId) ?? found.find((entry) => entry.operationId === operationId));
    return { opening: first, closing: last };
  }

  private async load(lane: Lane): Promise<void> {
    if (lane.loaded) return;
    lane.loaded = await this.documents.load(lane.accountId);
    if (lane.loaded) lane.summary = summaryOf(lane.loaded.account);
  }

  private announce(lane: Lane, entries: readonly Entry[]): void {
    if (lane.loaded) lane.summary = summaryOf(lane.loaded.account);
    for (const entry of entries) {
      this.recent.remember(entry);
      for (const listener of this.listeners) listener(entry);
    }
  }

  private forgetIdleAccounts(): void {
    for (const [accountId, lane] of this.lanes) {
      if (this.lanes.size <= accountsCachedMax) return;
      if (!lane.isRunning && lane.queue.length === 0) this.lanes.delete(accountId);
    }
  }
}

function summaryOf(account: Account): AccountSummary {
  const { accountId, plan, subscription, settings, usage, createdMs, sequence, holds, totals } = account;
  const dueMs = dueMsOf(account);
  return {
    accountId,
    plan,
    ...(subscription ? { subscription } : {}),
    settings,
    usage: { tokens: usage.tokens, byMember: { ...usage.byMember } },
    ...(dueMs === undefined ? {} : { dueMs }),
    frozenTokens: frozenTokens(account),
    createdMs,
    lastEntry: sequence,
    openHolds: holds.size,
    totals: { ...totals },
    buckets: bucketBalances(account),
  };
}

async function measured(command: Command, run: () => Promise<Entry>): Promise<Entry> {
  const startedMs = performance.now();
  const attributes = { 'tessera.ledger.command': command.kind, ...('jobId' in command ? { 'tessera.job.id': command.jobId } : {}) };
  let outcome = 'refused';
  try {
    const entry = await (isTracing() ? inSpan(`ledger ${command.kind}`, attributes, run) : run());
    outcome = 'entered';
    return entry;
  } finally {
    ledgerCommands.observe((performance.now() - startedMs) / 1_000, { kind: command.kind, outcome });
  }
}
