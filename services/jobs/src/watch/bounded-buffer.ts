/** In place of an item: some may be missing, so what they would have told must be found out otherwise. */
export const gap = Symbol('gap');

/** Items for one reader. When full, the oldest that may be dropped is, and if none may, the oldest of all: the reader then finds a gap. */
export class BoundedBuffer<T extends object> {
  #hasGap = false;
  readonly #items: T[] = [];
  readonly #closers: (() => void)[] = [];
  #wake: (() => void) | undefined;

  constructor(
    private readonly itemsMax: number,
    private readonly mayDrop: (item: T) => boolean,
  ) {}

  put(item: T): void {
    if (this.#items.length >= this.itemsMax) {
      const oldest = this.#items.findIndex(this.mayDrop);
      if (oldest < 0) this.#hasGap = true;
      this.#items.splice(Math.max(0, oldest), 1);
    }
    this.#items.push(item);
    this.#wake?.();
  }

  /** Something may have been lost on its way here. */
  putGap(): void {
    this.#hasGap = true;
    this.#wake?.();
  }

  /** The next item, a gap before all items, or nothing when the signal aborts. */
  async next(signal: AbortSignal): Promise<T | typeof gap | undefined> {
    if (this.#items.length === 0 && !this.#hasGap && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wake = undefined;
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
    }
    if (signal.aborted) return undefined;
    if (!this.#hasGap) return this.#items.shift();
    this.#hasGap = false;
    return gap;
  }

  onClose(closer: () => void): void {
    this.#closers.push(closer);
  }

  close(): void {
    for (const closer of this.#closers.splice(0)) closer();
  }
}
