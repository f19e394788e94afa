/** Jobs of one account: admitted and not yet queued, waiting where workers see them, running, and parked until a place is free. */
export type LoadSnapshot = { readonly admitted: number; readonly waiting: number; readonly running: number; readonly parked: number };
export type LoadKey = 'waiting' | 'running' | 'parked';
export type LoadCounts = Readonly<Record<LoadKey, number>>;

/** Accounts held in memory; beyond it those without jobs are forgotten and counted anew when they come back. */
const accountsBeforeForgetting = 10_000;

const none: LoadCounts = { waiting: 0, running: 0, parked: 0 };

/** What is known of one account's load: the last count at the store, what this process has committed since, and what it is committing at this moment. */
export class AccountLoad {
  admitted = 0;
  /** Jobs on their way to the store. They count from the decision on, so that two decisions side by side cannot both take the last place. */
  readonly #pending = { ...none };
  #counted: Record<LoadKey, number> = { ...none };
  /** Numbers the counts, so that an older one that takes longer does not replace a newer one. */
  #countsBegun = 0;
  #countsEnded = 0;
  #newestCount = 0;

  get isBeingCounted(): boolean {
    return this.#countsEnded < this.#countsBegun;
  }

  get waiting(): number {
    return this.#counted.waiting + this.#pending.waiting;
  }

  get running(): number {
    return this.#counted.running + this.#pending.running;
  }

  get parked(): number {
    return this.#counted.parked + this.#pending.parked;
  }

  snapshot(): LoadSnapshot {
    return { admitted: this.admitted, waiting: this.waiting, running: this.running, parked: this.parked };
  }

  begin(key: LoadKey | undefined): void {
    if (key) this.#pending[key] += 1;
  }

  /** The commit has failed. */
  abandon(key: LoadKey | undefined): void {
    if (key) this.#pending[key] -= 1;
  }

  /** The commit is durable: the job has left `before`. */
  commit(key: LoadKey | undefined, before: LoadKey | undefined): void {
    this.abandon(key);
    if (key) this.#counted[key] += 1;
    if (before) this.#counted[before] -= 1;
  }

  /** A job went from its decision straight to what was committed with `key` as its state before, although the store never saw it there. */
  skipped(key: LoadKey | undefined): void {
    this.commit(key, undefined);
  }

  /** Takes over a count at the store. What is committed while it runs may be in it or not, and is added: too many for a moment, never too few. */
  async recount(count: () => Promise<LoadCounts>): Promise<void> {
    const mine = ++this.#countsBegun;
    const before = { ...this.#counted };
    const counted = await count().finally(() => (this.#countsEnded += 1));
    if (mine < this.#newestCount) return;
    this.#newestCount = mine;
    const committedMeanwhile = (key: LoadKey) => Math.max(0, this.#counted[key] - before[key]);
    this.#counted = {
      waiting: counted.waiting + committedMeanwhile('waiting'),
      running: counted.running + committedMeanwhile('running'),
      parked: counted.parked + committedMeanwhile('parked'),
    };
  }
}

type Known = { readonly load: AccountLoad; readonly counted: Promise<void> };

/**
 * How many jobs each account has in hand. Where one process alone writes to the store, they are counted once and then kept by what it does; ask for a load before committing
 * anything for that account, so that the count and the commit cannot cross. Where the store is shared, what others do is not seen, and every decision counts anew.
 */
export class AccountLoads {
  readonly #loads = new Map<string, Known>();
  #limit = accountsBeforeForgetting;

  constructor(
    private readonly count: (accountId: string) => Promise<LoadCounts>,
    private readonly isShared: boolean,
  ) {}

  /** To decide by. */
  async of(accountId: string): Promise<AccountLoad> {
    const isKnown = this.#loads.has(accountId);
    const { load, counted } = this.#known(accountId, true);
    await counted;
    if (isKnown && this.isShared) await load.recount(() => this.count(accountId));
    return load;
  }

  /** To note what is committed, not to decide by: where the store is shared, it is not counted for that. */
  async toNote(accountId: string): Promise<AccountLoad> {
    const { load, counted } = this.#known(accountId, !this.isShared);
    await counted;
    return load;
  }

  /** After a commit whose outcome is unknown: the next one to ask counts again. */
  forget(accountId: string): void {
    this.#loads.delete(accountId);
  }

  /** Nothing is awaited in between: who asks first is answered first. */
  #known(accountId: string, isCounted: boolean): Known {
    const known = this.#loads.get(accountId);
    if (known) return known;
    if (this.#loads.size >= this.#limit) this.#forgetIdle();
    const load = new AccountLoad();
    const counted = isCounted ? load.recount(() => this.count(accountId)) : Promise.resolve();
    counted.catch(() => this.#loads.delete(accountId));
    const begun = { load, counted };
    this.#loads.set(accountId, begun);
    return begun;
  }

  #forgetIdle(): void {
    for (const [accountId, { load }] of this.#loads) {
      if (load.isBeingCounted) continue;
      const { admitted, waiting, running, parked } = load;
      if (admitted + waiting + running + parked <= 0) this.#loads.delete(accountId);
    }
    this.#limit = Math.max(accountsBeforeForgetting, this.#loads.size * 2);
  }
}
