import { retryOnConflict } from '@tessera/documents/documents.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { JobStore } from './job.store.js';

type Turn = { isAskedAgain: boolean; done: Promise<void> };

/**
 * Lets parked jobs take the places that become free among their account's running jobs. One pass at a time for each account: side by side they would want the same parked jobs.
 * A crash, or another process on the same store, may leave a place free and nobody to notice; `lookAtAll` finds those.
 */
export class Parking {
  readonly #turns = new Map<string, Turn>();

  constructor(
    private readonly store: JobStore<object>,
    private readonly logger: Logger,
    /** Fills the free places of an account, in one commit; answers whether there may be more to do. */
    private readonly unparkSome: (accountId: string) => Promise<boolean>,
  ) {}

  /** Every account that has parked jobs, one after the other. */
  async lookAtAll(): Promise<void> {
    for (
      let accountId = await this.store.parkedAccountAfter('');
      accountId !== undefined;
      accountId = await this.store.parkedAccountAfter(accountId)
    ) {
      await this.#look(accountId);
    }
  }

  lookLater(accountId: string): void {
    void this.#look(accountId).catch((error: unknown) =>
      this.logger.error({ err: error, accountId }, 'a parked job stays parked until the account is looked at again'),
    );
  }

  /** Waits for what was begun in the background. */
  async settle(): Promise<void> {
    while (this.#turns.size > 0) await Promise.all([...this.#turns.values()].map(({ done }) => done));
  }

  async #look(accountId: string): Promise<void> {
    const underWay = this.#turns.get(accountId);
    if (underWay) {
      underWay.isAskedAgain = true;
      return underWay.done;
    }
    const turn: Turn = { isAskedAgain: true, done: Promise.resolve() };
    this.#turns.set(accountId, turn);
    const running = this.#run(accountId, turn);
    turn.done = running.catch(() => undefined);
    return running;
  }

  async #run(accountId: string, turn: Turn): Promise<void> {
    try {
      while (turn.isAskedAgain) {
        turn.isAskedAgain = false;
        while (await retryOnConflict(() => this.unparkSome(accountId)));
      }
    } finally {
      // In the same turn of the event loop as the last look at `isAskedAgain`, or a question in between would be lost.
      this.#turns.delete(accountId);
    }
  }
}
