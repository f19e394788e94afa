import { Injectable } from '@nestjs/common';
import { tooManyStreams } from '../errors.js';

/** One stream tells everything, so more than a few tabs and programs are a client that forgets to close. Counted by each process. */
export const streamsPerAccountMax = 20;
/** Streams of clients that went away are noticed by then. */
const retryAfterMs = 5_000;

/** How many event streams each account has open. */
@Injectable()
export class OpenStreams {
  readonly #open = new Map<string, number>();

  /** ResourceExhausted `too_many_streams`. Call the answer, once, when the stream has ended. */
  enter(accountId: string): () => void {
    const open = this.#open.get(accountId) ?? 0;
    if (open >= streamsPerAccountMax) throw tooManyStreams(streamsPerAccountMax, retryAfterMs);
    this.#open.set(accountId, open + 1);
    return () => this.#leave(accountId);
  }

  #leave(accountId: string): void {
    const left = (this.#open.get(accountId) ?? 1) - 1;
    if (left === 0) this.#open.delete(accountId);
    else this.#open.set(accountId, left);
  }
}
