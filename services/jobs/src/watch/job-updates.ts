import type { WatchResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';

export type JobUpdate = {
  readonly jobId: string;
  readonly message: WatchResponse;
  /** The job has reached a final state, or is gone. */ readonly isFinal: boolean;
};

/** In place of an update: some may be missing, so what they would have reported must be read from the store. */
export const gap = Symbol('gap');

/** Updates that may wait for a slow reader: some ten seconds of progress of a job with many pictures. */
const updatesMax = 256;

const mayDrop = (update: JobUpdate | typeof gap): boolean =>
  update !== gap && (update.message.event.case === 'progress' || update.message.event.case === 'preview');

/** What comes for one listener, until it closes. */
export class JobUpdates {
  readonly #received = new BoundedBuffer<JobUpdate | typeof gap>({ itemsMax: updatesMax, mayDrop });
  #hasGap = false;
  #onClose: () => void = () => {};

  push(update: JobUpdate): void {
    this.#received.push(update);
  }

  /** Something may have been lost on its way here. One gap that waits says as much as many. */
  pushGap(): void {
    if (this.#hasGap) return;
    this.#hasGap = true;
    this.#received.push(gap);
  }

  /** The next update, or a gap, or undefined when the signal aborts. */
  async next(signal: AbortSignal): Promise<JobUpdate | typeof gap | undefined> {
    const update = await this.#received.next(signal);
    if (update !== gap && !this.#received.hasLost) return update;
    this.#hasGap = update === gap ? false : this.#hasGap;
    this.#received.hasLost = false;
    // An update that came after others were dropped is found in the store with them.
    return update === undefined ? undefined : gap;
  }

  onClose(close: () => void): void {
    this.#onClose = close;
  }

  close(): void {
    this.#onClose();
  }
}
