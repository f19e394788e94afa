import { fromBinary, type DescMessage, type Message } from '@bufbuild/protobuf';
import type { LoggedEvent } from '@tessera/documents/event-log.js';
import { cancelled, internal } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { DeadLetters } from './dead-letters.js';
import type { EventEnvelope } from './event-bus.js';
import { processed } from './event-spans.js';
import { KeyLanes, type Outcome } from './key-lanes.js';

export type Retry = { readonly attempts: number; readonly baseMs: number; readonly capMs: number };

/** Handlers of one group at the same time; more would only wait for the same store. */
const keysInFlightMax = 64;

export type Handle = (message: Message, envelope: EventEnvelope) => Promise<void>;
export type Subscription = { readonly schema: DescMessage; readonly handle: Handle };

export type Delivery = {
  readonly event: LoggedEvent;
  /** Evaluated before every attempt: a delivery that has moved to another process is dropped. */
  readonly isWanted?: () => boolean;
  /** The handler has returned, or the event has become a dead letter. */
  readonly onHandled: () => void;
};

const isDecoded = (decoded: Message | { readonly undecodable: unknown }): decoded is Message => !('undecodable' in decoded);

/** Brings events to the handlers of one group: in order for each key, with retries, then to the dead letters. Where events come from is decided by the adapter. */
export class Deliveries {
  readonly subscriptions = new Map<string, Subscription>();
  private readonly lanes = new KeyLanes(keysInFlightMax);

  constructor(
    readonly group: string,
    private readonly deadLetters: DeadLetters,
    private readonly retry: Retry,
    private readonly logger: Logger,
  ) {}

  push(delivery: Delivery): void {
    let attempt = 0;
    this.lanes.push(delivery.event.key, { run: () => this.deliver(delivery, ++attempt) });
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

  private async deliver({ event, isWanted, onHandled }: Delivery, attempt: number): Promise<Outcome> {
    if (isWanted?.() === false) return 'finished';
    try {
      await this.handle(event, attempt);
    } catch (error) {
      const isHopeless = (error as { reason?: string }).reason === 'undecodable_event';
      if (!isHopeless && attempt < this.retry.attempts) return { againInMs: this.backOffMs(attempt) };
      const isSetAside = await this.addDeadLetter(event, attempt, error);
      if (!isSetAside) return { againInMs: this.retry.capMs };
    }
    onHandled();
    return 'finished';
  }

  private async handle(event: LoggedEvent, attempt: number): Promise<void> {
    const subscription = this.subscriptions.get(event.type);
    if (subscription === undefined) throw internal('unhandled_event', `${this.group} has no handler of ${event.type}.`);
    const message = this.decode(subscription.schema, event);
    if (!isDecoded(message)) throw internal('undecodable_event', `The payload is no ${event.type}.`, { cause: message.undecodable });
    const { id, type, key, occurredMs, traceparent } = event;
    await processed(this.group, event, attempt, () => subscription.handle(message, { id, type, key, occurredMs, traceparent, attempt }));
  }

  private decode(schema: DescMessage, { data }: LoggedEvent): Message | { readonly undecodable: unknown } {
    try {
      return fromBinary(schema, data);
    } catch (error) {
      return { undecodable: error };
    }
  }

  /** An event is passed over only once its dead letter is stored: when the store refuses, the key waits and the event is tried again. */
  private async addDeadLetter(event: LoggedEvent, attempts: number, error: unknown): Promise<boolean> {
    const facts = { group: this.group, type: event.type, key: event.key, eventId: event.id, attempts };
    try {
      await this.deadLetters.add(this.group, event, attempts, error);
      this.logger.error({ ...facts, err: error }, 'an event was given up; redrive it when its cause is gone');
      return true;
    } catch (refusal) {
      this.logger.error({ ...facts, err: refusal }, 'an event that failed could not be set aside; will try again');
      return false;
    }
  }

  /** Doubles with every attempt; half of it is random, so that events that failed together are not retried together. */
  private backOffMs(attempt: number): number {
    return Math.min(this.retry.capMs, this.retry.baseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
  }
}
