import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { emptyAccount, type Account, type Entry } from '../ledger/account.js';
import { AccountDocuments } from '../ledger/store/account.documents.js';
import { AccountStore } from '../ledger/store/account.store.js';
import { evolve } from '../ledger/evolve.js';
import { checkAccountId, checkWhole } from '../input.js';

/** From `fromMs` on, to before `toMs`; 0: from the beginning, to now. */
export type Period = { readonly fromMs: number; readonly toMs: number };

/** Beyond what any clock says, and one less than the last instant that a date can name. */
export const instantMsMax = 8_639_999_999_999_999;

/** Reads an account's past out of its entries. History never runs backwards, so a time finds its entry by halving. */
@Injectable()
export class History {
  constructor(
    private readonly store: AccountStore,
    private readonly documents: AccountDocuments,
    private readonly clock: Clock,
  ) {}

  /** The account as its entries before an instant made it. Reads them all: a million take some ten seconds. */
  async accountBefore(accountId: string, beforeMs: number): Promise<Account> {
    const account = emptyAccount(accountId);
    for await (const page of this.pages(accountId, { fromMs: 0, toMs: beforeMs })) for (const entry of page) evolve(account, entry);
    return account;
  }

  /** Oldest first. */
  async *pages(accountId: string, period: Period): AsyncIterable<readonly Entry[]> {
    const { fromMs, toMs } = await this.entered(accountId, period);
    const last = await this.lastBefore(accountId, toMs);
    for (let sequence = fromMs === 0 ? 0 : await this.lastBefore(accountId, fromMs); sequence < last;) {
      const page = (await this.documents.entriesAfter(accountId, sequence)).filter((entry) => entry.sequence <= last);
      if (page.length === 0) return;
      yield page;
      sequence += page.length;
    }
  }

  /** The period in numbers, after what has come due by now is entered: a report must not lack what nobody has looked at yet. */
  async entered(accountId: string, { fromMs, toMs }: Period): Promise<Period> {
    checkAccountId(accountId);
    checkWhole('period.from_ms', fromMs, 0, instantMsMax);
    checkWhole('period.to_ms', toMs, 0, instantMsMax + 1);
    const nowMs = this.clock.now();
    const { dueMs } = await this.store.summary(accountId);
    if (dueMs !== undefined && dueMs <= nowMs) await this.store.catchUp(accountId, nowMs);
    return { fromMs, toMs: toMs === 0 ? instantMsMax + 1 : toMs };
  }

  /** Sequence of the newest entry before an instant; 0 when there is none. */
  private async lastBefore(accountId: string, beforeMs: number): Promise<number> {
    let [low, high] = [0, (await this.store.summary(accountId)).lastEntry];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const [entry] = await this.documents.entriesAfter(accountId, middle - 1, 1);
      if (entry && entry.createdMs < beforeMs) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
