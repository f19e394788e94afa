import { fromBinary, type DescMessage, type Message } from '@bufbuild/protobuf';
import type { LoggedEvent } from '@tessera/documents/event-log.js';
import { cancelled, internal } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { withTraceparent } from '@tessera/platform/trace.js';
import type { EventEnvelope } from '../event-bus.js';
import type { Cursor } from './cursor.js';
import type { DeadLetters } from './dead-letters.js';
import { KeyLanes, type Outcome } from './key-lanes.js';

export type Retry = { readonly attempts: number; readonly baseMs: number; readonly capMs: number };

/** Handlers of one group at the same time; more would only wait for the same store. */
const keysInFlightMax = 64;
/** Read but not handled; bounds memory while the handlers are slower than the log. */
const eventsInHandMax = 1024;

export type Handle = (message: Message, envelope: EventEnvelope) => Promise<void>;
export type Subscription = { readonly schema: DescMessage; readonly handle: Handle };

type InHand = { readonly event: LoggedEvent; attempt: number; isHandled: boolean };
type Waiter = { readonly offset: number; readonly resolve: () => void; readonly reject: (error: unknown) => void };

const isDecoded = (decoded: Message | { readonly undecodable: unknown }): decoded is Message => !('undecodable' in decoded);

/** One group's way through the log. */
export class ConsumerGroup {
  readonly subscriptions = new Map<string, Subscription>();
  /** All of the log up to here was looked at. */
  readOffset = 0;
  private readonly lanes = new KeyLanes(keysInFlightMax);
  /** In the order of the log. The cursor stands before the first that is not handled. */
  private inHand: InHand[] = [];
  private firstUnhandled = 0;
  private unhandled = 0;
  private wasFull = false;
  private waiters: Waiter[] = [];

  constructor(
    readonly name: string,
    private readonly cursor: Cursor,
    private readonly deadLetters: DeadLetters,
    private readonly retry: Retry,
    private readonly logger: Logger,
    private readonly onRoom: () => void,
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
      if (event.offset <= this.readOffset || !this.subscriptions.has(event.type)) continue;
      if (this.isFull) return;
      this.readOffset = event.offset;
      this.accept({ event, attempt: 0, isHandled: false });
    }
    this.readOffset = Math.max(this.readOffset, scannedOffset);
    this.moveCursor(false);
  }

  /** Resolves when all events up to `offset` are handled. */
  async handledUpTo(offset: number): Promise<void> {
    if (this.position >= offset) return;
    await new Promise<void>((resolve, reject) => this.waiters.push({ offset, resolve, reject }));
  }

  /** Runs the handler once more for an event, in turn with the other events of its key; rejects as the handler does. */
  async redeliver(event: LoggedEvent, attempt: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const run = async (): Promise<Outcome> => {
        await this.handle(event, attempt).then(resolve, reject);
        return 'finished';
      };
      this.lanes.push(event.key, { run, abandon: () => reject(cancelled('bus_stopped', 'The event bus was stopped.')) });
    });
  }

  /** Starts no handler from here on, and waits for those that run. */
  async halt(): Promise<void> {
    await this.lanes.close();
  }

  /** After `halt`: keeps how far it came, and lets go of those who wait. */
  async stop(): Promise<void> {
    for (const { reject } of this.waiters.splice(0)) reject(cancelled('bus_stopped', 'The event bus was stopped.'));
    await this.cursor.close();
  }

  private get position(): number {
    const next = this.inHand[this.firstUnhandled];
    return next === undefined ? this.readOffset : next.event.offset - 1;
  }

  private accept(entry: InHand): void {
    this.inHand.push(entry);
    this.unhandled++;
    this.wasFull ||= this.isFull;
    this.lanes.push(entry.event.key, { run: () => this.deliver(entry) });
  }

  private async deliver(entry: InHand): Promise<Outcome> {
    const { event } = entry;
    entry.attempt++;
    try {
      await this.handle(event, entry.attempt);
    } catch (error) {
      const isHopeless = (error as { reason?: string }).reason === 'undecodable_event';
      if (!isHopeless && entry.attempt < this.retry.attempts) return { againInMs: this.backOffMs(entry.attempt) };
      const isBuried = await this.bury(entry, error);
      if (!isBuried) return { againInMs: this.retry.capMs };
    }
    this.finish(entry);
    return 'finished';
  }

  private async handle(event: LoggedEvent, attempt: number): Promise<void> {
    const subscription = this.subscriptions.get(event.type);
    if (subscription === undefined) throw internal('no_handler', `${this.name} has no handler of ${event.type}.`);
    const message = this.decode(subscription.schema, event);
    if (!isDecoded(message)) throw internal('undecodable_event', `The payload is no ${event.type}.`, { cause: message.undecodable });
    const { id, type, key, occurredMs, traceparent } = event;
    await withTraceparent(traceparent, () => subscription.handle(message, { id, type, key, occurredMs, traceparent, attempt }));
  }

  private decode(schema: DescMessage, { data }: LoggedEvent): Message | { readonly undecodable: unknown } {
    try {
      return fromBinary(schema, data);
    } catch (error) {
      return { undecodable: error };
    }
  }

  /** Without its dead letter the event must not be passed over: when the store refuses, the key waits and the event is tried again. */
  private async bury({ event, attempt }: InHand, error: unknown): Promise<boolean> {
    const facts = { group: this.name, type: event.type, key: event.key, eventId: event.id, attempts: attempt };
    try {
      await this.deadLetters.add(this.name, event, attempt, error);
      this.logger.error({ ...facts, err: error }, 'an event was given up; redrive it when its cause is gone');
      return true;
    } catch (refusal) {
      this.logger.error({ ...facts, err: refusal }, 'an event that failed could not be set aside; will try again');
      return false;
    }
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
      this.onRoom();
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

  /** Doubles with every attempt; half of it is chance, so that events that failed together do not come back together. */
  private backOffMs(attempt: number): number {
    return Math.min(this.retry.capMs, this.retry.baseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
  }
}
