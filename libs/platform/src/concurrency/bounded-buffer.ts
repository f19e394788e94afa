export type BoundedBufferOptions<T> = {
  /** Items that may wait for a slow reader. */
  readonly itemsMax: number;
  /** When the buffer is full, the oldest item that may be dropped is dropped (the oldest of all where none may: the reader then finds `hasLost` set). Absent: see `overflow`. */
  readonly mayDrop?: (item: T) => boolean;
  /** When the buffer is full and nothing is dropped, it ends with this error. */
  readonly overflow?: () => Error;
};

/** A queue between writers that do not wait and one reader that does. Reading ends when `end` was called and everything before it has been taken. */
export class BoundedBuffer<T extends NonNullable<unknown>> implements AsyncIterable<T> {
  /** Something was dropped that should not have been. The reader clears it when it has found out otherwise what it has missed. */
  hasLost = false;
  readonly #options: BoundedBufferOptions<T>;
  readonly #items: T[] = [];
  #ended: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: BoundedBufferOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#items.length;
  }

  /** After the end an item is ignored. */
  push(item: T): void {
    if (this.#ended !== undefined) return;
    if (this.#items.length >= this.#options.itemsMax && !this.#mayAdd()) return;
    this.#items.push(item);
    this.#wake?.();
  }

  /** With an error, the reader gets that after the items that came before. Only the first end counts. */
  end(error?: Error): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  /** The next item; undefined after the end, or as soon as the signal aborts. Throws the error that ended the buffer. */
  async next(signal?: AbortSignal): Promise<T | undefined> {
    if (this.#items.length === 0 && this.#ended === undefined && !signal?.aborted) await this.#change(signal);
    if (signal?.aborted) return undefined;
    const item = this.#items.shift();
    if (item === undefined && this.#ended?.error !== undefined) throw this.#ended.error;
    return item;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (let item = await this.next(); item !== undefined; item = await this.next()) yield item;
  }

  #mayAdd(): boolean {
    const { mayDrop, overflow, itemsMax } = this.#options;
    if (mayDrop === undefined) {
      this.end(overflow?.() ?? new Error(`The reader fell ${itemsMax} items behind.`));
      return false;
    }
    const oldest = this.#items.findIndex(mayDrop);
    if (oldest < 0) this.hasLost = true;
    this.#items.splice(Math.max(0, oldest), 1);
    return true;
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve) => {
      const wake = () => {
        this.#wake = undefined;
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}
