import { Semaphore } from '@tessera/platform/concurrency/semaphore.js';

/** Work that few may do at once, one at a time for each account: none holds every place, and who sends much waits for itself. */
export class Places {
  readonly #places: Semaphore;
  readonly #ofAccounts = new Map<string, Semaphore>();

  constructor(places: number) {
    this.#places = new Semaphore(places);
  }

  /** Of this account, in front of whoever asks now. */
  waitingOf(accountId: string): number {
    return this.#ofAccounts.get(accountId)?.waiting ?? 0;
  }

  async run<T>(accountId: string, work: () => Promise<T>): Promise<T> {
    const own = this.#ofAccounts.get(accountId) ?? new Semaphore(1);
    this.#ofAccounts.set(accountId, own);
    await own.acquire();
    await this.#places.acquire();
    try {
      return await work();
    } finally {
      this.#places.release();
      own.release();
      if (own.available === 1) this.#ofAccounts.delete(accountId);
    }
  }
}
