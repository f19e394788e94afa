/** Items for one reader. When full, the oldest that may be dropped is, and if none may, the oldest of all: the reader then finds `hasLost` set. */
export class BoundedBuffer<T> {
  /** Something was dropped that should not have been. The reader clears it when it has found out otherwise what it has missed. */
  hasLost = false;
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
      if (oldest < 0) this.hasLost = true;
      this.#items.splice(Math.max(0, oldest), 1);
    }
    this.#items.push(item);
    this.#wake?.();
  }

  /** The next item, or nothing when the signal aborts. */
  async next(signal: AbortSignal): Promise<T | undefined> {
    if (this.#items.length === 0 && !signal.aborted) {
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
    return signal.aborted ? undefined : this.#items.shift();
  }

  onClose(closer: () => void): void {
    this.#closers.push(closer);
  }

  close(): void {
    for (const closer of this.#closers.splice(0)) closer();
  }
}
