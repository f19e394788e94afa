/** Messages that may wait for a slow reader: some ten seconds of progress of a job with many pictures. */
const messagesMax = 256;

/** Messages for one reader. When full, the oldest that may be dropped is. */
export class Mailbox<M> {
  readonly #messages: M[] = [];
  readonly #closers: (() => void)[] = [];
  #wake: (() => void) | undefined;

  constructor(private readonly mayDrop: (message: M) => boolean) {}

  put(message: M): void {
    if (this.#messages.length >= messagesMax) {
      const oldest = this.#messages.findIndex(this.mayDrop);
      this.#messages.splice(Math.max(0, oldest), 1);
    }
    this.#messages.push(message);
    this.#wake?.();
  }

  /** The next message, or nothing when the signal aborts. */
  async next(signal: AbortSignal): Promise<M | undefined> {
    if (this.#messages.length === 0 && !signal.aborted) {
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
    return signal.aborted ? undefined : this.#messages.shift();
  }

  onClose(closer: () => void): void {
    this.#closers.push(closer);
  }

  close(): void {
    for (const closer of this.#closers.splice(0)) closer();
  }
}
