import { cancelled, deadlineExceeded, type TesseraError } from '@tessera/platform/errors.js';
import type { CallOptions } from '../rpc.js';
import type { RpcCall } from '../streams.js';

/** One call's life: ends by itself, by its deadline or by the caller. Handlers see it as the call object that gRPC would give them. */
export class InProcessCall implements RpcCall {
  cancelled = false;
  /** As of a stream's writable side: its reader is behind. */
  writableNeedDrain = false;
  readonly #listeners: (() => void)[] = [];
  readonly #drained: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.cancel();
  #failure: TesseraError | undefined;
  #onFailure: ((error: TesseraError) => void) | undefined;

  constructor(method: string, { deadlineMs, signal }: CallOptions) {
    if (deadlineMs !== undefined) {
      this.#timer = setTimeout(
        () => this.#end(deadlineExceeded('deadline_exceeded', `${method} took longer than ${deadlineMs} ms.`)),
        deadlineMs,
      );
    }
    this.#signal = signal;
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  once(event: 'cancelled' | 'drain', listener: () => void): void {
    if (event === 'drain') this.#drained.push(listener);
    else if (this.cancelled) listener();
    else this.#listeners.push(listener);
  }

  fallBehind(): void {
    this.writableNeedDrain = true;
  }

  catchUp(): void {
    if (!this.writableNeedDrain) return;
    this.writableNeedDrain = false;
    for (const listener of this.#drained.splice(0)) listener();
  }

  cancel(): void {
    this.#end(cancelled('cancelled', 'The caller cancelled the call.'));
  }

  /** Calls back when the call is cut short, at once if it has been. */
  onFailure(listener: (error: TesseraError) => void): void {
    this.#onFailure = listener;
    if (this.#failure) listener(this.#failure);
  }

  /** The call has ended normally: nothing may fire any more. */
  done(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  #end(error: TesseraError): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.#failure = error;
    this.done();
    for (const listener of this.#listeners) listener();
    this.#onFailure?.(error);
  }
}
