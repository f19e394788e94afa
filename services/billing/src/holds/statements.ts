import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AccountDocuments, type EntryPage } from '../ledger/store/account.documents.js';
import { AccountStore } from '../ledger/store/account.store.js';
import { billOf, type Bill } from './bill.js';
import { tooManyWaiters, unknownBill } from '../errors.js';
import { checkAccountId, checkJobId, checkWhole } from '../input.js';
import { JobWallets } from './job-wallets.js';
import { ledgerIdOf, ownerOf, type Wallet } from '../wallets.js';

const billWaitMsMax = 30_000;
/** Each is a closure and a timer; beyond this many the callers are better told to come back. */
const billWaitersMax = 10_000;
const pageSizeDefault = 50;
const pageSizeMax = 500;

/** What happened to an account's tokens, for its owner to read. */
@Injectable()
export class Statements implements OnModuleDestroy {
  private readonly waiters = new Map<string, Set<() => void>>();
  private waiterCount = 0;
  private readonly stopListening: () => void;

  constructor(
    private readonly store: AccountStore,
    private readonly documents: AccountDocuments,
    private readonly wallets: JobWallets,
  ) {
    this.stopListening = store.onEntry((entry) => {
      if (entry.kind === 'settle' || entry.kind === 'release')
        for (const wake of this.waiters.get(key(ownerOf(entry.accountId), entry.jobId)) ?? []) wake();
    });
  }

  onModuleDestroy(): void {
    this.stopListening();
    for (const waiters of this.waiters.values()) for (const wake of waiters) wake();
  }

  /** Waits up to `waitMs` for an open hold to be closed; then answers as things stand. */
  async bill(accountId: string, jobId: string, waitMs: number, signal?: AbortSignal): Promise<{ bill: Bill; balanceTokens: number }> {
    checkAccountId(accountId);
    checkJobId(jobId);
    checkWhole('wait_ms', waitMs, 0, billWaitMsMax);
    await this.store.summary(accountId);
    const closed = waitMs === 0 ? undefined : this.closing(key(accountId, jobId), waitMs, signal);
    const ledgerId = await this.wallets.of(accountId, jobId);
    let bill: Bill | undefined;
    try {
      bill = billOf(await this.store.jobEntries(ledgerId, jobId));
      if (bill?.state === 'held' && closed) {
        await closed.happened;
        bill = billOf(await this.store.jobEntries(ledgerId, jobId));
      }
    } finally {
      closed?.forget();
    }
    if (!bill) throw unknownBill();
    const { totals, frozenTokens } = await this.store.summary(ledgerId);
    return { bill, balanceTokens: totals.balance - frozenTokens };
  }

  /** Newest first. */
  async entries(accountId: string, pageSize: number, pageToken: string, wallet: Wallet = 'plan'): Promise<EntryPage> {
    checkAccountId(accountId);
    const ledgerId = ledgerIdOf(accountId, wallet);
    checkWhole('page_size', pageSize, 0, pageSizeMax);
    await this.store.summary(ledgerId);
    return this.documents.entriesNewestFirst(ledgerId, pageSize || pageSizeDefault, pageToken || undefined);
  }

  /** Starts to listen before the bill is read: a hold that is closed in between is not missed. */
  private closing(waitKey: string, waitMs: number, signal?: AbortSignal): { happened: Promise<void>; forget: () => void } {
    if (this.waiterCount >= billWaitersMax) throw tooManyWaiters();
    const waiters = this.waiters.get(waitKey) ?? new Set();
    this.waiters.set(waitKey, waiters);
    this.waiterCount++;
    let forget = () => {};
    const happened = new Promise<void>((wake) => {
      const timer = setTimeout(wake, waitMs);
      const onAbort = () => wake();
      if (signal?.aborted) wake();
      else signal?.addEventListener('abort', onAbort, { once: true });
      waiters.add(wake);
      forget = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        waiters.delete(wake);
        if (waiters.size === 0) this.waiters.delete(waitKey);
        this.waiterCount--;
      };
    });
    return { happened, forget };
  }
}

const key = (accountId: string, jobId: string): string => `${accountId}:${jobId}`;
