import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { EventBus } from '@tessera/events/event-bus.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import type { Entry } from '../ledger/account.js';
import { AccountDocuments, type DueHold } from '../ledger/store/account.documents.js';
import { AccountStore } from '../ledger/store/account.store.js';
import { turnsMs } from '../ledger/terms.js';
import { releasedByDeadline } from '../ledger/commands.js';
import { observeHolds } from '../ledger/store/ledger-metrics.js';

/** Holds returned side by side; those of one account share commits. */
const holdsPerSweep = 500;
/** The longest sleep: holds made by another process become known at the latest then. */
const sleepMsMax = 3_600_000;
/** Deadlines that lie closer together than this share a sweep. */
const sleepMsMin = 20;
/** Accounts brought up to date side by side. */
const accountsPerSweep = 200;
/** A sweep that failed is tried again after this long. */
const retryMs = 5_000;
/** How long a sweep lets the events in the log go first. */
const eventsFirstMsMax = 30_000;

/** Everything that happens because its time has come: holds return at their deadline, cycles end, lots expire. One timer, set to whatever is due next of all accounts. */
@Injectable()
export class DueWork implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private wakesAtMs = Infinity;
  private isStopped = false;
  private sweeping: Promise<void> | undefined;
  private patience = new AbortController();
  private stopListening: () => void = () => {};

  constructor(
    private readonly documents: AccountDocuments,
    private readonly store: AccountStore,
    private readonly bus: EventBus,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    observeHolds(
      () => this.documents.countHolds(),
      () => this.documents.countHoldsDue(this.clock.now()),
    );
    this.stopListening = this.store.onEntry((entry) => {
      const dueMs = dueAfter(entry);
      if (dueMs !== undefined) this.wakeAt(dueMs);
    });
    await this.wakeAtNearest();
  }

  async onModuleDestroy(): Promise<void> {
    this.isStopped = true;
    this.stopListening();
    clearTimeout(this.timer);
    this.patience.abort();
    await this.sweeping;
  }

  /** Does all that is due now; how many holds were returned and how many accounts changed. */
  async sweep(): Promise<{ holds: number; accounts: number }> {
    return { holds: await this.returnHolds(), accounts: await this.catchUpAccounts() };
  }

  /** One account that cannot be brought up to date does not keep the others waiting. */
  private async catchUpAccounts(): Promise<number> {
    let changed = 0;
    for (;;) {
      const nowMs = this.clock.now();
      const due = await this.documents.accountsDueAt(nowMs, accountsPerSweep);
      const outcomes = await Promise.allSettled(due.map((accountId) => this.store.catchUp(accountId, nowMs)));
      const changedNow = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value > 0).length;
      changed += changedNow;
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed && changedNow === 0) throw failed.reason;
      if (due.length < accountsPerSweep || changedNow === 0 || this.isStopped) {
        if (failed) throw failed.reason;
        return changed;
      }
    }
  }

  private async returnHolds(): Promise<number> {
    let returned = 0;
    for (;;) {
      const due = await this.documents.holdsDueAt(this.clock.now(), holdsPerSweep);
      const outcomes = await Promise.all(due.map((hold) => this.releaseHold(hold)));
      const returnedNow = outcomes.filter((isReturned) => isReturned).length;
      returned += returnedNow;
      if (due.length < holdsPerSweep || returnedNow === 0 || this.isStopped) return returned;
    }
  }

  private async releaseHold({ accountId, jobId }: DueHold): Promise<boolean> {
    try {
      await this.store.apply(accountId, { kind: 'release', jobId, reason: releasedByDeadline, nowMs: this.clock.now() });
      return true;
    } catch (error) {
      // Its settlement was faster.
      if (error instanceof TesseraError && error.reason === 'hold_already_settled') return false;
      throw error;
    }
  }

  private wakeAt(dueMs: number): void {
    if (this.isStopped || dueMs >= this.wakesAtMs) return;
    clearTimeout(this.timer);
    this.wakesAtMs = dueMs;
    const sleepMs = Math.min(sleepMsMax, Math.max(sleepMsMin, dueMs - this.clock.now()));
    this.timer = setTimeout(() => this.wake(), sleepMs);
    this.timer.unref();
  }

  private wake(): void {
    this.sweeping = this.sweepAndSleep().finally(() => (this.sweeping = undefined));
  }

  private async sweepAndSleep(): Promise<void> {
    try {
      if ((await this.documents.holdsDueAt(this.clock.now(), 1)).length > 0) await this.eventsFirst();
      if (this.isStopped) return;
      const { holds, accounts } = await this.sweep();
      if (holds > 0) this.logger.warn({ holds }, 'holds past their deadline were returned');
      if (accounts > 0) this.logger.info({ accounts }, 'cycles ended and lots expired');
      this.wakesAtMs = Infinity;
      await this.wakeAtNearest();
    } catch (error) {
      if (this.isStopped) return;
      this.logger.error({ err: error }, 'what has come due could not be done; trying again');
      this.wakesAtMs = Infinity;
      this.wakeAt(this.clock.now() + retryMs);
    }
  }

  /** A job that ended in time is charged although billing was down meanwhile: its event lies in the log, and goes before the sweep. */
  private async eventsFirst(): Promise<void> {
    this.patience = new AbortController();
    const { signal } = this.patience;
    const longEnough = sleep(eventsFirstMsMax, undefined, { signal, ref: false }).catch(() => undefined);
    await Promise.race([this.bus.drain(), longEnough]).finally(() => this.patience.abort());
  }

  private async wakeAtNearest(): Promise<void> {
    const nearestMs = await this.documents.nearestDueMs();
    this.wakeAt(nearestMs ?? this.clock.now() + sleepMsMax);
  }
}

/** When time will next act on what an entry brought. A hold is good up to and including its deadline. */
function dueAfter(entry: Entry): number | undefined {
  if (entry.kind === 'hold') return entry.deadlineMs + 1;
  const expiries = 'lots' in entry ? entry.lots.flatMap(({ expiresMs }) => expiresMs ?? []) : [];
  const subscription = 'subscription' in entry ? entry.subscription : undefined;
  const dueMs = Math.min(...expiries, (subscription && turnsMs(subscription)) ?? Infinity);
  return dueMs === Infinity ? undefined : dueMs;
}
