import { AsyncLocalStorage } from 'node:async_hooks';
import { fromWireStatus } from './error-metadata.js';

/**
 * What a caller streams: encoded one message at a time, each only when it is asked for, until the messages end or nobody wants more. The caller's code runs in the caller's
 * own context, whoever asks.
 */
export class CallerMessages<T, Encoded> {
  readonly #messages: AsyncIterator<T>;
  readonly #inCallersContext = AsyncLocalStorage.snapshot();
  #isStopped = false;
  #release = () => {};
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;

  constructor(
    messages: AsyncIterable<T>,
    private readonly encode: (message: T) => Encoded,
  ) {
    this.#messages = messages[Symbol.asyncIterator]();
  }

  /** Why the messages broke off, if they did: what the caller's own code threw, as it is, or Internal for what is no message. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** They have come to their own end. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** `undefined` at the end, after `stop` and when the messages broke off. */
  async next(): Promise<Encoded | undefined> {
    if (this.#isStopped) return undefined;
    try {
      const next = await this.unlessStopped(this.#inCallersContext(() => this.#messages.next()));
      this.#hasEnded = next?.done === true;
      return next === undefined || next.done ? undefined : this.#encoded(next.value);
    } catch (error) {
      this.#failure = { error };
      return undefined;
    }
  }

  /** Waits for something, but no longer than until `stop`. A race against one promise for all waits would keep each of them in memory to the end. */
  unlessStopped<R>(work: Promise<R>): Promise<R | undefined> {
    return new Promise((resolve, reject) => {
      this.#release = () => resolve(undefined);
      if (this.#isStopped) resolve(undefined);
      work.then(resolve, reject);
    });
  }

  /** Nobody wants more. The caller's iterator is told, and not waited for: it may hang. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#release();
    this.#inCallersContext(() => this.#messages.return?.())?.catch(() => undefined);
  }

  #encoded(message: T): Encoded {
    try {
      return this.encode(message);
    } catch (error) {
      throw fromWireStatus(error);
    }
  }
}
