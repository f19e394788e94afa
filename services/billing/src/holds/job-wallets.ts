import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { InTurn } from '@tessera/platform/concurrency/in-turn.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { AccountStore } from '../ledger/store/account.store.js';
import { PriceList } from '../catalogue/catalogue.js';
import { accountBusy, insufficientCredits, unknownMember } from '../errors.js';
import { ledgerIdOf, type Wallet } from '../wallets.js';

/** Accounts known to have bought no credits: nearly all of them. Forgetting one costs a read. */
const withoutCreditsMax = 10_000;

/** Commands of accounts with credits that are on their way; each is a promise. */
const inHandMax = 20_000;

/** Which wallet pays for a job. A job is in one wallet only, whatever becomes of the account's plan between two deliveries of a command. */
@Injectable()
export class JobWallets {
  private readonly withoutCredits = new Set<string>();
  private readonly turns = new InTurn();

  constructor(
    private readonly store: AccountStore,
    private readonly prices: PriceList,
    private readonly clock: Clock,
  ) {
    store.onEntry(({ kind, accountId }) => {
      if (kind === 'grant') this.withoutCredits.delete(accountId);
    });
  }

  /** A job's commands one after the other, where two wallets could take them at the same time. With one wallet, its own lane sees to that. */
  async inTurn<T>(accountId: string, jobId: string, task: () => Promise<T>): Promise<T> {
    if (!(await this.hasCredits(accountId))) return task();
    if (this.turns.size >= inHandMax) throw accountBusy();
    return this.turns.run(`${accountId}:${jobId}`, task);
  }

  /** As asked, or as the account's plan says. */
  async wanted(accountId: string, asked: Wallet): Promise<Wallet> {
    if (asked === 'credits') return 'credits';
    const { plan } = await this.store.summary(accountId);
    return this.prices.plan(plan, this.clock.now()).apiTrack;
  }

  /** The ledger account that is to hold a job's tokens: the one that knows the job already, or the wanted wallet's. FailedPrecondition `insufficient_credits` when there are none. */
  async paying(accountId: string, jobId: string, wallet: Wallet, memberId: string | undefined): Promise<string> {
    const hasCredits = await this.hasCredits(accountId);
    if (wallet === 'plan' && !hasCredits) return accountId;
    const other = ledgerIdOf(accountId, wallet === 'plan' ? 'credits' : 'plan');
    if ((wallet === 'credits' || hasCredits) && (await this.store.jobEntries(other, jobId)).opening) return other;
    if (wallet === 'plan') return accountId;
    if (!hasCredits) throw insufficientCredits(1, 0);
    const { settings } = await this.store.summary(accountId);
    if (memberId !== undefined && !settings.members.some((member) => member.memberId === memberId)) throw unknownMember(memberId);
    return ledgerIdOf(accountId, 'credits');
  }

  /** The ledger account that knows a job; the plan's when none does. */
  async of(accountId: string, jobId: string): Promise<string> {
    if (!(await this.hasCredits(accountId))) return accountId;
    const credits = ledgerIdOf(accountId, 'credits');
    return (await this.store.jobEntries(credits, jobId)).opening ? credits : accountId;
  }

  async hasCredits(accountId: string): Promise<boolean> {
    const ledgerId = ledgerIdOf(accountId, 'credits');
    if (this.withoutCredits.has(ledgerId)) return false;
    try {
      await this.store.summary(ledgerId);
      return true;
    } catch (error) {
      if (!(error instanceof TesseraError) || error.reason !== 'unknown_account') throw error;
      if (this.withoutCredits.size >= withoutCreditsMax) this.withoutCredits.clear();
      this.withoutCredits.add(ledgerId);
      return false;
    }
  }
}
