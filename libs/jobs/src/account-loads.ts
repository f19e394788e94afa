/** Jobs of one account: admitted and not yet queued, waiting where workers see them, running, and parked until a place is free. */
export type AccountLoad = { admitted: number; waiting: number; running: number; parked: number };

/** Accounts held in memory; beyond it those without jobs are forgotten and counted anew when they come back. */
const accountsBeforeForgetting = 10_000;

/**
 * How many jobs each account has in hand, counted once from the store and then kept by what this process does. Ask for a load before committing anything for that account:
 * the count and the commit cannot then cross. With several processes it is as true as the last count; claims stay exact, limits become approximate.
 */
export class AccountLoads {
  readonly #loads = new Map<string, Promise<AccountLoad>>();
  #limit = accountsBeforeForgetting;

  constructor(private readonly count: (accountId: string) => Promise<AccountLoad>) {}

  async of(accountId: string): Promise<AccountLoad> {
    const known = this.#loads.get(accountId);
    if (known) return known;
    if (this.#loads.size >= this.#limit) await this.#forgetIdle();
    const counting = this.count(accountId);
    this.#loads.set(accountId, counting);
    counting.catch(() => this.#loads.delete(accountId));
    return counting;
  }

  /** After a commit whose outcome is unknown: the next one to ask counts again. */
  forget(accountId: string): void {
    this.#loads.delete(accountId);
  }

  async #forgetIdle(): Promise<void> {
    for (const [accountId, pending] of this.#loads) {
      const load = await pending;
      if (load.admitted + load.waiting + load.running + load.parked === 0) this.#loads.delete(accountId);
    }
    this.#limit = Math.max(accountsBeforeForgetting, this.#loads.size * 2);
  }
}
