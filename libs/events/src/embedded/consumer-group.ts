import type { LoggedEvent } from '@tessera/documents/event-log.js';
import { cancelled } from '@tessera/platform/errors.js';
import type { Deliveries } from '../deliveries.js';
import type { Cursor } from './cursor.js';

/** Read but not handled; bounds memory while the handlers are slower than the log. */
const eventsInHandMax = 1024;

type InHand = { readonly offset: number; isHandled: boolean };
type Waiter = { readonly offset: number; readonly resolve: () => void; readonly reject: (error: unknown) => void };

/** One group's way through the log. */
export class ConsumerGroup {
  /** All of the log up to here was looked at. */
  readOffset = 0;
  /** In the order of the log. The cursor stands before the first that is not handled. */
  private inHand: InHand[] = [];
  private firstUnhandled = 0;
  private unhandled = 0;
  private wasFull = false;
  private waiters: Waiter[] = [];

  constructor(
    readonly deliveries: Deliveries,
    private readonly cursor: Cursor,
    private readonly onCapacity: () => void,
  ) {}

  get isFull(): boolean {
    return this.unhandled >= eventsInHandMax;
  }

  get unhandledInHand(): number {
    return this.unhandled;
  }

  async load(): Promise<void> {
    this.readOffset = await this.cursor.load();
  }

  /** Takes what it subscribes to of `events`, which are all there is up to `scannedOffset`; what finds no room is read again later. */
  take(events: readonly LoggedEvent[], scannedOffset: number): void {
    for (const event of events) {
      if (event.offset <= this.readOffset || !this.deliveries.subscriptions.has(event.type)) continue;
      if (this.isFull) return;
      this.readOffset = event.offset;
      this.accept(event);
    }
    this.readOffset = Math.max(this.readOffset, scannedOffset);
    this.moveCursor(false);
  }

  /** Resolves when all events up to `offset` are handled. */
  async handledUpTo(offset: number): Promise<void> {
    if (this.position >= offset) return;
    await new Promise<void>((resolve, reject) => this.waiters.push({ offset, resolve, reject }));
  }

  /** Starts no handler from here on, and waits for those that run. */
  async halt(): Promise<void> {
    await this.deliveries.halt();
  }

  /** After `halt`: keeps how far it came, and releases the waiters. */
  async stop(): Promise<void> {
    for (const { reject } of this.waiters.splice(0)) reject(cancelled('bus_stopped', 'The event bus was stopped.'));
    await this.cursor.close();
  }

  private get position(): number {
    const next = this.inHand[this.firstUnhandled];
    return next === undefined ? this.readOffset : next.offset - 1;
  }

  private accept(event: LoggedEvent): void {
    const entry: InHand = { offset: event.offset, isHandled: false };
    this.inHand.push(entry);
    this.unhandled++;
    this.wasFull ||= this.isFull;
    this.deliveries.push({ event, onHandled: () => this.finish(entry) });
  }

  private finish(entry: InHand): void {
    entry.isHandled = true;
    this.unhandled--;
    while (this.inHand[this.firstUnhandled]?.isHandled) this.firstUnhandled++;
    if (this.firstUnhandled >= eventsInHandMax) {
      this.inHand = this.inHand.slice(this.firstUnhandled);
      this.firstUnhandled = 0;
    }
    this.moveCursor(true);
    if (this.wasFull && this.unhandled <= eventsInHandMax / 2) {
      this.wasFull = false;
      this.onCapacity();
    }
  }

  private moveCursor(hasHandled: boolean): void {
    const { position } = this;
    this.cursor.advance(position, hasHandled);
    if (this.waiters.length === 0) return;
    const due = this.waiters.filter(({ offset }) => offset <= position);
    this.waiters = this.waiters.filter(({ offset }) => offset > position);
    for (const { resolve } of due) resolve();
  }
}
