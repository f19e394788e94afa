import { toBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { AccountSchema, type Account } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { DescribeQueueResponseSchema, type DescribeQueueResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { pause } from '@tessera/platform/concurrency/pause.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { Accounts } from '../accounts/account.js';
import { BalanceChanges } from '../accounts/balance-changes.js';
import { Generations } from '../generations/generations.js';
import type { Caller } from '../keys/keys.js';
import type { AccountEvent } from './account-event.js';

/** Changes that come in quick succession are one event. */
const balanceEveryMs = 200;
const queueEveryMs = 1_000;
/** A job that has ended is settled within milliseconds, unless billing is behind. */
const settledWithinMs = 30_000;
/** Ended jobs whose bills are waited for at once. */
const billsAtOnceMax = 16;
/** Ended jobs whose bills are still to be waited for; beyond that the oldest are left out, which are settled by the time that the others are. */
const endedMax = 256;

/** Raised any number of times, found raised once. */
type Flag = BoundedBuffer<true>;
const flag = (): Flag => new BoundedBuffer<true>({ itemsMax: 1, mayDrop: () => true });

/** What may have changed an account's figures since one stream last looked. */
export class FigureChanges {
  readonly balance = flag();
  readonly queue = flag();
  readonly ended = new BoundedBuffer<string>({ itemsMax: endedMax, mayDrop: () => true });

  /** Its tokens are held from the start, and settled soon after the end. */
  jobChanged(jobId: string, hasEnded: boolean): void {
    this.balance.push(true);
    this.queue.push(true);
    if (hasEnded) this.ended.push(jobId);
  }
}

/** An account's balance and queue, read when something has happened that may have changed them. */
@Injectable()
export class Figures {
  constructor(
    private readonly accounts: Accounts,
    private readonly generations: Generations,
    private readonly balanceChanges: BalanceChanges,
  ) {}

  changes(): FigureChanges {
    return new FigureChanges();
  }

  /** As it is, then whenever it has changed. */
  async *balances(caller: Caller, { balance }: FigureChanges, signal: AbortSignal): AsyncGenerator<AccountEvent> {
    const stop = await this.balanceChanges.subscribe(caller.accountId, () => balance.push(true));
    try {
      balance.push(true);
      const isNew = hasChanged<Account>((account) => toBinary(AccountSchema, account));
      while (await balance.next(signal)) {
        const account = await unlessAway(this.accounts.get(caller));
        if (account && isNew(account)) yield { kind: 'balance', account };
        await pause(balanceEveryMs, signal);
      }
    } finally {
      stop();
    }
  }

  async *queues(caller: Caller, { queue }: FigureChanges, signal: AbortSignal): AsyncGenerator<AccountEvent> {
    queue.push(true);
    const isNew = hasChanged<DescribeQueueResponse>((described) =>
      toBinary(DescribeQueueResponseSchema, { ...described, oldestWaitMs: 0n }),
    );
    while (await queue.next(signal)) {
      const described = await unlessAway(this.generations.describeQueue(caller));
      if (described && isNew(described)) yield { kind: 'queue', queue: described };
      await pause(queueEveryMs, signal);
    }
  }

  /** Finds out when the bills of ended jobs have been closed, which changes the balance once more. */
  async followSettlements(caller: Caller, { ended, balance }: FigureChanges, signal: AbortSignal): Promise<void> {
    for (let jobId = await ended.next(signal); jobId !== undefined; jobId = await ended.next(signal)) {
      const jobIds = [jobId];
      while (ended.size > 0 && jobIds.length < billsAtOnceMax) jobIds.push((await ended.next(signal)) ?? jobId);
      await Promise.all(jobIds.map((id) => unlessAway(this.accounts.bill(caller, id, { waitMs: settledWithinMs, signal }))));
      balance.push(true);
    }
  }
}

/** Whether a value differs from the one before. */
function hasChanged<T>(bytesOf: (value: T) => Uint8Array): (value: T) => boolean {
  let last: Buffer | undefined;
  return (value) => {
    const bytes = Buffer.from(bytesOf(value));
    if (last?.equals(bytes)) return false;
    last = bytes;
    return true;
  };
}

/** A figure that cannot be had now is had after the next change: the jobs of the stream are worth more than its balance. */
async function unlessAway<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof TesseraError) return undefined;
    throw error;
  }
}
