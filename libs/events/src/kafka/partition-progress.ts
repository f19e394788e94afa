/** An event that was taken and not yet passed over. */
export type InHand = { readonly offset: number; isHandled: boolean };

/** How far a group has come in one partition while this process holds it. */
export class PartitionProgress {
  /** In the order of the log. The committed offset stands before the first that is not handled. */
  private inHand: InHand[] = [];
  private firstUnhandled = 0;
  private nextOffset: number | undefined;
  private unhandledCount = 0;
  isHeld = true;
  committed: number | undefined;

  /** What is committed when it changes: everything before it is handled. Undefined until something was taken. */
  get position(): number | undefined {
    return this.inHand[this.firstUnhandled]?.offset ?? this.nextOffset;
  }

  get unhandled(): number {
    return this.unhandledCount;
  }

  /** The offset behind everything that was taken. */
  get next(): number | undefined {
    return this.nextOffset;
  }

  /** Undefined for what we have already: after a rebalance the client fetches from the committed offset again. */
  take(offset: number): InHand | undefined {
    if (this.nextOffset !== undefined && offset < this.nextOffset) return undefined;
    const entry: InHand = { offset, isHandled: false };
    this.inHand.push(entry);
    this.nextOffset = offset + 1;
    this.unhandledCount++;
    return entry;
  }

  handled(entry: InHand): void {
    entry.isHandled = true;
    this.unhandledCount--;
    while (this.inHand[this.firstUnhandled]?.isHandled) this.firstUnhandled++;
    // Not for each: cutting an array costs its length.
    if (this.firstUnhandled * 2 > this.inHand.length) {
      this.inHand = this.inHand.slice(this.firstUnhandled);
      this.firstUnhandled = 0;
    }
  }
}
