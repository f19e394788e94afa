/** Runs asynchronous work of one key one after the other, in the order in which it was given; other keys do not wait. Work that fails does not stop what comes after it. */
export class InTurn {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Keys with work that runs or waits: for callers that bound it. */
  get size(): number {
    return this.#last.size;
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(task, task);
    this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
